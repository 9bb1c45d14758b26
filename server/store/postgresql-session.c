/* postgresql-session.c - connecting to PostgreSQL, and the settings of each session.
 * This blocks, so it happens at start or in a thread of its own (postgresql-connection.c): libpq
 * looks up names and reads password files without asking who waits. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/mem.h"
#include "store/postgresql.h"

#define SETTINGS_MS 3000
/* How often, and at what intervals, we look whether a session has ended. */
#define ENDING_LOOKS 25
#define ENDING_LOOK_MS 20
/* A number is used again by and by, a number and the time of its beginning is not. */
#define SESSION_NAME "pid || ' ' || extract(epoch FROM backend_start)"

/* What stands before the URI can be set otherwise in it. A peer that vanished is noticed in 25 s if
 * nothing is said, and in 10 s if something is. */
static const char *const keywords[] = { "fallback_application_name", "connect_timeout",
	"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
	"target_session_attrs", "dbname", "client_encoding", NULL };
static const char *const values[] = { "godwit", "3", "10", "5", "3", "10000", "read-write", NULL,
	"UTF8", NULL };
#define URI_INDEX 7

char *postgresql_words(const char *message)
{
	char *words = mem_strdup(message == NULL ? "" : message);
	size_t length = strlen(words);

	while (length > 0 && words[length - 1] == '\n')
		words[--length] = '\0';
	for (char *at = words; *at != '\0'; at++)
		if (*at == '\n' || *at == '\t')
			*at = ' ';
	return words;
}

static const char *option_value(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword != NULL; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val;
	return NULL;
}

char *postgresql_uri_shown(const char *uri, struct arena *arena)
{
	PQconninfoOption *options = PQconninfoParse(uri, NULL);
	const char *host, *port, *user, *name;
	char *shown;

	if (options == NULL)
		return NULL;
	host = option_value(options, "host");
	port = option_value(options, "port");
	/* Of several hosts without ports libpq makes ",". */
	if (port != NULL && port[strspn(port, ",")] == '\0')
		port = NULL;
	user = option_value(options, "user");
	name = option_value(options, "dbname");
	shown = arena_printf(arena, "postgresql://%s%s%s%s%s/%s", user == NULL ? "" : user,
	    user == NULL ? "" : "@", host == NULL ? "" : host, port == NULL ? "" : ":",
	    port == NULL ? "" : port, name == NULL ? "" : name);
	PQconninfoFree(options);
	return shown;
}

/* Notices, as of a DROP TABLE IF EXISTS, would go to standard error. */
static void notice_take(void *state, const char *message)
{
	log_debug(NULL, "database notice", KV("text", message));
}

/* Not a worker's clock, which stands still for the length of a round. */
static int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for the answer to what was sent, but not for ever: the server may have stopped. */
static PGresult *result_wait(PGconn *pg, int timeout_ms)
{
	int64_t end_ms = clock_ms() + timeout_ms;

	while (PQisBusy(pg)) {
		struct pollfd ready = { .fd = PQsocket(pg), .events = POLLIN };
		int64_t left_ms = end_ms - clock_ms();

		if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) < 0 || !PQconsumeInput(pg))
			return NULL;
	}
	return PQgetResult(pg);
}

/* A lock that somebody holds must not keep a worker waiting (the account is put aside, and tried
 * again), nor what we gave up go on working. A
 * commit is on the disk when it is confirmed, unless there are even stricter rules. */
static bool settings_make(PGconn *pg, unsigned give_up_ms)
{
	struct text sql = { 0 };
	PGresult *result;
	bool made;

	text_printf(&sql,
	    "SELECT set_config('lock_timeout', '100', false),"
	    " set_config('statement_timeout', '%u', false),"
	    " set_config('idle_in_transaction_session_timeout', '10000', false),"
	    " set_config('default_transaction_isolation', 'read committed', false),"
	    " set_config('standard_conforming_strings', 'on', false),"
	    " set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
	    " WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)",
	    give_up_ms);
	made = PQsendQuery(pg, sql.at);
	text_free(&sql);
	if (!made)
		return false;
	result = result_wait(pg, SETTINGS_MS);
	made = result != NULL && postgresql_is_ok(result);
	PQclear(result);
	if (made)
		PQclear(PQgetResult(pg));
	return made;
}

/* One value, asked for a session by its name; NULL if there is none. The caller frees it. */
static char *session_ask(PGconn *pg, const char *sql, const char *name)
{
	PGresult *result;
	char *value = NULL;

	if (!PQsendQueryParams(pg, sql, name == NULL ? 0 : 1, NULL, &name, NULL, NULL, 0))
		return NULL;
	result = result_wait(pg, SETTINGS_MS);
	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
		value = mem_strdup(PQgetvalue(result, 0, 0));
	/* One that did not answer in time is of no use any more, which will be noticed soon enough.
	 */
	if (result != NULL)
		PQclear(PQgetResult(pg));
	PQclear(result);
	return value;
}

char *postgresql_session_name(PGconn *pg)
{
	return session_ask(
	    pg, "SELECT " SESSION_NAME " FROM pg_stat_activity WHERE pid = pg_backend_pid()", NULL);
}

void postgresql_session_end(PGconn *pg, const char *name)
{
	char *answer = session_ask(pg,
	    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " SESSION_NAME " = $1",
	    name);

	for (int look = 0; answer != NULL && look < ENDING_LOOKS; look++) {
		mem_free(answer);
		poll(NULL, 0, ENDING_LOOK_MS);
		answer = session_ask(
		    pg, "SELECT pid FROM pg_stat_activity WHERE " SESSION_NAME " = $1", name);
	}
	mem_free(answer);
}

PGconn *postgresql_connect(const char *uri, unsigned give_up_ms, char **error_out)
{
	const char *with_uri[COUNT_OF(values)];
	const char *message;
	PGconn *pg;

	memcpy(with_uri, values, sizeof(values));
	with_uri[URI_INDEX] = uri;
	pg = PQconnectdbParams(keywords, with_uri, 1);
	if (PQstatus(pg) == CONNECTION_OK) {
		PQsetNoticeProcessor(pg, notice_take, NULL);
		if (settings_make(pg, give_up_ms))
			return pg;
	}
	message = PQerrorMessage(pg);
	*error_out = postgresql_words(message[0] == '\0' ? "it does not answer" : message);
	PQfinish(pg);
	return NULL;
}
