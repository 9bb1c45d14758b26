/* offline.c - XEP-0160: messages wait in the database until their receiver is there to take them.
 *
 * Kept is what no session can take, and what a client that acknowledges (XEP-0198) has not
 * acknowledged in time. A row is deleted when a client has its message, never before, so a crash
 * may deliver twice but loses nothing; the sender's acknowledgement waits for the commit of the
 * row.
 *
 * When a session becomes reachable the rows are sent to it in slices, by their number, which is the
 * order of arrival. Whatever else arrives waits while a slice is read. The next slice follows when
 * the client has the one before; what arrives in between is kept behind the other rows, so that it
 * keeps its place. If the session goes, another one gets the rest.
 *
 * A row that cannot be deleted is remembered, and tried again, so that it does not come twice. */
#include "core/module.h"

#define NS_CHAT_STATES "http://jabber.org/protocol/chatstates"
#define NS_HINTS "urn:xmpp:hints"
#define NS_STANZA_ID "urn:xmpp:sid:0"

#define DAY_US (INT64_C(86400) * 1000000)
#define SLICE_ROWS 100
/* A slice ends with the message that exceeds this, far below what a connection may have unsent. */
#define SLICE_BYTES (256 * 1024)
/* A client that takes longer for a slice gets the next one all the same, when a message arrives. */
#define PATIENCE_US (INT64_C(10) * 1000000)
/* At most one look for expired rows in this time, for an account that has rows that expire. */
#define PURGE_PAUSE_US (INT64_C(60) * 1000000)
/* Rows deleted by one statement. */
#define DELETE_ROWS 14
/* What took longer to fail was waiting for the database, and may wait again. */
#define DELETE_WAIT_US (INT64_C(1) * 1000000)

struct offline_config {
	unsigned max_messages;
	size_t max_bytes;
	unsigned expire_days;
};

static const struct config_key offline_keys[] = {
	CONFIG_NUMBER(
	    struct offline_config, max_messages, 1000, 0, 1000000, "Messages kept for an account."),
	CONFIG_SIZE(struct offline_config, max_bytes, 10485760,
	    "Bytes of XML kept for an account. Whoever writes to a full one is told."),
	CONFIG_NUMBER(struct offline_config, expire_days, 0, 0, 36500,
	    "Days after which a kept message is dropped; 0: never."),
	CONFIG_END,
};

static const struct statement offline_load =
    STATEMENT("SELECT count(*), CAST(COALESCE(sum(bytes), 0) AS BIGINT), min(expires_at)"
	      " FROM offline_messages WHERE domain = $1 AND username = $2");
static const struct statement offline_insert = STATEMENT(
    "INSERT INTO offline_messages (domain, username, id, stanza, bytes, stored_at, expires_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING");
static const struct statement offline_select =
    STATEMENT("SELECT id, stanza FROM offline_messages"
	      " WHERE domain = $1 AND username = $2 AND id > $3"
	      " AND (expires_at IS NULL OR expires_at > $4) ORDER BY id LIMIT $5");
static const struct statement offline_delete =
    STATEMENT("DELETE FROM offline_messages WHERE domain = $1 AND username = $2"
	      " AND id IN ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
	      " RETURNING bytes");
static const struct statement offline_purge =
    STATEMENT("DELETE FROM offline_messages WHERE domain = $1 AND username = $2"
	      " AND expires_at <= $3 RETURNING bytes");

/* What is known of an account's rows. An account without rows since it was loaded has none. */
struct mailbox {
	struct account *account; /* whose state this is */
	int64_t count, bytes;    /* with rows that are being written */
	int64_t purge_at_us;     /* when to look for expired rows; 0: there are none */
	struct flush *flush;     /* under way, or NULL */
	unsigned deleting;       /* statements under way */
	int64_t *delivered;      /* rows still to be deleted */
	size_t delivered_count, delivered_room;
};

/* Rows on their way to a session. */
struct flush {
	struct account *account;   /* referenced */
	struct jid *to;            /* the session, which may be gone */
	int64_t first_id, last_id; /* of the slice that was sent last */
	size_t outstanding;        /* messages of that slice the client does not have yet */
	int64_t since_us;          /* when it was sent */
	bool reading;              /* the account is blocked until rows arrive */
	bool again;                /* what is being read is outdated */
	bool anew;                 /* rows that it has passed wait: it begins anew at its end */
};

