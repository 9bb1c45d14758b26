/* postgresql-pipeline.c - sending requests in batches, and giving their results to those who asked.
 * A batch is what is sent up to one sync: one transaction. The reads of a round of the loop make
 * one; so do the writes, which gather until batch_ms after the commit before. A read that comes
 * while writes gather goes with them, and is answered without waiting for the commit. A write is
 * answered after it.
 *
 * When a statement fails, PostgreSQL takes the whole batch back and ignores the rest of it. Then
 * what is not answered is run again, each with a sync of its own, so that the error is final; if it
 * failed for a lock, its account is put aside (postgresql-locked.c) and the rest runs again.
 * Nothing may overtake it: behind a batch that writes, or of several (or one that prepares a
 * statement, without which those behind would fail) nothing is sent until it is over. Single reads
 * follow each other without a wait. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "store/postgresql.h"

#define BATCH_MAX_BYTES (1u << 20)

/* --- sending --- */

static struct batch *batch_last(struct postgresql_connection *connection)
{
	return TAILQ_LAST(&connection->batches, batch_list);
}

/* The open batch, a new one, or NULL if we have to wait for one that is under way. */
static struct batch *batch_for_next(struct postgresql_connection *connection)
{
	struct batch *batch = batch_last(connection);

	if (batch != NULL && !batch->is_synced)
		return batch->has_failed ? NULL : batch;
	if (batch != NULL && batch->is_barrier)
		return NULL;
	batch = mem_alloc_zero(sizeof(*batch));
	STAILQ_INIT(&batch->sent);
	STAILQ_INIT(&batch->held);
	TAILQ_INSERT_TAIL(&connection->batches, batch, link);
	return batch;
}

/* False if libpq says no: then the connection is of no use. */
static bool batch_sync(struct postgresql_connection *connection, struct batch *batch)
{
	batch->is_synced = true;
	batch->wants_flush = false;
	batch->is_barrier |= batch->count > 1 || batch->writes > 0;
	if (batch->writes > 0)
		connection->write_synced_ms = worker_now_ms();
	return PQpipelineSync(connection->pg);
}

static bool *prepared_flag(struct postgresql_connection *connection, unsigned number)
{
	unsigned count = connection->prepared_count;

	if (number >= count) {
		count = 2 * number + 16;
		connection->prepared =
		    mem_realloc(connection->prepared, count * sizeof(*connection->prepared));
		memset(connection->prepared + connection->prepared_count, 0,
		    (count - connection->prepared_count) * sizeof(*connection->prepared));
		connection->prepared_count = count;
	}
	return &connection->prepared[number];
}

static bool request_send(
    struct postgresql_connection *connection, const struct request *request, const char *name)
{
	const char *values[STORE_MAX_PARAMS];
	char numbers[STORE_MAX_PARAMS][24];
	int lengths[STORE_MAX_PARAMS], formats[STORE_MAX_PARAMS];

	for (unsigned i = 0; i < request->count; i++) {
		const struct value *value = &request->values[i];

		values[i] = value->type == VALUE_NULL ? NULL : value->bytes;
		lengths[i] = value->length;
		formats[i] = value->type == VALUE_BLOB;
		if (value->type != VALUE_INTEGER)
			continue;
		snprintf(numbers[i], sizeof(numbers[i]), "%lld", (long long)value->integer);
		values[i] = numbers[i];
	}
	return PQsendQueryPrepared(
	    connection->pg, name, (int)request->count, values, lengths, formats, 0);
}

static bool batch_add(
    struct postgresql_connection *connection, struct batch *batch, struct request *request)
{
	unsigned number = slot_number(request->slot);
	bool *prepared = prepared_flag(connection, number);
	char name[16];

	STAILQ_INSERT_TAIL(&batch->sent, request, link);
	batch->count++;
	batch->bytes += request->bytes;
	if (slot_is_read(request->slot))
		batch->wants_flush = true;
	else
		batch->writes++;
	snprintf(name, sizeof(name), "s%u", number);
	if (!*prepared) {
		*prepared = request->preparing = batch->is_barrier = true;
		if (!PQsendPrepare(connection->pg, name, request->statement->sql, 0, NULL))
			return false;
	}
	return request_send(connection, request, name);
}

static bool batch_is_full(const struct postgresql_connection *connection, const struct batch *batch,
    const struct request *last)
{
	return last->alone || batch->count >= connection->base.store->limits.batch_rows ||
	       batch->bytes >= BATCH_MAX_BYTES;
}

