/* test_peering.c - what servers send each other once there is TLS: stanzas and dialback, before and
 * after it is known who they are. */
#include "meeting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "net/transport.h"
#include "stream/dialback.h"
#include "xmpp/stanza.h"

/* XEP-0220: what is sent before anything is proved, and that both know the same id. */
static void test_dialback(void **state)
{
	struct dialback said = { false, DIALBACK_ASKS, "a.example", "b.example", NULL, "k", 0 };

	(void)state;
	meet(false, false);
	told(&ours, "opened as nobody\n");
	told(&theirs, "proves a.example\n");
	assert_string_equal(stream_header_id(ours.stream), stream_header_id(theirs.stream));
	stream_send_dialback(ours.stream, &said);
	told(&theirs, "dialback 0 0 a.example b.example\n");
	said = (struct dialback){ false, DIALBACK_VALID, "b.example", "a.example", NULL, NULL, 0 };
	stream_send_dialback(theirs.stream, &said);
	stream_admit(theirs.stream);
	stream_admit(theirs.stream);
	told(&ours, "dialback 0 1 b.example a.example\n");
	send_stanza(&ours, "m1", NULL);
	told(&theirs, "stanza 0 <message xmlns='jabber:client' id='m1' xml:lang='en'/>\n");
	part();
}

/* Stanzas are counted at both ends, and bytes as both see them. */
static void test_traffic(void **state)
{
	struct stream_traffic out, in;

	(void)state;
	meet(false, false);
	told(&ours, "opened as nobody\n");
	assert_int_equal(stream_traffic(ours.stream).stanzas_out, 0);
	stream_admit(theirs.stream);
	send_stanza(&ours, "m1", NULL);
	send_stanza(&ours, "m2", NULL);
	office_settle();
	out = stream_traffic(ours.stream);
	in = stream_traffic(theirs.stream);
	assert_int_equal(out.stanzas_out, 2);
	assert_int_equal(out.stanzas_in, 0);
	assert_int_equal(in.stanzas_in, 2);
	assert_int_equal(in.stanzas_out, 0);
	assert_int_equal(out.bytes_out, in.bytes_in);
	assert_int_equal(out.bytes_in, in.bytes_out);
	assert_true(out.bytes_out > 500);
	part();
}

/* What is sent is lost with the stream, in order. */
static void test_lost(void **state)
{
	static char one[] = "one", two[] = "two";

	(void)state;
	meet(false, true);
	told(&ours, "opened as ours after\n");
	stream_fail(ours.stream, STREAM_SYSTEM_SHUTDOWN, NULL);
	send_stanza(&ours, "m1", one);
	send_stanza(&ours, "m2", two);
	told(&ours, "lost one\nlost two\nclosed: system-shutdown\n");
	told(&theirs, "proves a.example\nauthenticated a.example for b.example\n"
		      "closed: system-shutdown\n");
	part();
}

/* Writes what no owner of ours would. */
static void says(struct end *end, const char *xml)
{
	text_puts(transport_output(stream_transport(end->stream)), xml);
}

/* XEP-0288: offered and asked for, with EXTERNAL; then stanzas go both ways, with tokens. */
static void test_both_ways(void **state)
{
	static char token[] = "t1";

	(void)state;
	meet_both_ways(true, true, true);
	told(&ours, "opened as ours after\n");
	told(&theirs, "proves a.example\nauthenticated a.example for b.example\n"
		      "opened as ours after\n");
	assert_true(stream_goes_both_ways(ours.stream));
	assert_true(stream_goes_both_ways(theirs.stream));
	send_stanza(&theirs, "m1", token);
	told(&theirs, "delivered t1\n");
	told(&ours, "stanza 0 <message xmlns='jabber:client' id='m1' xml:lang='en'/>\n");
	says(&ours, "<bidi xmlns='urn:xmpp:bidi'/>");
	told(&theirs, "closed: unsupported-stanza-type\n");
	part();
}

/* It takes two, and a certificate. */
static void test_one_way(void **state)
{
	static const struct {
		bool proves, we, they;
	} cases[] = { { true, true, false }, { true, false, true }, { false, true, true } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		bool proves = cases[i].proves;

		meet_both_ways(proves, cases[i].we, cases[i].they);
		told(&ours, proves ? "opened as ours after\n" : "opened as nobody\n");
		told(&theirs, proves ? "proves a.example\n"
				       "authenticated a.example for b.example\n"
				     : "proves a.example\n");
		assert_false(stream_goes_both_ways(ours.stream));
		assert_false(stream_goes_both_ways(theirs.stream));
		part();
	}
}

/* Before it is known who they are the bounds are tighter. */
static void test_bounds(void **state)
{
	char large[20001];

	(void)state;
	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	for (int admitted = 0; admitted <= 1; admitted++) {
		meet(false, false);
		told(&theirs, "proves a.example\n");
		if (admitted)
			stream_admit(theirs.stream);
		says(&ours, "<message><body>");
		says(&ours, large);
		says(&ours, "</body></message>");
		office_settle();
		if (admitted)
			assert_int_equal(strncmp(theirs.told.at, "stanza ", 7), 0);
		else
			told(&theirs, "closed: policy-violation\n");
		part();
	}
}

/* What ends the stream, from who has called; and why. */
static void test_ends(void **state)
{
	static const struct {
		const char *says, *why;
	} cases[] = {
		{ "<db:result from='a.example' to='b.example'/>", "improper-addressing" },
		{ "<db:other/>", "unsupported-stanza-type" },
		{ "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "ended by the server" },
		{ "<enable xmlns='urn:xmpp:sm:3'/>", "unsupported-stanza-type" },
		{ "<bidi xmlns='urn:xmpp:bidi'/>", "unsupported-stanza-type" },
		{ "</stream:stream>", "ended by the peer" },
		{ "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
		  "</stream:error>",
		    "reset" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena *arena = arena_new(0);

		meet(false, false);
		told(&theirs, "proves a.example\n");
		says(&ours, cases[i].says);
		told(&theirs, arena_printf(arena, "closed: %s\n", cases[i].why));
		part();
		arena_free(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialback),
		cmocka_unit_test(test_traffic),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_one_way),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, meeting_begin, meeting_end);
}
