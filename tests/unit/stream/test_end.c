/* test_end.c - how streams end, and what both sides are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "party.h"

static void test_names(void **state)
{
	assert_string_equal(stream_error_name(STREAM_BAD_FORMAT), "bad-format");
	assert_string_equal(stream_error_name(STREAM_UNSUPPORTED_VERSION), "unsupported-version");
	for (enum stream_error error = 0; error <= STREAM_UNSUPPORTED_VERSION; error++)
		assert_non_null(stream_error_name(error));
}

/* The peer ends: what it said before is handled, and its end is answered. */
static void test_peer_ends(void **state)
{
	struct party party;

	party_open_bound(&party);
	party_say(&party, "<presence/>" END "<message/>");
	party_heard(&party, END);
	party_told(
	    &party, "stanza 0 <presence xmlns='jabber:client'/>\nclosed: ended by the peer\n");
	assert_true(party_is_over(&party));
	party_close(&party);
}

static void test_peer_fails(void **state)
{
	struct party party;

	party_open_bound(&party);
	party_say(&party,
	    "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
	    "<presence/>");
	party_heard(&party, END);
	party_told(&party, "closed: stream error received\n");
	party_close(&party);
}

/* Without a word. */
static void test_peer_vanishes(void **state)
{
	struct party party;

	party_open_bound(&party);
	peer_end(party.peer);
	WAIT(party.stream == NULL);
	party_heard(&party, "");
	text_append(&party.told, "", 0);
	assert_non_null(strstr(party.told.at, "closed: "));
	party_close(&party);
}

/* In the middle of a stanza. */
static void test_peer_vanishes_inside(void **state)
{
	struct party party;

	party_open_bound(&party);
	party_say(&party, "<presence/><message><body>");
	peer_end(party.peer);
	WAIT(party.stream == NULL);
	party_heard(&party, "");
	text_append(&party.told, "", 0);
	assert_null(strstr(party.told.at, "<message"));
	party_close(&party);
}

static void test_we_end(void **state)
{
	struct party party;

	party_open_bound(&party);
	assert_false(stream_is_over(party.stream));
	stream_end(party.stream);
	assert_true(stream_is_over(party.stream));
	party_told(&party, "");
	stream_end(party.stream);
	stream_fail(party.stream, STREAM_CONFLICT, NULL);
	office_settle();
	party_heard(&party, END);
	party_told(&party, "closed: ended by the server\n");
	assert_true(party_is_over(&party));
	party_close(&party);
}

static void test_we_fail(void **state)
{
	struct party party;

	party_open_bound(&party);
	stream_fail(party.stream, STREAM_POLICY_VIOLATION, "a < b & c");
	party_say(&party, "<presence/>");
	party_heard(&party, ERROR_TEXT("policy-violation", "a &lt; b &amp; c"));
	party_told(&party, "closed: policy-violation\n");
	party_close(&party);
}

/* Before there is a header of ours. */
static void test_early(void **state)
{
	struct party party;

	party_prepare(&party);
	party_open(&party);
	stream_fail(party.stream, STREAM_SYSTEM_SHUTDOWN, NULL);
	office_settle();
	party_heard(&party, HEADER_FROM("") ERROR("system-shutdown"));
	party_close(&party);
	party_prepare(&party);
	party_open(&party);
	stream_end(party.stream);
	office_settle();
	party_heard(&party, HEADER_FROM("") END);
	party_close(&party);
}

/* In the middle of a handshake nothing can be said. */
static void test_while_securing(void **state)
{
	struct party party;

	party_prepare(&party);
	party.settings.tls = make_set("example.org");
	party.direct_tls = true;
	party_open(&party);
	office_settle();
	stream_fail(party.stream, STREAM_SYSTEM_SHUTDOWN, NULL);
	office_settle();
	party_heard(&party, "");
	party_told(&party, "closed: system-shutdown\n");
	assert_true(party_is_over(&party));
	party_close(&party);
}

/* After <success/>, before the owner has heard of it. */
static void test_while_admitted(void **state)
{
	struct party party;

	party_prepare(&party);
	party.stays = true;
	party_open(&party);
	party_say(&party, OPEN);
	party_scram(&party, "romeo", "secret");
	party_forget(&party);
	stream_fail(party.stream, STREAM_SYSTEM_SHUTDOWN, NULL);
	stream_restart(party.stream);
	office_settle();
	/* a new header was due */
	party_heard(&party, ERROR("system-shutdown"));
	party_told(&party, "closed: system-shutdown\n");
	party_close(&party);
}

/* RFC 6120 section 4.9.1.1: errors of XML, in the middle of a bound stream. */
static void test_xml_errors(void **state)
{
	static const struct {
		const char *said, *heard;
	} cases[] = {
		{ "<message></presence>", ERROR("not-well-formed") },
		{ "hello", ERROR("not-well-formed") },
		{ "<message a='1' a='2'/>", ERROR("not-well-formed") },
		{ "<message><!-- x --></message>", ERROR("restricted-xml") },
		{ "<?pi x?>", ERROR("restricted-xml") },
		{ "<message>&x;</message>", ERROR("restricted-xml") },
		{ "<x:message/>", ERROR("bad-namespace-prefix") },
		{ "<message>\xff</message>", ERROR("not-well-formed") },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct party party;

		party_open_bound(&party);
		party_say(&party, "<presence/>");
		text_clear(&party.told);
		party_say(&party, cases[i].said);
		party_heard(&party, cases[i].heard);
		assert_null(party.stream);
		party_close(&party);
	}
}

/* What is allowed after login is more than before: at the edge, and one beyond. */
static void test_stanza_limit(void **state)
{
	for (int over = 0; over <= 1; over++) {
		struct party party;
		struct text stanza = { 0 };

		party_prepare(&party);
		party.settings.after_login.max_bytes = 30000;
		party_open(&party);
		party_log_in(&party);
		party_bind(&party);
		text_puts(&stanza, "<message><body>");
		while (stanza.length < 30000 + (size_t)over - strlen("</body></message>"))
			text_putc(&stanza, 'x');
		text_puts(&stanza, "</body></message>");
		party_say(&party, stanza.at);
		if (over)
			party_heard(&party, ERROR_TEXT("policy-violation", "over a limit on XML"));
		else
			assert_non_null(party.stream);
		text_free(&stanza);
		party_close(&party);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_peer_ends),
		cmocka_unit_test(test_peer_fails),
		cmocka_unit_test(test_peer_vanishes),
		cmocka_unit_test(test_peer_vanishes_inside),
		cmocka_unit_test(test_we_end),
		cmocka_unit_test(test_we_fail),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_while_securing),
		cmocka_unit_test(test_while_admitted),
		cmocka_unit_test(test_xml_errors),
		cmocka_unit_test(test_stanza_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
