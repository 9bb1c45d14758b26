/* test_notice.c - what is remembered of subscriptions while a domain cannot be reached. */
#include "s2s/s2s-private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

#define ROMEO "romeo@example.org"
#define JULIET "juliet@example.net"

static struct link away;

static void with(void (*what)(struct link *link, const struct stanza *stanza),
    enum stanza_type type, const char *to)
{
	struct arena *arena = arena_new(0);
	struct stanza *stanza =
	    stanza_new(type, jid_parse(arena, ROMEO), jid_parse(arena, to), NULL);

	what(&away, stanza);
	stanza_unref(&stanza);
	arena_free(&arena);
}

static void remembers(size_t count)
{
	assert_int_equal(away.notice_count, count);
	assert_int_equal(s2s.notice_count, count);
}

static int begin(void **state)
{
	(void)state;
	away = (struct link){ 0 };
	TAILQ_INIT(&away.notices);
	return 0;
}

static int end(void **state)
{
	(void)state;
	notices_free(&away);
	remembers(0);
	return 0;
}

/* Requests are the core's to remember; nothing else is about subscriptions. */
static void test_which(void **state)
{
	(void)state;
	with(notice_keep, PRESENCE_AVAILABLE, JULIET);
	with(notice_keep, PRESENCE_UNAVAILABLE, JULIET);
	with(notice_keep, PRESENCE_PROBE, JULIET);
	with(notice_keep, PRESENCE_SUBSCRIBE, JULIET);
	with(notice_keep, PRESENCE_ERROR, JULIET);
	with(notice_keep, MESSAGE_CHAT, JULIET);
	remembers(0);
	with(notice_keep, PRESENCE_UNSUBSCRIBE, JULIET);
	remembers(1);
	with(notice_keep, PRESENCE_SUBSCRIBED, JULIET);
	remembers(2);
	with(notice_keep, PRESENCE_UNSUBSCRIBED, "nurse@example.net");
	remembers(3);
}

/* Of each direction, to each contact, the last counts. */
static void test_newer(void **state)
{
	(void)state;
	with(notice_keep, PRESENCE_UNSUBSCRIBE, JULIET);
	with(notice_keep, PRESENCE_UNSUBSCRIBED, JULIET);
	with(notice_drop, PRESENCE_SUBSCRIBE, "nurse@example.net");
	with(notice_drop, PRESENCE_AVAILABLE, JULIET);
	with(notice_drop, MESSAGE_CHAT, JULIET);
	remembers(2);
	with(notice_drop, PRESENCE_SUBSCRIBE, JULIET);
	remembers(1);
	with(notice_drop, PRESENCE_UNSUBSCRIBE, JULIET);
	remembers(1);
	with(notice_drop, PRESENCE_SUBSCRIBED, JULIET);
	remembers(0);
}

/* Of a link so many, and no more. */
static void test_bound(void **state)
{
	struct arena *arena = arena_new(0);

	(void)state;
	for (int i = 0; i < 1001; i++)
		with(notice_keep, PRESENCE_UNSUBSCRIBE, arena_printf(arena, "j%d@example.net", i));
	remembers(1000);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_which, begin, end),
		cmocka_unit_test_setup_teardown(test_newer, begin, end),
		cmocka_unit_test_setup_teardown(test_bound, begin, end),
	};

	jid_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
