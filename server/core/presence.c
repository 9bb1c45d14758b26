/* presence.c - presence that a session sends to everyone who may see it (RFC 6121 sections 4.2, 4.4
 * and 4.5), and the probes by which it learns who is there (4.3.1). One stanza serves all
 * receivers. */
#include "core/presence.h"

#include "core/account.h"
#include "core/backlog-private.h"
#include "core/presence-private.h"
#include "core/presence-remote.h"
#include "core/roster.h"
#include "core/router.h"
#include "core/session.h"
#include "core/subscription.h"
#include "core/subscription-again.h"

/* ---- to whom ---- */

bool presence_is_hidden(const struct account *account, const struct jid *contact)
{
	for (const struct module *const *module = server_modules(); *module != NULL; module++)
		if ((*module)->hides_presence != NULL &&
		    (*module)->hides_presence(account, contact))
			return true;
	return false;
}

/* The same stanza to all contacts with a subscription in that direction. Those that are contacts by
 * shared groups alone, maybe thousands, are known to be of ours: nobody need look up what they
 * would answer, and who is not there does not answer at all. */
static void send_to_contacts(struct account *account, const struct stanza *stanza,
    struct receipt *receipt, enum subscription direction)
{
	struct arena *arena = arena_new(0);
	size_t found, own_count = 0, shared_count = 0;
	const struct jid **contacts = roster_subscribed(account, arena, direction, &found);
	const struct jid **shared = arena_alloc(arena, (found + 1) * sizeof *shared);

	for (size_t i = 0; i < found; i++) {
		const struct roster_item *item = roster_find(account, contacts[i]);

		if (presence_is_hidden(account, contacts[i]))
			continue;
		if (item != NULL && (item->subscription & direction) != 0)
			contacts[own_count++] = contacts[i];
		else
			shared[shared_count++] = contacts[i];
	}
	router_send_many(stanza, receipt, contacts, own_count);
	router_send_online(stanza, receipt, shared, shared_count);
	arena_free(&arena);
}

/* Section 4.2.2: to all available resources of its own account, itself included if it is. */
static void send_to_own(struct account *account, const struct stanza *presence)
{
	struct session *session;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		if (session->presence != NULL)
			session_send(session, presence, session->jid);
}

/* ---- available ---- */

/* Section 4.7.2.3: an integer from -128 to 127; 0 if there is none. */
static bool presence_priority(const struct stanza *presence, int8_t *priority_out)
{
	const struct element *child = stanza_child(presence, NS_CLIENT, "priority");
	struct arena *arena;
	int64_t priority = 0;
	bool valid = true;

	if (child != NULL) {
		arena = arena_new(0);
		valid = number_parse(element_text(arena, child), -128, 127, &priority);
		arena_free(&arena);
	}
	*priority_out = (int8_t)priority;
	return valid;
}

static void refuse(struct session *session, const struct stanza *presence, enum rc rc)
{
	struct stanza *error = stanza_error(presence, rc, NULL);

	session_send(session, error, session->jid);
	stanza_unref(&error);
}

/* Section 4.3.1, from the full JID: only this session wants the answers. */
static void probe_contacts(struct session *session, struct receipt *receipt)
{
	struct stanza *probe = stanza_new(PRESENCE_PROBE, session->jid, NULL, NULL);

	send_to_contacts(session->account, probe, receipt, SUBSCRIPTION_TO);
	stanza_unref(&probe);
}

static void show_own(struct session *newcomer)
{
	struct session *session;

	TAILQ_FOREACH (session, &newcomer->account->sessions, sibling)
		if (session != newcomer && session->presence != NULL)
			session_send(newcomer, session->presence, newcomer->jid);
}

/* Told after the broadcast, so that nobody hears of the session from what they send first. */
static void tell_modules(struct session *session, bool initial)
{
	bool reaches = session->priority >= 0 && !session->reached;

	session->reached = session->priority >= 0;
	for (const struct module *const *module = server_modules(); *module != NULL; module++)
		if (initial && (*module)->session_available != NULL)
			(*module)->session_available(session);
	for (const struct module *const *module = server_modules(); *module != NULL; module++)
		if (reaches && (*module)->session_reachable != NULL)
			(*module)->session_reachable(session);
	if (reaches)
		backlogs_session_reachable(session);
}

