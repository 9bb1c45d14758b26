/* postgresql-schema.c - bringing the schema up to date, over a connection of its own, at start. */
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "store/postgresql.h"

/* Any number will do, as long as all versions take the same ("godwit" in ASCII). */
#define LOCK_SQL "SELECT pg_advisory_xact_lock(113728124578164)"

/* Functions that act with the owner's rights keep this path (SET search_path FROM CURRENT). Where
 * it does not name them, temporary tables come first, and whoever calls could put theirs in the
 * place of ours. */
#define PATH_SQL \
	"SELECT set_config('search_path', current_setting('search_path') || ', pg_temp', false)" \
	" WHERE current_schema() IS NOT NULL"

#define SERVER_ROLE "godwit_server"

struct database {
	PGconn *pg;
	const char *shown;
	struct arena *arena;
};

static void database_error(
    const struct database *database, const char *what, const char **error_out)
{
	char *words = postgresql_words(PQerrorMessage(database->pg));

	*error_out = arena_printf(database->arena,
	    "cannot %s the database %s: PostgreSQL says \"%s\"; the user must own the database "
	    "(ALTER "
	    "DATABASE ... OWNER TO ...), and the database be godwit's alone",
	    what, database->shown, words);
	mem_free(words);
}

static bool database_run(
    const struct database *database, const char *sql, const char *what, const char **error_out)
{
	PGresult *result = PQexec(database->pg, sql);
	bool is_ok = postgresql_is_ok(result);

	PQclear(result);
	if (!is_ok)
		database_error(database, what, error_out);
	return is_ok;
}

/* The first column of the first row as a number, 0 if it is NULL. */
static bool database_ask(
    const struct database *database, const char *sql, unsigned *number_out, const char **error_out)
{
	PGresult *result = PQexec(database->pg, sql);
	int64_t number = 0;
	bool is_ok = PQresultStatus(result) == PGRES_TUPLES_OK;

	if (is_ok && !PQgetisnull(result, 0, 0))
		is_ok = number_parse(PQgetvalue(result, 0, 0), 0, UINT32_MAX, &number);
	PQclear(result);
	*number_out = (unsigned)number;
	if (!is_ok)
		database_error(database, "read", error_out);
	return is_ok;
}

static bool schema_number(void *state, unsigned *number_out, const char **error_out)
{
	const struct database *database = state;

	if (!database_ask(database,
		"SELECT count(*) FROM pg_class WHERE oid = to_regclass('schema_version')",
		number_out, error_out))
		return false;
	return *number_out == 0 || database_ask(database, "SELECT max(number) FROM schema_version",
				       number_out, error_out);
}

static bool schema_step(
    const struct database *database, const struct migration *step, const char **error_out)
{
	const char *what =
	    arena_printf(database->arena, "take step %03u-%s in", step->number, step->name);
	char *name = PQescapeLiteral(database->pg, step->name, strlen(step->name));
	const char *note = arena_printf(database->arena,
	    "INSERT INTO schema_version (number, name, applied_at) VALUES (%u, %s, %lld)",
	    step->number, name, (long long)time_now_us());

	PQfreemem(name);
	return database_run(database, step->sql, what, error_out) &&
	       database_run(database, note, what, error_out) &&
	       database_run(database, "COMMIT", what, error_out);
}

static bool schema_take(void *state, const struct migration *step, const char **error_out)
{
	const struct database *database = state;
	unsigned number;
	bool taken = false;

	if (database_run(database, "BEGIN", "lock", error_out) &&
	    database_run(database, LOCK_SQL, "lock", error_out) &&
	    schema_number(state, &number, error_out))
		taken = number >= step->number || schema_step(database, step, error_out);
	if (PQtransactionStatus(database->pg) != PQTRANS_IDLE)
		PQclear(PQexec(database->pg, "ROLLBACK"));
	return taken;
}

/* A step may take its time, and another server's steps too. */
static bool schema_bring(struct database *database, const char *schema_dir, bool migrate,
    unsigned *schema_out, const char **error_out)
{
	const struct schema_access access = { "postgresql", database, schema_number, schema_take };

	return database_run(database, "SET lock_timeout = '60s'", "use", error_out) &&
	       database_run(database, "SET statement_timeout = 0", "use", error_out) &&
	       database_run(database, PATH_SQL, "use", error_out) &&
	       schema_update(&access, schema_dir, migrate, database->arena, schema_out, error_out);
}

static bool encoding_is_utf8(const struct database *database, const char **error_out)
{
	const char *encoding = PQparameterStatus(database->pg, "server_encoding");

	if (text_equal(encoding, "UTF8"))
		return true;
	*error_out = arena_printf(database->arena,
	    "the database %s has the encoding %s, and people write in all languages: make it anew "
	    "with "
	    "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0",
	    database->shown, encoding == NULL ? "(unknown)" : encoding);
	return false;
}

/* The triggers of the log know the server by its role (schema/003-live.postgresql.sql). */
static void role_check(const struct database *database)
{
	PGresult *result = PQexec(database->pg, "SELECT session_user");
	const char *role =
	    PQresultStatus(result) == PGRES_TUPLES_OK ? PQgetvalue(result, 0, 0) : SERVER_ROLE;

	if (strcmp(role, SERVER_ROLE) != 0)
		log_warning(NULL, "the server's own writes are logged as changes, which costs time",
		    KV("role", role), KV("expected", SERVER_ROLE),
		    KV("cure", "make the role with roles.sql, give it the tables with REASSIGN "
			       "OWNED, and let the server log in as it; see admin.md"));
	PQclear(result);
}

static char *server_version(PGconn *pg)
{
	const char *version = PQparameterStatus(pg, "server_version");
	struct text text = { 0 };

	if (version == NULL)
		version = "?";
	text_printf(&text, "PostgreSQL %.*s", (int)strcspn(version, " "), version);
	return text.at;
}

bool postgresql_schema_update(const char *uri, const char *schema_dir, bool migrate,
    struct arena *arena, unsigned *schema_out, char **version_out, const char **error_out)
{
	struct database database = { NULL, postgresql_uri_shown(uri, arena), arena };
	char *words;
	bool done;

	if (database.shown == NULL) {
		/* What libpq says of it would repeat the password. */
		*error_out =
		    "the database's URI is not well-formed: write "
		    "\"postgresql://USER:PASSWORD@HOST:PORT/DATABASE\", with %XX for characters "
		    "other than letters and digits in the password";
		return false;
	}
	database.pg = postgresql_connect(uri, 0, &words);
	if (database.pg == NULL) {
		*error_out = arena_printf(arena,
		    "cannot connect to the database %s: %s; check that PostgreSQL runs there, that "
		    "user "
		    "and database exist, and the password",
		    database.shown, words);
		mem_free(words);
		return false;
	}
	done = encoding_is_utf8(&database, error_out) &&
	       schema_bring(&database, schema_dir, migrate, schema_out, error_out);
	if (done && migrate)
		role_check(&database);
	if (done)
		*version_out = server_version(database.pg);
	PQfinish(database.pg);
	return done;
}
