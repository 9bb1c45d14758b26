/* delivery.c - messages to sessions: to whom (RFC 6121 section 8.5), and what becomes of them until
 * a client has them (DESIGN: acknowledged means durable). */
#include "core/delivery.h"

#include <sys/queue.h>

#include "core/account.h"
#include "core/backlog-private.h"
#include "core/config.h"
#include "core/home.h"
#include "core/hooks.h"
#include "core/receipt.h"
#include "core/router.h"
#include "core/session.h"
#include "core/task.h"
#include "loop/timer.h"
#include "loop/worker.h"

struct delivery {
	TAILQ_ENTRY(delivery) of_account;
	TAILQ_ENTRY(delivery) unconfirmed; /* while `is_watched` */
	struct account *account;           /* referenced */
	struct stanza *stanza;             /* referenced */
	struct receipt *receipt;           /* held until confirmed or kept */
	int64_t message_id;                /* of the row, if there is to be one; 0: none */
	uint64_t arrival;                  /* as that of the task */
	void (*told)(void *state); /* who wants to know its end, and nothing else; or NULL */
	void *told_state;
	int64_t since_ms;
	unsigned outstanding; /* sessions that have not said */
	bool confirmed;
	bool keeping; /* the row is being written */
	bool kept;    /* the row is committed */
	bool is_watched;
};

/* Deliveries to clients that acknowledge, or from other servers, whose sender waits for it; oldest
 * first. */
static _Thread_local struct {
	struct delivery_list list;
	struct timer *timer; /* set while the list is not empty */
	size_t count;        /* of all deliveries */
} watch;

static void watch_fired(void *state);
static void delivery_again(struct delivery *delivery);

/* ---- life ---- */

static struct delivery *delivery_new(
    struct account *account, const struct stanza *stanza, struct receipt *receipt)
{
	struct delivery *delivery = mem_alloc_zero(sizeof *delivery);

	delivery->account = account_ref(account);
	delivery->stanza = stanza_ref(stanza);
	delivery->receipt = receipt_hold(receipt);
	TAILQ_INSERT_TAIL(&account->deliveries, delivery, of_account);
	watch.count++;
	return delivery;
}

static void delivery_unwatch(struct delivery *delivery)
{
	if (!delivery->is_watched)
		return;
	TAILQ_REMOVE(&watch.list, delivery, unconfirmed);
	delivery->is_watched = false;
}

static struct delivery *delivery_of_task(struct task *task)
{
	struct delivery *delivery = delivery_new(task->account, task->stanza, task->receipt);

	delivery->message_id = task->message_id;
	delivery->arrival = task->arrival;
	return delivery;
}

/* No session and no write is concerned with it any more. */
static void delivery_free(struct delivery *delivery)
{
	delivery_unwatch(delivery);
	TAILQ_REMOVE(&delivery->account->deliveries, delivery, of_account);
	stanza_unref(&delivery->stanza);
	receipt_release(&delivery->receipt);
	account_unref(delivery->account);
	mem_free(delivery);
	watch.count--;
}

static unsigned watch_period_ms(void)
{
	return home_config()->limits.unacked_seconds * 1000u;
}

static void delivery_watch(struct delivery *delivery)
{
	if (delivery->is_watched || delivery->receipt == NULL)
		return;
	if (delivery->message_id == 0)
		delivery->message_id = home_next_id();
	delivery->since_ms = worker_now_ms();
	delivery->is_watched = true;
	TAILQ_INSERT_TAIL(&watch.list, delivery, unconfirmed);
	if (!timer_is_set(watch.timer))
		timer_set(watch.timer, watch_period_ms());
}

/* From a server whose connection carries what is for many: who reads slowly must not hold that up.
 */
static bool is_from_elsewhere(const struct stanza *stanza)
{
	return stanza_from(stanza) != NULL && !config_serves(home_config(), stanza_from(stanza));
}

static void delivery_to(struct delivery *delivery, struct session *session)
{
	delivery->outstanding++;
	if (session->events->acknowledges(session->state) || is_from_elsewhere(delivery->stanza))
		delivery_watch(delivery);
	session_send_delivery(session, delivery->stanza, NULL, delivery);
}

