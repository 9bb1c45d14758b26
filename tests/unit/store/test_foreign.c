/* test_foreign.c - reading another database, and changing nothing there. */
#include "postgresql-database.h"
#include "store/foreign.h"

#include <string.h>

static void test_open_fails(void **state)
{
	static const struct {
		const char *uri, *said;
	} cases[] = {
		{ "postgresql://godwit:s3cret@127.0.0.1:1/chat", "127.0.0.1:1/chat: " },
		{ "postgresql://godwit:s3cr%et@host/chat", "not an address" },
		{ "mysql://godwit:s3cret@host/chat", "not an address" },
	};
	struct arena *arena = arena_new(0);
	const char *error;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_null(foreign_open(cases[i].uri, arena, &error));
		if (strstr(error, cases[i].said) == NULL || strstr(error, "s3cr") != NULL)
			fail_msg("%s", error);
	}
	arena_free(&arena);
}

static void test_read(void **state)
{
	struct fixture *fixture = *state;
	const char *error = NULL, *const params[] = { "2", NULL };
	struct foreign *foreign = foreign_open(fixture->database, fixture->arena, &error);
	struct foreign_rows rows;

	assert_non_null(foreign);
	assert_true(foreign_read(foreign, fixture->arena,
	    "SELECT n, 'x' || n, NULL, $2::TEXT FROM generate_series(1, $1::INTEGER) AS n", params,
	    2, &rows, &error));
	assert_int_equal(rows.count, 2);
	assert_int_equal(rows.columns, 4);
	assert_string_equal(foreign_cell(&rows, 1, 1), "x2");
	assert_null(foreign_cell(&rows, 0, 2));
	assert_null(foreign_cell(&rows, 1, 3));
	assert_true(
	    foreign_read(foreign, fixture->arena, "SELECT 1 WHERE false", NULL, 0, &rows, &error));
	assert_int_equal(rows.count, 0);
	assert_false(foreign_read(
	    foreign, fixture->arena, "CREATE TABLE x (y TEXT)", NULL, 0, &rows, &error));
	assert_non_null(strstr(error, "read-only"));
	assert_false(foreign_read(foreign, fixture->arena, "SELECT 1", NULL, 0, &rows, &error));
	foreign_close(&foreign);
	assert_null(foreign);
	foreign_close(&foreign);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_open_fails),
	STORE_TEST(test_read),
};

int main(void)
{
	return postgresql_tests_run("foreign", tests, COUNT_OF(tests));
}
