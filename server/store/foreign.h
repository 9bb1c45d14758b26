/* foreign.h - somebody else's PostgreSQL database, for a tool that reads it: nothing is changed
 * there, and all that is read is of one moment, however long it takes. Blocks. */
#ifndef GODWIT_STORE_FOREIGN_H
#define GODWIT_STORE_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct foreign;

struct foreign_rows {
	size_t count, columns;
	const char **cells; /* NULL for SQL NULL */
};

/* `uri` is a libpq URI. NULL and the reason, without a password. */
struct foreign *foreign_open(const char *uri, struct arena *arena, const char **error_out);
/* Accepts a pointer to NULL. */
void foreign_close(struct foreign **foreign);
/* Runs a SELECT with `count` texts for its parameters ($1...); the rows are made in the arena.
 * False and the database's words; nothing more can be read then. */
bool foreign_read(struct foreign *foreign, struct arena *arena, const char *sql,
    const char *const *params, size_t count, struct foreign_rows *rows_out, const char **error_out);
static inline const char *foreign_cell(const struct foreign_rows *rows, size_t row, size_t column)
{
	return rows->cells[row * rows->columns + column];
}

#endif