/* Rows being deleted. */
struct deletion {
	struct account *account; /* referenced; NULL if it is being forgotten */
	int64_t since_us;
	size_t count;
	int64_t ids[DELETE_ROWS];
};

static store_done message_kept, slice_loaded, rows_gone, rows_deleted;

static void flush_free(struct flush *flush);
static void flush_go_on(struct flush *flush);
static void flush_start(struct account *account, const struct session *session);
static struct session *session_best(const struct account *account, const struct session *but);
static void rows_delete(struct mailbox *mailbox, struct account *account);

/* ---- mailboxes ---- */

static struct mailbox *mailbox_of(const struct account *account)
{
	return account_state(account, &godwit_module);
}

static struct mailbox *mailbox_need(struct account *account)
{
	struct mailbox *mailbox = mailbox_of(account);

	if (mailbox == NULL) {
		mailbox = mem_alloc_zero(sizeof *mailbox);
		mailbox->account = account;
		account_set_state(account, &godwit_module, mailbox);
	}
	return mailbox;
}

static void mailbox_add_delivered(struct mailbox *mailbox, int64_t id)
{
	if (mailbox->delivered_count == mailbox->delivered_room) {
		mailbox->delivered_room = 2 * mailbox->delivered_room + DELETE_ROWS;
		mailbox->delivered = mem_realloc(
		    mailbox->delivered, mailbox->delivered_room * sizeof *mailbox->delivered);
	}
	mailbox->delivered[mailbox->delivered_count++] = id;
}

static bool mailbox_has_delivered(const struct mailbox *mailbox, int64_t id)
{
	for (size_t i = 0; i < mailbox->delivered_count; i++)
		if (mailbox->delivered[i] == id)
			return true;
	return false;
}

/* Also when the account is loaded anew; a flush that reads then goes on with the new mailbox. */
static void mailbox_free(void *state)
{
	struct mailbox *mailbox = state, *next = mailbox_of(mailbox->account);

	while (next != NULL && mailbox->delivered_count > 0)
		mailbox_add_delivered(next, mailbox->delivered[--mailbox->delivered_count]);
	while (mailbox->delivered_count > 0)
		rows_delete(mailbox, NULL);
	if (mailbox->flush != NULL && !mailbox->flush->reading)
		flush_free(mailbox->flush);
	mem_free(mailbox->delivered);
	mem_free(mailbox);
}

static void mailbox_uncount(struct mailbox *mailbox, int64_t bytes)
{
	mailbox->count -= mailbox->count > 0;
	mailbox->bytes -= bytes < mailbox->bytes ? bytes : mailbox->bytes;
}

static void mailbox_purge(struct mailbox *mailbox)
{
	struct arena *arena;
	int64_t now_us = time_now_us();

	if (mailbox->purge_at_us == 0 || now_us < mailbox->purge_at_us)
		return;
	mailbox->purge_at_us = now_us + PURGE_PAUSE_US;
	arena = arena_new(0);
	store_run(&offline_purge, PARAMS(account_key_of(mailbox->account, arena), now_us),
	    rows_gone, account_ref(mailbox->account));
	arena_free(&arena);
}

static void rows_gone(const struct store_result *result, void *state)
{
	struct account *account = state;

	for (size_t row = 0; row < store_rows(result); row++)
		mailbox_uncount(mailbox_need(account), store_integer(result, row, 0));
	account_unref(account);
}

/* ---- what to keep ---- */

enum keeping {
	KEEP,
	DROP,  /* nobody misses it */
	REFUSE /* it must not be kept: the sender is told */
};

static bool has_hint(const struct stanza *message, const char *hint)
{
	return stanza_child(message, NS_HINTS, hint) != NULL;
}

