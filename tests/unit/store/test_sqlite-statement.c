/* test_sqlite-statement.c - SQL text and results, as SQLite has them. */
#include "sqlite-database.h"
#include "store/sqlite.h"

static void test_sql(void **state)
{
	static const char *const cases[][2] = {
		{ "SELECT $2, $1", "SELECT ?2, ?1" },
		{ "SELECT '$1', \"$1\", $12", "SELECT '$1', \"$1\", ?12" },
		{ "SELECT 'it''s $1', $1", "SELECT 'it''s $1', ?1" },
		{ "SELECT 'a\"b', $1, $x, $", "SELECT 'a\"b', ?1, $x, $" },
		{ "", "" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *sql = sqlite_sql(cases[i][0]);

		assert_string_equal(sql, cases[i][1]);
		mem_free(sql);
	}
}

static void test_codes(void **state)
{
	static const struct {
		int code;
		enum rc rc;
	} cases[] = {
		{ SQLITE_CONSTRAINT_PRIMARYKEY, RC_CONFLICT },
		{ SQLITE_CONSTRAINT_UNIQUE, RC_CONFLICT },
		{ SQLITE_CONSTRAINT_FOREIGNKEY, RC_ITEM_NOT_FOUND },
		{ SQLITE_CONSTRAINT_CHECK, RC_POLICY_VIOLATION },
		{ SQLITE_CONSTRAINT_NOTNULL, RC_POLICY_VIOLATION },
		{ SQLITE_CONSTRAINT_TRIGGER, RC_POLICY_VIOLATION },
		{ SQLITE_BUSY_SNAPSHOT, RC_RESOURCE_CONSTRAINT },
		{ SQLITE_FULL, RC_RESOURCE_CONSTRAINT },
		{ SQLITE_IOERR_WRITE, RC_RESOURCE_CONSTRAINT },
		{ SQLITE_READONLY, RC_RESOURCE_CONSTRAINT },
		{ SQLITE_ERROR, RC_INTERNAL_SERVER_ERROR },
		{ SQLITE_CORRUPT, RC_INTERNAL_SERVER_ERROR },
		{ SQLITE_OK, RC_OK },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(sqlite_rc(cases[i].code), cases[i].rc);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_sql),
	cmocka_unit_test(test_codes),
};

int main(void)
{
	return sqlite_tests_run("sqlite-statement", tests, COUNT_OF(tests));
}
