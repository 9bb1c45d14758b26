/* test_postgresql-pipeline.c - batches of writes, and reads among them. */
#include "postgresql-database.h"

static const char *jid_text(struct arena *arena, unsigned number)
{
	return arena_printf(arena, "jid-%04u", number);
}

static const struct statement blocked_transaction =
    STATEMENT("INSERT INTO blocked_jids (domain, username, jid) VALUES ($1, $2, $3) RETURNING "
	      "txid_current()");

/* Asks `count` writes at once and tells how many transactions they were. */
static unsigned transactions_count(struct arena *arena, unsigned count, unsigned bad)
{
	struct answer *answers = arena_alloc_zero(arena, count * sizeof(*answers));
	unsigned transactions = 1;

	for (unsigned i = 0; i < count; i++)
		store_run(&blocked_transaction,
		    PARAMS(i == bad ? NOBODY : ROMEO, jid_text(arena, i)), answer_take,
		    &answers[i]);
	answers_wait(answers, count);
	for (unsigned i = 1; i < count; i++)
		transactions += answers[i].number != answers[i - 1].number;
	admin_sql(admin, "DELETE FROM blocked_jids");
	return transactions;
}

static void test_batches(void **state)
{
	struct arena *arena = ((struct fixture *)*state)->arena;
	struct store_limits limits = STORE_LIMITS_DEFAULT;

	limits.batch_rows = 40;
	fixture_open(*state, &limits);
	user_make("romeo");
	assert_int_equal(transactions_count(arena, 1, 9999), 1); /* the statement is prepared now */
	assert_int_equal(transactions_count(arena, 40, 9999), 1);
	assert_int_equal(transactions_count(arena, 41, 9999), 2);
	assert_int_equal(transactions_count(arena, 200, 9999), 5);
	assert_int_equal(transactions_count(arena, 20, 7), 20);
}

/* A read is answered before the commit of the writes that gather, and sees them; nobody else does.
 */
static void test_read_in_batch(void **state)
{
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer first = { 0 }, write = { 0 }, read = { 0 };

	limits.batch_ms = 300;
	fixture_open(*state, &limits);
	user_make("romeo");
	store_run(&blocked_insert, PARAMS(ROMEO, "a"), answer_take, &first);
	answer_wait(&first);
	store_run(&blocked_insert, PARAMS(ROMEO, "b"), answer_take, &write);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &read);
	answer_wait(&read);
	assert_int_equal(read.number, 2);
	assert_false(write.done);
	assert_string_equal(admin_sql(admin, "SELECT count(*) FROM blocked_jids"), "1");
	answer_wait(&write);
	assert_string_equal(admin_sql(admin, "SELECT count(*) FROM blocked_jids"), "2");
}

/* A read in the batch that was answered is not answered again when the batch fails behind it. */
static void test_read_in_failed_batch(void **state)
{
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer write = { 0 }, read = { 0 }, bad = { 0 }, last = { 0 };

	limits.batch_ms = 100;
	fixture_open(*state, &limits);
	user_make("romeo");
	store_run(&blocked_insert, PARAMS(ROMEO, "b"), answer_take, &write);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &read);
	answer_wait(&read);
	store_run(&blocked_insert, PARAMS(NOBODY, "c"), answer_take, &bad);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &last);
	answer_wait(&last);
	answer_wait(&bad);
	answer_wait(&write);
	assert_int_equal(read.calls, 1);
	assert_int_equal(write.rc, RC_OK);
	assert_int_equal(bad.rc, RC_ITEM_NOT_FOUND);
	assert_int_equal(last.number, 1);
	assert_int_equal(last.calls, 1);
}

/* What was asked behind a batch that fails sees what that batch comes to, not what it was before.
 */
static void test_nothing_overtakes(void **state)
{
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer answers[5] = { 0 };

	limits.batch_rows = 2;
	fixture_open(*state, &limits);
	user_make("romeo");
	ask(&blocked_once, PARAMS(ROMEO, "a"));
	ask(&blocked_count, PARAMS(ROMEO));
	store_run(&blocked_once, PARAMS(ROMEO, "b"), answer_take, &answers[0]);
	store_run(&blocked_once, PARAMS(NOBODY, "c"), answer_take, &answers[1]);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[2]);
	store_run(&blocked_once, PARAMS(ROMEO, "d"), answer_take, &answers[3]);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[4]);
	answers_wait(answers, COUNT_OF(answers));
	assert_int_equal(answers[1].rc, RC_ITEM_NOT_FOUND);
	assert_int_equal(answers[2].number, 2);
	assert_int_equal(answers[4].number, 3);
	assert_true(answers[0].turn < answers[1].turn && answers[1].turn < answers[3].turn);
}

static const struct CMUnitTest tests[] = {
	STORE_TEST(test_batches),
	STORE_TEST(test_read_in_batch),
	STORE_TEST(test_read_in_failed_batch),
	STORE_TEST(test_nothing_overtakes),
};

int main(void)
{
	return postgresql_tests_run("postgresql-pipeline", tests, COUNT_OF(tests));
}
