/* sqlite-statement.c - running one statement in SQLite. */
#include <string.h>

#include "base/mem.h"
#include "store/sqlite.h"

struct cell {
	size_t offset;
	size_t length;
	bool is_null;
};

/* Rows are copied: SQLite's own memory is gone with the next step. Their bytes lie one after
 * another in `bytes`. */
struct sqlite_answer {
	struct store_result result; /* stays first: answer_cell() */
	struct text bytes;
	struct cell *cells;
	size_t capacity; /* of cells */
	char *message;
};

static const struct {
	int code;
	enum rc rc;
} codes[] = {
	{ SQLITE_OK, RC_OK },
	{ SQLITE_CONSTRAINT_PRIMARYKEY, RC_CONFLICT },
	{ SQLITE_CONSTRAINT_UNIQUE, RC_CONFLICT },
	{ SQLITE_CONSTRAINT_ROWID, RC_CONFLICT },
	{ SQLITE_CONSTRAINT_FOREIGNKEY, RC_ITEM_NOT_FOUND },
	{ SQLITE_CONSTRAINT, RC_POLICY_VIOLATION },
	{ SQLITE_MISMATCH, RC_POLICY_VIOLATION },
	{ SQLITE_TOOBIG, RC_POLICY_VIOLATION },
	{ SQLITE_BUSY, RC_RESOURCE_CONSTRAINT },
	{ SQLITE_LOCKED, RC_RESOURCE_CONSTRAINT },
	{ SQLITE_FULL, RC_RESOURCE_CONSTRAINT },
	{ SQLITE_IOERR, RC_RESOURCE_CONSTRAINT },
	{ SQLITE_NOMEM, RC_RESOURCE_CONSTRAINT },
	{ SQLITE_CANTOPEN, RC_RESOURCE_CONSTRAINT },
	{ SQLITE_READONLY, RC_RESOURCE_CONSTRAINT },
};

enum rc sqlite_rc(int code)
{
	for (size_t i = 0; i < COUNT_OF(codes); i++)
		if (codes[i].code == code)
			return codes[i].rc;
	/* The low byte is the family that the extended code belongs to. */
	return code > 0xff ? sqlite_rc(code & 0xff) : RC_INTERNAL_SERVER_ERROR;
}

char *sqlite_sql(const char *sql)
{
	struct text out = { 0 };
	char quote = '\0';

	for (; *sql != '\0'; sql++) {
		if (quote != '\0')
			quote = *sql == quote ? '\0' : quote;
		else if (*sql == '\'' || *sql == '"')
			quote = *sql;
		if (quote == '\0' && *sql == '$' && sql[1] >= '0' && sql[1] <= '9')
			text_putc(&out, '?');
		else
			text_putc(&out, *sql);
	}
	text_putc(&out, '\0');
	return out.at;
}

sqlite3_stmt *sqlite_prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *prepared = NULL;
	char *translated = sqlite_sql(sql);

	sqlite3_prepare_v3(db, translated, -1, SQLITE_PREPARE_PERSISTENT, &prepared, NULL);
	mem_free(translated);
	return prepared;
}

static const char *statement_sqlite(const struct statement *statement)
{
	return statement->sqlite != NULL ? statement->sqlite : statement->sql;
}

/* The prepared form of a statement, made on first use. */
static sqlite3_stmt *statement_prepared(struct sqlite_store *sqlite, const struct request *request)
{
	unsigned number = slot_number(request->slot), count = sqlite->prepared_count;

	if (number >= count) {
		count = 2 * number + 16;
		sqlite->prepared = mem_realloc(sqlite->prepared, count * sizeof(*sqlite->prepared));
		memset(sqlite->prepared + sqlite->prepared_count, 0,
		    (count - sqlite->prepared_count) * sizeof(*sqlite->prepared));
		sqlite->prepared_count = count;
	}
	if (sqlite->prepared[number] == NULL)
		sqlite->prepared[number] =
		    sqlite_prepare(sqlite->db, statement_sqlite(request->statement));
	return sqlite->prepared[number];
}

