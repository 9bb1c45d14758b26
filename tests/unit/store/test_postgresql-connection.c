/* test_postgresql-connection.c - when PostgreSQL goes away, hangs, and comes back: on a server that
 * this test makes for itself, to stop and start it (if GODWIT_TEST_POSTGRESQL says that PostgreSQL
 * is to be tested). */
#include "admin.h"
#include "database.h"
#include "loop/timer.h"
#include "store/postgresql.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char private_dir[] = "/tmp/godwit-test-XXXXXX";
static char private_uri[256];

/* --- a server of our own --- */

static void server(const char *action)
{
	struct arena *arena = arena_new(0);
	const char *top = getenv("top_srcdir");
	const char *command = arena_printf(arena, "%s/tests/postgres %s %s >/dev/null",
	    top == NULL ? "." : top, action, private_dir);

	assert_int_equal(system(command), 0);
	arena_free(&arena);
}

static char *database_empty(struct arena *arena)
{
	const char *path = arena_printf(arena, "%s/uri", private_dir);
	FILE *file;
	PGconn *pg;

	server("start");
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(private_uri, sizeof(private_uri), file));
	fclose(file);
	private_uri[strcspn(private_uri, "\n")] = '\0';
	pg = admin_connect(private_uri);
	admin_sql(pg, "DROP SCHEMA IF EXISTS public CASCADE");
	admin_sql(pg, "CREATE SCHEMA public");
	PQfinish(pg);
	return private_uri;
}

static void server_open(struct fixture *fixture, const struct store_limits *limits)
{
	fixture_open(fixture, limits);
	user_make("romeo");
}

static void flag_set(void *state)
{
	*(bool *)state = true;
}

static void wait_ms(unsigned ms)
{
	bool done = false;
	struct timer *timer = timer_new(flag_set, &done);

	timer_set(timer, ms);
	worker_run_until(worker_current(), &done);
	timer_free(&timer);
}

/* Runs the loop until the connection is up, or down; at most 10 s. */
static void wait_until_up(bool up)
{
	for (int i = 0; i < 1000 && store_is_up() != up; i++)
		wait_ms(10);
	assert_int_equal(store_is_up(), up);
}

static const char *jid_text(struct arena *arena, unsigned number)
{
	return arena_printf(arena, "jid-%04u", number);
}

/* --- when it goes away --- */

static void crowd_check(const struct answer *answers, unsigned count)
{
	answers_wait(answers, count);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(answers[i].calls, 1);
		if (answers[i].rc != RC_OK)
			fail_msg("%u: %s", i, answers[i].text);
		assert_true(i == 0 || answers[i].turn > answers[i - 1].turn);
	}
	assert_int_equal(ask_number(&blocked_count, PARAMS(ROMEO)), count);
}

/* The backend is ended in the middle of a thousand writes, at one moment after another: each is
 * answered once, in order, and no row is missing or there twice. */
static void test_terminate(void **state)
{
	struct fixture *fixture = *state;
	enum { COUNT = 1000, STEP = 50 };
	struct answer *answers = arena_alloc(fixture->arena, COUNT * sizeof(*answers));

	PGconn *admin;

	server_open(fixture, NULL);
	admin = admin_connect(private_uri);
	for (unsigned moment = STEP; moment < COUNT; moment += 3 * STEP) {
		memset(answers, 0, COUNT * sizeof(*answers));
		admin_sql(admin, "DELETE FROM blocked_jids");
		for (unsigned i = 0; i < COUNT; i++) {
			store_run(&blocked_once, PARAMS(ROMEO, jid_text(fixture->arena, i)),
			    answer_take, &answers[i]);
			if (i % STEP == STEP - 1)
				wait_ms(1);
			if (i == moment)
				admin_sql(admin,
				    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
				    " WHERE application_name = 'godwit'");
		}
		crowd_check(answers, COUNT);
	}
	PQfinish(admin);
}

