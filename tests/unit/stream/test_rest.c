/* test_rest.c - the parsers of idle streams go to rest, and wake up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "party.h"
#include "stream/stream-private.h"

/* About a second after the last byte, by one timer, and not in the middle of a stanza. */
static void test_rest(void **state)
{
	struct party party, other;

	party_open_bound(&party);
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

	party_open_bound(&party);
	until = worker_now_ms() + 2200;
	while (worker_now_ms() < until) {
		party_say(&party, "<presence/>");
		assert_true(party.stream->is_restless);
	}
	WAIT(!party.stream->is_restless);
	party_close(&party);
}

/* Of very many the oldest goes to rest at once. */
static void test_crowd(void **state)
{
	enum { CROWD = 257 };
	static struct party crowd[CROWD];
	struct party party;

	party_prepare(&party);
	for (size_t i = 0; i < CROWD; i++) {
		crowd[i] = party;
		party_open(&crowd[i]);
		peer_puts(crowd[i].peer, OPEN);
		WAIT(crowd[i].stream->is_restless);
	}
	assert_false(crowd[0].stream->is_restless);
	assert_true(crowd[1].stream->is_restless);
	party_say(&crowd[0], "<presence/>");
	party_heard_part(&crowd[0], ERROR("not-authorized"));
	for (size_t i = 0; i < CROWD; i++) {
		stream_free(&crowd[i].stream);
		peer_free(&crowd[i].peer);
		text_free(&crowd[i].told);
	}
	party_close(&party);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_crowd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
