/* subscription.c - subscription stanzas, going out and coming in (RFC 6121 section 3). What they do
 * to the state is decided in subscription-state.c; here the roster changes, they are passed on, and
 * presence begins or ceases to flow.
 *
 * Memory changes first: routing to somebody at home here comes back, with an answer, before it
 * returns. The rows follow, and pushes after their commit. */
#include "core/subscription.h"

#include "core/account.h"
#include "core/config.h"
#include "core/home.h"
#include "core/presence.h"
#include "core/presence-remote.h"
#include "core/roster.h"
#include "core/roster-write.h"
#include "core/router.h"
#include "core/session.h"
#include "core/task.h"

/* One stanza's work. */
struct move {
	struct task *task;
	struct account *account;
	const struct jid *contact; /* bare */
	struct roster_item *item;  /* or NULL */
	struct subscription_state before;
	struct subscription_step step;
};

/* ---- the roster ---- */

static struct move move_new(struct task *task, const struct jid *contact)
{
	struct move move = { .task = task, .account = task->account };

	move.contact = jid_bare(task_arena(task), contact);
	move.item = roster_find(move.account, move.contact);
	move.before = roster_item_state(move.item);
	return move;
}

/* Whether clients see a difference. */
static bool move_is_visible(const struct move *move)
{
	const struct subscription_state *before = &move->before, *next = &move->step.next;

	return before->subscription != next->subscription || before->ask != next->ask ||
	       before->approved != next->approved;
}

static bool move_is_change(const struct move *move)
{
	return move_is_visible(move) || move->before.request != move->step.next.request;
}

static bool move_begins_from(const struct move *move)
{
	return (move->step.next.subscription & ~move->before.subscription & SUBSCRIPTION_FROM) != 0;
}

static bool move_ends_from(const struct move *move)
{
	return (move->before.subscription & ~move->step.next.subscription & SUBSCRIPTION_FROM) != 0;
}

/* Makes the item if the new state needs one; RC_RESOURCE_CONSTRAINT or RC_NOT_ALLOWED if there are
 * enough. */
static enum rc move_make_room(struct move *move)
{
	const struct limits *limits = &home_config()->limits;
	const struct subscription_state *next = &move->step.next;
	bool lists = next->subscription != SUBSCRIPTION_NONE || next->ask || next->approved;

	if (next->request && !move->before.request &&
	    roster_requests(move->account) >= limits->subscription_requests)
		return RC_RESOURCE_CONSTRAINT;
	if (lists && (move->item == NULL || !move->item->listed) &&
	    !roster_has_room(move->account, NULL, roster_item_bytes(move->contact, NULL, NULL, 0)))
		return RC_NOT_ALLOWED;
	if (move->item == NULL)
		move->item = roster_add(move->account, move->contact);
	return move->item == NULL ? RC_RESOURCE_CONSTRAINT : RC_OK;
}

/* The rows of the change; the task waits for them. */
static void move_write(const struct move *move)
{
	const struct subscription_state *before = &move->before, *next = &move->step.next;
	struct roster_write *write = roster_write_new(move->account, move->task);

	if (move_is_visible(move)) {
		roster_write_item(write, move->item);
		roster_write_push(write, move->contact);
	}
	if (next->request && !before->request)
		roster_write_request(write, move->contact, move->task->stanza);
	if (before->request && !next->request)
		roster_write_no_request(write, move->contact);
	/* Presence that follows an approval is not to overtake its push (section 3.1.6). */
	if ((next->subscription & ~before->subscription & SUBSCRIPTION_TO) != 0)
		roster_write_block(write);
	roster_write_end(write);
}

/* Takes the step in memory and queues its rows. */
static enum rc move_take(struct move *move)
{
	enum rc rc;

	if (!move_is_change(move))
		return RC_OK;
	rc = move_make_room(move);
	if (rc != RC_OK)
		return rc;
	roster_set_state(move->account, move->item, &move->step.next);
	move_write(move);
	if (!move->item->listed && !move->item->request)
		roster_drop(move->account, move->contact);
	move->item = NULL;
	return RC_OK;
}

/* ---- out ---- */

