/* migrate.c - reading the steps of the schema, and taking those that a database lacks. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/mem.h"
#include "store/driver.h"

#define NUMBER_DIGITS 3
#define MAX_STEPS 999
/* Lies beside the steps and is none: an administrator runs it. */
#define ROLES "roles.sql"

struct steps {
	const char *schema_dir;
	const char *flavour;
	struct arena *arena;
	struct migration
	    *all; /* by number: step N is all[N - 1], a NULL name where there is none */
	unsigned count;
	const char **error_out;
};

static char *file_read(struct arena *arena, const char *path)
{
	FILE *file = fopen(path, "re");
	struct stat status;
	char *content = NULL;
	size_t length;

	if (file == NULL)
		return NULL;
	if (fstat(fileno(file), &status) == 0) {
		content = arena_alloc(arena, (size_t)status.st_size + 1);
		length = fread(content, 1, (size_t)status.st_size, file);
		content[length] = '\0';
		if (ferror(file))
			content = NULL;
	}
	fclose(file);
	return content;
}

/* The number that "NNN-name.sql" begins with; 0 if it is not such a name. */
static unsigned step_number(const char *file)
{
	unsigned number = 0;

	for (size_t i = 0; i < NUMBER_DIGITS; i++) {
		if (file[i] < '0' || file[i] > '9')
			return 0;
		number = number * 10 + (unsigned)(file[i] - '0');
	}
	return file[NUMBER_DIGITS] == '-' ? number : 0;
}

/* "NNN-name.sql" and "NNN-name.FLAVOUR.sql": *name_out is the name. Says whether the file is for
 * our flavour; *valid_out, whether it is a step at all. */
static bool step_name(const struct steps *steps, const char *file, char **name_out, bool *valid_out)
{
	size_t length = strlen(file) - strlen(".sql") - NUMBER_DIGITS - 1;
	char *name = arena_strndup(steps->arena, file + NUMBER_DIGITS + 1, length);
	char *flavour = strchr(name, '.');

	if (flavour != NULL)
		*flavour++ = '\0';
	*name_out = name;
	*valid_out = name[0] != '\0' && (flavour == NULL || strcmp(flavour, "postgresql") == 0 ||
					    strcmp(flavour, "sqlite") == 0);
	return flavour == NULL || strcmp(flavour, steps->flavour) == 0;
}

static bool step_add(struct steps *steps, const char *file)
{
	const char *path = arena_printf(steps->arena, "%s/%s", steps->schema_dir, file);
	unsigned number = step_number(file);
	struct migration *step;
	bool ours = false, valid = false;
	char *name = NULL;

	if (number != 0)
		ours = step_name(steps, file, &name, &valid);
	if (!valid) {
		*steps->error_out = arena_printf(steps->arena,
		    "%s is not named NNN-name.sql, NNN-name.postgresql.sql or NNN-name.sqlite.sql: "
		    "rename or remove it",
		    path);
		return false;
	}
	if (!ours)
		return true;
	step = &steps->all[number - 1];
	if (step->name != NULL) {
		*steps->error_out = arena_printf(steps->arena,
		    "%s holds two steps with the number %03u for %s: remove what is not of this "
		    "version",
		    steps->schema_dir, number, steps->flavour);
		return false;
	}
	*step = (struct migration){ number, name, file_read(steps->arena, path) };
	if (step->sql == NULL) {
		*steps->error_out =
		    arena_printf(steps->arena, "cannot read %s: %s", path, strerror(errno));
		return false;
	}
	if (number > steps->count)
		steps->count = number;
	return true;
}

static bool steps_collect(struct steps *steps, DIR *directory)
{
	const struct dirent *entry;

	while ((entry = readdir(directory)) != NULL) {
		size_t length = strlen(entry->d_name);

		if (entry->d_name[0] == '.' || length < 5 ||
		    strcmp(entry->d_name + length - 4, ".sql") != 0 ||
		    strcmp(entry->d_name, ROLES) == 0)
			continue;
		if (!step_add(steps, entry->d_name))
			return false;
	}
	return true;
}

static bool steps_are_whole(const struct steps *steps)
{
	if (steps->count == 0) {
		*steps->error_out = arena_printf(steps->arena,
		    "%s holds no steps of the schema for %s: install godwit again",
		    steps->schema_dir, steps->flavour);
		return false;
	}
	for (unsigned i = 0; i < steps->count; i++) {
		if (steps->all[i].name != NULL)
			continue;
		*steps->error_out = arena_printf(steps->arena,
		    "%s lacks step %03u for %s, but has %03u: install godwit again",
		    steps->schema_dir, i + 1, steps->flavour, steps->count);
		return false;
	}
	return true;
}

int migrations_read(const char *schema_dir, const char *flavour, struct arena *arena,
    struct migration **migrations_out, const char **error_out)
{
	struct steps steps = { schema_dir, flavour, arena, NULL, 0, error_out };
	DIR *directory = opendir(schema_dir);
	bool collected;

	if (directory == NULL) {
		*error_out = arena_printf(arena,
		    "cannot read the steps of the schema in %s: %s; install godwit again, or name "
		    "the "
		    "right directory",
		    schema_dir, strerror(errno));
		return -1;
	}
	steps.all = arena_alloc_zero(arena, MAX_STEPS * sizeof(steps.all[0]));
	collected = steps_collect(&steps, directory);
	closedir(directory);
	if (!collected || !steps_are_whole(&steps))
		return -1;
	*migrations_out = steps.all;
	return (int)steps.count;
}

bool schema_update(const struct schema_access *access, const char *schema_dir, bool migrate,
    struct arena *arena, unsigned *number_out, const char **error_out)
{
	struct migration *steps;
	int count = migrations_read(schema_dir, access->flavour, arena, &steps, error_out);
	unsigned last = (unsigned)count;

	if (count < 0 || !access->number(access->database, number_out, error_out))
		return false;
	if (*number_out > last) {
		*error_out = arena_printf(arena,
		    "the database has schema %u, but %s ends with %u: a newer godwit has used it; "
		    "run "
		    "that one, or restore a backup from before",
		    *number_out, schema_dir, last);
		return false;
	}
	if (*number_out < last && !migrate) {
		*error_out = arena_printf(arena,
		    "the database has schema %u, and this godwit needs %u: start the server once, "
		    "it "
		    "brings it up to date",
		    *number_out, last);
		return false;
	}
	for (; *number_out < last; ++*number_out)
		if (!access->take(access->database, &steps[*number_out], error_out))
			return false;
	return true;
}
