/* postgresql-result.c - what PostgreSQL answers, as a result of the store. */
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "store/postgresql.h"

/* From PostgreSQL's catalog of types, where these numbers never change. */
#define TYPE_BOOLEAN 16
#define TYPE_BYTEA 17

struct answer {
	struct store_result result; /* stays first: answer_cell() */
	const PGresult *pg;
	struct arena *arena; /* of blobs */
};

/* A whole SQLSTATE or its class; the first that fits. */
static const struct {
	const char *sqlstate;
	enum rc rc;
} states[] = {
	{ "23505", RC_CONFLICT },            /* unique_violation */
	{ "23503", RC_ITEM_NOT_FOUND },      /* foreign_key_violation */
	{ "23", RC_POLICY_VIOLATION },       /* check, not null */
	{ "22", RC_POLICY_VIOLATION },       /* a value that its type does not allow */
	{ "P0001", RC_POLICY_VIOLATION },    /* a trigger refuses */
	{ "40", RC_RESOURCE_CONSTRAINT },    /* deadlock, serialization */
	{ "55P03", RC_RESOURCE_CONSTRAINT }, /* lock_timeout */
	{ "25006", RC_RESOURCE_CONSTRAINT }, /* a standby, or made read-only */
	{ "53", RC_RESOURCE_CONSTRAINT },    /* disk full, out of memory, too many connections */
	{ "57", RC_RESOURCE_CONSTRAINT },    /* cancelled, shutting down */
	{ "58", RC_RESOURCE_CONSTRAINT },    /* the system around it */
	{ "08", RC_RESOURCE_CONSTRAINT },    /* connection */
};

enum rc postgresql_rc(const char *sqlstate)
{
	if (sqlstate == NULL)
		return RC_INTERNAL_SERVER_ERROR;
	for (size_t i = 0; i < COUNT_OF(states); i++)
		if (strncmp(sqlstate, states[i].sqlstate, strlen(states[i].sqlstate)) == 0)
			return states[i].rc;
	return RC_INTERNAL_SERVER_ERROR;
}

bool postgresql_is_ok(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

bool postgresql_is_loss(PGconn *pg, const PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (PQresultStatus(result) != PGRES_FATAL_ERROR)
		return false;
	return PQstatus(pg) == CONNECTION_BAD || severity == NULL || strcmp(severity, "ERROR") != 0;
}

bool postgresql_is_lock(const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return text_equal(sqlstate, "55P03") || text_equal(sqlstate, "40P01");
}

/* The same text for both databases: SQLite has no booleans, only 0 and 1. */
static struct span boolean_text(const char *value)
{
	return span_of(value[0] == 't' ? "1" : "0");
}

static struct span blob_bytes(const struct answer *answer, const char *value)
{
	struct span bytes;
	unsigned char *plain = PQunescapeBytea((const unsigned char *)value, &bytes.length);

	bytes.at = arena_strndup(answer->arena, (char *)plain, bytes.length);
	PQfreemem(plain);
	return bytes;
}

static struct span answer_cell(const struct store_result *result, size_t row, size_t column)
{
	const struct answer *answer = (const struct answer *)result;
	const PGresult *pg = answer->pg;
	const char *value = PQgetvalue(pg, (int)row, (int)column);

	if (PQgetisnull(pg, (int)row, (int)column))
		return (struct span){ NULL, 0 };
	switch (PQftype(pg, (int)column)) {
	case TYPE_BOOLEAN:
		return boolean_text(value);
	case TYPE_BYTEA:
		return blob_bytes(answer, value);
	default:
		return (struct span){ value, (size_t)PQgetlength(pg, (int)row, (int)column) };
	}
}

static bool answer_has_blobs(const PGresult *pg)
{
	for (int i = 0; i < PQnfields(pg); i++)
		if (PQftype(pg, i) == TYPE_BYTEA)
			return true;
	return false;
}

static int64_t rows_changed(PGresult *pg)
{
	int64_t changed;

	return number_parse(PQcmdTuples(pg), 0, INT64_MAX, &changed) ? changed : 0;
}

static void deliver_error(
    struct postgresql_connection *connection, struct request *request, const PGresult *pg)
{
	const char *message = PQresultErrorField(pg, PG_DIAG_MESSAGE_PRIMARY);
	const struct store_result failed =
	    STORE_RESULT_FAILED(postgresql_rc(PQresultErrorField(pg, PG_DIAG_SQLSTATE)),
		message == NULL ? PQresultErrorMessage(pg) : message);

	request_finish(&connection->base, request, &failed);
}

void postgresql_deliver(struct postgresql_connection *connection, struct request *request)
{
	PGresult *pg = request->answer;
	struct answer answer = { { .cell = answer_cell }, pg, NULL };

	if (request->is_trial)
		postgresql_trial_over(connection, request);
	if (!postgresql_is_ok(pg)) {
		deliver_error(connection, request, pg);
		PQclear(pg);
		return;
	}
	answer.result.rows = (size_t)PQntuples(pg);
	answer.result.columns = (size_t)PQnfields(pg);
	if (!slot_is_read(request->slot))
		answer.result.changed = rows_changed(pg);
	if (answer.result.rows > 0 && answer_has_blobs(pg))
		answer.arena = arena_new(0);
	request_finish(&connection->base, request, &answer.result);
	arena_free(&answer.arena);
	PQclear(pg);
}
