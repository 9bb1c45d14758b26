/* sqlite.c - the SQLite driver: one thread for the process, which all workers send their requests
 * to. A worker gathers what is asked in a round of its loop into one parcel. The thread takes all
 * parcels that have come while it was busy and runs them as one batch, so the more there is to do,
 * the fewer commits it takes; then each parcel goes back to its worker with the answers. Parcels
 * keep their order both ways. */
#include <semaphore.h>
#include <sys/prctl.h>

#include "base/arena.h"
#include "base/mem.h"
#include "loop/timer.h"
#include "store/sqlite.h"

/* Between two attempts to write while another process does. */
#define RETRY_MS 20

/* What one worker asked in one round. */
struct sqlite_parcel {
	struct mail mail;
	STAILQ_ENTRY(sqlite_parcel) link;
	struct sqlite_connection *connection;
	struct request_list requests;
	size_t count;
};

struct sqlite_connection {
	struct connection base;
	struct sqlite_parcel *parcel; /* being filled; NULL: nothing was asked in this round */
	struct later send;
	struct mail give_up;
};

/* --- on the thread --- */

static struct request **parcels_flatten(const struct sqlite_parcels *parcels, size_t *count_out)
{
	const struct sqlite_parcel *parcel;
	struct request **requests, *request;
	size_t count = 0;

	STAILQ_FOREACH (parcel, parcels, link)
		count += parcel->count;
	requests = mem_alloc(count * sizeof(struct request *));
	*count_out = count;
	count = 0;
	STAILQ_FOREACH (parcel, parcels, link)
		STAILQ_FOREACH (request, &parcel->requests, link)
			requests[count++] = request;
	return requests;
}

/* Back on the worker that asked. */
static void parcel_returned(struct mail *mail)
{
	struct sqlite_parcel *parcel = CONTAINER_OF(mail, struct sqlite_parcel, mail);
	struct request *request;

	while ((request = STAILQ_FIRST(&parcel->requests)) != NULL) {
		struct sqlite_answer *answer = request->answer;

		STAILQ_REMOVE_HEAD(&parcel->requests, link);
		request_finish(&parcel->connection->base, request, sqlite_answer_result(answer));
		sqlite_answer_free(&answer);
	}
	mem_free(parcel);
}

static struct sqlite_parcel *parcel_new(struct sqlite_connection *connection)
{
	struct sqlite_parcel *parcel = mem_alloc_zero(sizeof(*parcel));

	parcel->connection = connection;
	STAILQ_INIT(&parcel->requests);
	return parcel;
}

static void parcel_add(struct sqlite_parcel *parcel, struct request *request)
{
	STAILQ_INSERT_TAIL(&parcel->requests, request, link);
	parcel->count++;
}

/* Takes those without an answer out of the parcel; NULL if there are none. */
static struct sqlite_parcel *parcel_split(struct sqlite_parcel *parcel)
{
	struct sqlite_parcel *rest = parcel_new(parcel->connection);
	struct request_list all = STAILQ_HEAD_INITIALIZER(all);
	struct request *request;

	STAILQ_CONCAT(&all, &parcel->requests);
	parcel->count = 0;
	while ((request = STAILQ_FIRST(&all)) != NULL) {
		STAILQ_REMOVE_HEAD(&all, link);
		parcel_add(request->answer == NULL ? rest : parcel, request);
	}
	if (rest->count > 0)
		return rest;
	mem_free(rest);
	return NULL;
}

/* Leaves in `arrived` what has to wait. */
static void parcels_split(struct sqlite_parcels *parcels, struct sqlite_parcels *arrived)
{
	struct sqlite_parcel *parcel, *rest;

	STAILQ_FOREACH (parcel, parcels, link) {
		rest = parcel_split(parcel);
		if (rest != NULL)
			STAILQ_INSERT_TAIL(arrived, rest, link);
	}
}

static void parcels_work(struct later *later);

