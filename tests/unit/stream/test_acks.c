/* test_acks.c - XEP-0198 on a stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "party.h"
#include "stream/stream-private.h"

#define NS "xmlns='urn:xmpp:sm:3'"
#define ENABLE "<enable " NS "/>"
#define ENABLED "<enabled " NS "/>"
#define R "<r " NS "/>"
#define A(h) "<a " NS " h='" h "'/>"
#define FAILED(name) \
	"<failed " NS "><" name " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"

static char one[] = "one", two[] = "two", three[] = "three";

static void open_enabled(struct party *party)
{
	party_open_bound(party);
	assert_false(stream_has_sm(party->stream));
	party_say(party, ENABLE);
	party_heard(party, ENABLED);
	assert_true(stream_has_sm(party->stream));
}

static void test_enable(void **state)
{
	static const struct {
		const char *said, *heard;
	} cases[] = {
		{ ENABLE, ENABLED },
		{ "<enable xmlns='urn:xmpp:sm:2'/><r xmlns='urn:xmpp:sm:2'/>",
		    "<enabled xmlns='urn:xmpp:sm:2'/><a xmlns='urn:xmpp:sm:2' h='0'/>" },
		/* no resumption yet */
		{ "<enable " NS " resume='true' max='60'/>", ENABLED },
		{ ENABLE ENABLE, ENABLED FAILED("unexpected-request") },
		{ ENABLE "<resume " NS " previd='x' h='0'/>",
		    ENABLED FAILED("feature-not-implemented") },
		{ R, FAILED("unexpected-request") },
		{ A("0"), FAILED("unexpected-request") },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct party party;

		party_open_bound(&party);
		party_say(&party, cases[i].said);
		party_heard(&party, cases[i].heard);
		party_close(&party);
	}
}

/* Counted from <enable/> on, settled by the owner, in any order. */
static void test_handled(void **state)
{
	struct party party;

	party_open_bound(&party);
	party_say(&party, "<presence/>" ENABLE "<message/><message/>" R);
	party_heard(&party, ENABLED A("0"));
	party_told(&party, "stanza 0 <presence xmlns='jabber:client'/>\n"
			   "stanza 1 <message xmlns='jabber:client'/>\n"
			   "stanza 2 <message xmlns='jabber:client'/>\n");
	stream_settled(party.stream, 2);
	office_settle();
	party_heard(&party, "");
	/* it had asked: it is told once for all that settled in one round */
	stream_settled(party.stream, 1);
	office_settle();
	party_heard(&party, A("2"));
	/* who does not ask is not told */
	party_say(&party, "<message/>");
	stream_settled(party.stream, 3);
	office_settle();
	party_heard(&party, "");
	party_say(&party, R);
	party_heard(&party, A("3"));
	party_close(&party);
}

/* A question is answered as often as it is asked; what settles late is told as it settles. */
static void test_asked_often(void **state)
{
	struct party party;

	open_enabled(&party);
	party_say(&party, "<message/>" R "<message/>" R R);
	party_heard(&party, A("0") A("0") A("0"));
	stream_settled(party.stream, 1);
	office_settle();
	party_heard(&party, A("1"));
	stream_settled(party.stream, 2);
	office_settle();
	party_heard(&party, A("2"));
	/* unsettled, settled twice, never seen */
	stream_settled(party.stream, 2);
	stream_settled(party.stream, 0);
	stream_settled(party.stream, 77);
	office_settle();
	party_heard(&party, "");
	party_close(&party);
}

/* Stanzas that the stream itself answers are counted, both ways. */
static void test_own_answers(void **state)
{
	struct party party;

	open_enabled(&party);
	party_say(&party, "<iq type='set' id='s'>"
			  "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>" R);
	party_heard(&party, "<iq type='result' id='s'/>" A("1"));
	party_say(&party, A("1"));
	party_heard(&party, "");
	party_say(&party, A("2"));
	party_heard_part(&party, "<handled-count-too-high " NS " h='2' send-count='1'/>");
	party_close(&party);
}

