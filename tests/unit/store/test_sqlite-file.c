/* test_sqlite-file.c - making the file, and what cannot be opened. */
#include "sqlite-database.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Keys and messages are nobody else's business. */
static void test_mode(void **state)
{
	struct fixture *fixture = *state;
	static const char *const endings[] = { "", "-wal", "-shm" };
	mode_t before = umask(0);
	struct stat status;

	fixture_open(fixture, NULL);
	user_make("romeo");
	umask(before);
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		assert_int_equal(
		    stat(arena_printf(fixture->arena, "%s%s", sqlite_path(fixture), endings[i]),
			&status),
		    0);
		assert_int_equal(status.st_mode & 0777, 0600);
	}
}

static void test_open_fails(void **state)
{
	struct fixture *fixture = *state;
	struct arena *arena = fixture->arena;
	FILE *file = fopen(sqlite_path(fixture), "w");
	const char *error = NULL;

	fputs("this is not a database, but long enough to be taken for one at first\n", file);
	fclose(file);
	assert_null(store_open(fixture->database, schema_dir(arena), true, NULL, arena, &error));
	assert_non_null(strstr(error, "test.db"));
	assert_non_null(strstr(error, "not a database"));
	assert_null(
	    store_open("sqlite:/nowhere/at/all.db", schema_dir(arena), true, NULL, arena, &error));
	assert_non_null(strstr(error, "/nowhere/at/all.db"));
}

static const struct CMUnitTest tests[] = {
	STORE_TEST(test_mode),
	STORE_TEST(test_open_fails),
};

int main(void)
{
	return sqlite_tests_run("sqlite-file", tests, COUNT_OF(tests));
}