/* XEP-0085 section 5.6: only "composing" and the like, with what goes along. */
static bool is_chat_state_only(const struct stanza *message)
{
	const struct element *child = element_child(stanza_element(message), NULL, NULL);
	bool found = false;

	for (; child != NULL; child = element_next(child, NULL, NULL)) {
		if (element_is(child, NS_CHAT_STATES, NULL))
			found = true;
		else if (!element_is(child, NS_HINTS, NULL) &&
			 !element_is(child, NS_STANZA_ID, NULL) &&
			 !element_is(child, NS_CLIENT, "thread"))
			return false;
	}
	return found;
}

/* XEP-0160 section 3 and XEP-0334 section 4. A message that must not be stored permanently may
 * still wait here. */
static enum keeping message_keeping(const struct stanza *message)
{
	enum stanza_type type = stanza_type(message);

	if (type != MESSAGE_NORMAL && type != MESSAGE_CHAT)
		return REFUSE;
	if (has_hint(message, "store") && !has_hint(message, "no-store"))
		return KEEP;
	if (is_chat_state_only(message))
		return DROP;
	return has_hint(message, "no-store") ? REFUSE : KEEP;
}

/* ---- keeping ---- */

/* A row being written. In the task's arena. */
struct keep {
	struct task *task;
	int64_t bytes;
	bool waits; /* no session has it */
};

/* The message as it will be delivered, with the time of its arrival (XEP-0203); one that was
 * delayed before keeps its own. */
static const char *message_text(struct task *task, int64_t now_us)
{
	struct arena *arena = task_arena(task);
	struct stanza *copy = stanza_copy(task_stanza(task));
	const char *text;

	if (stanza_child(copy, NS_DELAY, "delay") == NULL)
		stanza_add_delay(copy, task_domain(task), time_format(arena, now_us));
	text = stanza_to_text(arena, copy);
	stanza_unref(&copy);
	return text;
}

static struct param message_expiry(struct task *task, struct mailbox *mailbox, int64_t now_us)
{
	const struct offline_config *config = task_config(task);
	int64_t at_us = now_us + config->expire_days * DAY_US;

	if (config->expire_days == 0)
		return (struct param){ .type = PARAM_NULL };
	if (mailbox->purge_at_us == 0 || at_us < mailbox->purge_at_us)
		mailbox->purge_at_us = at_us;
	return param_integer(at_us);
}

/* Writes a row unless the account has `quotas` times what it may have; `waits`: no session has it.
 */
static enum verdict message_keep(struct task *task, unsigned quotas, bool waits)
{
	const struct offline_config *config = task_config(task);
	struct mailbox *mailbox = mailbox_need(task_account(task));
	int64_t now_us = time_now_us();
	const char *text = message_text(task, now_us);
	struct keep *keep = arena_alloc(task_arena(task), sizeof *keep);

	*keep = (struct keep){ task_hold(task), (int64_t)strlen(text), waits };
	mailbox_purge(mailbox);
	if (mailbox->count >= (int64_t)config->max_messages * quotas ||
	    mailbox->bytes + keep->bytes > (int64_t)config->max_bytes * quotas) {
		log_info(NULL, "offline messages of an account are at their limit",
		    KV("jid", jid_text(account_jid(task_account(task)))),
		    KV("messages", mailbox->count), KV("bytes", mailbox->bytes));
		return task_fail(task, RC_SERVICE_UNAVAILABLE);
	}
	mailbox->count++;
	mailbox->bytes += keep->bytes;
	store_run(&offline_insert,
	    PARAMS(account_key(task), task_message_id(task), text, keep->bytes, now_us,
		message_expiry(task, mailbox, now_us)),
	    message_kept, keep);
	return DONE;
}

/* The row is there. If the account was loaded meanwhile that is news to its mailbox, and a session
 * that has come since may have missed it. */
static void row_is_kept(const struct keep *keep)
{
	struct account *account = task_account(keep->task);
	struct mailbox *mailbox = mailbox_need(account);

	if (mailbox->count == 0) {
		mailbox->count = 1;
		mailbox->bytes = keep->bytes;
	}
	if (!keep->waits)
		return;
	if (mailbox->flush == NULL)
		flush_start(account, session_best(account, NULL));
	else if (task_message_id(keep->task) <= mailbox->flush->last_id)
		mailbox->flush->anew = true;
}

