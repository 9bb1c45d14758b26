/* session-rows.c - the table sessions, as each worker writes it of those who live there.
 * What changes is put on a list, and the list is written some moments later with one statement of
 * each kind, one flush after the other; who came and went meanwhile was never there. That somebody
 * is active is found on a list as well, once a minute. Rows that an administrator has under lock
 * are passed over and written later: a statement never waits. When a row is not as it should be
 * (PostgreSQL empties the table when it crashes), all of the worker's are written again. */
#include "admin/session-rows.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/account.h"
#include "core/home.h"
#include "core/session.h"
#include "loop/timer.h"
#include "loop/worker.h"
#include "store/store.h"
#include "xmpp/jid.h"

#define FLUSH_MS 100
#define RETRY_MS 1000
#define SWEEP_MS 60000
/* Rows written at a time. */
#define CHUNK 1000
/* A client that calls itself by a longer name says nothing. */
#define CLIENT_MAX_BYTES 255

/* What the table has of a session: session->known. */
enum { ROW_ABSENT, ROW_PRESENT, ROW_DOUBTFUL };

LIST_HEAD(listed_sessions, session);

/* Numbers of rows; as many as were there, so no more than there were sessions. */
struct ended_rows {
	int64_t *ids;
	size_t count, capacity;
};

static _Thread_local struct {
	struct listed_sessions changed; /* to be written */
	struct listed_sessions active;  /* the same, by the next sweep */
	struct ended_rows ended;        /* to be removed */
	struct timer *flush, *sweep;    /* NULL: stopped */
	unsigned under_way;             /* statements; the next flush comes behind them */
	size_t updating;                /* rows of the one among them */
	bool is_emptied;                /* what was left behind is gone */
	bool is_in_doubt;               /* the table may lack something */
	bool is_mending;                /* all are being written, since it did */
} rows;

/* Numbers that are being removed. */
struct departure {
	struct text list; /* "[1,2]" */
	size_t count;
	int64_t ids[];
};

/* Joined with the table, and not looked for in it by = ANY (...): then PostgreSQL may read the list
 * anew for each row of the table. */
#define ID_LIST "unnest(translate($1, '[]', '{}')::BIGINT[]) AS listed (id)"
#define SQLITE_ID_LIST "(SELECT value FROM json_each($1))"
#define COLUMNS \
	"id, domain, username, resource, address, client, tls, since, last_active, available," \
	" priority, worker"

static const struct statement rows_empty =
    STATEMENT("DELETE FROM sessions WHERE worker = $1 OR (worker >= $2 AND $1 = 0)");

static const struct statement rows_insert = STATEMENT_FLEETING(
    "INSERT INTO sessions (" COLUMNS ")"
    " SELECT (r->>0)::BIGINT, r->>1, r->>2, r->>3, r->>4, r->>5, r->>6, (r->>7)::BIGINT,"
    " (r->>8)::BIGINT, (r->>9)::BOOLEAN, (r->>10)::SMALLINT, (r->>11)::INTEGER"
    " FROM jsonb_array_elements($1::JSONB) AS r ON CONFLICT (id) DO NOTHING",
    "INSERT INTO sessions (" COLUMNS ")"
    " SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'),"
    " json_extract(value, '$[2]'), json_extract(value, '$[3]'), json_extract(value, '$[4]'),"
    " json_extract(value, '$[5]'), json_extract(value, '$[6]'), json_extract(value, '$[7]'),"
    " json_extract(value, '$[8]'), json_extract(value, '$[9]'), json_extract(value, '$[10]'),"
    " json_extract(value, '$[11]') FROM json_each($1) WHERE true ON CONFLICT (id) DO NOTHING");

static const struct statement rows_update = STATEMENT_FLEETING(
    "WITH fresh AS MATERIALIZED (SELECT (r->>0)::BIGINT AS id, r->>5 AS client,"
    " (r->>8)::BIGINT AS last_active, (r->>9)::BOOLEAN AS available, (r->>10)::SMALLINT AS priority"
    " FROM jsonb_array_elements($1::JSONB) AS r),"
    " mine AS MATERIALIZED (SELECT fresh.* FROM sessions JOIN fresh ON sessions.id = fresh.id"
    " FOR UPDATE OF sessions SKIP LOCKED)"
    " UPDATE sessions SET client = mine.client, last_active = mine.last_active,"
    " available = mine.available, priority = mine.priority FROM mine WHERE sessions.id = mine.id",
    "UPDATE sessions SET client = json_extract(fresh.value, '$[5]'),"
    " last_active = json_extract(fresh.value, '$[8]'),"
    " available = json_extract(fresh.value, '$[9]'), priority = json_extract(fresh.value, '$[10]')"
    " FROM json_each($1) AS fresh WHERE sessions.id = json_extract(fresh.value, '$[0]')");

static const struct statement rows_delete =
    STATEMENT_FLEETING("WITH gone AS MATERIALIZED (SELECT sessions.id FROM sessions JOIN " ID_LIST
		       " ON sessions.id = listed.id FOR UPDATE OF sessions SKIP LOCKED)"
		       " DELETE FROM sessions USING gone WHERE sessions.id = gone.id",
	"DELETE FROM sessions WHERE id IN " SQLITE_ID_LIST);

