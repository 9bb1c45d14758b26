/* sqlite-watch.c - noticing that another process has changed the database. SQLite tells nobody, but
 * keeps a number that changes with each commit of somebody else, and to read it costs about two
 * microseconds: four times a second somebody looks. */
#include <stdatomic.h>

#include "base/mem.h"
#include "loop/timer.h"
#include "store/sqlite.h"

#define LOOK_MS 250

struct sqlite_watch {
	struct mail start, wake, stop;
	struct sqlite_store *sqlite;
	struct connection *connection;
	atomic_bool is_waking; /* the mail is on its way */
	/* Of SQLite's thread. */
	struct timer *look;
	sqlite3_stmt *ask;
	int64_t version;
};

/* On the worker that follows. */
static void worker_woken(struct mail *mail)
{
	struct sqlite_watch *watch = CONTAINER_OF(mail, struct sqlite_watch, wake);

	atomic_store(&watch->is_waking, false);
	connection_wake(watch->connection, WAKE_CHANGED);
}

/* ---- on SQLite's thread ---- */

static int64_t version_ask(const struct sqlite_watch *watch)
{
	int64_t version = 0;

	if (sqlite3_step(watch->ask) == SQLITE_ROW)
		version = sqlite3_column_int64(watch->ask, 0);
	sqlite3_reset(watch->ask);
	return version;
}

static void look_due(void *state)
{
	struct sqlite_watch *watch = state;
	int64_t version = version_ask(watch);

	timer_set(watch->look, LOOK_MS);
	if (version == watch->version)
		return;
	watch->version = version;
	if (!atomic_exchange(&watch->is_waking, true))
		worker_post(watch->connection->worker, &watch->wake, worker_woken);
}

static void look_start(struct mail *mail)
{
	struct sqlite_watch *watch = CONTAINER_OF(mail, struct sqlite_watch, start);

	watch->ask = sqlite_prepare(watch->sqlite->db, "PRAGMA data_version");
	watch->version = version_ask(watch);
	watch->look = timer_new(look_due, watch);
	timer_set(watch->look, LOOK_MS);
}

static void look_stop(struct mail *mail)
{
	struct sqlite_watch *watch = CONTAINER_OF(mail, struct sqlite_watch, stop);

	timer_free(&watch->look);
	sqlite3_finalize(watch->ask);
}

/* ---- on the worker ---- */

void sqlite_watch(struct connection *connection)
{
	struct sqlite_store *sqlite = (struct sqlite_store *)connection->store;
	struct sqlite_watch *watch = mem_alloc_zero(sizeof(*watch));

	watch->sqlite = sqlite;
	watch->connection = connection;
	sqlite->watch = watch;
	worker_post(sqlite->thread, &watch->start, look_start);
}

void sqlite_watch_end(struct connection *connection)
{
	struct sqlite_store *sqlite = (struct sqlite_store *)connection->store;

	if (sqlite->watch != NULL && sqlite->watch->connection == connection)
		worker_post(sqlite->thread, &sqlite->watch->stop, look_stop);
}
