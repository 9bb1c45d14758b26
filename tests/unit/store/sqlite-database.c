/* sqlite-database.c - see sqlite-database.h. */
#include "sqlite-database.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/godwit-test-XXXXXX";

/* The same path for each test. */
static char *file_make(struct arena *arena)
{
	static const char *const endings[] = { "", "-wal", "-shm" };

	for (size_t i = 0; i < COUNT_OF(endings); i++)
		unlink(arena_printf(arena, "%s/test.db%s", directory, endings[i]));
	return arena_printf(arena, "sqlite:%s/test.db", directory);
}

const char *sqlite_path(const struct fixture *fixture)
{
	return fixture->database + strlen("sqlite:");
}

void sqlite_begin(void)
{
	ASSERT(mkdtemp(directory) != NULL);
	database_make = file_make;
}

void sqlite_end(void)
{
	struct arena *arena = arena_new(0);

	file_make(arena);
	arena_free(&arena);
	rmdir(directory);
}

int sqlite_tests_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
	int failed;

	sqlite_begin();
	failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
	sqlite_end();
	return failed;
}