static void retry_due(void *state)
{
	struct sqlite_store *sqlite = state;

	worker_later(&sqlite->work, parcels_work);
}

/* The thread has a timer only while somebody waits for another process. */
static void retry_later(struct sqlite_store *sqlite)
{
	if (STAILQ_EMPTY(&sqlite->arrived)) {
		timer_free(&sqlite->retry);
		return;
	}
	if (sqlite->retry == NULL)
		sqlite->retry = timer_new(retry_due, sqlite);
	timer_set(sqlite->retry, RETRY_MS);
}

static void parcels_work(struct later *later)
{
	struct sqlite_store *sqlite = CONTAINER_OF(later, struct sqlite_store, work);
	struct sqlite_parcels parcels = STAILQ_HEAD_INITIALIZER(parcels);
	struct sqlite_parcel *parcel;
	size_t count;
	struct request **requests = parcels_flatten(&sqlite->arrived, &count);
	bool some_wait = sqlite_batch_run(sqlite, requests, count);

	mem_free(requests);
	STAILQ_CONCAT(&parcels, &sqlite->arrived);
	if (some_wait)
		parcels_split(&parcels, &sqlite->arrived);
	while ((parcel = STAILQ_FIRST(&parcels)) != NULL) {
		STAILQ_REMOVE_HEAD(&parcels, link);
		worker_post(parcel->connection->base.worker, &parcel->mail, parcel_returned);
	}
	retry_later(sqlite);
}

static void parcel_arrived(struct mail *mail)
{
	struct sqlite_parcel *parcel = CONTAINER_OF(mail, struct sqlite_parcel, mail);
	struct sqlite_store *sqlite = (struct sqlite_store *)parcel->connection->base.store;

	STAILQ_INSERT_TAIL(&sqlite->arrived, parcel, link);
	worker_later(&sqlite->work, parcels_work);
}

/* --- on the workers --- */

static void parcel_send(struct later *later)
{
	struct sqlite_connection *connection = CONTAINER_OF(later, struct sqlite_connection, send);
	struct sqlite_store *sqlite = (struct sqlite_store *)connection->base.store;
	struct sqlite_parcel *parcel = connection->parcel;

	connection->parcel = NULL;
	worker_post(sqlite->thread, &parcel->mail, parcel_arrived);
}

static void sqlite_run(struct connection *base, struct request *request)
{
	struct sqlite_connection *connection = (struct sqlite_connection *)base;

	if (connection->parcel == NULL) {
		connection->parcel = parcel_new(connection);
		worker_later(&connection->send, parcel_send);
	}
	parcel_add(connection->parcel, request);
}

static void given_up(struct mail *mail)
{
	struct sqlite_connection *connection =
	    CONTAINER_OF(mail, struct sqlite_connection, give_up);
	struct sqlite_store *sqlite = (struct sqlite_store *)connection->base.store;

	sqlite->giving_up = true;
	worker_later(&sqlite->work, parcels_work);
}

static void sqlite_give_up(struct connection *base)
{
	struct sqlite_connection *connection = (struct sqlite_connection *)base;
	const struct sqlite_store *sqlite = (const struct sqlite_store *)base->store;

	worker_post(sqlite->thread, &connection->give_up, given_up);
}

static struct connection *sqlite_attach(struct store *store)
{
	struct sqlite_connection *connection = mem_alloc_zero(sizeof(*connection));

	connection_init(&connection->base, store);
	return &connection->base;
}

struct goodbye {
	struct mail mail;
	sem_t said;
};

static void goodbye_say(struct mail *mail)
{
	sem_post(&CONTAINER_OF(mail, struct goodbye, mail)->said);
}

/* The thread answers everything in bounded time, for it does not wait for ever for another process.
 * Having the last answer is not enough, for the thread may still be about to wake us for it. */
