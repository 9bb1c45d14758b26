/* session.c - a client that is logged in: from binding its resource to the unavailable presence
 * that the server makes when it is gone, and what it sends in between (RFC 6121 section 8.1: no
 * `to`). */
#include "core/session.h"

#include "base/crypto.h"
#include "base/hash.h"
#include "core/account.h"
#include "core/backlog-private.h"
#include "core/config.h"
#include "core/home.h"
#include "core/hooks.h"
#include "core/presence-private.h"
#include "core/presence.h"
#include "core/receipt.h"
#include "core/router.h"
#include "core/subscription.h"
#include "core/task.h"
#include "loop/worker.h"

#define RESOURCE_RANDOM_BYTES 12

static _Thread_local size_t sessions;
static _Thread_local const struct session_watcher *watcher;

void sessions_watch(const struct session_watcher *new_watcher)
{
	watcher = new_watcher;
}

void session_tell_changed(struct session *session)
{
	if (watcher != NULL)
		watcher->changed(session);
}

size_t sessions_count(void)
{
	return sessions;
}

/* RFC 6120 section 7.6: unguessable, and unique among the account's. */
static const char *resource_make(struct arena *arena)
{
	unsigned char random[RESOURCE_RANDOM_BYTES];

	crypto_random(random, sizeof random);
	return hex_encode(arena, random, sizeof random);
}

static uint32_t now_s(void)
{
	return (uint32_t)(worker_now_ms() / 1000);
}

static enum rc session_refusal(const struct account *account, const struct session *replaced)
{
	if (account->phase == ACCOUNT_FAILED)
		return RC_RESOURCE_CONSTRAINT;
	if (account->phase != ACCOUNT_READY)
		return RC_ITEM_NOT_FOUND;
	if (account->disabled)
		return RC_NOT_ALLOWED;
	if (replaced == NULL &&
	    account->session_count >= home_config()->limits.sessions_per_account)
		return RC_RESOURCE_CONSTRAINT;
	return RC_OK;
}

enum rc session_new(struct account *account, const char *resource,
    const struct session_events *events, void *state, struct log *log, struct session **session_out)
{
	struct session *replaced =
	    resource == NULL ? NULL : account_find_session(account, resource);
	enum rc rc = session_refusal(account, replaced);
	struct arena *arena;
	struct session *session;

	if (rc != RC_OK)
		return rc;
	if (replaced != NULL)
		session_end(replaced, SESSION_REPLACED);
	arena = arena_new(0);
	session = mem_alloc_zero(sizeof *session);
	session->account = account_ref(account);
	session->jid = jid_copy_heap(jid_with_resource(
	    arena, account->jid, resource == NULL ? resource_make(arena) : resource));
	session->events = events;
	session->state = state;
	session->log = log;
	session->since_us = time_now_us();
	session->id = home_next_id();
	session->active_s = now_s();
	account_add_session(account, session);
	sessions++;
	arena_free(&arena);
	session_tell_changed(session);
	*session_out = session;
	return RC_OK;
}

void session_leave(struct session *session)
{
	if (session->left)
		return;
	presence_vanish(session);
	for (const struct module *const *module = server_modules(); *module != NULL; module++)
		if ((*module)->session_ended != NULL)
			(*module)->session_ended(session);
	backlogs_session_ended(session);
	session->left = true;
	if (watcher != NULL)
		watcher->ended(session);
	account_drop_session(session->account, session);
}

/* The JIDs in session->directed belong to the session. */
static void session_free_directed(struct session *session)
{
	size_t cursor = 0;
	struct jid *jid;

	if (session->directed == NULL)
		return;
	while ((jid = hash_next(session->directed, &cursor)) != NULL)
		jid_free(&jid);
	hash_free(&session->directed);
}

void session_free(struct session **session_pointer)
{
	struct session *session = *session_pointer;

	*session_pointer = NULL;
	if (session == NULL)
		return;
	session_leave(session);
	session_free_directed(session);
	stanza_unref(&session->presence);
	if (session->blocks)
		account_unblock(session->account);
	account_unref(session->account);
	jid_free(&session->jid);
	mem_free(session);
	sessions--;
}

/* What has arrived since must not overtake what the client has not acknowledged, which comes back
 * when its stream is no more. */
void session_end(struct session *session, enum session_end end)
{
	if (session->left)
		return;
	session_leave(session);
	session->blocks = true;
	account_block(session->account);
	session->events->end(session->state, end);
}

void sessions_end(struct account *account, enum session_end end)
{
	struct session *session, *next;

	account_ref(account);
	for (session = TAILQ_FIRST(&account->sessions); session != NULL; session = next) {
		next = TAILQ_NEXT(session, sibling);
		session_end(session, end);
	}
	account_unref(account);
}

