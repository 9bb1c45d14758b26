/* postgresql-connection.c - getting a connection, and getting another when it is lost.
 * Each attempt runs in a thread of its own, because connecting blocks in many ways (looking up
 * names above all); the connection comes to the worker by mail, ready for use. Attempts start at
 * most a second apart, at random moments, so that many workers do not all come at once. */
#define _GNU_SOURCE /* pthread_timedjoin_np() */
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "store/postgresql.h"

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 1000
/* What an orderly stop gives to attempts that are under way. */
#define JOIN_SECONDS 3

enum attempt_state { ATTEMPT_RUNS, ATTEMPT_POSTED, ATTEMPT_ABANDONED };

struct postgresql_attempt {
	struct mail mail;
	_Atomic enum attempt_state state;
	pthread_t thread;
	struct postgresql_connection *connection;
	struct worker *worker;
	char *uri;
	char *before; /* the session that it follows, or NULL */
	unsigned give_up_ms;
	PGconn *pg; /* or NULL and */
	char *error;
	char *session; /* its name */
};

static void attempt_free(struct postgresql_attempt *attempt)
{
	PQfinish(attempt->pg);
	mem_free(attempt->error);
	mem_free(attempt->uri);
	mem_free(attempt->before);
	mem_free(attempt->session);
	mem_free(attempt);
}

/* --- on the worker, when an attempt is over --- */

static void away_log(struct postgresql_connection *connection, const char *reason)
{
	struct postgresql_store *store = (struct postgresql_store *)connection->base.store;
	char *words;

	if (connection->is_away)
		return;
	connection->is_away = true;
	connection->away_since_ms = worker_now_ms();
	/* Once for all workers. */
	if (atomic_fetch_add(&store->away, 1) > 0)
		return;
	words = postgresql_words(reason);
	log_warning(store->base.log, "database is away", KV("reason", words));
	mem_free(words);
}

static void back_log(struct postgresql_connection *connection)
{
	struct postgresql_store *store = (struct postgresql_store *)connection->base.store;

	if (!connection->is_away)
		return;
	connection->is_away = false;
	if (atomic_fetch_sub(&store->away, 1) == 1)
		log_info(store->base.log, "database is back",
		    KV("ms", worker_now_ms() - connection->away_since_ms));
}

/* Between half and all of a time that doubles up to a second. */
static void retry_later(struct postgresql_connection *connection)
{
	unsigned longest_ms = RETRY_FIRST_MS << connection->retries;
	unsigned char dice;

	if (longest_ms >= RETRY_MAX_MS)
		longest_ms = RETRY_MAX_MS;
	else
		connection->retries++;
	crypto_random(&dice, sizeof(dice));
	timer_set(connection->retry, longest_ms / 2 + longest_ms / 2 * dice / 256);
}

static void connection_take(struct postgresql_connection *connection, PGconn *pg)
{
	connection->pg = pg;
	PQsetnonblocking(pg, 1);
	PQenterPipelineMode(pg);
	connection->descriptor = descriptor_new(PQsocket(pg), postgresql_ready, connection);
	descriptor_watch(connection->descriptor, READY_READ);
	connection->retries = 0;
	back_log(connection);
	worker_later(&connection->work, postgresql_work);
	connection_wake(&connection->base, WAKE_CONNECTED);
}

static void attempt_over(struct mail *mail)
{
	struct postgresql_attempt *attempt = CONTAINER_OF(mail, struct postgresql_attempt, mail);
	struct postgresql_connection *connection = attempt->connection;
	PGconn *pg = attempt->pg;

	/* It may still be about to wake us for this mail. */
	pthread_join(attempt->thread, NULL);
	connection->attempt = NULL;
	if (connection->base.closing) {
		connection->base.drained = true;
	} else if (pg == NULL) {
		away_log(connection, attempt->error);
		retry_later(connection);
	} else {
		attempt->pg = NULL;
		mem_free(connection->session);
		connection->session = attempt->session;
		attempt->session = NULL;
		connection_take(connection, pg);
	}
	attempt_free(attempt);
}

