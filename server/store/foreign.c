/* foreign.c - see foreign.h. */
#include "store/foreign.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "store/postgresql.h"

struct foreign {
	PGconn *pg;
};

static const char *words_of(struct foreign *foreign, struct arena *arena)
{
	char *words = postgresql_words(PQerrorMessage(foreign->pg));
	const char *copy = arena_strdup(arena, words);

	mem_free(words);
	return copy;
}

static bool snapshot_begin(struct foreign *foreign)
{
	PGresult *result = PQexec(foreign->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
	bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

	PQclear(result);
	return good;
}

static void notice_drop(void *state, const char *message)
{
	(void)state;
	(void)message;
}

struct foreign *foreign_open(const char *uri, struct arena *arena, const char **error_out)
{
	const char *const keywords[] = { "fallback_application_name", "connect_timeout", "dbname",
		"client_encoding", NULL };
	const char *const values[] = { "godwitctl", "10", uri, "UTF8", NULL };
	const char *shown = postgresql_uri_shown(uri, arena);
	struct foreign *foreign;

	if (shown == NULL) {
		*error_out = "this is not an address as postgresql://user:password@host/database";
		return NULL;
	}
	foreign = mem_alloc_zero(sizeof *foreign);
	foreign->pg = PQconnectdbParams(keywords, values, 1);
	PQsetNoticeProcessor(foreign->pg, notice_drop, NULL);
	if (PQstatus(foreign->pg) == CONNECTION_OK && snapshot_begin(foreign))
		return foreign;
	*error_out = arena_printf(arena, "%s: %s", shown, words_of(foreign, arena));
	foreign_close(&foreign);
	return NULL;
}

void foreign_close(struct foreign **foreign)
{
	if (*foreign == NULL)
		return;
	PQfinish((*foreign)->pg);
	mem_free(*foreign);
	*foreign = NULL;
}

static void rows_copy(const PGresult *result, struct arena *arena, struct foreign_rows *rows)
{
	size_t cells;

	rows->count = (size_t)PQntuples(result);
	rows->columns = (size_t)PQnfields(result);
	cells = rows->count * rows->columns;
	rows->cells = arena_alloc(arena, (cells + 1) * sizeof *rows->cells);
	for (size_t i = 0; i < cells; i++) {
		int row = (int)(i / rows->columns), column = (int)(i % rows->columns);

		rows->cells[i] = PQgetisnull(result, row, column)
		                     ? NULL
		                     : arena_strdup(arena, PQgetvalue(result, row, column));
	}
}

bool foreign_read(struct foreign *foreign, struct arena *arena, const char *sql,
    const char *const *params, size_t count, struct foreign_rows *rows_out, const char **error_out)
{
	PGresult *result = PQexecParams(foreign->pg, sql, (int)count, NULL, params, NULL, NULL, 0);
	bool good = PQresultStatus(result) == PGRES_TUPLES_OK;

	*rows_out = (struct foreign_rows){ 0 };
	if (good)
		rows_copy(result, arena, rows_out);
	else
		*error_out = words_of(foreign, arena);
	PQclear(result);
	return good;
}