static bool waiting_put_aside(struct postgresql_connection *connection, struct request *request)
{
	STAILQ_REMOVE_HEAD(&connection->waiting, link);
	if (postgresql_put_aside(connection, request))
		return true;
	STAILQ_INSERT_HEAD(&connection->waiting, request, link);
	return false;
}

/* Sends what waits, as far as it may go. */
static bool waiting_send(struct postgresql_connection *connection)
{
	struct request *request;
	struct batch *batch;

	while ((request = STAILQ_FIRST(&connection->waiting)) != NULL) {
		if (waiting_put_aside(connection, request))
			continue;
		batch = batch_for_next(connection);
		if (batch == NULL)
			return true;
		STAILQ_REMOVE_HEAD(&connection->waiting, link);
		if (!batch_add(connection, batch, request))
			return false;
		if (batch_is_full(connection, batch, request) && !batch_sync(connection, batch))
			return false;
	}
	return true;
}

/* The end of the round for the batch that is still open: reads are through at once, writes when
 * they have gathered long enough. */
static bool open_batch_send(struct postgresql_connection *connection)
{
	const struct store_limits *limits = &connection->base.store->limits;
	struct batch *batch = batch_last(connection);
	int64_t left_ms;

	if (batch == NULL || batch->is_synced)
		return true;
	left_ms = connection->write_synced_ms + limits->batch_ms - worker_now_ms();
	if (batch->writes == 0 || batch->has_failed || left_ms <= 0)
		return batch_sync(connection, batch);
	if (!timer_is_set(connection->gather))
		timer_set(connection->gather, (unsigned)left_ms);
	if (!batch->wants_flush)
		return true;
	batch->wants_flush = false;
	return PQsendFlushRequest(connection->pg);
}

/* libpq keeps what the socket does not take. */
static bool output_flush(struct postgresql_connection *connection)
{
	int left = PQflush(connection->pg);

	if (left < 0)
		return false;
	descriptor_watch(connection->descriptor, READY_READ | (left > 0 ? READY_WRITE : 0));
	return true;
}

void postgresql_work(struct later *later)
{
	struct postgresql_connection *connection =
	    CONTAINER_OF(later, struct postgresql_connection, work);

	if (connection->pg == NULL)
		return;
	if (!waiting_send(connection) || !open_batch_send(connection) || !output_flush(connection))
		postgresql_connection_lost(connection, PQerrorMessage(connection->pg));
}

void postgresql_gathered(void *state)
{
	struct postgresql_connection *connection = state;

	worker_later(&connection->work, postgresql_work);
}

/* --- receiving --- */

static void batch_remove(struct postgresql_connection *connection, struct batch *batch)
{
	TAILQ_REMOVE(&connection->batches, batch, link);
	mem_free(batch);
}

static void answer_drop(struct request *request)
{
	PQclear(request->answer);
	request->answer = NULL;
	request->preparing = false;
}

/* In front of what waits, which is empty for a moment. */
static void batch_run_again(struct postgresql_connection *connection, struct batch *batch)
{
	STAILQ_CONCAT(&batch->held, &connection->waiting);
	STAILQ_CONCAT(&connection->waiting, &batch->held);
}

static void batch_run_apart(struct postgresql_connection *connection, struct batch *batch)
{
	struct request *request;

	STAILQ_FOREACH (request, &batch->held, link) {
		answer_drop(request);
		request->alone = true;
	}
	batch_run_again(connection, batch);
}

/* The request that has failed, if for a lock that can be told to be on the rows of an account. */
static struct request *batch_locked(const struct batch *batch)
{
	struct request *request;

	STAILQ_FOREACH (request, &batch->held, link)
		if (PQresultStatus(request->answer) == PGRES_FATAL_ERROR)
			break;
	if (request == NULL || !request->has_account || !postgresql_is_lock(request->answer))
		return NULL;
	return request;
}

static void batch_run_unlocked(
    struct postgresql_connection *connection, struct batch *batch, const struct request *locked)
{
	struct request *request;

	STAILQ_FOREACH (request, &batch->held, link)
		answer_drop(request);
	postgresql_lock_met(connection, locked, &batch->held);
	batch_run_again(connection, batch);
}

static void batch_failed(struct postgresql_connection *connection, struct batch *batch)
{
	const struct request *locked = batch_locked(batch);

	if (locked != NULL)
		batch_run_unlocked(connection, batch, locked);
	else if (batch->count > 1)
		batch_run_apart(connection, batch);
}

