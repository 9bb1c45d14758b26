/* router.c - from a stanza to whoever it is for: which worker is home to the addressee, what
 * happens there (RFC 6120 section 10, RFC 6121 section 8.5), and fan-out to many at once. */
#include "core/router.h"

#include <sys/queue.h>

#include "core/account.h"
#include "core/config.h"
#include "core/delivery.h"
#include "core/home.h"
#include "core/hooks.h"
#include "core/presence.h"
#include "core/receipt.h"
#include "core/remote.h"
#include "core/session.h"
#include "core/subscription.h"
#include "core/task.h"
#include "loop/worker.h"

/* Receivers of a fan-out that are served before it is another's turn, and what all fan-outs get of
 * a round of the loop; what they have written but not sent waits for a part of later rounds, and
 * they wait while that is much. */
#define FANOUT_SLICE 64
#define FANOUT_TURNS_US 150
#define FANOUT_UNSENT_MAX 2000

/* A stanza on its way to another worker or waiting its turn: for one addressee (count is 0: its
 * `to`), or for many. What a sender sends while its fan-out is under way here waits behind that, so
 * that nobody sees things out of order. */
struct parcel {
	struct mail mail;
	TAILQ_ENTRY(parcel) next;
	struct stanza *stanza;
	struct receipt *receipt;
	TAILQ_HEAD(parcel_list, parcel) behind;
	bool is_for_online; /* who has no sessions does without */
	size_t count, done;
	struct jid *to[];
};

/* Fan-outs under way on this worker, each of another sender, served in turn. */
static _Thread_local struct parcel_list fanouts;
static _Thread_local struct mail fanout_mail;
static _Thread_local bool fanout_posted;

/* ---- at the addressee's home ---- */

/* RFC 6121 section 8.5.3.1: an answer to a request would tell that the session is there. */
static bool iq_is_for(const struct session *session, const struct stanza *iq)
{
	return !stanza_is_request(iq) || stanza_from(iq) == NULL ||
	       presence_is_shared(session, stanza_from(iq));
}

/* RFC 6121 section 8.5.3: an iq to a full JID goes to that session or is refused. To the bare JID
 * it has been offered to every hook. */
static void iq_deliver(struct task *task)
{
	const struct jid *to = stanza_to(task->stanza);
	struct session *session = NULL;

	if (to != NULL && !jid_is_bare(to))
		session = account_find_session(task->account, jid_resource(to));
	if (session != NULL && iq_is_for(session, task->stanza))
		session_send(session, task->stanza, NULL);
	else
		task_fail(task, RC_SERVICE_UNAVAILABLE);
}

static bool presence_is_subscription(const struct stanza *stanza)
{
	return stanza_type(stanza) >= PRESENCE_SUBSCRIBE &&
	       stanza_type(stanza) <= PRESENCE_UNSUBSCRIBED;
}

/* Every TO_ACCOUNT hook has passed. */
static void router_deliver(struct task *task)
{
	switch (stanza_kind(task->stanza)) {
	case STANZA_MESSAGE:
		delivery_message(task);
		return;
	case STANZA_IQ:
		iq_deliver(task);
		return;
	case STANZA_PRESENCE:
		if (presence_is_subscription(task->stanza))
			subscription_receive(task);
		else
			presence_deliver(task);
	}
}

/* RFC 6121 section 8.5.1: no such user. Presence is ignored. */
static void router_nobody(struct task *task)
{
	if (stanza_kind(task->stanza) != STANZA_PRESENCE)
		task_fail(task, RC_SERVICE_UNAVAILABLE);
}

/* The account is loaded, as far as it exists. */
static void router_reached(struct task *task)
{
	const struct jid *to = stanza_to(task->stanza);

	switch (task->account->phase) {
	case ACCOUNT_READY:
		task_continue(task,
		    hooks_for(task->stanza, TO_ACCOUNT, to == NULL || jid_is_bare(to)),
		    router_deliver);
		return;
	case ACCOUNT_FAILED:
		task_fail(task, RC_RESOURCE_CONSTRAINT);
		return;
	default:
		task_continue(task, hooks_for(task->stanza, TO_NOBODY, true), router_nobody);
	}
}

static void account_arrive(
    const struct stanza *stanza, const struct jid *to, struct receipt *receipt)
{
	struct account *account;
	struct task *task;

	if (stanza_kind(stanza) == STANZA_PRESENCE && !presence_is_subscription(stanza)) {
		account = account_peek(to);
		if (account == NULL ||
		    (account->session_count == 0 && !account_is_loading(account))) {
			presence_deliver_absent(stanza, to);
			return;
		}
	} else {
		account = account_get(to);
	}
	task = task_new(stanza, account, receipt);
	task_enter(task);
	account_queue(account, task, router_reached);
	task_leave(task);
}

static void online_arrive(const struct stanza *stanza, const struct jid *to)
{
	const struct account *account = account_peek(to);

	if (account != NULL && (account->session_count > 0 || account_is_loading(account)))
		account_arrive(stanza, to, NULL);
}

