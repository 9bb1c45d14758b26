/* test_postgresql-locked.c - rows that somebody else has locked. */
#include "postgresql-database.h"

#define JULIET ((struct account_key){ "example.org", "juliet" })

/* Romeo has a row, and an admin is about to delete it. */
static void lock_open(struct fixture *fixture, const struct store_limits *limits)
{
	fixture_open(fixture, limits);
	user_make("romeo");
	user_make("juliet");
	ask(&blocked_once, PARAMS(ROMEO, "b"));
	admin_sql(admin, "BEGIN");
	admin_sql(admin, "DELETE FROM blocked_jids");
}

/* A row that an admin holds: its account waits, in order, and nobody else does. */
static void test_lock(void **state)
{
	struct answer locked[3] = { 0 }, free[2] = { 0 };

	lock_open(*state, NULL);
	store_run(&blocked_once, PARAMS(JULIET, "a"), answer_take, &free[0]);
	store_run(&blocked_once, PARAMS(ROMEO, "b"), answer_take, &locked[0]);
	store_run(&blocked_once, PARAMS(ROMEO, "c"), answer_take, &locked[1]);
	store_run(&blocked_once, PARAMS(JULIET, "b"), answer_take, &free[1]);
	answers_wait(free, COUNT_OF(free));
	assert_int_equal(free[0].rc, RC_OK);
	assert_int_equal(free[1].rc, RC_OK);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &locked[2]);
	assert_int_equal(ask_number(&blocked_count, PARAMS(JULIET)), 2);
	for (size_t i = 0; i < COUNT_OF(locked); i++)
		assert_false(locked[i].done);
	admin_sql(admin, "ROLLBACK");
	answers_wait(locked, COUNT_OF(locked));
	assert_int_equal(locked[0].rc, RC_OK);
	assert_int_equal(locked[1].rc, RC_OK);
	assert_int_equal(locked[2].number, 2);
	assert_true(locked[0].turn < locked[1].turn);
}

/* Nobody waits for ever. */
static void test_lock_stays(void **state)
{
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer locked[3] = { 0 };

	limits.give_up_ms = 1500;
	lock_open(*state, &limits);
	store_run(&blocked_once, PARAMS(ROMEO, "b"), answer_take, &locked[0]);
	store_run(&blocked_once, PARAMS(ROMEO, "c"), answer_take, &locked[1]);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &locked[2]);
	answers_wait(locked, COUNT_OF(locked));
	for (size_t i = 0; i < COUNT_OF(locked); i++)
		assert_int_equal(locked[i].rc, RC_RESOURCE_CONSTRAINT);
	admin_sql(admin, "ROLLBACK");
	assert_int_equal(ask_number(&blocked_count, PARAMS(ROMEO)), 1);
}

/* What is put aside is answered when the store is closed. */
static void test_lock_at_end(void **state)
{
	struct answer locked[2] = { 0 }, free = { 0 };

	lock_open(*state, NULL);
	store_run(&blocked_once, PARAMS(ROMEO, "b"), answer_take, &locked[0]);
	store_run(&blocked_once, PARAMS(ROMEO, "c"), answer_take, &locked[1]);
	store_run(&blocked_once, PARAMS(JULIET, "b"), answer_take, &free);
	answer_wait(&free);
	store_give_up();
	assert_int_equal(store_waiting(), 0);
	assert_int_equal(locked[0].rc, RC_RESOURCE_CONSTRAINT);
	assert_int_equal(locked[1].rc, RC_RESOURCE_CONSTRAINT);
	admin_sql(admin, "ROLLBACK");
}

static const struct CMUnitTest tests[] = {
	STORE_TEST(test_lock),
	STORE_TEST(test_lock_stays),
	STORE_TEST(test_lock_at_end),
};

int main(void)
{
	return postgresql_tests_run("postgresql-locked", tests, COUNT_OF(tests));
}
