/* deposit.c - out of the outbox into a mailbox, or to whoever is there. */
#include "core/deposit.h"

#include "core/account.h"
#include "core/delivery.h"
#include "core/home.h"
#include "core/hooks.h"
#include "core/task.h"

/* If this is run again because nobody knows whether it was committed, its own time tells. */
#define CLAIM "UPDATE outbox SET state = 'sent', sent_at = $2 WHERE "
#define CLAIMABLE "id = $1 AND (state = 'waiting' OR (state = 'sent' AND sent_at = $2))"
#define MEMBER_CLAIM \
	"INSERT INTO outbox_receivers (outbox_id, username, state, sent_at)" \
	" SELECT id, $2, 'sent', $3 FROM outbox WHERE id = $1 AND state = 'waiting'"
#define AGAIN \
	" ON CONFLICT (outbox_id, username) DO UPDATE SET sent_at = excluded.sent_at" \
	" WHERE outbox_receivers.state = 'sent' AND outbox_receivers.sent_at = excluded.sent_at"

/* What an administrator has locked is passed over: this is for no account, so everybody would wait
 * for it. */
static const struct statement outbox_claim = STATEMENT_EACH(CLAIM
    "id = (SELECT id FROM outbox WHERE " CLAIMABLE " FOR NO KEY UPDATE SKIP LOCKED)",
    CLAIM CLAIMABLE);
static const struct statement member_claim =
    STATEMENT_EACH(MEMBER_CLAIM " FOR KEY SHARE SKIP LOCKED" AGAIN, MEMBER_CLAIM AGAIN);

static store_done deposit_claimed;

/* One message under way. */
struct deposit {
	deposit_ended *ended;
	void *state;
	char *text; /* of the error */
	enum deposit_row row;
	bool offered; /* to whom it may concern: no hook has dropped it before */
	bool claimed; /* the row is marked already */
};

void deposit_claim(int64_t outbox_id, store_done *on_done, void *state)
{
	store_run(&outbox_claim, PARAMS(outbox_id, time_now_us()), on_done, state);
}

/* ---- the end ---- */

static void deposit_refused(void *state, struct stanza *error)
{
	struct deposit *deposit = state;
	struct element *element = stanza_child(error, NS_CLIENT, "error");
	struct arena *arena = arena_new(0);
	const char *text =
	    element == NULL ? NULL : element_child_text(arena, element, NS_STANZA_ERROR, "text");

	mem_free(deposit->text);
	deposit->text = text == NULL ? NULL : mem_strdup(text);
	arena_free(&arena);
}

static void deposit_end(void *state, enum rc rc)
{
	struct deposit *deposit = state;
	const char *text = deposit->text;

	if (rc == RC_OK && !deposit->offered) {
		rc = RC_NOT_ACCEPTABLE;
		text = "a module of the server has dropped it";
	} else if (rc_is_temporary(rc) && deposit->claimed) {
		rc = RC_SERVICE_UNAVAILABLE;
	}
	deposit->ended(deposit->state, rc, text);
	mem_free(deposit->text);
	mem_free(deposit);
}

/* ---- to who is there ---- */

/* It goes on as any other message. */
static void deposit_claimed(const struct store_result *result, void *state)
{
	struct task *task = state;
	struct deposit *deposit = task->state;
	enum rc rc = store_rc(result);

	task->outbox_id = 0;
	/* Somebody has it locked, or has taken it back: whoever looks again will see. */
	if (rc == RC_OK && store_changed(result) == 0)
		rc = RC_RESOURCE_CONSTRAINT;
	if (rc != RC_OK) {
		task_fail_text(task, rc, store_message(result));
		return;
	}
	deposit->claimed = true;
	task_enter(task);
	task_release(task);
	delivery_message(task);
	task_leave(task);
}

static void deposit_live(struct task *task)
{
	struct deposit *deposit = task->state;

	if (deposit->row == ROW_OF_ONE)
		deposit_claim(task->outbox_id, deposit_claimed, task_hold(task));
	else
		store_run(&member_claim,
		    PARAMS(task->outbox_id,
			(const char *)jid_node(task_arena(task), task->account->jid),
			time_now_us()),
		    deposit_claimed, task_hold(task));
}

/* ---- into the mailbox ---- */

static void deposit_passed(struct task *task)
{
	struct deposit *deposit = task->state;

	deposit->offered = true;
	if (jid_is_bare(stanza_to(task->stanza)))
		task_continue(task, hooks_of_kind(MESSAGE_UNDELIVERED), deposit_live);
	else
		deposit_live(task);
}

/* The account is loaded, as far as it exists. */
static void deposit_reached(struct task *task)
{
	bool is_bare = jid_is_bare(stanza_to(task->stanza));

	switch (task->account->phase) {
	case ACCOUNT_READY:
		task_continue(task, hooks_for(task->stanza, TO_ACCOUNT, is_bare), deposit_passed);
		return;
	case ACCOUNT_FAILED:
		task_fail(task, RC_RESOURCE_CONSTRAINT);
		return;
	default:
		task_fail_text(task, RC_ITEM_NOT_FOUND, "the recipient has no account");
	}
}

void deposit_message(const struct stanza *message, int64_t outbox_id, enum deposit_row row,
    deposit_ended *ended, void *state)
{
	struct deposit *deposit = mem_alloc_zero(sizeof *deposit);
	struct account *account = account_get(stanza_to(message));
	struct task *task = task_new(message, account, NULL);

	ASSERT(outbox_id != 0);
	deposit->row = row;
	deposit->ended = ended;
	deposit->state = state;
	task->outbox_id = outbox_id;
	task->answer = deposit_refused;
	task->ended = deposit_end;
	task->state = deposit;
	task_enter(task);
	account_queue(account, task, deposit_reached);
	task_leave(task);
}

int64_t task_outbox_id(const struct task *task)
{
	return task->outbox_id;
}