/* The bytes are lent: the request outlives the step. */
static void statement_bind(sqlite3_stmt *prepared, const struct request *request)
{
	for (unsigned i = 0; i < request->count; i++) {
		const struct value *value = &request->values[i];

		switch (value->type) {
		case VALUE_NULL:
			break;
		case VALUE_TEXT:
			sqlite3_bind_text(
			    prepared, (int)i + 1, value->bytes, value->length, SQLITE_STATIC);
			break;
		case VALUE_BLOB:
			sqlite3_bind_blob(
			    prepared, (int)i + 1, value->bytes, value->length, SQLITE_STATIC);
			break;
		case VALUE_INTEGER:
			sqlite3_bind_int64(prepared, (int)i + 1, value->integer);
			break;
		}
	}
}

static struct span answer_cell(const struct store_result *result, size_t row, size_t column)
{
	const struct sqlite_answer *answer = (const struct sqlite_answer *)result;
	const struct cell *cell = &answer->cells[row * result->columns + column];

	if (cell->is_null)
		return (struct span){ NULL, 0 };
	return (struct span){ answer->bytes.at + cell->offset, cell->length };
}

static void answer_add_cell(
    struct sqlite_answer *answer, struct cell *cell, sqlite3_stmt *prepared, int column)
{
	int type = sqlite3_column_type(prepared, column);
	/* The bytes are asked for after the conversion that they result from. */
	const void *bytes = type == SQLITE_BLOB ? sqlite3_column_blob(prepared, column)
	                                        : sqlite3_column_text(prepared, column);

	*cell = (struct cell){ answer->bytes.length, (size_t)sqlite3_column_bytes(prepared, column),
		type == SQLITE_NULL };
	if (type == SQLITE_NULL)
		return;
	if (cell->length > 0)
		text_append(&answer->bytes, bytes, cell->length);
	text_putc(&answer->bytes, '\0');
}

static void answer_add_row(struct sqlite_answer *answer, sqlite3_stmt *prepared)
{
	size_t columns = (size_t)sqlite3_column_count(prepared);
	size_t count = answer->result.rows * columns;

	if (count + columns > answer->capacity) {
		answer->capacity = 2 * count + columns;
		answer->cells = mem_realloc(answer->cells, answer->capacity * sizeof(struct cell));
	}
	for (size_t i = 0; i < columns; i++)
		answer_add_cell(answer, &answer->cells[count + i], prepared, (int)i);
	answer->result.columns = columns;
	answer->result.rows++;
}

struct sqlite_answer *sqlite_answer_failed(enum rc rc, const char *message)
{
	struct sqlite_answer *answer = mem_alloc_zero(sizeof(*answer));

	answer->message = mem_strdup(message);
	answer->result = STORE_RESULT_FAILED(rc, answer->message);
	return answer;
}

static struct sqlite_answer *answer_of_error(sqlite3 *db)
{
	return sqlite_answer_failed(sqlite_rc(sqlite3_extended_errcode(db)), sqlite3_errmsg(db));
}

struct sqlite_answer *sqlite_statement_run(
    struct sqlite_store *sqlite, const struct request *request)
{
	sqlite3_stmt *prepared = statement_prepared(sqlite, request);
	struct sqlite_answer *answer;
	int code;

	if (prepared == NULL)
		return answer_of_error(sqlite->db);
	answer = mem_alloc_zero(sizeof(*answer));
	answer->result.cell = answer_cell;
	statement_bind(prepared, request);
	while ((code = sqlite3_step(prepared)) == SQLITE_ROW)
		answer_add_row(answer, prepared);
	if (code != SQLITE_DONE) {
		sqlite_answer_free(&answer);
		answer = answer_of_error(sqlite->db);
	} else if (!slot_is_read(request->slot)) {
		answer->result.changed = sqlite3_changes(sqlite->db);
	}
	sqlite3_reset(prepared);
	sqlite3_clear_bindings(prepared);
	return answer;
}

const struct store_result *sqlite_answer_result(const struct sqlite_answer *answer)
{
	return &answer->result;
}

void sqlite_answer_free(struct sqlite_answer **answer)
{
	if (*answer == NULL)
		return;
	text_free(&(*answer)->bytes);
	mem_free((*answer)->cells);
	mem_free((*answer)->message);
	mem_free(*answer);
	*answer = NULL;
}
