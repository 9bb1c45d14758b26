/* test_rest.c - the parsers of idle streams go to rest, and wake up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "party.h"
#include "stream/stream-private.h"

/* A bound stream whose parser nobody else can take. */
static void open_peculiar(struct party *party)
{
	party_prepare(party);
	party->is_peculiar = true;
	party_open(party);
	party_log_in(party);
	party_bind(party);
}

/* Nearly all streams own no parser between stanzas. */
static void test_shared(void **state)
{
	struct party party;

	party_open_bound(&party);
	assert_false(party.stream->is_restless);
	party_say(&party, "<message>");
	assert_true(party.stream->is_restless);
	party_say(&party, "</message>");
	assert_false(party.stream->is_restless);
	party_told(&party, "stanza 0 <message xmlns='jabber:client'/>\n");
	party_close(&party);
}

/* About a second after the last byte, by one timer, and not in the middle of a stanza. */
static void test_rest(void **state)
{
	struct party party, other;

	open_peculiar(&party);
	other = party;
	other.told = (struct text){ 0 };
	party_open(&other);
	party_log_in(&other);
	assert_true(party.stream->is_restless);
	assert_true(other.stream->is_restless);
	party_say(&other, "<iq type='set' ");
	WAIT(!party.stream->is_restless);
	assert_true(other.stream->is_restless);
	/* white space wakes nobody for long; a stanza is read as ever */
	party_say(&party, " ");
	party_say(&party, "<message xmlns:x='urn:x'><x:y/></message><presence/>");
	party_told(&party, "stanza 0 <message xmlns='jabber:client'><y xmlns='urn:x'/></message>\n"
			   "stanza 0 <presence xmlns='jabber:client'/>\n");
	assert_true(party.stream->is_restless);
	party_say(&other, "id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
	party_heard_part(&other, BOUND("b"));
	WAIT(!party.stream->is_restless && !other.stream->is_restless);
	party_say(&party, "<stream:error/>");
	party_heard(&party, END);
	stream_free(&other.stream);
	peer_free(&other.peer);
	text_free(&other.told);
	party_close(&party);
}

/* Busy streams are left alone. */
static void test_busy(void **state)
{
	struct party party;
	int64_t until;

	open_peculiar(&party);
	until = worker_now_ms() + 2200;
	while (worker_now_ms() < until) {
		party_say(&party, "<presence/>");
		assert_true(party.stream->is_restless);
	}
	WAIT(!party.stream->is_restless);
	party_close(&party);
}

static void party_leave(struct party *party)
{
	stream_free(&party->stream);
	peer_free(&party->peer);
	text_free(&party->told);
}

static void party_come(struct party *party, const struct party *like)
{
	*party = *like;
	party->told = (struct text){ 0 };
	party_open(party);
}

/* Of many who are not logged in the oldest goes to rest at once, and goes on where it was, unless
 * it is in the midst of something. Who is logged in is not disturbed by them. */
static void test_strangers(void **state)
{
	enum { CROWD = 34 };
	static struct party crowd[CROWD];
	struct party party;

	open_peculiar(&party);
	for (size_t i = 0; i < CROWD; i++) {
		party_come(&crowd[i], &party);
		peer_puts(crowd[i].peer, i == 0 ? OPEN "<au" : OPEN);
		WAIT(crowd[i].stream->is_restless);
	}
	assert_true(crowd[0].stream->is_restless);
	assert_false(crowd[1].stream->is_restless);
	assert_true(crowd[2].stream->is_restless);
	assert_true(party.stream->is_restless);
	party_say(&crowd[1], "<presence/>");
	party_heard_part(&crowd[1], ERROR("not-authorized"));
	for (size_t i = 0; i < CROWD; i++)
		party_leave(&crowd[i]);
	party_close(&party);
}

/* Of very many who are, too. */
static void test_crowd(void **state)
{
	enum { CROWD = 256 };
	static struct party crowd[CROWD];
	struct party party;

	open_peculiar(&party);
	for (size_t i = 0; i < CROWD; i++) {
		assert_true(party.stream->is_restless);
		party_come(&crowd[i], &party);
		party_log_in(&crowd[i]);
	}
	assert_false(party.stream->is_restless);
	assert_true(crowd[0].stream->is_restless);
	party_say(&party, "<presence/>");
	party_told(&party, "stanza 0 <presence xmlns='jabber:client'/>\n");
	for (size_t i = 0; i < CROWD; i++)
		party_leave(&crowd[i]);
	party_close(&party);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_crowd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