/* ---- to whom ---- */

static int highest_priority(const struct account *account)
{
	const struct session *session;
	int highest = -1;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		if (session_is_reachable(session) && session->priority > highest)
			highest = session->priority;
	return highest;
}

/* Section 8.5.2.1.1: the most available resources; of equals, all. False if there is none. */
static bool deliver_to_best(struct delivery *delivery)
{
	int highest = highest_priority(delivery->account);
	struct session *session, *next;

	if (highest < 0)
		return false;
	for (session = TAILQ_FIRST(&delivery->account->sessions); session != NULL; session = next) {
		next = TAILQ_NEXT(session, sibling);
		if (session_is_reachable(session) && session->priority == highest)
			delivery_to(delivery, session);
	}
	return true;
}

/* Headlines go to everyone who takes messages, and to nobody later. */
static void deliver_headline(const struct account *account, const struct stanza *stanza)
{
	struct session *session;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		if (session_is_reachable(session))
			session_send(session, stanza, NULL);
}

static void message_undelivered(struct task *task)
{
	task_fail(task, RC_SERVICE_UNAVAILABLE);
}

static void deliver_to_bare(struct task *task)
{
	struct delivery *delivery;

	switch (stanza_type(task->stanza)) {
	case MESSAGE_ERROR:
		return;
	case MESSAGE_GROUPCHAT:
		task_fail(task, RC_SERVICE_UNAVAILABLE);
		return;
	case MESSAGE_HEADLINE:
		deliver_headline(task->account, task->stanza);
		return;
	default:
		break;
	}
	delivery = delivery_of_task(task);
	if (deliver_to_best(delivery))
		return;
	delivery_free(delivery);
	task_continue(task, hooks_of_kind(MESSAGE_UNDELIVERED), message_undelivered);
}

/* Section 8.5.3.2.1: a full JID without its session. */
static void deliver_to_missing(struct task *task)
{
	enum stanza_type type = stanza_type(task->stanza);

	if (type == MESSAGE_CHAT)
		deliver_to_bare(task);
	else if (type != MESSAGE_ERROR)
		task_fail(task, RC_SERVICE_UNAVAILABLE);
}

static void delivery_begin(struct task *task)
{
	const struct jid *to = stanza_to(task->stanza);
	struct session *session;

	if (jid_is_bare(to)) {
		deliver_to_bare(task);
		return;
	}
	session = account_find_session(task->account, jid_resource(to));
	if (session == NULL)
		deliver_to_missing(task);
	else if (stanza_type(task->stanza) == MESSAGE_ERROR)
		session_send(session, task->stanza, NULL);
	else
		delivery_to(delivery_of_task(task), session);
}

void delivery_message(struct task *task)
{
	task_continue(task, hooks_of_kind(MESSAGE_ARRIVING), delivery_begin);
}

void delivery_kept(struct session *session, const struct stanza *stanza, int64_t message_id)
{
	struct delivery *delivery = delivery_new(session->account, stanza, NULL);

	delivery->message_id = message_id;
	delivery->kept = true;
	delivery_to(delivery, session);
}

void delivery_told(
    struct session *session, const struct stanza *stanza, void (*told)(void *state), void *state)
{
	struct delivery *delivery = delivery_new(session->account, stanza, NULL);

	delivery->told = told;
	delivery->told_state = state;
	delivery_to(delivery, session);
}

bool delivery_is_under_way(const struct account *account, int64_t message_id)
{
	const struct delivery *delivery;

	TAILQ_FOREACH (delivery, &account->deliveries, of_account)
		if (delivery->message_id == message_id)
			return true;
	return false;
}

/* ---- what clients say ---- */

/* Whether this is one that somebody waits for; it is over. */
static bool delivery_tell(struct delivery *delivery)
{
	struct delivery over = *delivery;

	if (over.told == NULL)
		return false;
	delivery_free(delivery);
	over.told(over.told_state);
	return true;
}