/* After the commit: the sender may be told that the message is in good hands. */
static void message_kept(const struct store_result *result, void *state)
{
	struct keep *keep = state;
	enum rc rc = store_rc(result);

	if (rc == RC_OK)
		row_is_kept(keep);
	else
		mailbox_uncount(mailbox_need(task_account(keep->task)), keep->bytes);
	/* The account was deleted meanwhile. */
	if (rc == RC_ITEM_NOT_FOUND)
		rc = RC_SERVICE_UNAVAILABLE;
	task_finish(keep->task, rc, NULL);
}

static enum verdict message_undelivered(struct task *task)
{
	enum keeping keeping = message_keeping(task_stanza(task));

	if (keeping == REFUSE)
		return PASS;
	return keeping == DROP ? DONE : message_keep(task, 1, true);
}

/* A client has it but has not said so. These rows are bounded as well, with room for an account
 * whose quota is used up by what is just being delivered. */
static enum verdict message_unconfirmed(struct task *task)
{
	enum keeping keeping = message_keeping(task_stanza(task));

	if (keeping == REFUSE)
		return PASS;
	return keeping == DROP ? DONE : message_keep(task, 2, false);
}

/* Between two slices: a message takes its place behind the rows. */
static enum verdict message_arrived(struct task *task)
{
	const struct jid *to = stanza_to(task_stanza(task));
	const struct mailbox *mailbox = mailbox_of(task_account(task));
	struct flush *flush = mailbox == NULL ? NULL : mailbox->flush;

	if (flush == NULL || message_keeping(task_stanza(task)) != KEEP)
		return PASS;
	if (!jid_is_bare(to) && !jid_equal(to, flush->to))
		return PASS;
	message_keep(task, 1, true);
	if (!flush->reading && time_now_us() - flush->since_us > PATIENCE_US)
		flush_go_on(flush);
	return DONE;
}

/* ---- delivering ---- */

static bool is_reachable(const struct session *session)
{
	return session_is_available(session) && session_priority(session) >= 0;
}

/* The most available session other than `but`, or NULL. */
static struct session *session_best(const struct account *account, const struct session *but)
{
	struct session *session = account_first_session(account), *best = NULL;

	for (; session != NULL; session = session_next(session))
		if (session != but && is_reachable(session) &&
		    (best == NULL || session_priority(session) > session_priority(best)))
			best = session;
	return best;
}

/* The session that gets the rows, or NULL if it cannot any more. */
static struct session *flush_session(const struct flush *flush)
{
	struct session *session = account_find_session(flush->account, jid_resource(flush->to));

	return session == NULL || !is_reachable(session) ? NULL : session;
}

static void flush_free(struct flush *flush)
{
	struct account *account = flush->account;

	jid_free(&flush->to);
	mem_free(flush);
	account_unref(account);
}

static void flush_end(struct flush *flush)
{
	struct mailbox *mailbox = mailbox_need(flush->account);

	if (mailbox->flush == flush)
		mailbox->flush = NULL;
	flush_free(flush);
}

/* Reads the next slice. Live messages wait until it is sent; rows that were delivered are deleted
 * first. */
static void flush_read(struct flush *flush)
{
	struct mailbox *mailbox = mailbox_need(flush->account);
	struct arena *arena = arena_new(0);

	while (mailbox->delivered_count > 0)
		rows_delete(mailbox, flush->account);
	flush->reading = true;
	flush->again = false;
	account_block(flush->account);
	store_run(&offline_select,
	    PARAMS(
		account_key_of(flush->account, arena), flush->last_id, time_now_us(), SLICE_ROWS),
	    slice_loaded, flush);
	arena_free(&arena);
}

/* Begins to send what is kept to a session; NULL: there is none. */
static void flush_start(struct account *account, const struct session *session)
{
	struct mailbox *mailbox = mailbox_of(account);

	if (session == NULL || mailbox == NULL || mailbox->count == 0 || mailbox->flush != NULL)
		return;
	mailbox->flush = mem_alloc_zero(sizeof *mailbox->flush);
	mailbox->flush->account = account_ref(account);
	mailbox->flush->to = jid_copy_heap(session_jid(session));
	flush_read(mailbox->flush);
}