unsigned session_kick(const struct jid *jid, int64_t id)
{
	const char *resource = jid_resource(jid);
	struct account *account = account_peek(jid);
	struct session *session, *next;
	unsigned kicked = 0;

	if (account == NULL)
		return 0;
	account_ref(account);
	for (session = TAILQ_FIRST(&account->sessions); session != NULL; session = next) {
		next = TAILQ_NEXT(session, sibling);
		if ((resource != NULL && !text_equal(resource, jid_resource(session->jid))) ||
		    (id != 0 && id != session->id))
			continue;
		session_end(session, SESSION_KICKED);
		kicked++;
	}
	account_unref(account);
	return kicked;
}

/* ---- what it sends ---- */

static void session_sent_presence(struct session *session, struct task *task)
{
	const struct stanza *presence = task->stanza;
	enum stanza_type type = stanza_type(presence);
	bool has_to = stanza_to(presence) != NULL;

	switch (type) {
	case PRESENCE_AVAILABLE:
	case PRESENCE_UNAVAILABLE:
		if (has_to)
			presence_direct(session, task);
		else
			presence_broadcast(session, presence, task->receipt);
		return;
	case PRESENCE_SUBSCRIBE:
	case PRESENCE_SUBSCRIBED:
	case PRESENCE_UNSUBSCRIBE:
	case PRESENCE_UNSUBSCRIBED:
		if (has_to)
			subscription_send(task);
		else
			task_fail(task, RC_BAD_REQUEST);
		return;
	default:
		/* RFC 6121 section 4.3: a probe is the server's business, but the contact's server
		 * may well answer one; an error is passed on. */
		if (has_to)
			router_send(presence, task->receipt);
	}
}

/* Every FROM_ACCOUNT hook has passed: the stanza goes where it wants to. */
static void session_sent(struct task *task)
{
	const struct jid *to = stanza_to(task->stanza);
	struct stanza *to_self;

	if (stanza_kind(task->stanza) == STANZA_PRESENCE) {
		struct session *session = task_session(task);

		if (session != NULL)
			session_sent_presence(session, task);
		return;
	}
	if (to != NULL && !(jid_is_bare(to) && jid_equal(to, task->account->jid))) {
		router_send(task->stanza, task->receipt);
		return;
	}
	if (stanza_kind(task->stanza) == STANZA_IQ) {
		router_to_self(task);
		return;
	}
	/* RFC 6120 section 10.3.1: a message to nobody is one to oneself. */
	to_self = stanza_readdress(task->stanza, stanza_from(task->stanza), task->account->jid);
	router_send(to_self, task->receipt);
	stanza_unref(&to_self);
}

void session_receive(struct session *session, struct stanza *stanza, struct receipt *receipt)
{
	struct task *task = task_new(stanza, session->account, receipt);

	session->active_s = now_s();
	if (!session->is_listed && watcher != NULL)
		watcher->active(session);
	task_run(task, hooks_for(stanza, FROM_ACCOUNT, true), session_sent);
}

/* ---- what it is sent ---- */

void session_send(struct session *session, const struct stanza *stanza, const struct jid *to)
{
	session_send_delivery(session, stanza, to, NULL);
}

void session_send_delivery(struct session *session, const struct stanza *stanza,
    const struct jid *to, struct delivery *delivery)
{
	ASSERT(!session->left || delivery == NULL);
	if (!session->left)
		session->events->send(session->state, stanza, to, delivery);
}

/* ---- what modules see ---- */

struct session *session_next(const struct session *session)
{
	return TAILQ_NEXT(session, sibling);
}

struct account *session_account(const struct session *session)
{
	return session->account;
}

const struct jid *session_jid(const struct session *session)
{
	return session->jid;
}

bool session_is_available(const struct session *session)
{
	return session->presence != NULL;
}

bool session_is_reachable(const struct session *session)
{
	return session->presence != NULL && session->priority >= 0;
}

int session_priority(const struct session *session)
{
	return session->priority;
}

const char *session_client(const struct session *session)
{
	return presence_client(session->presence);
}

const struct stanza *session_presence(const struct session *session)
{
	return session->presence;
}

bool session_wants_roster(const struct session *session)
{
	return session->wants_roster;
}

void session_set_flag(struct session *session, unsigned flag)
{
	session->flags |= UINT32_C(1) << flag;
}

bool session_has_flag(const struct session *session, unsigned flag)
{
	return (session->flags >> flag & 1) != 0;
}
