/* test_resume.c - streams between servers that acknowledge, are cut, and go on in others. */
#include "meeting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "net/transport.h"
#include "stream/sm.h"

static char one[] = "one", two[] = "two", three[] = "three", four[] = "four";

#define STANZA(number, id) \
	"stanza " number " <message xmlns='jabber:client' id='" id "' xml:lang='en'/>\n"
#define OPENED "opened as ours after\n"
#define PROVED "proves a.example\nauthenticated a.example for b.example\n"

/* Both may resume for so many seconds. */
static void meet_managed(unsigned our_seconds, unsigned their_seconds)
{
	struct sm *none = NULL;

	meet(true, true);
	ours.settings.resume_seconds = our_seconds;
	theirs.settings.resume_seconds = their_seconds;
	ours.settings.max_unacked = 3;
	ours.settings.max_unacked_bytes = 10000;
	told(&ours, OPENED);
	told(&theirs, PROVED);
	stream_admit(ours.stream);
	assert_true(stream_manage(ours.stream, &none));
	assert_false(stream_has_sm(ours.stream));
	told(&ours, "managed 0\n");
	told(&theirs, "managed 0\n");
	assert_true(stream_has_sm(ours.stream));
	assert_true(stream_has_sm(theirs.stream));
}

static void test_acknowledged(void **state)
{
	struct sm *none = NULL;

	(void)state;
	meet_managed(0, 0);
	assert_false(stream_manage(ours.stream, &none));
	send_stanza(&ours, "m1", one);
	send_stanza(&ours, "m2", two);
	assert_true(stream_takes_more(ours.stream));
	send_stanza(&ours, "m3", three);
	assert_false(stream_takes_more(ours.stream));
	told(&theirs, STANZA("1", "m1") STANZA("2", "m2") STANZA("3", "m3"));
	stream_settled(theirs.stream, 2);
	told(&ours, "");
	stream_settled(theirs.stream, 1);
	told(&ours, "delivered one\ndelivered two\n");
	assert_true(stream_takes_more(ours.stream));
	cut();
	told(&ours, "lost three\nclosed: cut\n");
	assert_null(ours.kept);
	assert_null(theirs.kept);
	part();
}

/* What ends a stream tells first what has arrived. */
static void test_told_at_end(void **state)
{
	(void)state;
	for (int way = 0; way < 2; way++) {
		meet_managed(60, 60);
		send_stanza(&ours, "m1", one);
		told(&theirs, STANZA("1", "m1"));
		told(&ours, "");
		stream_settled(theirs.stream, 1);
		if (way == 0)
			stream_end(theirs.stream);
		else
			stream_fail(theirs.stream, STREAM_SYSTEM_SHUTDOWN, NULL);
		told(&ours, way == 0 ? "delivered one\nclosed: ended by the peer\n"
				     : "delivered one\nclosed: system-shutdown\n");
		assert_null(ours.kept);
		assert_null(theirs.kept);
		part();
	}
}

/* Who offers nothing is asked for nothing: before it is known who is there, here. */
static void test_not_offered(void **state)
{
	struct sm *kept = sm_new("urn:xmpp:sm:3");

	(void)state;
	meet(true, false);
	told(&ours, "opened as nobody\n");
	stream_admit(ours.stream);
	assert_false(stream_manage(ours.stream, &kept));
	assert_null(kept);
	part();
}

/* Three were read when it was cut, one of them acknowledged, and a fourth was under way. */
static void meet_cut(void)
{
	meet_managed(60, 30);
	ours.settings.max_unacked = 10;
	send_stanza(&ours, "m1", one);
	send_stanza(&ours, "m2", two);
	send_stanza(&ours, "m3", three);
	told(&theirs, STANZA("1", "m1") STANZA("2", "m2") STANZA("3", "m3"));
	stream_settled(theirs.stream, 1);
	told(&ours, "delivered one\n");
	cut();
	send_stanza(&ours, "m4", four);
	told(&ours, "lost two\nlost three\nlost four\nclosed: cut\n");
	told(&theirs, "closed: cut\n");
	assert_non_null(ours.kept);
	assert_non_null(theirs.kept);
	assert_int_equal(ours.kept->max_seconds, 30);
	assert_string_equal(ours.kept->id, theirs.kept->id);
	meet_again();
	told(&ours, OPENED);
	told(&theirs, PROVED);
	stream_admit(ours.stream);
}