/* The next slice: to the same session or, if it is gone, all from the beginning to another. */
static void flush_go_on(struct flush *flush)
{
	const struct session *session = flush_session(flush);

	if (session == NULL) {
		session = session_best(flush->account, NULL);
		if (session == NULL || account_is_gone(flush->account)) {
			flush_end(flush);
			return;
		}
		jid_free(&flush->to);
		flush->to = jid_copy_heap(session_jid(session));
		flush->last_id = 0;
	}
	flush_read(flush);
}

/* Sends one row, unless a session has it already or had it; returns its size. */
static size_t row_send(struct flush *flush, struct session *session, int64_t id, const char *text)
{
	size_t bytes = strlen(text);
	struct stanza *message;

	flush->last_id = id;
	if (account_is_delivering(flush->account, id) ||
	    mailbox_has_delivered(mailbox_of(flush->account), id))
		return 0;
	message = stanza_parse(text, bytes);
	if (message == NULL) {
		log_warning(NULL, "a row of offline_messages is not a message",
		    KV("jid", jid_text(account_jid(flush->account))), KV("id", id));
		return 0;
	}
	if (flush->outstanding == 0)
		flush->first_id = id;
	flush->outstanding++;
	session_send_kept(session, message, id);
	stanza_unref(&message);
	return bytes;
}

/* Returns whether these were the last rows. Sending may end the session. */
static bool slice_send(struct flush *flush, const struct store_result *rows)
{
	struct session *session;
	size_t bytes = 0, row;

	flush->outstanding = 0;
	flush->since_us = time_now_us();
	for (row = 0; row < store_rows(rows) && bytes <= SLICE_BYTES; row++) {
		session = flush_session(flush);
		if (session == NULL)
			return false;
		bytes +=
		    row_send(flush, session, store_integer(rows, row, 0), store_text(rows, row, 1));
	}
	return row == store_rows(rows) && row < SLICE_ROWS;
}

/* All rows were sent. Those that it had passed, or that were lost, are for another session to take.
 */
static void flush_over(struct flush *flush)
{
	if (!flush->anew) {
		flush_end(flush);
		return;
	}
	flush->anew = false;
	flush->last_id = 0;
	flush_go_on(flush);
}

static void slice_loaded(const struct store_result *result, void *state)
{
	struct flush *flush = state;
	struct account *account = account_ref(flush->account);
	struct mailbox *mailbox = mailbox_need(account);

	if (mailbox->flush == NULL)
		mailbox->flush = flush;
	if (store_rc(result) != RC_OK || mailbox->flush != flush)
		flush_end(flush);
	else if (flush->again)
		flush_go_on(flush);
	else if (slice_send(flush, result))
		flush_over(flush);
	else if (flush->outstanding > 0 && flush_session(flush) != NULL)
		flush->reading = false;
	else
		flush_go_on(flush);
	account_unblock(account);
	account_unref(account);
}

static void offline_session_reachable(struct session *session)
{
	flush_start(session_account(session), session);
}

/* What it has not confirmed is given to others by the core, or stays. */
static void offline_session_ended(struct session *session)
{
	struct account *account = session_account(session);
	struct mailbox *mailbox = mailbox_of(account);

	if (mailbox == NULL)
		return;
	if (mailbox->flush != NULL && !mailbox->flush->reading &&
	    jid_equal(mailbox->flush->to, session_jid(session)))
		flush_end(mailbox->flush);
	flush_start(account, session_best(account, session));
}

/* What a session had, another may take. */
static void offline_message_waiting(struct account *account)
{
	struct mailbox *mailbox = mailbox_of(account);

	if (mailbox != NULL && mailbox->flush != NULL)
		mailbox->flush->anew = true;
	else
		flush_start(account, session_best(account, NULL));
}

/* ---- forgetting what was delivered ---- */

/* As many as one statement takes; the last of its numbers fills it up. `account` NULL: the mailbox
 * is being freed, and its account may be. */
