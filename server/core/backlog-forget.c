/* backlog-forget.c - rows of a backlog that a client has: deleted, several by one statement, and
 * remembered until they are. */
#include "core/account.h"
#include "core/backlog-private.h"

/* What took longer to fail was waiting for the database, and may wait again. */
#define WAIT_US (INT64_C(1) * 1000000)

/* Rows being deleted. */
struct deletion {
	LIST_ENTRY(deletion) of_backlog;
	struct backlog *backlog; /* NULL: nobody waits for it */
	struct account *account; /* referenced, unless backlog is NULL */
	int64_t since_us;
	size_t count;
	int64_t ids[BACKLOG_FORGETS];
};

static store_done rows_deleted;

static void delivered_add(struct backlog *backlog, int64_t id)
{
	if (backlog->delivered_count == backlog->delivered_room) {
		backlog->delivered_room = 2 * backlog->delivered_room + BACKLOG_FORGETS;
		backlog->delivered = mem_realloc(
		    backlog->delivered, backlog->delivered_room * sizeof *backlog->delivered);
	}
	backlog->delivered[backlog->delivered_count++] = id;
}

static bool has_id(const int64_t *ids, size_t count, int64_t id)
{
	for (size_t i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

bool backlog_has_forgotten(const struct backlog *backlog, int64_t number)
{
	const struct deletion *deletion;

	LIST_FOREACH (deletion, &backlog->deletions, of_backlog)
		if (has_id(deletion->ids, deletion->count, number))
			return true;
	return has_id(backlog->delivered, backlog->delivered_count, number);
}

/* ---- statements ---- */

/* In ascending order, as BACKLOG_NUMBERED wants them. */
static void deletion_add(struct deletion *deletion, int64_t id)
{
	size_t at = deletion->count++;

	for (; at > 0 && deletion->ids[at - 1] > id; at--)
		deletion->ids[at] = deletion->ids[at - 1];
	deletion->ids[at] = id;
}

/* Takes as many as one statement does. */
static struct deletion *deletion_new(struct backlog *backlog)
{
	struct deletion *deletion = mem_alloc_zero(sizeof *deletion);

	deletion->since_us = time_now_us();
	while (deletion->count < BACKLOG_FORGETS && backlog->delivered_count > 0)
		deletion_add(deletion, backlog->delivered[--backlog->delivered_count]);
	return deletion;
}

/* The last of the numbers fills the list up. */
static void deletion_run(struct deletion *deletion, const struct backlog *backlog)
{
	struct param params[BACKLOG_FORGETS + 2] = { 0 };
	struct arena *arena = arena_new(0);

	params[0] = param_account(account_key_of(backlog->account, arena));
	for (size_t i = 0; i < BACKLOG_FORGETS; i++)
		params[1 + i] =
		    param_integer(deletion->ids[i < deletion->count ? i : deletion->count - 1]);
	params[1 + BACKLOG_FORGETS].type = PARAM_END;
	store_run(backlog->module->backlog->forget, params, rows_deleted, deletion);
	arena_free(&arena);
}

static void rows_delete(struct backlog *backlog)
{
	struct deletion *deletion = deletion_new(backlog);

	deletion->backlog = backlog;
	deletion->account = account_ref(backlog->account);
	LIST_INSERT_HEAD(&backlog->deletions, deletion, of_backlog);
	deletion_run(deletion, backlog);
}

/* They are still there: to be deleted with the next ones, or at once if this one has waited. */
static bool deletion_failed(const struct deletion *deletion, const char *reason)
{
	log_warning(NULL, "delivered messages could not be deleted yet",
	    KV("jid", jid_text(deletion->account->jid)), KV("reason", reason));
	for (size_t i = 0; i < deletion->count; i++)
		delivered_add(deletion->backlog, deletion->ids[i]);
	return time_now_us() - deletion->since_us > WAIT_US;
}

/* Those that have gathered meanwhile go together. */
static void deletion_end(struct deletion *deletion, const struct store_result *result)
{
	struct backlog *backlog = deletion->backlog;
	const struct backlog_source *source = backlog->module->backlog;
	bool goes_on = true;

	LIST_REMOVE(deletion, of_backlog);
	if (store_rc(result) != RC_OK)
		goes_on = deletion_failed(deletion, store_message(result));
	else if (source->forgotten != NULL)
		source->forgotten(deletion->account, result);
	if (goes_on && LIST_EMPTY(&backlog->deletions) && backlog->delivered_count > 0)
		rows_delete(backlog);
	account_unref(deletion->account);
}

static void rows_deleted(const struct store_result *result, void *state)
{
	struct deletion *deletion = state;

	if (deletion->backlog != NULL)
		deletion_end(deletion, result);
	mem_free(deletion);
}

/* ---- from backlog.c ---- */

void backlog_forget(struct backlog *backlog, int64_t number)
{
	delivered_add(backlog, number);
	if (LIST_EMPTY(&backlog->deletions) || backlog->delivered_count == BACKLOG_FORGETS)
		rows_delete(backlog);
}

void backlog_forget_all(struct backlog *backlog)
{
	while (backlog->delivered_count > 0)
		rows_delete(backlog);
}

void backlog_forget_end(struct backlog *backlog)
{
	while (backlog->delivered_count > 0)
		deletion_run(deletion_new(backlog), backlog);
	mem_free(backlog->delivered);
}
