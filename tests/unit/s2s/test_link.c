/* test_link.c - what a link does without a stream: room for links, what waits and in which order,
 * what comes back and why, and how a link that has ended goes on. */
#include "../core/world.h"

#include "base/hash.h"
#include "base/log.h"
#include "core/config.h"
#include "core/home.h"
#include "s2s/s2s-private.h"

#define HERE "example.org"
#define THERE "verona.example"

static struct client orchard;

/* Nobody else looks at the configuration. */
static struct config_s2s *settings(void)
{
	const struct config *config = home_config();
	struct config *changeable;

	memcpy(&changeable, &config, sizeof changeable);
	return &changeable->s2s;
}

static void begin(void)
{
	s2s.links = hash_new();
	s2s.sharers = hash_new();
	users_make("romeo", NULL);
	client_login(&orchard, "romeo", "orchard");
}

static void end(void)
{
	links_stop();
	client_logout(&orchard);
}

/* A link that is about to be up: what comes waits. */
static struct link *link_about(const char *remote)
{
	struct link *link = link_get(HERE, remote);

	assert_non_null(link);
	link_set_state(link, LINK_FINDING);
	return link;
}

static struct cargo *cargo_typed(enum stanza_type type, const char *id)
{
	struct arena *arena = arena_new(0);
	struct stanza *stanza =
	    stanza_new(type, orchard.session->jid, jid_parse(arena, "juliet@" THERE), id);
	struct cargo *cargo = cargo_new(stanza, NULL);

	stanza_unref(&stanza);
	arena_free(&arena);
	return cargo;
}

static struct cargo *cargo_of(const char *id)
{
	return cargo_typed(MESSAGE_CHAT, id);
}

/* Of each that came back the id and why. */
static void came_back(const char *expected)
{
	struct text found = { 0 };
	const char *at, *condition;

	settle();
	text_append(&orchard.heard, "", 0);
	for (at = orchard.heard.at; (at = strstr(at, " id='")) != NULL; at++) {
		condition = strstr(at, "<error type='");
		condition = strchr(condition + 1, '<') + 1;
		text_printf(&found, "%.1s %.*s\n", at + strlen(" id='"),
		    (int)strcspn(condition, " "), condition);
	}
	text_append(&found, "", 0);
	assert_string_equal(found.at, expected);
	text_free(&found);
	ignores(&orchard);
}

/* What others cause gets half of it; links that are only remembered make room. */
static void test_room(void **state)
{
	struct link *first;

	(void)state;
	begin();
	settings()->links = 3;
	first = link_about("a.example");
	assert_ptr_equal(link_get_for_others(HERE, "a.example"), first);
	assert_ptr_equal(link_find(HERE, "a.example"), first);
	assert_null(link_find("a.example", HERE));
	link_set_state(link_get_for_others(HERE, "b.example"), LINK_RESTING);
	assert_null(link_get_for_others(HERE, "c.example"));
	link_about("c.example");
	assert_null(link_get(HERE, "d.example"));
	link_idle(first);
	assert_non_null(link_get(HERE, "d.example"));
	assert_null(link_find(HERE, "a.example"));
	end();
}

/* Number and bytes, at the edge and one beyond; a failure sends all back, and what comes then. */
static void test_queue(void **state)
{
	struct link *link;

	(void)state;
	begin();
	link = link_about(THERE);
	settings()->queue_stanzas = 2;
	link_take(link, cargo_of("1"));
	link_take(link, cargo_of("2"));
	came_back("");
	link_take(link, cargo_of("3"));
	came_back("3 resource-constraint\n");
	link_take(link, cargo_typed(PRESENCE_PROBE, "p"));
	came_back("");
	settings()->queue_stanzas = 100;
	settings()->queue_bytes = link->waiting_bytes + TAILQ_FIRST(&link->waiting)->bytes / 2 * 3;
	link_take(link, cargo_of("4"));
	link_take(link, cargo_of("5"));
	came_back("5 resource-constraint\n");
	link_fail(link, RC_REMOTE_SERVER_NOT_FOUND, "for a test");
	assert_int_equal(link->state, LINK_RESTING);
	assert_int_equal(link->waiting_count + link->waiting_bytes, 0);
	came_back("1 remote-server-not-found\n2 remote-server-not-found\n"
		  "p remote-server-not-found\n4 remote-server-not-found\n");
	link_take(link, cargo_of("6"));
	came_back("6 remote-server-not-found\n");
	end();
}

