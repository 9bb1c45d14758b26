/* test_postgresql-schema.c - bringing the schema up to date. */
#include "postgresql-database.h"

#include <sys/wait.h>
#include <unistd.h>

/* Two servers that start on an empty database at once: one takes the steps, the other waits. */
static void test_start_together(void **state)
{
	struct fixture *fixture = *state;
	pid_t children[3];
	int status;

	for (size_t i = 0; i < COUNT_OF(children); i++) {
		const char *error;

		children[i] = fork();
		if (children[i] == 0)
			_exit(store_open(fixture->database, schema_dir(fixture->arena), true, NULL,
				  fixture->arena, &error) == NULL);
	}
	for (size_t i = 0; i < COUNT_OF(children); i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
}

/* What an administrator sees of a table or a column is also what it means. */
static void test_comments(void **state)
{
	fixture_open(*state, NULL);
	assert_string_equal(
	    admin_sql(admin,
		"SELECT string_agg(name, ' ') FROM ("
		"SELECT c.relname || coalesce('.' || a.attname, '') AS name FROM pg_class c"
		" LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
		" AND NOT a.attisdropped WHERE c.relnamespace = 'public'::REGNAMESPACE"
		" AND c.relkind IN ('r', 'v') AND (obj_description(c.oid, 'pg_class') IS NULL"
		" OR col_description(c.oid, a.attnum) IS NULL)"
		" UNION ALL SELECT p.proname FROM pg_proc p"
		" WHERE p.pronamespace = 'public'::REGNAMESPACE"
		" AND obj_description(p.oid, 'pg_proc') IS NULL AND NOT EXISTS (SELECT 1"
		" FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')) AS unexplained"),
	    "");
}

static const struct CMUnitTest tests[] = {
	STORE_TEST(test_start_together),
	STORE_TEST(test_comments),
};

int main(void)
{
	return postgresql_tests_run("postgresql-schema", tests, COUNT_OF(tests));
}