static void test_resumed(void **state)
{
	const char *id;

	(void)state;
	meet_cut();
	assert_true(stream_manage(ours.stream, &ours.kept));
	assert_null(ours.kept);
	told(&theirs, "resume what was kept\n");
	assert_false(sm_is_settled(theirs.kept));
	sm_settle(theirs.kept, 3);
	sm_settle(theirs.kept, 2);
	assert_true(sm_is_settled(theirs.kept));
	told(&ours, "");
	id = theirs.kept->id;
	assert_int_equal(stream_resumed(theirs.stream, &theirs.kept), 0);
	assert_null(theirs.kept);
	assert_string_equal(stream_sm_id(theirs.stream), id);
	told(&ours, "managed 2\n");
	send_stanza(&ours, "m4", four);
	told(&theirs, STANZA("4", "m4"));
	stream_settled(theirs.stream, 4);
	told(&ours, "delivered four\n");
	part();
}

/* It begins anew, under another id. */
static void test_not_resumed(void **state)
{
	(void)state;
	meet_cut();
	assert_true(stream_manage(ours.stream, &ours.kept));
	told(&theirs, "resume what was kept\n");
	stream_resume_failed(theirs.stream, RC_ITEM_NOT_FOUND);
	told(&ours, "managed 0\n");
	assert_string_not_equal(stream_sm_id(ours.stream), theirs.kept->id);
	send_stanza(&ours, "m2", two);
	told(&theirs, "managed 0\n" STANZA("1", "m2"));
	part();
}

/* Cut once more while an answer is awaited: nothing is forgotten. */
static void test_cut_again(void **state)
{
	(void)state;
	meet_cut();
	assert_true(stream_manage(ours.stream, &ours.kept));
	told(&theirs, "resume what was kept\n");
	cut();
	told(&ours, "closed: cut\n");
	assert_non_null(ours.kept);
	/* who waits reads nothing, and notices when it answers */
	told(&theirs, "");
	sm_settle(theirs.kept, 2);
	sm_settle(theirs.kept, 3);
	stream_resumed(theirs.stream, &theirs.kept);
	told(&theirs, "closed: cut\n");
	assert_int_equal(theirs.kept->handled, 3);
	part();
}

/* The other end has not noticed, or we are asked for it on another connection. */
static void test_yield(void **state)
{
	(void)state;
	meet_managed(60, 60);
	send_stanza(&ours, "m1", one);
	told(&theirs, STANZA("1", "m1"));
	stream_settled(theirs.stream, 1);
	stream_yield(theirs.stream, STREAM_CONFLICT);
	told(&theirs, "closed: conflict\n");
	assert_non_null(theirs.kept);
	assert_int_equal(theirs.kept->handled, 1);
	told(&ours, "delivered one\nclosed: conflict\n");
	assert_null(ours.kept);
	part();
}

/* Either end may not want it. */
static void test_unwanted(void **state)
{
	(void)state;
	for (int whose = 0; whose < 2; whose++) {
		meet_managed(whose == 0 ? 60 : 0, whose == 0 ? 0 : 60);
		assert_null(stream_sm_id(ours.stream));
		cut();
		told(&ours, "closed: cut\n");
		assert_null(ours.kept);
		assert_null(theirs.kept);
		part();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_acknowledged),
		cmocka_unit_test(test_told_at_end),
		cmocka_unit_test(test_not_offered),
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_not_resumed),
		cmocka_unit_test(test_cut_again),
		cmocka_unit_test(test_yield),
		cmocka_unit_test(test_unwanted),
	};

	return cmocka_run_group_tests(tests, meeting_begin, meeting_end);
}
