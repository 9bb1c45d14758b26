/* migrate.h - the files of schema/ as numbered steps.
 * "NNN-name.sql" is for both databases, "NNN-name.postgresql.sql" and "NNN-name.sqlite.sql" for one
 * of them. Table schema_version has a row for each step taken. Steps are never edited once
 * released. */
#ifndef GODWIT_STORE_MIGRATE_H
#define GODWIT_STORE_MIGRATE_H

#include <stddef.h>

struct arena;

struct migration {
	unsigned number;
	const char *name;
	const char *sql;
};

/* Reads the steps for `flavour` ("postgresql" or "sqlite") in order; a number that is missing or
 * stands twice is an error. Returns how many, or -1 and the reason. Made in the arena. */
int migrations_read(const char *schema_dir, const char *flavour, struct arena *arena,
    struct migration **migrations_out, const char **error_out);

#endif
