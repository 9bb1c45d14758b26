/* test_postgresql-result.c - what PostgreSQL answers. */
#include "postgresql-database.h"
#include "store/postgresql.h"

static void test_rc(void **state)
{
	static const struct {
		const char *sqlstate;
		enum rc rc;
	} cases[] = {
		{ "23505", RC_CONFLICT },
		{ "23503", RC_ITEM_NOT_FOUND },
		{ "23514", RC_POLICY_VIOLATION },
		{ "23502", RC_POLICY_VIOLATION },
		{ "22P02", RC_POLICY_VIOLATION },
		{ "P0001", RC_POLICY_VIOLATION },
		{ "P0002", RC_INTERNAL_SERVER_ERROR },
		{ "40001", RC_RESOURCE_CONSTRAINT },
		{ "40P01", RC_RESOURCE_CONSTRAINT },
		{ "55P03", RC_RESOURCE_CONSTRAINT },
		{ "55000", RC_INTERNAL_SERVER_ERROR },
		{ "57014", RC_RESOURCE_CONSTRAINT },
		{ "53100", RC_RESOURCE_CONSTRAINT },
		{ "08006", RC_RESOURCE_CONSTRAINT },
		{ "25006", RC_RESOURCE_CONSTRAINT },
		{ "42P01", RC_INTERNAL_SERVER_ERROR },
		{ NULL, RC_INTERNAL_SERVER_ERROR },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(postgresql_rc(cases[i].sqlstate), cases[i].rc);
}

static const struct statement blob_make =
    STATEMENT("CREATE TABLE blobs (number BIGINT PRIMARY KEY, bytes BYTEA)");
static const struct statement blob_insert = STATEMENT("INSERT INTO blobs VALUES ($1, $2)");
static const struct statement blob_select = STATEMENT("SELECT bytes FROM blobs WHERE number = $1");

static void blob_take(const struct store_result *result, void *state)
{
	struct span bytes = store_blob(result, 0, 0);

	assert_int_equal(bytes.length, 5);
	assert_memory_equal(bytes.at, "a\0\\\xff'", 5);
	*(bool *)state = true;
}

static void test_blob(void **state)
{
	bool done = false;

	fixture_open(*state, NULL);
	ask(&blob_make, NO_PARAMS);
	assert_int_equal(
	    ask(&blob_insert, PARAMS(1, param_blob((struct span){ "a\0\\\xff'", 5 }))).rc, RC_OK);
	store_run(&blob_select, PARAMS(1), blob_take, &done);
	worker_run_until(worker_current(), &done);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_rc),
	STORE_TEST(test_blob),
};

int main(void)
{
	return postgresql_tests_run("postgresql-result", tests, COUNT_OF(tests));
}
