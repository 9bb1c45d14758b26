/* test_migrate.c - which files of a directory are steps of the schema. */
#include "store/migrate.h"

#include "base/arena.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct directory {
	const char *files; /* separated by blanks; each contains its name */
	const char *flavour;
	const char *names; /* of the steps, or */
	const char *error; /* a part of the message */
};

static const struct directory directories[] = {
	{ "001-a.sql", "sqlite", "a ", NULL },
	{ "002-b.sqlite.sql 001-a.sql 002-b.postgresql.sql", "sqlite", "a b ", NULL },
	{ "002-b.sqlite.sql 001-a.sql 002-c.postgresql.sql", "postgresql", "a c ", NULL },
	{ "001-a.sql README sources.am .hidden.sql 001-a.sql~", "sqlite", "a ", NULL },
	{ "", "sqlite", NULL, "no steps" },
	{ "001-a.postgresql.sql", "sqlite", NULL, "no steps" },
	{ "001-a.sql 003-c.sql", "sqlite", NULL, "lacks step 002" },
	{ "002-b.sql", "sqlite", NULL, "lacks step 001" },
	{ "001-a.sql 002-b.postgresql.sql 003-c.sql", "sqlite", NULL, "lacks step 002" },
	{ "001-a.sql 001-b.sql", "sqlite", NULL, "number 001" },
	{ "001-a.sql 001-a.sqlite.sql", "sqlite", NULL, "number 001" },
	{ "000-a.sql", "sqlite", NULL, "000-a.sql is not named" },
	{ "1-a.sql", "sqlite", NULL, "not named" },
	{ "0001-a.sql", "sqlite", NULL, "not named" },
	{ "001-.sql", "sqlite", NULL, "not named" },
	{ "001.sql", "sqlite", NULL, "not named" },
	{ "001-a.mysql.sql", "sqlite", NULL, "not named" },
};

static void files_make(struct arena *arena, const char *path, const char *files)
{
	char *list = arena_strdup(arena, files), *rest = NULL;

	for (char *name = strtok_r(list, " ", &rest); name != NULL;
	     name = strtok_r(NULL, " ", &rest)) {
		FILE *file = fopen(arena_printf(arena, "%s/%s", path, name), "w");

		fprintf(file, "-- %s", name);
		fclose(file);
	}
}

static void files_remove(struct arena *arena, const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;

	while ((entry = readdir(directory)) != NULL)
		unlink(arena_printf(arena, "%s/%s", path, entry->d_name));
	closedir(directory);
	rmdir(path);
}

static void steps_check(
    const struct directory *expected, const struct migration *steps, int count, struct arena *arena)
{
	char *names = arena_strdup(arena, "");

	for (int i = 0; i < count; i++) {
		assert_int_equal(steps[i].number, i + 1);
		names = arena_printf(arena, "%s%s ", names, steps[i].name);
		assert_non_null(
		    strstr(steps[i].sql, arena_printf(arena, "-- %03d-%s.", i + 1, steps[i].name)));
		assert_null(strstr(steps[i].sql,
		    strcmp(expected->flavour, "sqlite") == 0 ? "postgresql" : "sqlite"));
	}
	assert_string_equal(names, expected->names);
}

static void test_read(void **state)
{
	for (size_t i = 0; i < COUNT_OF(directories); i++) {
		const struct directory *expected = &directories[i];
		struct arena *arena = arena_new(0);
		char path[] = "/tmp/godwit-test-XXXXXX";
		struct migration *steps = NULL;
		const char *error = NULL;
		int count;

		assert_non_null(mkdtemp(path));
		files_make(arena, path, expected->files);
		count = migrations_read(path, expected->flavour, arena, &steps, &error);
		files_remove(arena, path);
		if (expected->error == NULL) {
			assert_null(error);
			steps_check(expected, steps, count, arena);
		} else {
			assert_int_equal(count, -1);
			assert_non_null(strstr(error, path));
			assert_non_null(strstr(error, expected->error));
		}
		arena_free(&arena);
	}
}

static void test_no_directory(void **state)
{
	struct arena *arena = arena_new(0);
	struct migration *steps;
	const char *error;

	assert_int_equal(migrations_read("/nowhere", "sqlite", arena, &steps, &error), -1);
	assert_non_null(strstr(error, "/nowhere"));
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_no_directory),
	};

	return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
