/* postgresql.c - the PostgreSQL driver: attaching and detaching workers, and requests that got too
 * old. What a request goes through: waiting, then in a batch (postgresql-pipeline.c), and back to
 * waiting when the connection is lost before it was answered (postgresql-connection.c). */
#include "store/postgresql.h"

#include "base/arena.h"
#include "base/mem.h"

#define DETACH_MS 5000

static struct request *oldest_request(struct postgresql_connection *connection)
{
	struct batch *batch = TAILQ_FIRST(&connection->batches);

	if (batch != NULL && !STAILQ_EMPTY(&batch->held))
		return STAILQ_FIRST(&batch->held);
	if (batch != NULL && !STAILQ_EMPTY(&batch->sent))
		return STAILQ_FIRST(&batch->sent);
	return STAILQ_FIRST(&connection->waiting);
}

/* How long it may still wait, in ms. */
static int64_t request_time_left(
    const struct postgresql_connection *connection, const struct request *request)
{
	return request->asked_ms + connection->base.store->limits.give_up_ms - worker_now_ms();
}

/* Fails what waits, from the oldest on, `all` or only what is too old. */
static void waiting_fail(struct postgresql_connection *connection, bool all, const char *words)
{
	const struct store_result failed = STORE_RESULT_FAILED(RC_RESOURCE_CONSTRAINT, words);
	struct request *request;

	while ((request = STAILQ_FIRST(&connection->waiting)) != NULL &&
	       (all || request_time_left(connection, request) <= 0)) {
		STAILQ_REMOVE_HEAD(&connection->waiting, link);
		if (request->is_trial)
			postgresql_trial_over(connection, request);
		request_finish(&connection->base, request, &failed);
	}
}

static void give_up_watch(struct postgresql_connection *connection)
{
	const struct request *oldest = oldest_request(connection);
	int64_t left_ms;

	if (oldest == NULL || timer_is_set(connection->give_up))
		return;
	left_ms = request_time_left(connection, oldest);
	timer_set(connection->give_up, left_ms > 0 ? (unsigned)left_ms : 1);
}

/* A server that has taken a request and says nothing for so long hangs: its connection goes, too.
 */
static void give_up_due(void *state)
{
	struct postgresql_connection *connection = state;
	const struct request *oldest = oldest_request(connection);

	if (oldest != NULL && request_time_left(connection, oldest) <= 0 && connection->pg != NULL)
		postgresql_connection_lost(connection, "it does not answer any more");
	waiting_fail(connection, false, "the database did not answer in time");
	give_up_watch(connection);
}

static void postgresql_run(struct connection *base, struct request *request)
{
	struct postgresql_connection *connection = (struct postgresql_connection *)base;

	STAILQ_INSERT_TAIL(&connection->waiting, request, link);
	worker_later(&connection->work, postgresql_work);
	give_up_watch(connection);
}

static void retry_due(void *state)
{
	postgresql_connect_start(state);
}

static struct connection *postgresql_attach(struct store *store)
{
	struct postgresql_connection *connection = mem_alloc_zero(sizeof(*connection));

	connection_init(&connection->base, store);
	STAILQ_INIT(&connection->waiting);
	TAILQ_INIT(&connection->batches);
	TAILQ_INIT(&connection->locked);
	connection->gather = timer_new(postgresql_gathered, connection);
	connection->give_up = timer_new(give_up_due, connection);
	connection->retry = timer_new(retry_due, connection);
	connection->trial = timer_new(postgresql_trial_due, connection);
	postgresql_connect_start(connection);
	return &connection->base;
}

struct patience {
	struct connection *connection;
	bool is_over;
};

static void patience_over(void *state)
{
	struct patience *patience = state;

	patience->is_over = true;
	patience->connection->drained = true;
}

static void connection_drain(struct connection *connection)
{
	struct patience patience = { connection, false };
	struct timer *timer = timer_new(patience_over, &patience);

	timer_set(timer, DETACH_MS);
	while (connection->waiting > 0 && !patience.is_over) {
		connection->drained = false;
		worker_run_until(connection->worker, &connection->drained);
	}
	timer_free(&timer);
}

static void postgresql_give_up(struct connection *base)
{
	struct postgresql_connection *connection = (struct postgresql_connection *)base;

	base->closing = true;
	timer_clear(connection->retry);
	postgresql_connection_close(connection);
	postgresql_release_all(connection);
	waiting_fail(connection, true, "the server ends, and the database is away");
}

static void postgresql_detach(struct connection *base)
{
	struct postgresql_connection *connection = (struct postgresql_connection *)base;
	struct postgresql_store *store = (struct postgresql_store *)base->store;

	connection_drain(base);
	postgresql_give_up(base);
	postgresql_connect_abandon(connection);
	while (base->waiting > 0)
		connection_refuse_now(base);
	if (connection->is_away)
		atomic_fetch_sub(&store->away, 1);
	later_cancel(&connection->work);
	later_cancel(&base->refuse);
	timer_free(&connection->gather);
	timer_free(&connection->give_up);
	timer_free(&connection->trial);
	mem_free(connection->session);
	mem_free(connection);
}

static bool postgresql_is_up(const struct connection *connection)
{
	return ((const struct postgresql_connection *)connection)->pg != NULL;
}

/* Each connection asks for notices itself, and hears of them between its answers. */
static void postgresql_watch(struct connection *connection)
{
	(void)connection;
}

static void postgresql_close(struct store *store)
{
	struct postgresql_store *postgresql = (struct postgresql_store *)store;

	postgresql_abandoned_join(postgresql);
	pthread_mutex_destroy(&postgresql->lock);
	mem_free(postgresql->uri);
	store_finish(store);
	mem_free(postgresql);
}

static const struct statement listen_run = STATEMENT("LISTEN godwit_changes");
static const struct statement goal_select = STATEMENT("SELECT pg_current_snapshot()::TEXT");
static const struct statement page_select =
    STATEMENT("SELECT id, subject, operation, domain, username, before, after FROM changes"
	      " WHERE transaction_id >= pg_snapshot_xmin($1::PG_SNAPSHOT)"
	      " AND NOT pg_visible_in_snapshot(transaction_id, $1::PG_SNAPSHOT)"
	      " AND pg_visible_in_snapshot(transaction_id, $2::PG_SNAPSHOT)"
	      " AND id > $3 ORDER BY id LIMIT $4");
static const struct change_log postgresql_change_log = { "1:1:", &listen_run, &goal_select,
	&page_select };

static const struct driver postgresql_driver = {
	.attach = postgresql_attach,
	.run = postgresql_run,
	.give_up = postgresql_give_up,
	.detach = postgresql_detach,
	.close = postgresql_close,
	.is_up = postgresql_is_up,
	.watch = postgresql_watch,
	.change_log = &postgresql_change_log,
};

struct store *postgresql_open(const char *uri, const char *schema_dir, bool migrate,
    const struct store_limits *limits, struct arena *arena, const char **error_out)
{
	struct postgresql_store *store;
	unsigned schema;
	char *version;

	if (!postgresql_schema_update(
		uri, schema_dir, migrate, arena, &schema, &version, error_out))
		return NULL;
	store = mem_alloc_zero(sizeof(*store));
	store_init(&store->base, &postgresql_driver, limits);
	store->base.version = version;
	store->base.schema = schema;
	store->uri = mem_strdup(uri);
	pthread_mutex_init(&store->lock, NULL);
	SLIST_INIT(&store->abandoned);
	return &store->base;
}