static const struct statement rows_remaining = STATEMENT_FLEETING(
    "SELECT sessions.id FROM sessions JOIN " ID_LIST " ON sessions.id = listed.id LIMIT 1",
    "SELECT id FROM sessions WHERE id IN " SQLITE_ID_LIST " LIMIT 1");

static store_done emptied, inserted, updated, departed, remaining_found;

/* ---- a row as JSON ---- */

static int64_t session_active_us(const struct session *session)
{
	int64_t idle_s = worker_now_ms() / 1000 - session->active_s;
	int64_t active_us = time_now_us() - idle_s * 1000000;

	return active_us > session->since_us ? active_us : session->since_us;
}

static const char *client_known(const struct session *session)
{
	const char *client = session_client(session);

	return client == NULL || strlen(client) > CLIENT_MAX_BYTES ? NULL : client;
}

static void row_text(struct text *out, const char *value)
{
	text_putc(out, ',');
	text_put_json(out, value);
}

/* In the order of COLUMNS. */
static void row_write(struct text *out, const struct session *session, struct arena *arena)
{
	text_printf(out, "%c[%lld", out->length == 0 ? '[' : ',', (long long)session->id);
	row_text(out, jid_domain(arena, session->jid));
	row_text(out, jid_node(arena, session->jid));
	row_text(out, jid_resource(session->jid));
	row_text(out, session->events->peer(session->state));
	row_text(out, client_known(session));
	row_text(out, session->events->tls(session->state));
	text_printf(out, ",%lld,%lld,%s,%d,%u]", (long long)session->since_us,
	    (long long)session_active_us(session), session_is_available(session) ? "true" : "false",
	    session->priority, worker_index(worker_current()));
}

/* ---- when ---- */

static void flush_ask(unsigned after_ms)
{
	bool is_wanted = rows.ended.count > 0 || !LIST_EMPTY(&rows.changed);

	if (is_wanted && rows.flush != NULL && rows.is_emptied && rows.under_way == 0 &&
	    !timer_is_set(rows.flush))
		timer_set(rows.flush, after_ms);
}

static void statement_over(unsigned next_ms)
{
	rows.under_way--;
	flush_ask(next_ms);
}

/* ---- the beginning ---- */

static void rows_make_empty(void)
{
	store_run(&rows_empty, PARAMS(worker_index(worker_current()), (int64_t)homes_count()),
	    emptied, NULL);
}

/* Somebody may hold some of them locked. */
static void emptied(const struct store_result *result, void *state)
{
	(void)state;
	rows.is_emptied = store_rc(result) == RC_OK;
	if (rows.is_emptied)
		flush_ask(FLUSH_MS);
	else if (rows.flush != NULL)
		timer_set(rows.flush, RETRY_MS);
}

/* ---- sessions that have ended ---- */

static void ended_add(int64_t id)
{
	struct ended_rows *ended = &rows.ended;

	if (ended->count == ended->capacity) {
		ended->capacity = 2 * ended->capacity + 16;
		ended->ids = mem_realloc(ended->ids, ended->capacity * sizeof ended->ids[0]);
	}
	ended->ids[ended->count++] = id;
}

static void ended_free(void)
{
	mem_free(rows.ended.ids);
	rows.ended = (struct ended_rows){ 0 };
}

/* Takes `count` of those that have ended. */
static struct departure *departure_new(size_t count)
{
	struct departure *departure = mem_alloc(sizeof *departure + count * sizeof(int64_t));

	rows.ended.count -= count;
	*departure = (struct departure){ .count = count };
	for (size_t i = 0; i < count; i++) {
		departure->ids[i] = rows.ended.ids[rows.ended.count + i];
		text_printf(
		    &departure->list, "%c%lld", i == 0 ? '[' : ',', (long long)departure->ids[i]);
	}
	text_putc(&departure->list, ']');
	if (rows.ended.count == 0)
		ended_free();
	return departure;
}

static void departures_write(void)
{
	struct departure *departure;

	if (rows.ended.count == 0)
		return;
	departure = departure_new(rows.ended.count < CHUNK ? rows.ended.count : CHUNK);
	rows.under_way++;
	store_run(&rows_delete, PARAMS((const char *)departure->list.at), departed, departure);
}

static void departure_free(struct departure *departure, unsigned next_ms)
{
	text_free(&departure->list);
	mem_free(departure);
	statement_over(next_ms);
}

static void departure_again(struct departure *departure)
{
	for (size_t i = 0; rows.flush != NULL && i < departure->count; i++)
		ended_add(departure->ids[i]);
	departure_free(departure, RETRY_MS);
}

/* An administrator may have removed some, or holds them locked. */
static void departed(const struct store_result *result, void *state)
{
	struct departure *departure = state;

	if (store_rc(result) != RC_OK)
		departure_again(departure);
	else if (store_changed(result) == (int64_t)departure->count)
		departure_free(departure, FLUSH_MS);
	else
		store_run(&rows_remaining, PARAMS((const char *)departure->list.at),
		    remaining_found, departure);
}