/* ---- at a domain ---- */

static void domain_passed(struct task *task)
{
	if (stanza_kind(task->stanza) != STANZA_PRESENCE)
		task_fail(task, RC_SERVICE_UNAVAILABLE);
}

static void domain_arrive(const struct stanza *stanza, struct receipt *receipt)
{
	struct task *task = task_new(stanza, NULL, receipt);

	task_run(task, hooks_for(stanza, TO_DOMAIN, jid_is_bare(stanza_to(stanza))), domain_passed);
}

void router_early(const struct stanza *iq, void (*answer)(void *state, struct stanza *answer),
    void (*ended)(void *state, enum rc rc), void *state)
{
	struct task *task = task_new(iq, NULL, NULL);

	task->answer = answer;
	task->ended = ended;
	task->state = state;
	task_run(task, hooks_for(iq, TO_DOMAIN, true), domain_passed);
}

void router_to_self(struct task *task)
{
	task_continue(task, hooks_for(task->stanza, TO_ACCOUNT, true), router_deliver);
}

/* ---- parcels ---- */

static struct parcel *parcel_new(const struct stanza *stanza, struct receipt *receipt, size_t count)
{
	struct parcel *parcel = mem_alloc_zero(sizeof *parcel + count * sizeof parcel->to[0]);

	parcel->stanza = stanza_ref(stanza);
	parcel->receipt = receipt_hold(receipt);
	TAILQ_INIT(&parcel->behind);
	return parcel;
}

static void parcel_add(struct parcel *parcel, const struct jid *to)
{
	parcel->to[parcel->count++] = jid_copy_heap(to);
}

static void parcel_free(struct parcel *parcel)
{
	for (size_t i = 0; i < parcel->count; i++)
		jid_free(&parcel->to[i]);
	stanza_unref(&parcel->stanza);
	receipt_release(&parcel->receipt);
	mem_free(parcel);
}

/* The fan-out of this sender that is under way here; nearly always there is none. */
static struct parcel *fanout_of(const struct stanza *stanza)
{
	const struct jid *sender = stanza_from(stanza);
	struct parcel *fanout;

	if (sender == NULL)
		return NULL;
	TAILQ_FOREACH (fanout, &fanouts, next)
		if (stanza_from(fanout->stanza) != NULL &&
		    jid_equal_bare(stanza_from(fanout->stanza), sender))
			return fanout;
	return NULL;
}

static void fanout_turns(struct mail *mail);

static void fanout_schedule(void)
{
	if (TAILQ_EMPTY(&fanouts) || fanout_posted)
		return;
	fanout_posted = true;
	worker_post(worker_current(), &fanout_mail, fanout_turns);
}

/* Serves one slice; whether that was the last. */
static bool fanout_slice(struct parcel *parcel)
{
	size_t end = parcel->done + FANOUT_SLICE;
	bool was_patient;

	if (end > parcel->count)
		end = parcel->count;
	was_patient = worker_set_patient(true);
	for (; parcel->done < end; parcel->done++)
		if (parcel->is_for_online)
			online_arrive(parcel->stanza, parcel->to[parcel->done]);
		else
			account_arrive(parcel->stanza, parcel->to[parcel->done], NULL);
	worker_set_patient(was_patient);
	return parcel->done == parcel->count;
}

/* It is here and nothing of its sender is under way. Takes it. */
static void parcel_open(struct parcel *parcel)
{
	struct parcel *before = fanout_of(parcel->stanza);

	if (before != NULL) {
		TAILQ_INSERT_TAIL(&before->behind, parcel, next);
		return;
	}
	if (parcel->count == 0) {
		account_arrive(parcel->stanza, stanza_to(parcel->stanza), parcel->receipt);
		parcel_free(parcel);
		return;
	}
	if (fanout_slice(parcel)) {
		parcel_free(parcel);
		return;
	}
	TAILQ_INSERT_TAIL(&fanouts, parcel, next);
	fanout_schedule();
}

/* Everyone has it: what waited behind it goes on, in order, and may be a fan-out itself. */
static void fanout_finish(struct parcel *fanout)
{
	struct parcel *parcel;

	while ((parcel = TAILQ_FIRST(&fanout->behind)) != NULL) {
		TAILQ_REMOVE(&fanout->behind, parcel, next);
		parcel_open(parcel);
	}
	parcel_free(fanout);
}

/* Slices of all in turn, as long as there is time; the next come after other events. */
static void fanout_turns(struct mail *mail)
{
	int64_t until_us = worker_clock_us() + FANOUT_TURNS_US;
	struct parcel *fanout;

	(void)mail;
	fanout_posted = false;
	while (worker_patient_count() < FANOUT_UNSENT_MAX && worker_clock_us() < until_us) {
		fanout = TAILQ_FIRST(&fanouts);
		if (fanout == NULL)
			return;
		TAILQ_REMOVE(&fanouts, fanout, next);
		if (fanout_slice(fanout))
			fanout_finish(fanout);
		else
			TAILQ_INSERT_TAIL(&fanouts, fanout, next);
	}
	fanout_schedule();
}