const char *presence_client(const struct stanza *presence)
{
	const struct element *caps = presence == NULL ? NULL : stanza_child(presence, NS_CAPS, "c");

	return caps == NULL ? NULL : element_attribute(caps, "node");
}

/* Whether those who look from outside see another session. */
static bool presence_is_news(
    const struct session *session, const struct stanza *presence, int8_t priority)
{
	return session->presence == NULL || session->priority != priority ||
	       !text_equal(presence_client(session->presence), presence_client(presence));
}

static void presence_available(
    struct session *session, const struct stanza *presence, struct receipt *receipt)
{
	bool initial = session->presence == NULL;
	int8_t priority;

	if (!presence_priority(presence, &priority)) {
		refuse(session, presence, RC_BAD_REQUEST);
		return;
	}
	if (presence_is_news(session, presence, priority))
		session_tell_changed(session);
	stanza_unref(&session->presence);
	session->presence = stanza_compact(presence);
	session->priority = priority;
	send_to_contacts(session->account, presence, receipt, SUBSCRIPTION_FROM);
	send_to_own(session->account, presence);
	if (initial) {
		show_own(session);
		probe_contacts(session, receipt);
	}
	tell_modules(session, initial);
	if (initial) {
		subscription_offer_pending(session);
		subscriptions_session_available(session->account);
	}
}

/* ---- unavailable ---- */

bool presence_is_shown(const struct account *account)
{
	const struct session *session;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		if (session->presence != NULL || session->directed != NULL)
			return true;
	return false;
}

static void presence_unavailable(
    struct session *session, const struct stanza *presence, struct receipt *receipt)
{
	bool was_available = session->presence != NULL;

	stanza_unref(&session->presence);
	session->priority = 0;
	session->reached = false;
	if (was_available) {
		session_tell_changed(session);
		send_to_contacts(session->account, presence, receipt, SUBSCRIPTION_FROM);
		send_to_own(session->account, presence);
	}
	presence_end_directed(session, presence, was_available);
	if (!presence_is_shown(session->account))
		presence_remote_forget(session->account);
}

/* Section 4.5.2: a session that said so itself is told, too. */
void presence_broadcast(
    struct session *session, const struct stanza *presence, struct receipt *receipt)
{
	bool was_available = session->presence != NULL;

	if (stanza_type(presence) != PRESENCE_UNAVAILABLE) {
		presence_available(session, presence, receipt);
		return;
	}
	presence_unavailable(session, presence, receipt);
	if (was_available)
		session_send(session, presence, session->jid);
}

void presence_vanish(struct session *session)
{
	struct stanza *unavailable;

	if (session->presence == NULL && session->directed == NULL)
		return;
	unavailable = stanza_new(PRESENCE_UNAVAILABLE, session->jid, NULL, NULL);
	presence_unavailable(session, unavailable, NULL);
	stanza_unref(&unavailable);
}

/* ---- one contact ---- */

void presence_send_to(const struct stanza *presence, const struct jid *from, const struct jid *to)
{
	struct stanza *readdressed = stanza_readdress(presence, from, to);

	router_send(readdressed, NULL);
	stanza_unref(&readdressed);
}

void presence_send(enum stanza_type type, const struct jid *from, const struct jid *to)
{
	struct stanza *presence = stanza_new(type, from, to, NULL);

	router_send(presence, NULL);
	stanza_unref(&presence);
}

void presence_show(struct account *account, const struct jid *contact)
{
	struct session *session;

	if (presence_is_hidden(account, contact))
		return;
	TAILQ_FOREACH (session, &account->sessions, sibling)
		if (session->presence != NULL)
			presence_send_to(session->presence, session->jid, contact);
}

void presence_hide(struct account *account, const struct jid *contact)
{
	struct session *session;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		if (session->presence != NULL)
			presence_send(PRESENCE_UNAVAILABLE, session->jid, contact);
}

/* From the account itself: see probe_answer(). */
void presence_ask(struct account *account, const struct jid *contact)
{
	struct session *session;

	if (presence_is_hidden(account, contact))
		return;
	TAILQ_FOREACH (session, &account->sessions, sibling)
		if (session->presence != NULL)
			break;
	if (session != NULL)
		presence_send(PRESENCE_PROBE, account->jid, contact);
}