static void remaining_found(const struct store_result *result, void *state)
{
	if (store_rc(result) == RC_OK && store_rows(result) == 0)
		departure_free(state, FLUSH_MS);
	else
		departure_again(state);
}

/* ---- sessions that are there ---- */

static void session_enlist(struct listed_sessions *list, struct session *session)
{
	if (session->is_listed)
		LIST_REMOVE(session, listed);
	session->is_listed = true;
	LIST_INSERT_HEAD(list, session, listed);
}

static void session_delist(struct session *session)
{
	if (session->is_listed)
		LIST_REMOVE(session, listed);
	session->is_listed = false;
}

static void changed_write(void)
{
	struct text inserts = { 0 }, updates = { 0 };
	struct arena *arena = arena_new(0);
	struct session *session;

	rows.updating = 0;
	for (unsigned i = 0; i < CHUNK && (session = LIST_FIRST(&rows.changed)) != NULL; i++) {
		session_delist(session);
		if (session->known != ROW_PRESENT)
			row_write(&inserts, session, arena);
		if (session->known != ROW_ABSENT) {
			row_write(&updates, session, arena);
			rows.updating++;
		}
		session->known = ROW_PRESENT;
	}
	if (inserts.length > 0) {
		text_putc(&inserts, ']');
		rows.under_way++;
		store_run(&rows_insert, PARAMS((const char *)inserts.at), inserted, NULL);
	}
	if (updates.length > 0) {
		text_putc(&updates, ']');
		rows.under_way++;
		store_run(&rows_update, PARAMS((const char *)updates.at), updated, NULL);
	}
	text_free(&inserts);
	text_free(&updates);
	arena_free(&arena);
}

/* All is written again, soon; if that is of no use, somebody holds a lock, and it can wait. */
static void doubt(void)
{
	if (!rows.is_in_doubt && !rows.is_mending && rows.sweep != NULL)
		timer_set(rows.sweep, RETRY_MS);
	rows.is_in_doubt = true;
}

static void inserted(const struct store_result *result, void *state)
{
	(void)state;
	if (store_rc(result) != RC_OK)
		doubt();
	statement_over(FLUSH_MS);
}

static void updated(const struct store_result *result, void *state)
{
	(void)state;
	if (store_rc(result) != RC_OK || store_changed(result) != (int64_t)rows.updating)
		doubt();
	statement_over(FLUSH_MS);
}

/* What an earlier process has left is gone before anything is written. */
static void flush_due(void *state)
{
	(void)state;
	if (!rows.is_emptied) {
		rows_make_empty();
		return;
	}
	departures_write();
	changed_write();
}

/* ---- once a minute ---- */

static void all_enlist(void)
{
	struct account *account;
	struct session *session;
	size_t cursor = 0;

	while ((account = accounts_next(&cursor)) != NULL)
		TAILQ_FOREACH (session, &account->sessions, sibling) {
			if (session->known == ROW_PRESENT)
				session->known = ROW_DOUBTFUL;
			session_enlist(&rows.changed, session);
		}
}

/* Any that is there: whether the table still has what was written. */
static void witness_enlist(void)
{
	struct account *account;
	size_t cursor = 0;

	while ((account = accounts_next(&cursor)) != NULL)
		if (!TAILQ_EMPTY(&account->sessions)) {
			session_enlist(&rows.changed, TAILQ_FIRST(&account->sessions));
			return;
		}
}

static void sweep_due(void *state)
{
	struct session *session;

	(void)state;
	rows.is_mending = rows.is_in_doubt;
	rows.is_in_doubt = false;
	if (rows.is_mending)
		all_enlist();
	while ((session = LIST_FIRST(&rows.active)) != NULL)
		session_enlist(&rows.changed, session);
	if (LIST_EMPTY(&rows.changed))
		witness_enlist();
	flush_ask(FLUSH_MS);
	timer_set(rows.sweep, SWEEP_MS);
}

/* ---- what is told ---- */

static void session_changed(struct session *session)
{
	session_enlist(&rows.changed, session);
	flush_ask(FLUSH_MS);
}

static void session_active(struct session *session)
{
	session_enlist(&rows.active, session);
}

static void session_ended(struct session *session)
{
	session_delist(session);
	if (session->known == ROW_ABSENT)
		return;
	ended_add(session->id);
	flush_ask(FLUSH_MS);
}

/* ---- from start to stop ---- */

static const struct session_watcher session_rows_watcher = {
	.changed = session_changed,
	.active = session_active,
	.ended = session_ended,
};

void session_rows_start(void)
{
	LIST_INIT(&rows.changed);
	LIST_INIT(&rows.active);
	rows.flush = timer_new(flush_due, NULL);
	rows.sweep = timer_new(sweep_due, NULL);
	timer_set(rows.sweep, SWEEP_MS);
	sessions_watch(&session_rows_watcher);
	rows_make_empty();
}

void session_rows_stop(void)
{
	sessions_watch(NULL);
	timer_free(&rows.flush);
	timer_free(&rows.sweep);
	while (rows.ended.count > 0)
		departures_write();
}
