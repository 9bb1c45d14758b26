/* sqlite-batch.c - one transaction for all writes that have gathered, of all workers.
 * The disk is waited for once for all of them. A statement that fails takes back only itself; a
 * transaction that fails fails all writes in it. Reads before the first write need no transaction;
 * those behind it are in it, so that they see what was asked before them. If nothing in it has to
 * outlive a power cut, the disk is not waited for; the next commit that waits brings it there. */
#include "base/mem.h"
#include "store/sqlite.h"

struct batch {
	struct sqlite_store *sqlite;
	struct request **requests;
	size_t count;
	size_t first; /* the write that opened the transaction */
	bool open;
	/* Why no transaction could be opened: no write of this batch tries again. */
	enum rc refusal;
	char *refusal_message;
	bool is_locked; /* since another process keeps us out: writes may wait */
	struct sqlite_waiting waiting;
};

static void answer_set(struct request *request, struct sqlite_answer *answer)
{
	struct sqlite_answer *old = request->answer;

	sqlite_answer_free(&old);
	request->answer = answer;
}

static bool transaction_step(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	sqlite3_reset(statement);
	return code == SQLITE_DONE;
}

/* Whether all that is written from here on need not be durable. */
static bool batch_is_fleeting(const struct batch *batch, size_t index)
{
	for (size_t i = index; i < batch->count; i++)
		if (!slot_is_read(batch->requests[i]->slot) &&
		    !batch->requests[i]->statement->is_fleeting)
			return false;
	return true;
}

/* Between transactions only. In WAL mode a commit is whole or absent after a power cut, either way.
 */
static void transaction_set_hasty(struct sqlite_store *sqlite, bool is_hasty)
{
	if (sqlite->is_hasty == is_hasty)
		return;
	sqlite3_exec(sqlite->db,
	    is_hasty ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", NULL, NULL,
	    NULL);
	sqlite->is_hasty = is_hasty;
}

/* With the mark that tells the triggers of the log whose it is. Waits for nobody: reads go on
 * meanwhile. */
static bool transaction_begin(const struct sqlite_store *sqlite)
{
	bool begun;

	sqlite3_busy_timeout(sqlite->db, 0);
	begun = transaction_step(sqlite->begin) && transaction_step(sqlite->mark);
	sqlite3_busy_timeout(sqlite->db, SQLITE_WAIT_MS);
	return begun;
}

static bool transaction_commit(const struct sqlite_store *sqlite)
{
	return transaction_step(sqlite->unmark) && transaction_step(sqlite->commit);
}

static void batch_refused(struct batch *batch)
{
	sqlite3 *db = batch->sqlite->db;

	batch->refusal = sqlite_rc(sqlite3_extended_errcode(db));
	batch->refusal_message = mem_strdup(sqlite3_errmsg(db));
	batch->is_locked = (sqlite3_extended_errcode(db) & 0xff) == SQLITE_BUSY;
	if (!sqlite3_get_autocommit(db))
		transaction_step(batch->sqlite->rollback);
}

/* Opens the transaction unless it is open; otherwise lets the write wait or answers it with the
 * reason. */
static bool batch_begin(struct batch *batch, size_t index)
{
	struct request *request = batch->requests[index];

	if (batch->open)
		return true;
	if (batch->refusal == RC_OK) {
		transaction_set_hasty(batch->sqlite, batch_is_fleeting(batch, index));
		if (transaction_begin(batch->sqlite)) {
			batch->open = true;
			batch->first = index;
			return true;
		}
		batch_refused(batch);
	}
	if (batch->is_locked && !sqlite_has_waited(batch->sqlite, request))
		sqlite_wait(&batch->waiting, request);
	else
		answer_set(request, sqlite_answer_failed(batch->refusal, batch->refusal_message));
	return false;
}

/* The transaction is gone: its writes (up to `end`) have failed, and its reads saw what never was.
 */
static void batch_lost(struct batch *batch, size_t end, enum rc rc, const char *message)
{
	batch->open = false;
	for (size_t i = batch->first; i < end; i++) {
		struct request *request = batch->requests[i];

		if (slot_is_read(request->slot))
			answer_set(request, sqlite_statement_run(batch->sqlite, request));
		else if (sqlite_answer_result(request->answer)->rc == RC_OK)
			answer_set(request, sqlite_answer_failed(rc, message));
	}
}

static void batch_commit(struct batch *batch)
{
	struct sqlite_store *sqlite = batch->sqlite;
	enum rc rc;
	char *message;

	if (transaction_commit(sqlite))
		return;
	rc = sqlite_rc(sqlite3_extended_errcode(sqlite->db));
	message = mem_strdup(sqlite3_errmsg(sqlite->db));
	if (!sqlite3_get_autocommit(sqlite->db))
		transaction_step(sqlite->rollback);
	batch_lost(batch, batch->count, rc, message);
	mem_free(message);
}

bool sqlite_batch_run(struct sqlite_store *sqlite, struct request **requests, size_t count)
{
	struct batch batch = { .sqlite = sqlite, .requests = requests, .count = count };

	for (size_t i = 0; i < count; i++) {
		const struct store_result *result;

		if (sqlite_has_to_wait(&batch.waiting, requests[i]))
			continue;
		if (!slot_is_read(requests[i]->slot) && !batch_begin(&batch, i))
			continue;
		answer_set(requests[i], sqlite_statement_run(sqlite, requests[i]));
		result = sqlite_answer_result(requests[i]->answer);
		/* A full disk, for one, makes SQLite take everything back by itself. */
		if (batch.open && sqlite3_get_autocommit(sqlite->db))
			batch_lost(&batch, i, result->rc, result->message);
	}
	if (batch.open)
		batch_commit(&batch);
	mem_free(batch.refusal_message);
	return sqlite_waiting_free(&batch.waiting);
}