/* The result of its sync has come. What failed alone has failed for good. */
static void batch_over(struct postgresql_connection *connection, struct batch *batch)
{
	struct request_list held = STAILQ_HEAD_INITIALIZER(held);
	struct request *request;

	if (batch->has_failed)
		batch_failed(connection, batch);
	STAILQ_CONCAT(&held, &batch->held);
	batch_remove(connection, batch);
	while ((request = STAILQ_FIRST(&held)) != NULL) {
		STAILQ_REMOVE_HEAD(&held, link);
		postgresql_deliver(connection, request);
	}
}

/* The result of preparing the statement of the first request that was sent. */
static void prepare_over(
    struct postgresql_connection *connection, struct batch *batch, PGresult *result)
{
	struct request *request = STAILQ_FIRST(&batch->sent);

	request->preparing = false;
	if (postgresql_is_ok(result)) {
		PQclear(result);
		return;
	}
	*prepared_flag(connection, slot_number(request->slot)) = false;
	batch->has_failed = true;
	/* The query itself will say no more than that it was ignored. */
	request->answer = result;
}

/* The result of the first request that was sent. */
static void request_over(
    struct postgresql_connection *connection, struct batch *batch, PGresult *result)
{
	struct request *request = STAILQ_FIRST(&batch->sent);

	STAILQ_REMOVE_HEAD(&batch->sent, link);
	if (request->answer == NULL)
		request->answer = result;
	else
		PQclear(result);
	batch->has_failed |= !postgresql_is_ok(request->answer);
	if (slot_is_read(request->slot) && postgresql_is_ok(request->answer))
		postgresql_deliver(connection, request);
	else
		STAILQ_INSERT_TAIL(&batch->held, request, link);
}

/* An error where the result of the sync was expected: the commit itself has failed. */
static void commit_failed(struct batch *batch, PGresult *result)
{
	struct request *request = STAILQ_FIRST(&batch->held);

	batch->has_failed = true;
	if (request == NULL) {
		PQclear(result);
		return;
	}
	answer_drop(request);
	request->answer = result;
}

static void result_take(struct postgresql_connection *connection, PGresult *result)
{
	struct batch *batch = TAILQ_FIRST(&connection->batches);
	const struct request *request = STAILQ_FIRST(&batch->sent);

	if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
		PQclear(result);
		batch_over(connection, batch);
	} else if (request == NULL) {
		commit_failed(batch, result);
	} else if (request->preparing) {
		prepare_over(connection, batch, result);
	} else {
		request_over(connection, batch, result);
	}
}

/* Takes all results that have come. Between those of two requests libpq says NULL once; twice means
 * that there is no more. Returns false when the connection is lost. */
static bool results_take(struct postgresql_connection *connection)
{
	unsigned nulls = 0;

	while (!TAILQ_EMPTY(&connection->batches) && !PQisBusy(connection->pg) && nulls < 2) {
		PGresult *result = PQgetResult(connection->pg);

		if (result == NULL) {
			nulls++;
			continue;
		}
		nulls = 0;
		if (postgresql_is_loss(connection->pg, result)) {
			postgresql_connection_lost(connection, PQresultErrorMessage(result));
			PQclear(result);
			return false;
		}
		result_take(connection, result);
	}
	return true;
}

/* However many there are, and whoever sent them: somebody has changed something. */
static void notices_take(struct postgresql_connection *connection)
{
	PGnotify *notice;
	bool any = false;

	while ((notice = PQnotifies(connection->pg)) != NULL) {
		PQfreemem(notice);
		any = true;
	}
	if (any)
		connection_wake(&connection->base, WAKE_CHANGED);
}

void postgresql_ready(void *state, unsigned what)
{
	struct postgresql_connection *connection = state;
	/* What came before the end of the connection still counts. */
	bool alive = PQconsumeInput(connection->pg);

	if (!results_take(connection))
		return;
	notices_take(connection);
	if (!alive)
		postgresql_connection_lost(connection, PQerrorMessage(connection->pg));
	else
		worker_later(&connection->work, postgresql_work);
}

void postgresql_requeue(struct postgresql_connection *connection)
{
	struct request_list all = STAILQ_HEAD_INITIALIZER(all);
	struct request *request;
	struct batch *batch;

	while ((batch = TAILQ_FIRST(&connection->batches)) != NULL) {
		STAILQ_CONCAT(&all, &batch->held);
		STAILQ_CONCAT(&all, &batch->sent);
		batch_remove(connection, batch);
	}
	STAILQ_FOREACH (request, &all, link)
		answer_drop(request);
	STAILQ_CONCAT(&all, &connection->waiting);
	STAILQ_CONCAT(&connection->waiting, &all);
}