static void test_delivered(void **state)
{
	struct party party;

	open_enabled(&party);
	party_send(&party, "1", one);
	party_send(&party, "2", NULL);
	party_send(&party, "3", two);
	office_settle();
	/* one question for the round */
	party_heard(&party, "<message id='1'/><message id='2'/><message id='3'/>" R);
	party_told(&party, "");
	party_send(&party, "4", three);
	office_settle();
	/* and one at a time */
	party_heard(&party, "<message id='4'/>");
	party_say(&party, A("2"));
	party_told(&party, "delivered one\n");
	party_heard(&party, R);
	party_say(&party, A("2") A("4"));
	party_told(&party, "delivered two\ndelivered three\n");
	party_heard(&party, "");
	party_close(&party);
}

/* An answer that brings no news is no reason to ask again, or the two would go on for ever. */
static void test_no_news(void **state)
{
	struct party party;

	open_enabled(&party);
	party_send(&party, "1", one);
	office_settle();
	party_heard(&party, "<message id='1'/>" R);
	party_say(&party, A("0"));
	party_heard(&party, "");
	party_send(&party, "2", two);
	office_settle();
	party_heard(&party, "<message id='2'/>" R);
	party_say(&party, A("1"));
	party_heard(&party, R);
	/* an older one */
	party_say(&party, A("0") "<presence/>" R);
	party_heard(&party, A("0"));
	party_say(&party, A("2"));
	party_forget(&party);
	party_close(&party);
}

/* Nobody waits for stanzas without tokens. */
static void test_nothing_to_ask(void **state)
{
	struct party party;

	open_enabled(&party);
	party_send(&party, "1", NULL);
	office_settle();
	party_heard(&party, "<message id='1'/>");
	party_close(&party);
}

/* What was sent before <enable/> waits for the socket only. */
static void test_enabled_later(void **state)
{
	struct party party;

	party_open_bound(&party);
	party_send(&party, "1", one);
	peer_puts(party.peer, ENABLE);
	WAIT(stream_has_sm(party.stream));
	party_send(&party, "2", two);
	office_settle();
	party_told(&party, "delivered one\n");
	party_say(&party, A("1"));
	party_told(&party, "delivered two\n");
	party_close(&party);
}

static void test_wrong_h(void **state)
{
	static const struct {
		const char *element, *heard;
	} cases[] = {
		{ A("3"),
		    "<stream:error>"
		    "<undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
		    "<handled-count-too-high " NS " h='3' send-count='2'/></stream:error>" END },
		/* it said 2 already, but there never was this */
		{ A("4294967295"),
		    "<stream:error>"
		    "<undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
		    "<handled-count-too-high " NS
		    " h='4294967295' send-count='2'/></stream:error>" END },
#define BAD ERROR_TEXT("bad-format", "'h' has to be a number of 32 bits")
		{ "<a " NS "/>", BAD },
		{ A(""), BAD },
		{ A("-1"), BAD },
		{ A("x"), BAD },
		{ A("2.0"), BAD },
		{ A("4294967296"), BAD },
		{ A("18446744073709551618"), BAD },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct party party;

		open_enabled(&party);
		party_send(&party, "1", one);
		party_send(&party, "2", two);
		office_settle();
		party_say(&party, A("2"));
		party_forget(&party);
		party_say(&party, cases[i].element);
		party_heard(&party, cases[i].heard);
		assert_null(party.stream);
		party_close(&party);
	}
}

/* Both counters pass 2^32. */
static void test_wrap(void **state)
{
	struct party party;
	struct sm *sm;

	open_enabled(&party);
	party.settles = true;
	sm = party.stream->sm;
	sm->received = sm->handled = UINT32_MAX - 1;
	sm->sent = sm->acked = UINT32_MAX - 1;
	sm->acked_total = sm->acked;
	party_say(&party, "<message/>" R "<message/>" R "<message/>" R);
	party_heard(&party, A("4294967295") A("0") A("1"));
	party_forget(&party);
	party_send(&party, "1", one);
	party_send(&party, "2", two);
	party_send(&party, "3", three);
	office_settle();
	party_say(&party, A("4294967295"));
	party_told(&party, "delivered one\n");
	party_say(&party, A("0"));
	party_told(&party, "delivered two\n");
	party_say(&party, A("1"));
	party_told(&party, "delivered three\n");
	party_forget(&party);
	party_say(&party, A("2"));
	party_heard_part(&party, "<handled-count-too-high " NS " h='2' send-count='1'/>");
	party_close(&party);
}