static unsigned descriptors_count(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

/* Stopped (or ended hard), and started again, with requests before and meanwhile. */
static void test_restarts(void **state)
{
	struct fixture *fixture = *state;
	enum { COUNT = 300, ROUNDS = 6 };
	struct answer *answers = arena_alloc_zero(fixture->arena, COUNT * sizeof(*answers));
	unsigned asked = 0, before;

	server_open(fixture, NULL);
	before = descriptors_count();
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (; asked < (round * 2 + 1) * COUNT / (2 * ROUNDS); asked++)
			store_run(&blocked_once, PARAMS(ROMEO, jid_text(fixture->arena, asked)),
			    answer_take, &answers[asked]);
		if (round % 2 == 0)
			wait_ms(1);
		server(round % 3 == 2 ? "kill" : "stop");
		for (; asked < (round + 1) * COUNT / ROUNDS; asked++)
			store_run(&blocked_once, PARAMS(ROMEO, jid_text(fixture->arena, asked)),
			    answer_take, &answers[asked]);
		wait_until_up(false);
		server("start");
		wait_until_up(true);
	}
	crowd_check(answers, COUNT);
	assert_int_equal(descriptors_count(), before);
}

/* While it is away, as many wait as may, and then no more. */
static void test_waiting_limit_away(void **state)
{
	struct fixture *fixture = *state;
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer answers[7] = { 0 };

	limits.max_waiting = 5;
	server_open(fixture, &limits);
	server("stop");
	wait_until_up(false);
	for (unsigned i = 0; i < COUNT_OF(answers); i++)
		store_run(&blocked_once, PARAMS(ROMEO, jid_text(fixture->arena, i)), answer_take,
		    &answers[i]);
	answer_wait(&answers[5]);
	answer_wait(&answers[6]);
	assert_int_equal(answers[5].rc, RC_RESOURCE_CONSTRAINT);
	assert_int_equal(answers[6].rc, RC_RESOURCE_CONSTRAINT);
	assert_false(answers[4].done);
	server("start");
	crowd_check(answers, 5);
}

static void test_give_up(void **state)
{
	struct fixture *fixture = *state;
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer early = { 0 }, late = { 0 };

	limits.give_up_ms = 2500;
	server_open(fixture, &limits);
	server("stop");
	store_run(&blocked_once, PARAMS(ROMEO, "early"), answer_take, &early);
	wait_ms(2300);
	assert_false(early.done);
	store_run(&blocked_once, PARAMS(ROMEO, "late"), answer_take, &late);
	answer_wait(&early);
	assert_int_equal(early.rc, RC_RESOURCE_CONSTRAINT);
	assert_false(late.done);
	server("start");
	answer_wait(&late);
	assert_int_equal(late.rc, RC_OK);
	assert_int_equal(ask_number(&blocked_count, PARAMS(ROMEO)), 1);
}

/* For how long this thread has slept, since some time: when it neither ran nor waited for a
 * processor, of which a busy machine has too few. */
static int64_t slept_us(void)
{
	FILE *file = fopen("/proc/thread-self/schedstat", "re");
	int64_t ran_ns, waited_ns;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%" SCNd64 " %" SCNd64, &ran_ns, &waited_ns), 2);
	fclose(file);
	return worker_clock_us() - (ran_ns + waited_ns) / 1000;
}

struct heart {
	struct timer *timer;
	int64_t last_us, longest_us;
};

/* Between two beats the loop sleeps for 10 ms; what is more is a call that waits for something. */
static void heart_beat(void *state)
{
	struct heart *heart = state;
	int64_t now_us = slept_us();

	if (now_us - heart->last_us > heart->longest_us)
		heart->longest_us = now_us - heart->last_us;
	heart->last_us = now_us;
	timer_set(heart->timer, 10);
}

/* It accepts and never answers: the loop goes on all the time, requests are given up, and when it
 * answers again everything works again. */
