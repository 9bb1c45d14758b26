/* offline.c - XEP-0160: messages wait in the database until their receiver is there to take them.
 *
 * Kept is what no session can take, and what a client that acknowledges (XEP-0198) has not
 * acknowledged in time; the sender's acknowledgement waits for the commit of the row. The core
 * delivers the rows and has them deleted (core/backlog.h). What arrives meanwhile is kept behind
 * them. What comes from the table outbox is kept in any case, and leaves that table by the same
 * statement. How much an account has is counted here. */
#include "core/module.h"

#define NS_CHAT_STATES "http://jabber.org/protocol/chatstates"
#define NS_HINTS "urn:xmpp:hints"
#define NS_STANZA_ID "urn:xmpp:sid:0"

#define DAY_US (INT64_C(86400) * 1000000)
/* At most one look for expired rows in this time, for an account that has rows that expire. */
#define PURGE_PAUSE_US (INT64_C(60) * 1000000)
/* So often is it said of an account that its messages are refused. */
#define FULL_LOG_MS 60000

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
    STATEMENT("SELECT count(*), CAST(COALESCE(sum(bytes), 0) AS BIGINT), min(expires_at), max(id)"
	      " FROM offline_messages WHERE domain = $1 AND username = $2");
static const struct statement offline_insert = STATEMENT(
    "INSERT INTO offline_messages (domain, username, id, stanza, bytes, stored_at, expires_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING");
static const struct statement offline_move = STATEMENT(
    "INSERT INTO outbox_moves (domain, username, id, stanza, bytes, stored_at, expires_at,"
    " outbox_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING outbox_id");
static const struct statement offline_select =
    STATEMENT("SELECT id, stanza, stored_at FROM offline_messages"
	      " WHERE domain = $1 AND username = $2 AND id > $3"
	      " AND (expires_at IS NULL OR expires_at > $4) ORDER BY id LIMIT $5");
static const struct statement offline_delete =
    STATEMENT("DELETE FROM offline_messages WHERE domain = $1 AND username = $2"
	      " AND " BACKLOG_NUMBERED("id") " RETURNING bytes");
static const struct statement offline_purge =
    STATEMENT("DELETE FROM offline_messages WHERE domain = $1 AND username = $2"
	      " AND expires_at <= $3 RETURNING bytes");

static store_done message_kept, expired_purged;

/* ---- what an account has ---- */

/* An account without rows since it was loaded has none. */
struct mailbox {
	int64_t count, bytes; /* with rows that are being written */
	int64_t purge_at_us;  /* when to look for expired rows; 0: there are none */
	struct log_crowd refused;
};

static struct mailbox *mailbox_of(struct account *account)
{
	struct mailbox *mailbox = account_state(account, &godwit_module);

	if (mailbox == NULL) {
		mailbox = mem_alloc_zero(sizeof *mailbox);
		account_set_state(account, &godwit_module, mailbox);
	}
	return mailbox;
}

static void mailbox_uncount(struct mailbox *mailbox, int64_t bytes)
{
	mailbox->count -= mailbox->count > 0;
	mailbox->bytes -= bytes < mailbox->bytes ? bytes : mailbox->bytes;
}

static void rows_gone(struct account *account, const struct store_result *rows)
{
	for (size_t row = 0; row < store_rows(rows); row++)
		mailbox_uncount(mailbox_of(account), store_integer(rows, row, 0));
}

static void mailbox_purge(struct account *account)
{
	struct mailbox *mailbox = mailbox_of(account);
	int64_t now_us = time_now_us();
	struct arena *arena;

	if (mailbox->purge_at_us == 0 || now_us < mailbox->purge_at_us)
		return;
	mailbox->purge_at_us = now_us + PURGE_PAUSE_US;
	arena = arena_new(0);
	store_run(&offline_purge, PARAMS(account_key_of(account, arena), now_us), expired_purged,
	    account_ref(account));
	arena_free(&arena);
}