static void sqlite_detach(struct connection *connection)
{
	const struct sqlite_store *sqlite = (struct sqlite_store *)connection->store;
	struct goodbye goodbye;

	while (connection->waiting > 0) {
		connection->drained = false;
		worker_run_until(connection->worker, &connection->drained);
	}
	sqlite_watch_end(connection);
	sem_init(&goodbye.said, 0, 0);
	worker_post(sqlite->thread, &goodbye.mail, goodbye_say);
	while (sem_wait(&goodbye.said) != 0)
		;
	sem_destroy(&goodbye.said);
	mem_free(connection);
}

static bool sqlite_is_up(const struct connection *connection)
{
	return true;
}

static void sqlite_close(struct store *store)
{
	struct sqlite_store *sqlite = (struct sqlite_store *)store;

	worker_stop(sqlite->thread);
	worker_join(sqlite->thread);
	worker_free(&sqlite->thread);
	for (unsigned i = 0; i < sqlite->prepared_count; i++)
		sqlite3_finalize(sqlite->prepared[i]);
	mem_free(sqlite->prepared);
	sqlite3_finalize(sqlite->begin);
	sqlite3_finalize(sqlite->mark);
	sqlite3_finalize(sqlite->unmark);
	sqlite3_finalize(sqlite->commit);
	sqlite3_finalize(sqlite->rollback);
	sqlite3_close(sqlite->db);
	store_finish(store);
	mem_free(sqlite->watch);
	mem_free(sqlite);
}

static const struct statement goal_select = STATEMENT("SELECT COALESCE(MAX(id), 0) FROM changes");
static const struct statement page_select =
    STATEMENT("SELECT id, subject, operation, domain, username, before, after FROM changes"
	      " WHERE id > CAST($1 AS INTEGER) AND id <= CAST($2 AS INTEGER) AND id > $3"
	      " ORDER BY id LIMIT $4");
static const struct change_log sqlite_change_log = { "0", NULL, &goal_select, &page_select };

static const struct driver sqlite_driver = {
	.attach = sqlite_attach,
	.run = sqlite_run,
	.give_up = sqlite_give_up,
	.detach = sqlite_detach,
	.close = sqlite_close,
	.is_up = sqlite_is_up,
	.watch = sqlite_watch,
	.change_log = &sqlite_change_log,
};

static void sqlite_started(struct worker *thread, void *state)
{
	(void)thread;
	(void)state;
	prctl(PR_SET_NAME, "sqlite");
}

struct store *sqlite_open(const char *path, const char *schema_dir, bool migrate,
    const struct store_limits *limits, struct arena *arena, const char **error_out)
{
	unsigned schema;
	sqlite3 *db = sqlite_file_open(path, schema_dir, migrate, arena, &schema, error_out);
	struct sqlite_store *sqlite;
	struct text version = { 0 };

	if (db == NULL)
		return NULL;
	sqlite = mem_alloc_zero(sizeof(*sqlite));
	store_init(&sqlite->base, &sqlite_driver, limits);
	text_printf(&version, "SQLite %s", sqlite3_libversion());
	sqlite->base.version = version.at;
	sqlite->base.schema = schema;
	sqlite->db = db;
	sqlite->begin = sqlite_prepare(db, "BEGIN IMMEDIATE");
	/* What is written while the mark is there is not logged as somebody else's, see
	 * schema/003-live.sqlite.sql. */
	sqlite->mark = sqlite_prepare(db, "INSERT INTO server_transaction (mark) VALUES (1)");
	sqlite->unmark = sqlite_prepare(db, "DELETE FROM server_transaction");
	sqlite->commit = sqlite_prepare(db, "COMMIT");
	sqlite->rollback = sqlite_prepare(db, "ROLLBACK");
	STAILQ_INIT(&sqlite->arrived);
	sqlite->thread = worker_new(0);
	worker_start(sqlite->thread, sqlite_started, NULL, NULL);
	return &sqlite->base;
}