void delivery_confirmed(struct delivery *delivery)
{
	if (delivery_tell(delivery))
		return;
	delivery->outstanding--;
	if (!delivery->confirmed) {
		delivery->confirmed = true;
		delivery_unwatch(delivery);
		receipt_release(&delivery->receipt);
		/* A row that is being written is deleted after: statements keep their order. */
		if (delivery->kept || delivery->keeping)
			backlogs_delivered(delivery->account, delivery->message_id);
	}
	if (delivery->outstanding == 0 && !delivery->keeping)
		delivery_free(delivery);
}

void delivery_lost(struct delivery *delivery)
{
	if (delivery_tell(delivery))
		return;
	delivery->outstanding--;
	if (delivery->outstanding > 0 || delivery->keeping)
		return;
	if (!delivery->confirmed)
		delivery_again(delivery);
	else
		delivery_free(delivery);
}

/* Its row waits, and whoever keeps the rows knows who may take it now. */
static void delivery_wait(struct delivery *delivery)
{
	struct account *account = account_ref(delivery->account);

	delivery_free(delivery);
	backlogs_lost(account);
	account_unref(account);
}

/* Every session that had it is gone: what has a row waits there; the rest is delivered anew, which
 * may mean that it is kept. */
static void delivery_again(struct delivery *delivery)
{
	struct task *task;

	if (delivery->kept) {
		delivery_wait(delivery);
		return;
	}
	task = task_new(delivery->stanza, delivery->account, delivery->receipt);
	task->message_id = delivery->message_id;
	task->arrival = delivery->arrival;
	delivery_free(delivery);
	task_enter(task);
	account_queue(task->account, task, delivery_message);
	task_leave(task);
}

/* ---- not acknowledged in time ---- */

/* The write is over: the row stands for the sender's acknowledgement, or the client still has to,
 * or it is tried again. */
static void delivery_is_kept(void *state, enum rc rc)
{
	struct delivery *delivery = state;

	delivery->keeping = false;
	delivery->kept = rc == RC_OK;
	if (delivery->kept)
		receipt_release(&delivery->receipt);
	else if (delivery->outstanding > 0 && !delivery->confirmed && rc_is_temporary(rc))
		delivery_watch(delivery);
	else if (is_from_elsewhere(delivery->stanza))
		receipt_release(&delivery->receipt);
	if (delivery->outstanding > 0)
		return;
	if (delivery->confirmed)
		delivery_free(delivery);
	else
		delivery_again(delivery);
}

/* It is not for keeping (XEP-0160 section 3, XEP-0334): the sender waits no longer, and is told if
 * it is lost. */
static void message_unkept(struct task *task)
{
	struct delivery *delivery = task->state;

	receipt_release(&delivery->receipt);
	task->rc = RC_SERVICE_UNAVAILABLE;
}

static void delivery_keep(struct delivery *delivery)
{
	struct task *task = task_new(delivery->stanza, delivery->account, NULL);

	delivery_unwatch(delivery);
	delivery->keeping = true;
	task->message_id = delivery->message_id;
	task->quiet = true;
	task->ended = delivery_is_kept;
	task->state = delivery;
	task_run(task, hooks_of_kind(MESSAGE_UNCONFIRMED), message_unkept);
}

static void watch_fired(void *state)
{
	struct delivery *delivery;
	int64_t age_ms;

	(void)state;
	while ((delivery = TAILQ_FIRST(&watch.list)) != NULL) {
		age_ms = worker_now_ms() - delivery->since_ms;
		if (age_ms < watch_period_ms()) {
			timer_set(watch.timer, (unsigned)(watch_period_ms() - age_ms));
			return;
		}
		delivery_keep(delivery);
	}
}

void deliveries_start(void)
{
	TAILQ_INIT(&watch.list);
	watch.timer = timer_new(watch_fired, NULL);
	watch.count = 0;
}

void deliveries_stop(void)
{
	timer_free(&watch.timer);
}

size_t deliveries_count(void)
{
	return watch.count;
}
