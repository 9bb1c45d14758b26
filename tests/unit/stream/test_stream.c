/* test_stream.c - the life of a stream: splits at every byte, moving to another worker, freeing at
 * any time, and what an idle one keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "party.h"
#include "stream/stream-private.h"

static char one[] = "one";

static void test_facts(void **state)
{
	struct party party, other;

	party_prepare(&party);
	party_open(&party);
	assert_null(stream_domain(party.stream));
	assert_int_equal(strncmp(stream_id(party.stream), "c2s-", 4), 0);
	assert_non_null(stream_log(party.stream));
	assert_non_null(stream_transport(party.stream));
	assert_false(stream_is_over(party.stream));
	party_say(&party, OPEN);
	assert_string_equal(stream_domain(party.stream), "example.org");
	other = party;
	party_open(&other);
	assert_string_not_equal(stream_id(party.stream), stream_id(other.stream));
	stream_free(&other.stream);
	stream_free(&other.stream);
	peer_free(&other.peer);
	party_close(&party);
}

/* A whole session, sent in two pieces, for each place to cut it at. */
static void test_splits(void **state)
{
	static const char session[] = "<message to='a'><body>\xc3\xa4&lt;</body></message> "
				      "<enable xmlns='urn:xmpp:sm:3'/><presence/>"
				      "<r xmlns='urn:xmpp:sm:3'/></stream:stream>";

	for (size_t cut = 0; cut < sizeof(session); cut++) {
		struct party party;

		party_open_bound(&party);
		peer_send(party.peer, session, cut);
		office_settle();
		peer_puts(party.peer, session + cut);
		office_settle();
		party_heard(
		    &party, "<enabled xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='0'/>" END);
		party_told(&party,
		    "stanza 0 <message xmlns='jabber:client' to='a'><body>\xc3\xa4&lt;</body>"
		    "</message>\nstanza 1 <presence xmlns='jabber:client'/>\n"
		    "closed: ended by the peer\n");
		party_close(&party);
	}
}

/* Its owner may free it at any time; nothing is told any more. */
static void test_free_any_time(void **state)
{
	for (int when = 0; when < 6; when++) {
		struct party party;

		party_prepare(&party);
		party.stays = when == 2;
		party_open(&party);
		if (when > 0)
			party_say(&party, OPEN);
		if (when > 1)
			party_scram(&party, "romeo", "secret");
		if (when > 2)
			party_say(&party, OPEN);
		if (when > 3)
			party_bind(&party);
		if (when > 4) {
			party_say(&party, "<enable xmlns='urn:xmpp:sm:3'/>");
			party_send(&party, "1", one);
		}
		party_forget(&party);
		stream_free(&party.stream);
		office_settle();
		party_told(&party, "");
		assert_true(party_is_over(&party));
		party_close(&party);
	}
}

/* ---- another worker */

static void free_there(struct mail *mail)
{
	struct party *party = CONTAINER_OF(mail, struct party, move);

	stream_free(&party->stream);
}

/* The other worker's last act. */
static void there_ends(struct worker *worker, void *state)
{
	transport_abandon_all();
}

static bool has_heard(struct party *party, const char *text)
{
	text_append(&party->peer->received, "", 0);
	return strstr(party->peer->received.at, text) != NULL;
}

/* SASL here, bind and everything after it there; output that is not sent yet comes along. */
static void test_move(void **state)
{
	struct worker *there = worker_new(1);
	struct party party;

	worker_start(there, NULL, there_ends, NULL);
	party_prepare(&party);
	party.settings.tls = make_set("example.org");
	party.direct_tls = true;
	party.settles = true;
	party.home = there;
	party_open(&party);
	party_secure(&party);
	party_say(&party, OPEN);
	party_plain(&party, "secret");
	peer_puts(party.peer, OPEN BIND("b"));
	WAIT(has_heard(&party, BOUND("b")));
	assert_true(has_heard(&party, "<success "));
	peer_puts(
	    party.peer, "<enable xmlns='urn:xmpp:sm:3'/><presence/><r xmlns='urn:xmpp:sm:3'/>");
	WAIT(has_heard(&party, "<a xmlns='urn:xmpp:sm:3' h='1'/>"));
	worker_post(there, &party.move, free_there);
	WAIT(party.peer->hung_up || party.peer->cut);
	worker_stop(there);
	worker_join(there);
	party_told(&party, "credentials romeo@example.org\nauthenticated romeo@example.org\n"
			   "bind -\nstanza 1 <presence xmlns='jabber:client'/>\n");
	worker_free(&there);
	worker_enter(office);
	party_close(&party);
}

/* The deadline moves along. */
static void test_move_deadline(void **state)
{
	struct worker *there = worker_new(1);
	struct party party;

	worker_start(there, NULL, there_ends, NULL);
	party_prepare(&party);
	party.settings.login_timeout_ms = 300;
	party.home = there;
	party_open(&party);
	party_say(&party, OPEN);
	party_scram(&party, "romeo", "secret");
	peer_puts(party.peer, OPEN);
	WAIT(has_heard(&party, ERROR_TEXT("connection-timeout", "not logged in in time")));
	WAIT(party.peer->hung_up);
	worker_stop(there);
	worker_join(there);
	assert_null(party.stream);
	worker_free(&there);
	worker_enter(office);
	party_close(&party);
}

/* A stream that is detached and never arrives. */
static void test_free_detached(void **state)
{
	struct worker *there = worker_new(1);
	struct party party;

	party_prepare(&party);
	party.home = there;
	party_open(&party);
	party_say(&party, OPEN);
	party_scram(&party, "romeo", "secret");
	stream_free(&party.stream);
	office_settle();
	assert_true(party_is_over(&party));
	worker_free(&there);
	worker_enter(office);
	party_close(&party);
}

/* What a bound stream keeps is small, and has no timer once its parser is at rest. */
static void test_idle(void **state)
{
	struct party party;

	assert_true(sizeof(struct stream) <= 256);
	party_open_bound(&party);
	party_say(&party, "<message/>");
	assert_null(party.stream->login);
	assert_null(party.stream->tokens.slots);
	assert_true(STAILQ_EMPTY(&party.stream->waiting));
	party_close(&party);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_splits),
		cmocka_unit_test(test_free_any_time),
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_move_deadline),
		cmocka_unit_test(test_free_detached),
		cmocka_unit_test(test_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
