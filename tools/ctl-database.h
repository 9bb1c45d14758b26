/* ctl-database.h - the database for commands that work on it themselves, whether a server runs
 * beside them or not: the tool becomes a small server of one worker without listeners. Statements
 * are asked in any number, and their answers waited for together. */
#ifndef GODWIT_TOOLS_CTL_DATABASE_H
#define GODWIT_TOOLS_CTL_DATABASE_H

#include "store/store.h"

struct ctl;
struct ctl_database;
struct worker;

/* One text for PostgreSQL, another for SQLite. */
/* clang-format off */
#define STATEMENT_TWO(text, sqlite_text) \
	{ .sql = (text), .slot = &(struct statement_slot){ 0 }, .sqlite = (sqlite_text) }
/* clang-format on */

/* Answer to a statement, copied into an arena. */
struct ctl_rows {
	enum rc rc;
	const char *message; /* the database's own words if it failed */
	size_t count, columns;
	int64_t changed;
	const char **cells;
};

/* Whether the database is a file that does not exist yet: opening would make it. */
bool ctl_database_is_absent(const char *database);
/* As the user that the server becomes, who owns what the database makes. `may_change`: its schema
 * is made or brought up to date if need be. NULL and the reason. */
struct ctl_database *ctl_database_open(struct ctl *ctl, bool may_change, const char **error_out);
/* Waits for what is under way; afterwards nothing can be asked. */
void ctl_database_detach(struct ctl_database *database);
/* The same, if need be, and closes. Accepts a pointer to NULL. */
void ctl_database_close(struct ctl_database **database);
struct worker *ctl_database_worker(struct ctl_database *database);

/* Queues a statement; `rows_out` is complete after the next ctl_database_wait(), in the arena.
 * `columns`: how many its rows have. */
void ctl_database_ask(struct ctl_database *database, struct arena *arena,
    const struct statement *statement, const struct param *params, size_t columns,
    struct ctl_rows *rows_out);
void ctl_database_wait(struct ctl_database *database);
/* NULL for SQL NULL. */
static inline const char *ctl_cell(const struct ctl_rows *rows, size_t row, size_t column)
{
	return rows->cells[row * rows->columns + column];
}
/* 0 for NULL. */
int64_t ctl_number(const struct ctl_rows *rows, size_t row, size_t column);

#endif