static void test_hangs(void **state)
{
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct heart heart = { 0 };
	struct answer answers[2] = { 0 };

	limits.give_up_ms = 1500;
	server_open(*state, &limits);
	server("pause");
	heart.timer = timer_new(heart_beat, &heart);
	heart.last_us = slept_us();
	heart_beat(&heart);
	store_run(&blocked_once, PARAMS(ROMEO, "a"), answer_take, &answers[0]);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[1]);
	answers_wait(answers, COUNT_OF(answers));
	assert_int_equal(answers[0].rc, RC_RESOURCE_CONSTRAINT);
	assert_int_equal(answers[1].rc, RC_RESOURCE_CONSTRAINT);
	assert_false(store_is_up());
	answers[0] = ask(&blocked_count, PARAMS(ROMEO));
	assert_int_equal(answers[0].rc, RC_RESOURCE_CONSTRAINT);
	timer_free(&heart.timer);
	server("continue");
	wait_until_up(true);
	assert_int_equal(ask(&blocked_once, PARAMS(ROMEO, "b")).rc, RC_OK);
	if (heart.longest_us > 200000)
		fail_msg("a call has waited for %d ms", (int)heart.longest_us / 1000);
}

/* The end of the server does not wait for the database for ever, and nobody is forgotten. */
static void test_detach_away(void **state)
{
	struct fixture *fixture = *state;
	struct answer answers[3] = { 0 };

	server_open(fixture, NULL);
	server("stop");
	for (unsigned i = 0; i < COUNT_OF(answers); i++)
		store_run(&blocked_once, PARAMS(ROMEO, jid_text(fixture->arena, i)), answer_take,
		    &answers[i]);
	fixture_close(fixture);
	for (unsigned i = 0; i < COUNT_OF(answers); i++) {
		assert_int_equal(answers[i].calls, 1);
		assert_int_equal(answers[i].rc, RC_RESOURCE_CONSTRAINT);
	}
}

static void test_detach_hangs(void **state)
{
	struct store_limits limits = STORE_LIMITS_DEFAULT;

	limits.give_up_ms = 500;
	server_open(*state, &limits);
	server("pause");
	store_run(&blocked_once, PARAMS(ROMEO, "a"), NULL, NULL);
	wait_ms(10);
	fixture_close(*state);
	server("continue");
}

/* Attach and detach at once, while the connection is being made. */
static void test_detach_early(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned ms = 0; ms < 30; ms++) {
		fixture_open(fixture, NULL);
		if (ms > 0)
			wait_ms(ms);
		fixture_close(fixture);
	}
}

static const struct statement backend_pid = STATEMENT("SELECT pg_backend_pid()");
static const struct statement blocked_delete =
    STATEMENT("DELETE FROM blocked_jids WHERE domain = $1 AND username = $2");

/* A session that we gave up must not do later what was asked of it: that would undo what has been
 * done since. */
static void test_late_session(void **state)
{
	struct fixture *fixture = *state;
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer answer = { 0 };
	pid_t pid;

	limits.give_up_ms = 1000;
	server_open(fixture, &limits);
	ask(&blocked_once, PARAMS(ROMEO, "before"));
	pid = (pid_t)ask_number(&backend_pid, NO_PARAMS);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	store_run(&blocked_once, PARAMS(ROMEO, "late"), answer_take, &answer);
	answer_wait(&answer);
	assert_int_equal(answer.rc, RC_RESOURCE_CONSTRAINT);
	assert_int_equal(ask(&blocked_delete, PARAMS(ROMEO)).rc, RC_OK);
	assert_int_equal(kill(pid, SIGCONT), 0);
	for (int i = 0; i < 500 && kill(pid, 0) == 0; i++)
		wait_ms(10);
	assert_int_not_equal(kill(pid, 0), 0);
	assert_int_equal(ask_number(&blocked_count, PARAMS(ROMEO)), 0);
}

static const struct CMUnitTest tests[] = {
	STORE_TEST(test_terminate),
	STORE_TEST(test_restarts),
	STORE_TEST(test_waiting_limit_away),
	STORE_TEST(test_give_up),
	STORE_TEST(test_hangs),
	STORE_TEST(test_detach_away),
	STORE_TEST(test_detach_hangs),
	STORE_TEST(test_detach_early),
	STORE_TEST(test_late_session),
};

int main(void)
{
	int failed;

	if (getenv("GODWIT_TEST_POSTGRESQL") == NULL) {
		puts("1..0 # SKIP GODWIT_TEST_POSTGRESQL is not set");
		return 0;
	}
	if (mkdtemp(private_dir) == NULL)
		return 1;
	database_make = database_empty;
	failed = cmocka_run_group_tests_name("outage", tests, NULL, NULL);
	server("remove");
	return failed;
}
