/* router.c - from a stanza to whoever it is for: account, domain or another server, and what
 * happens at the addressee's home (RFC 6120 section 10, RFC 6121 section 8.5). */
#include "core/router.h"

#include "core/account.h"
#include "core/config.h"
#include "core/delivery.h"
#include "core/home.h"
#include "core/hooks.h"
#include "core/presence.h"
#include "core/remote.h"
#include "core/router-private.h"
#include "core/session.h"
#include "core/subscription.h"
#include "core/task.h"

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

void account_arrive(const struct stanza *stanza, const struct jid *to, struct receipt *receipt)
{
	struct account *account;
	struct task *task;

	if (stanza_kind(stanza) == STANZA_PRESENCE && !presence_is_subscription(stanza)) {
		account = account_peek(to);
		if (account == NULL ||
		    (account->session_count == 0 && !account_is_loading(account))) {
			presence_deliver_absent(stanza, to, receipt);
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

void online_arrive(const struct stanza *stanza, const struct jid *to)
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

/* ---- ways ---- */

void router_send(const struct stanza *stanza, struct receipt *receipt)
{
	const struct jid *to = stanza_to(stanza);

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
	if (!parcel_send(stanza, receipt))
		account_arrive(stanza, to, receipt);
}

void router_bounce(const struct stanza *stanza, enum rc rc, const char *text)
{
	struct stanza *error = stanza_error(stanza, rc, text);

	if (error != NULL && stanza_to(error) != NULL)
		router_send(error, NULL);
	stanza_unref(&error);
}

void server_send(const struct stanza *stanza)
{
	router_send(stanza, NULL);
}