static void expired_purged(const struct store_result *result, void *state)
{
	rows_gone(state, result);
	account_unref(state);
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

/* Whether the message is about to be delivered, for the outbox keeps it only to be sure. */
static bool is_for_now(const struct task *task)
{
	return task_outbox_id(task) != 0 && account_is_reachable(task_account(task));
}

/* The message as it will be delivered, with the time of its arrival (XEP-0203); one that was
 * delayed before keeps its own. */
static const char *message_text(struct task *task, int64_t now_us)
{
	struct arena *arena = task_arena(task);
	struct stanza *copy = stanza_copy(task_stanza(task));
	const char *text;

	if (stanza_child(copy, NS_DELAY, "delay") == NULL && !is_for_now(task))
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

/* Whether another message exceeds `quotas` times what the account may have. */
static bool mailbox_is_full(
    const struct mailbox *mailbox, struct task *task, int64_t bytes, unsigned quotas)
{
	const struct offline_config *config = task_config(task);

	if (mailbox->count < (int64_t)config->max_messages * quotas &&
	    mailbox->bytes + bytes <= (int64_t)config->max_bytes * quotas)
		return false;
	return true;
}

/* Who is flooded is not to flood the log. */
static void mailbox_log_full(struct mailbox *mailbox, struct task *task)
{
	int64_t refused = log_crowd_due(&mailbox->refused, time_now_us() / 1000, FULL_LOG_MS);

	if (refused > 0)
		log_info(NULL, "offline messages of an account are at their limit",
		    KV("jid", jid_text(account_jid(task_account(task)))),
		    KV("messages", mailbox->count), KV("bytes", mailbox->bytes),
		    KV("refused", refused));
}

/* Who writes to an account does not learn that it exists. The outbox may know, and tries again what
 * a client that is there is about to make room for. */
static enum verdict message_refuse(struct task *task)
{
	if (task_outbox_id(task) == 0)
		return task_fail(task, RC_SERVICE_UNAVAILABLE);
	return task_fail_text(task,
	    is_for_now(task) ? RC_RESOURCE_CONSTRAINT : RC_SERVICE_UNAVAILABLE,
	    "too many messages wait for this account");
}

static void row_insert(struct keep *keep, const char *text, int64_t now_us)
{
	struct task *task = task_hold(keep->task);
	struct param expiry = message_expiry(task, mailbox_of(task_account(task)), now_us);
	int64_t id = task_message_id(task), outbox_id = task_outbox_id(task);

	if (outbox_id == 0)
		store_run(&offline_insert,
		    PARAMS(account_key(task), id, text, keep->bytes, now_us, expiry), message_kept,
		    keep);
	else
		store_run(&offline_move,
		    PARAMS(account_key(task), id, text, keep->bytes, now_us, expiry, outbox_id),
		    message_kept, keep);
}

/* Writes a row; `waits`: no session has it. */
static enum verdict message_keep(struct task *task, unsigned quotas, bool waits)
{
	struct mailbox *mailbox = mailbox_of(task_account(task));
	int64_t now_us = time_now_us();
	const char *text = message_text(task, now_us);
	struct keep *keep = arena_alloc(task_arena(task), sizeof *keep);

	*keep = (struct keep){ task, (int64_t)strlen(text), waits };
	mailbox_purge(task_account(task));
	if (mailbox_is_full(mailbox, task, keep->bytes, quotas)) {
		mailbox_log_full(mailbox, task);
		return message_refuse(task);
	}
	mailbox->count++;
	mailbox->bytes += keep->bytes;
	row_insert(keep, text, now_us);
	if (waits)
		backlog_expect(task_account(task), &godwit_module);
	return DONE;
}

/* A row of the outbox that somebody has locked stays where it is, for another time. */
static enum rc keeping_rc(const struct store_result *result)
{
	if (store_rows(result) > 0 && store_integer(result, 0, 0) == 0)
		return RC_RESOURCE_CONSTRAINT;
	return store_rc(result);
}

/* After the commit: the sender may be told that the message is in good hands. If the account was
 * loaded meanwhile, the row may be news to its mailbox. */
static void message_kept(const struct store_result *result, void *state)
{
	struct keep *keep = state;
	struct account *account = task_account(keep->task);
	struct mailbox *mailbox = mailbox_of(account);
	enum rc rc = keeping_rc(result);

	if (rc != RC_OK)
		mailbox_uncount(mailbox, keep->bytes);
	else if (mailbox->count == 0)
		*mailbox =
		    (struct mailbox){ 1, keep->bytes, mailbox->purge_at_us, mailbox->refused };
	if (rc == RC_OK && keep->waits)
		backlog_add(account, &godwit_module, task_message_id(keep->task));
	/* The account was deleted meanwhile. */
	if (rc == RC_ITEM_NOT_FOUND)
		rc = RC_SERVICE_UNAVAILABLE;
	task_finish(keep->task, rc, NULL);
}

static enum verdict message_undelivered(struct task *task)
{
	enum keeping keeping = message_keeping(task_stanza(task));

	if (keeping == REFUSE || (keeping == DROP && task_outbox_id(task) != 0))
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

/* While the rows are being delivered it takes its place behind them, with the same room. */
static enum verdict message_arrived(struct task *task)
{
	const struct stanza *message = task_stanza(task);

	if (!backlog_precedes(task_account(task), &godwit_module, stanza_to(message)) ||
	    message_keeping(message) != KEEP)
		return PASS;
	return message_keep(task, 2, true);
}

/* ---- the table ---- */

static void rows_read(
    struct account_key key, int64_t after, size_t rows, store_done *on_done, void *state)
{
	store_run(
	    &offline_select, PARAMS(key, after, time_now_us(), (int64_t)rows), on_done, state);
}

static void offline_loaded(struct account *account, const struct store_result *rows)
{
	struct mailbox *mailbox;

	if (store_rows(rows) == 0 || store_integer(rows, 0, 0) == 0)
		return;
	mailbox = mailbox_of(account);
	mailbox->count = store_integer(rows, 0, 0);
	mailbox->bytes = store_integer(rows, 0, 1);
	mailbox->purge_at_us = store_integer(rows, 0, 2);
	mailbox_purge(account);
	backlog_wait(account, &godwit_module, store_integer(rows, 0, 3));
}

static const struct hook offline_hooks[] = {
	{ MESSAGE_UNDELIVERED, NULL, TO_ACCOUNT, 0, message_undelivered },
	{ MESSAGE_UNCONFIRMED, NULL, TO_ACCOUNT, 0, message_unconfirmed },
	{ MESSAGE_ARRIVING, NULL, TO_ACCOUNT, 0, message_arrived },
	HOOK_END,
};

static const struct backlog_source offline_backlog = { rows_read, &offline_delete, rows_gone };

GODWIT_MODULE(offline, .feature = "msgoffline", .hooks = offline_hooks, .config = offline_keys,
    .config_bytes = sizeof(struct offline_config), .account_load = &offline_load,
    .account_loaded = offline_loaded, .account_free = mem_free, .backlog = &offline_backlog);