static void parcel_came(struct mail *mail)
{
	parcel_open(CONTAINER_OF(mail, struct parcel, mail));
}

/* ---- ways ---- */

void router_send(const struct stanza *stanza, struct receipt *receipt)
{
	const struct jid *to = stanza_to(stanza);
	struct worker *home;

	ASSERT(to != NULL);
	if (!config_serves(home_config(), to)) {
		if (!remote_send(stanza, receipt))
			router_bounce(stanza, RC_REMOTE_SERVER_NOT_FOUND, NULL);
		return;
	}
	if (to->node_length == 0) {
		domain_arrive(stanza, receipt);
		return;
	}
	home = home_of(to);
	if (home != worker_current())
		worker_post(home, &parcel_new(stanza, receipt, 0)->mail, parcel_came);
	else if (fanout_of(stanza) != NULL)
		parcel_open(parcel_new(stanza, receipt, 0));
	else
		account_arrive(stanza, to, receipt);
}

/* The receivers that live on one worker. */
static void router_send_share(const struct stanza *stanza, struct receipt *receipt,
    const struct jid *const *to, size_t count, struct worker *home, size_t share,
    bool is_for_online)
{
	bool here = home == worker_current();
	bool at_once = here && share <= FANOUT_SLICE && fanout_of(stanza) == NULL;
	struct parcel *parcel = at_once ? NULL : parcel_new(stanza, receipt, share);

	for (size_t i = 0; i < count; i++) {
		if (!config_serves(home_config(), to[i]) || to[i]->node_length == 0 ||
		    home_of(to[i]) != home)
			continue;
		if (at_once && is_for_online)
			online_arrive(stanza, to[i]);
		else if (at_once)
			account_arrive(stanza, to[i], NULL);
		else
			parcel_add(parcel, to[i]);
	}
	if (at_once)
		return;
	parcel->is_for_online = is_for_online;
	if (here)
		parcel_open(parcel);
	else
		worker_post(home, &parcel->mail, parcel_came);
}

/* To one of many who is not of ours. Where there is no way nobody is told: it would be at each
 * change of presence. RFC 6121 section 4.3.1: probes are from the account there. */
static void router_send_away(const struct stanza *stanza, const struct jid *to)
{
	struct arena *arena = arena_new(0);
	const struct jid *from = stanza_from(stanza);
	struct stanza *readdressed;

	if (stanza_type(stanza) == PRESENCE_PROBE)
		from = jid_bare(arena, from);
	readdressed = stanza_readdress(stanza, from, to);
	remote_send(readdressed, NULL);
	stanza_unref(&readdressed);
	arena_free(&arena);
}

static void router_fan_out(const struct stanza *stanza, struct receipt *receipt,
    const struct jid *const *to, size_t count, bool is_for_online)
{
	size_t *shares;

	if (count == 0)
		return;
	shares = mem_alloc_zero(homes_count() * sizeof *shares);
	for (size_t i = 0; i < count; i++)
		if (!config_serves(home_config(), to[i]))
			router_send_away(stanza, to[i]);
		else if (to[i]->node_length > 0)
			shares[worker_index(home_of(to[i]))]++;
	for (size_t i = 0; i < homes_count(); i++)
		if (shares[i] > 0)
			router_send_share(
			    stanza, receipt, to, count, homes_worker(i), shares[i], is_for_online);
	mem_free(shares);
}

void router_send_many(
    const struct stanza *stanza, struct receipt *receipt, const struct jid *const *to, size_t count)
{
	router_fan_out(stanza, receipt, to, count, false);
}

void router_send_online(
    const struct stanza *stanza, struct receipt *receipt, const struct jid *const *to, size_t count)
{
	router_fan_out(stanza, receipt, to, count, true);
}

void router_bounce(const struct stanza *stanza, enum rc rc, const char *text)
{
	struct stanza *error = stanza_error(stanza, rc, text);

	if (error != NULL && stanza_to(error) != NULL)
		router_send(error, NULL);
	stanza_unref(&error);
}

void router_start(void)
{
	TAILQ_INIT(&fanouts);
	fanout_posted = false;
}

void router_stop(void)
{
	struct parcel *fanout, *parcel;

	while ((fanout = TAILQ_FIRST(&fanouts)) != NULL) {
		TAILQ_REMOVE(&fanouts, fanout, next);
		while ((parcel = TAILQ_FIRST(&fanout->behind)) != NULL) {
			TAILQ_REMOVE(&fanout->behind, parcel, next);
			parcel_free(parcel);
		}
		parcel_free(fanout);
	}
}

void server_send(const struct stanza *stanza)
{
	router_send(stanza, NULL);
}