static void rows_delete(struct mailbox *mailbox, struct account *account)
{
	struct param params[DELETE_ROWS + 2] = { 0 };
	struct arena *arena = arena_new(0);
	struct deletion *deletion = mem_alloc_zero(sizeof *deletion);

	deletion->account = account == NULL ? NULL : account_ref(account);
	deletion->since_us = time_now_us();
	while (deletion->count < DELETE_ROWS && mailbox->delivered_count > 0)
		deletion->ids[deletion->count++] = mailbox->delivered[--mailbox->delivered_count];
	params[0] = param_account(account_key_of(mailbox->account, arena));
	for (size_t i = 0; i < DELETE_ROWS; i++)
		params[1 + i] =
		    param_integer(deletion->ids[i < deletion->count ? i : deletion->count - 1]);
	params[1 + DELETE_ROWS].type = PARAM_END;
	mailbox->deleting++;
	store_run(&offline_delete, params, rows_deleted, deletion);
	arena_free(&arena);
}

/* They are still there: to be deleted with the next ones, or at once if this one has waited. */
static bool deletion_failed(
    struct mailbox *mailbox, const struct deletion *deletion, const char *reason)
{
	log_warning(NULL, "delivered messages could not be deleted yet",
	    KV("jid", jid_text(account_jid(deletion->account))), KV("reason", reason));
	for (size_t i = 0; i < deletion->count; i++)
		mailbox_add_delivered(mailbox, deletion->ids[i]);
	return time_now_us() - deletion->since_us > DELETE_WAIT_US;
}

/* Those that have gathered meanwhile go together. */
static void rows_deleted(const struct store_result *result, void *state)
{
	struct deletion *deletion = state;
	struct mailbox *mailbox;
	bool goes_on = true;

	if (deletion->account == NULL) {
		mem_free(deletion);
		return;
	}
	mailbox = mailbox_need(deletion->account);
	mailbox->deleting -= mailbox->deleting > 0;
	if (store_rc(result) != RC_OK)
		goes_on = deletion_failed(mailbox, deletion, store_message(result));
	if (goes_on && mailbox->deleting == 0 && mailbox->delivered_count > 0)
		rows_delete(mailbox, deletion->account);
	rows_gone(result, deletion->account);
	mem_free(deletion);
}

static void offline_message_delivered(struct account *account, int64_t message_id)
{
	struct mailbox *mailbox = mailbox_need(account);
	struct flush *flush = mailbox->flush;

	mailbox_add_delivered(mailbox, message_id);
	if (mailbox->deleting == 0 || mailbox->delivered_count == DELETE_ROWS)
		rows_delete(mailbox, account);
	if (flush == NULL)
		return;
	if (flush->reading) {
		flush->again = true;
		return;
	}
	if (message_id < flush->first_id || message_id > flush->last_id || flush->outstanding == 0)
		return;
	flush->outstanding--;
	if (flush->outstanding == 0)
		flush_go_on(flush);
}

/* ---- the table ---- */

static void offline_loaded(struct account *account, const struct store_result *rows)
{
	struct mailbox *mailbox;

	if (store_rows(rows) == 0 || store_integer(rows, 0, 0) == 0)
		return;
	mailbox = mailbox_need(account);
	mailbox->count = store_integer(rows, 0, 0);
	mailbox->bytes = store_integer(rows, 0, 1);
	mailbox->purge_at_us = store_integer(rows, 0, 2);
	mailbox_purge(mailbox);
	/* It may have been loaded again, with sessions. */
	flush_start(account, session_best(account, NULL));
}

static const struct hook offline_hooks[] = {
	{ MESSAGE_UNDELIVERED, NULL, TO_ACCOUNT, 0, message_undelivered },
	{ MESSAGE_UNCONFIRMED, NULL, TO_ACCOUNT, 0, message_unconfirmed },
	{ MESSAGE_ARRIVING, NULL, TO_ACCOUNT, 0, message_arrived },
	HOOK_END,
};

GODWIT_MODULE(offline, .feature = "msgoffline", .hooks = offline_hooks, .config = offline_keys,
    .config_bytes = sizeof(struct offline_config), .account_load = &offline_load,
    .account_loaded = offline_loaded, .account_free = mailbox_free,
    .session_reachable = offline_session_reachable, .session_ended = offline_session_ended,
    .message_delivered = offline_message_delivered, .message_waiting = offline_message_waiting);
