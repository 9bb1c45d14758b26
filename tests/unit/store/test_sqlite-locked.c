/* test_sqlite-locked.c - another process has the file locked. */
#include "sqlite-database.h"

#include <sqlite3.h>

#define JULIET ((struct account_key){ "example.org", "juliet" })

static sqlite3 *locked(const struct fixture *fixture)
{
	sqlite3 *other;

	assert_int_equal(sqlite3_open(sqlite_path(fixture), &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	return other;
}

static void unlock(sqlite3 *other)
{
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
}

/* Another process holds the file: writes wait for it, and what is asked for the same account after
 * them; reads of others go on. */
static void test_locked(void **state)
{
	struct fixture *fixture = *state;
	struct answer answers[4] = { 0 }, calm = { 0 };
	sqlite3 *other;

	fixture_open(fixture, NULL);
	user_make("romeo");
	user_make("juliet");
	other = locked(fixture);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[0]);
	store_run(&blocked_insert, PARAMS(ROMEO, "a"), answer_take, &answers[1]);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[2]);
	store_run(&blocked_count, PARAMS(JULIET), answer_take, &calm);
	answer_wait(&answers[0]);
	answer_wait(&calm);
	assert_int_equal(calm.rc, RC_OK);
	/* with a later parcel, too */
	store_run(&blocked_insert, PARAMS(ROMEO, "b"), answer_take, &answers[3]);
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask_number(&blocked_count, PARAMS(JULIET)), 0);
	for (int i = 1; i < 4; i++)
		assert_false(answers[i].done);
	unlock(other);
	answers_wait(answers, COUNT_OF(answers));
	for (int i = 0; i < 4; i++)
		assert_int_equal(answers[i].rc, RC_OK);
	assert_int_equal(answers[0].number, 0);
	assert_int_equal(answers[2].number, 1);
	assert_true(answers[1].turn < answers[2].turn && answers[2].turn < answers[3].turn);
	assert_int_equal(ask_number(&blocked_count, PARAMS(ROMEO)), 2);
}

/* For so long; what follows a write that is refused goes on. */
static void test_locked_for_long(void **state)
{
	struct fixture *fixture = *state;
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer answers[3] = { 0 };
	sqlite3 *other;

	limits.give_up_ms = 600;
	fixture_open(fixture, &limits);
	user_make("romeo");
	other = locked(fixture);
	store_run(&blocked_insert, PARAMS(ROMEO, "a"), answer_take, &answers[0]);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[1]);
	store_run(&blocked_insert, PARAMS(ROMEO, "b"), answer_take, &answers[2]);
	answers_wait(answers, COUNT_OF(answers));
	assert_int_equal(answers[0].rc, RC_RESOURCE_CONSTRAINT);
	assert_int_equal(answers[1].rc, RC_OK);
	assert_int_equal(answers[1].number, 0);
	assert_int_equal(answers[2].rc, RC_RESOURCE_CONSTRAINT);
	unlock(other);
	assert_int_equal(ask(&blocked_insert, PARAMS(ROMEO, "a")).rc, RC_OK);
	assert_int_equal(ask_number(&blocked_count, PARAMS(ROMEO)), 1);
}

/* When the process is about to end, at once. */
static void test_locked_at_end(void **state)
{
	struct fixture *fixture = *state;
	struct answer answer = { 0 };
	int64_t began_us;
	sqlite3 *other;

	fixture_open(fixture, NULL);
	user_make("romeo");
	other = locked(fixture);
	began_us = worker_clock_us();
	store_run(&blocked_insert, PARAMS(ROMEO, "a"), answer_take, &answer);
	store_give_up();
	answer_wait(&answer);
	assert_int_equal(answer.rc, RC_RESOURCE_CONSTRAINT);
	assert_true(worker_clock_us() - began_us < 5000000);
	unlock(other);
}

static const struct CMUnitTest tests[] = {
	STORE_TEST(test_locked),
	STORE_TEST(test_locked_for_long),
	STORE_TEST(test_locked_at_end),
};

int main(void)
{
	return sqlite_tests_run("sqlite-locked", tests, COUNT_OF(tests));
}