/* The bound is 4 stanzas here: twice of it at once is the most, at the edge and one beyond. */
static void test_too_many_unacked(void **state)
{
	struct party party;

	open_enabled(&party);
	for (int i = 0; i < 8; i++)
		party_send(&party, "x", one);
	/* these do not count */
	for (int i = 0; i < 20; i++)
		party_send(&party, "x", NULL);
	office_settle();
	assert_non_null(party.stream);
	party_forget(&party);
	party_send(&party, "x", two);
	party_told(&party, "");
	office_settle();
	party_heard(&party,
	    "<message id='x'/>" ERROR_TEXT("resource-constraint", "too much is unacknowledged"));
	party_told(&party, "lost one\nlost one\nlost one\nlost one\nlost one\nlost one\nlost one\n"
			   "lost one\nlost two\nclosed: resource-constraint\n");
	party_close(&party);
}

/* Above 4 the client has ten seconds to answer. */
static void test_silent_client(void **state)
{
	struct party party;

	open_enabled(&party);
	for (int i = 0; i < 4; i++)
		party_send(&party, "x", one);
	office_settle();
	party.stream->sm->requested_ms -= 9000;
	party_send(&party, "x", one);
	office_settle();
	assert_non_null(party.stream);
	party.stream->sm->requested_ms -= 2000;
	party_send(&party, "x", one);
	office_settle();
	assert_null(party.stream);
	party_close(&party);
	/* but at 4 it may be silent for ever */
	open_enabled(&party);
	for (int i = 0; i < 3; i++)
		party_send(&party, "x", one);
	office_settle();
	party.stream->sm->requested_ms -= 100000;
	party_send(&party, "x", one);
	office_settle();
	assert_non_null(party.stream);
	party_close(&party);
}

static void test_too_many_bytes(void **state)
{
	struct party party;
	char id[1001];

	memset(id, 'x', 1000);
	id[1000] = '\0';
	open_enabled(&party);
	party_send(&party, id, one);
	office_settle();
	assert_non_null(party.stream);
	party_send(&party, id, two);
	office_settle();
	assert_null(party.stream);
	party_close(&party);
}

/* Tokens of a stream that ends come back in order, the acknowledged ones as delivered. */
static void test_lost(void **state)
{
	struct party party;

	open_enabled(&party);
	party_send(&party, "1", one);
	party_send(&party, "2", two);
	party_send(&party, "3", three);
	office_settle();
	party_say(&party, A("1") END);
	party_told(&party, "delivered one\nlost two\nlost three\nclosed: ended by the peer\n");
	party_close(&party);
}

/* Several things due at the end of one round leave in one write, as few elements. */
static void test_one_write(void **state)
{
	struct party party;

	open_enabled(&party);
	party_say(&party, "<message/><message/>" R);
	party_forget(&party);
	stream_settled(party.stream, 1);
	stream_settled(party.stream, 2);
	party_send(&party, "1", one);
	party_send(&party, "2", two);
	office_round();
	office_round();
	party_heard(&party, "<message id='1'/><message id='2'/>" A("2") R);
	party_close(&party);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enable),
		cmocka_unit_test(test_handled),
		cmocka_unit_test(test_asked_often),
		cmocka_unit_test(test_own_answers),
		cmocka_unit_test(test_delivered),
		cmocka_unit_test(test_no_news),
		cmocka_unit_test(test_nothing_to_ask),
		cmocka_unit_test(test_enabled_later),
		cmocka_unit_test(test_wrong_h),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_too_many_unacked),
		cmocka_unit_test(test_silent_client),
		cmocka_unit_test(test_too_many_bytes),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_one_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