/* --- in the thread --- */

static void *attempt_main(void *state)
{
	struct postgresql_attempt *attempt = state;
	enum attempt_state expected = ATTEMPT_RUNS;

	prctl(PR_SET_NAME, "connect");
	attempt->pg = postgresql_connect(attempt->uri, attempt->give_up_ms, &attempt->error);
	if (attempt->pg != NULL && attempt->before != NULL)
		postgresql_session_end(attempt->pg, attempt->before);
	if (attempt->pg != NULL)
		attempt->session = postgresql_session_name(attempt->pg);
	if (atomic_compare_exchange_strong(&attempt->state, &expected, ATTEMPT_POSTED))
		worker_post(attempt->worker, &attempt->mail, attempt_over);
	else
		attempt_free(attempt);
	return NULL;
}

/* --- on the worker --- */

/* Signals are for the main thread. */
static bool attempt_start(struct postgresql_attempt *attempt)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&attempt->thread, NULL, attempt_main, attempt);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error == 0;
}

void postgresql_connect_start(struct postgresql_connection *connection)
{
	const struct postgresql_store *store = (struct postgresql_store *)connection->base.store;
	struct postgresql_attempt *attempt = mem_alloc_zero(sizeof(*attempt));

	attempt->connection = connection;
	attempt->worker = connection->base.worker;
	attempt->uri = mem_strdup(store->uri);
	attempt->before = connection->session == NULL ? NULL : mem_strdup(connection->session);
	attempt->give_up_ms = store->base.limits.give_up_ms;
	if (attempt_start(attempt)) {
		connection->attempt = attempt;
		return;
	}
	attempt_free(attempt);
	away_log(connection, "no thread could be made to connect");
	retry_later(connection);
}

/* Once abandoned, an attempt is freed by its thread, at any time. */
static bool attempt_abandon(struct postgresql_store *store, struct postgresql_attempt *attempt)
{
	enum attempt_state expected = ATTEMPT_RUNS;
	pthread_t thread = attempt->thread;
	struct abandoned *abandoned;

	if (!atomic_compare_exchange_strong(&attempt->state, &expected, ATTEMPT_ABANDONED))
		return false;
	abandoned = mem_alloc_zero(sizeof(*abandoned));
	abandoned->thread = thread;
	pthread_mutex_lock(&store->lock);
	SLIST_INSERT_HEAD(&store->abandoned, abandoned, next);
	pthread_mutex_unlock(&store->lock);
	return true;
}

void postgresql_abandoned_join(struct postgresql_store *store)
{
	struct abandoned *abandoned;
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += JOIN_SECONDS;
	while ((abandoned = SLIST_FIRST(&store->abandoned)) != NULL) {
		SLIST_REMOVE_HEAD(&store->abandoned, next);
		if (pthread_timedjoin_np(abandoned->thread, NULL, &deadline) != 0)
			pthread_detach(abandoned->thread);
		mem_free(abandoned);
	}
}

void postgresql_connect_abandon(struct postgresql_connection *connection)
{
	struct postgresql_store *store = (struct postgresql_store *)connection->base.store;

	timer_free(&connection->retry);
	if (connection->attempt != NULL && attempt_abandon(store, connection->attempt))
		connection->attempt = NULL;
	/* Otherwise its mail is on the way. */
	while (connection->attempt != NULL) {
		connection->base.drained = false;
		worker_run_until(connection->base.worker, &connection->base.drained);
	}
}

void postgresql_connection_close(struct postgresql_connection *connection)
{
	postgresql_requeue(connection);
	timer_clear(connection->gather);
	descriptor_free(&connection->descriptor);
	PQfinish(connection->pg);
	connection->pg = NULL;
	mem_free(connection->prepared);
	connection->prepared = NULL;
	connection->prepared_count = 0;
}

void postgresql_connection_lost(struct postgresql_connection *connection, const char *reason)
{
	away_log(connection, reason);
	postgresql_connection_close(connection);
	retry_later(connection);
}