/* What the stream had and did not deliver takes its old place. */
static void test_order(void **state)
{
	struct link *link;
	struct cargo *first;

	(void)state;
	begin();
	link = link_about(THERE);
	for (int i = 1; i <= 4; i++)
		link_take(link, cargo_of((char[]){ (char)('0' + i), '\0' }));
	first = queue_next(link);
	queue_next(link);
	queue_next(link);
	queue_delivered(link, first);
	assert_int_equal(link->waiting_count, 1);
	queue_restore(link);
	assert_int_equal(link->waiting_count, 3);
	link_fail(link, RC_REMOTE_SERVER_TIMEOUT, "for a test");
	came_back("2 remote-server-timeout\n3 remote-server-timeout\n4 remote-server-timeout\n");
	end();
}

/* How a link whose stream has ended goes on; where nothing need be called. */
static void test_broken(void **state)
{
	static const struct {
		enum link_state before;
		unsigned waiting, failures_before;
		bool lasted;
		const char *why;
		enum link_state after;
		unsigned failures;
		const char *back;
	} cases[] = {
		/* Nothing is to be done, and nothing was wrong. */
		{ LINK_UP, 0, 0, true, "ended by the peer", LINK_IDLE, 0, "" },
		{ LINK_UP, 0, 3, true, "ended by the peer", LINK_IDLE, 0, "" },
		/* It never was of use. */
		{ LINK_UP, 0, 3, false, "ended by the peer", LINK_IDLE, 3, "" },
		{ LINK_OPEN, 1, 0, false, "closed by the peer", LINK_RESTING, 1,
		    "1 remote-server-timeout\n" },
		{ LINK_PROVING, 1, 0, false, "host-unknown", LINK_RESTING, 1,
		    "1 remote-server-not-found\n" },
		{ LINK_GREETING, 1, 4, false, "host-gone", LINK_RESTING, 5,
		    "1 remote-server-not-found\n" },
		/* Once more, and it has failed. */
		{ LINK_UP, 1, 1, false, "ended by the peer", LINK_RESTING, 2,
		    "1 remote-server-timeout\n" },
	};

	(void)state;
	begin();
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct link *link = link_about(THERE);

		for (unsigned count = 0; count < cases[i].waiting; count++)
			link_take(link, cargo_of("1"));
		link->failures = cases[i].failures_before;
		link->up_ms = worker_now_ms() - (cases[i].lasted ? 10000 : 0);
		link_set_state(link, cases[i].before);
		link_broken(link, cases[i].why);
		assert_int_equal(link->state, cases[i].after);
		assert_int_equal(link->failures, cases[i].failures);
		link->is_lost = link->is_missed = false;
		/* From here on it may be gone. */
		came_back(cases[i].back);
	}
	end();
}

/* Who waits for an answer about a subscription has the domain called again, if it may come back. */
static void test_missed(void **state)
{
	static const enum rc reasons[] = { RC_REMOTE_SERVER_TIMEOUT, RC_REMOTE_SERVER_NOT_FOUND };

	(void)state;
	begin();
	for (size_t i = 0; i < COUNT_OF(reasons); i++) {
		struct arena *arena = arena_new(0);
		struct stanza *stanza = stanza_new(PRESENCE_UNSUBSCRIBED, orchard.session->jid,
		    jid_parse(arena, "juliet@" THERE), NULL);
		struct link *link = link_about(i == 0 ? THERE : "mantua.example");

		link_take(link, cargo_of("1"));
		link_fail(link, reasons[i], "for a test");
		assert_false(link->is_missed);
		link_take(link, cargo_new(stanza, NULL));
		assert_int_equal(link->is_missed, i == 0);
		assert_int_equal(link->notice_count, i == 0);
		stanza_unref(&stanza);
		arena_free(&arena);
	}
	ignores(&orchard);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_room),
		WORLD_TEST(test_queue),
		WORLD_TEST(test_order),
		WORLD_TEST(test_broken),
		WORLD_TEST(test_missed),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