/* Sections 3.1.2 and so on: from bare JID to bare JID. */
static void move_route(const struct move *move)
{
	struct stanza *stamped =
	    stanza_readdress(move->task->stanza, move->account->jid, move->contact);

	router_send(stamped, move->task->receipt);
	stanza_unref(&stamped);
}

void subscription_send(struct task *task)
{
	struct move move = move_new(task, stanza_to(task->stanza));
	enum rc rc;

	if (jid_equal(move.contact, task->account->jid))
		return;
	move.step = subscription_outbound(move.before, stanza_type(task->stanza));
	rc = move_take(&move);
	if (rc != RC_OK) {
		task_fail(task, rc);
		return;
	}
	/* Section 3.2.2: the contact still sees us going. */
	if (move_ends_from(&move) && !account_shows_presence_to(move.account, move.contact))
		presence_hide(move.account, move.contact);
	if (move.step.next.ask)
		presence_remote_watch(move.account, move.contact);
	if (move.step.pass)
		move_route(&move);
	/* Section 3.1.5 */
	if (move_begins_from(&move))
		presence_show(move.account, move.contact);
}

/* ---- in ---- */

/* A request goes to available resources (section 3.1.3), anything else to interested ones. */
static bool session_takes(const struct session *session, enum stanza_type type)
{
	return type == PRESENCE_SUBSCRIBE ? session->presence != NULL : session->wants_roster;
}

static void move_deliver(const struct move *move)
{
	enum stanza_type type = stanza_type(move->task->stanza);
	struct stanza *stamped =
	    stanza_readdress(move->task->stanza, move->contact, move->account->jid);
	struct session *session;

	TAILQ_FOREACH (session, &move->account->sessions, sibling)
		if (session_takes(session, type))
			session_send(session, stamped, NULL);
	stanza_unref(&stamped);
}

/* Section 3.1.3, second rule, and 3.4.2: answered for the user, with the presence that goes with
 * it. */
static void move_reply(const struct move *move)
{
	struct stanza *reply =
	    stanza_new(PRESENCE_SUBSCRIBED, move->account->jid, move->contact, NULL);

	router_send(reply, move->task->receipt);
	stanza_unref(&reply);
	presence_show(move->account, move->contact);
}

/* Section 8.5.3.2.2: a request to a resource that is not there is one to its user; anything else is
 * ignored. */
static bool is_for_nobody(const struct task *task)
{
	const char *resource = jid_resource(stanza_to(task->stanza));

	return resource != NULL && stanza_type(task->stanza) != PRESENCE_SUBSCRIBE &&
	       account_find_session(task->account, resource) == NULL;
}

void subscription_receive(struct task *task)
{
	struct move move;
	enum rc rc;

	if (stanza_from(task->stanza) == NULL || task_by_owner(task) || is_for_nobody(task))
		return;
	move = move_new(task, stanza_from(task->stanza));
	move.step = subscription_inbound(move.before, stanza_type(task->stanza));
	rc = move_take(&move);
	if (rc != RC_OK) {
		task_fail(task, rc);
		return;
	}
	if (move.step.pass)
		move_deliver(&move);
	if (move.step.reply)
		move_reply(&move);
	/* Section 3.3.3 */
	if (move_ends_from(&move) && !account_shows_presence_to(move.account, move.contact))
		presence_hide(move.account, move.contact);
}

/* ---- the end of an item ---- */

void subscription_cancel(struct account *account, struct roster_item *item)
{
	struct subscription_state state = roster_item_state(item);
	struct arena *arena = arena_new(0);
	const struct jid *contact = roster_item_jid(arena, item);

	if (state.ask || (state.subscription & SUBSCRIPTION_TO) != 0)
		presence_send(PRESENCE_UNSUBSCRIBE, account->jid, contact);
	if ((state.subscription & ~roster_shared(account, contact) & SUBSCRIPTION_FROM) != 0)
		presence_hide(account, contact);
	if (state.request || (state.subscription & SUBSCRIPTION_FROM) != 0)
		presence_send(PRESENCE_UNSUBSCRIBED, account->jid, contact);
	arena_free(&arena);
}
