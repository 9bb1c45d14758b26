/* presence-remote.c - an index of each worker: for each domain of others the accounts that have to
 * do with it, and are still online: they have seen presence from there, sent directed presence, or
 * asked for a subscription. It holds what is needed to find them, no presence. */
#include "core/presence-remote.h"

#include <sys/queue.h>

#include "base/hash.h"
#include "core/account.h"
#include "core/config.h"
#include "core/home.h"
#include "core/presence-private.h"
#include "core/roster.h"
#include "core/router.h"
#include "core/session.h"
#include "core/subscription-again.h"
#include "loop/worker.h"

/* Accounts that are served before it is another's turn. */
#define SLICE 32

/* One account has to do with one domain. */
struct sight {
	LIST_ENTRY(sight) of_domain, of_watcher;
	struct watcher *watcher;
	struct horizon *horizon;
};

/* An account. */
struct watcher {
	struct jid *jid;
	LIST_HEAD(, sight) sights;
};

/* A domain. */
struct horizon {
	char *domain;
	LIST_HEAD(, sight) sights;
	size_t count;
};

static _Thread_local struct hash *watchers, *horizons;

/* ---- the index ---- */

static struct watcher *watcher_get(const struct jid *jid)
{
	struct watcher *watcher = hash_get(watchers, jid_text(jid), strlen(jid_text(jid)));

	if (watcher != NULL)
		return watcher;
	watcher = mem_alloc_zero(sizeof *watcher);
	watcher->jid = jid_copy_heap(jid);
	hash_put(watchers, jid_text(watcher->jid), strlen(jid_text(watcher->jid)), watcher);
	return watcher;
}

static struct horizon *horizon_get(const char *domain)
{
	struct horizon *horizon = hash_get(horizons, domain, strlen(domain));

	if (horizon != NULL)
		return horizon;
	horizon = mem_alloc_zero(sizeof *horizon);
	horizon->domain = mem_strdup(domain);
	hash_put(horizons, horizon->domain, strlen(horizon->domain), horizon);
	return horizon;
}

static bool has_seen(const struct watcher *watcher, const char *domain)
{
	const struct sight *sight;

	LIST_FOREACH (sight, &watcher->sights, of_watcher)
		if (text_equal(sight->horizon->domain, domain))
			return true;
	return false;
}

static void sight_add(struct watcher *watcher, struct horizon *horizon)
{
	struct sight *sight = mem_alloc_zero(sizeof *sight);

	sight->watcher = watcher;
	sight->horizon = horizon;
	LIST_INSERT_HEAD(&watcher->sights, sight, of_watcher);
	LIST_INSERT_HEAD(&horizon->sights, sight, of_domain);
	horizon->count++;
}

static void sight_remove(struct sight *sight)
{
	struct horizon *horizon = sight->horizon;

	LIST_REMOVE(sight, of_watcher);
	LIST_REMOVE(sight, of_domain);
	mem_free(sight);
	if (--horizon->count > 0)
		return;
	hash_remove(horizons, horizon->domain, strlen(horizon->domain));
	mem_free(horizon->domain);
	mem_free(horizon);
}

static void watcher_free(struct watcher *watcher)
{
	struct sight *sight;

	while ((sight = LIST_FIRST(&watcher->sights)) != NULL)
		sight_remove(sight);
	jid_free(&watcher->jid);
	mem_free(watcher);
}

void presence_remote_watch(const struct account *account, const struct jid *jid)
{
	struct watcher *watcher;
	struct arena *arena;
	const char *domain;

	/* Who is not there would not be forgotten. */
	if (config_serves(home_config(), jid) || !presence_is_shown(account))
		return;
	arena = arena_new(0);
	domain = jid_domain(arena, jid);
	watcher = watcher_get(account->jid);
	if (!has_seen(watcher, domain))
		sight_add(watcher, horizon_get(domain));
	arena_free(&arena);
}

/* What strangers may send would have no bound. */
void presence_remote_note(const struct account *account, const struct stanza *presence)
{
	const struct jid *from = stanza_from(presence);

	if (from != NULL && stanza_type(presence) == PRESENCE_AVAILABLE &&
	    !config_serves(home_config(), from) && account_sees_presence_of(account, from))
		presence_remote_watch(account, from);
}

void presence_remote_forget(const struct account *account)
{
	struct watcher *watcher = NULL;

	if (hash_count(watchers) > 0)
		watcher =
		    hash_remove(watchers, jid_text(account->jid), strlen(jid_text(account->jid)));
	if (watcher != NULL)
		watcher_free(watcher);
}

bool presence_remote_is_watched(const char *domain)
{
	return hash_get(horizons, domain, strlen(domain)) != NULL;
}

size_t presence_remote_count(void)
{
	return hash_count(horizons);
}

/* ---- news of a domain ---- */

/* For those who were in the index when it came. */
struct round {
	struct mail mail;
	enum stanza_type type;
	char *domain;
	size_t count, done;
	struct jid *watchers[];
};

static void round_free(struct round *round)
{
	for (size_t i = 0; i < round->count; i++)
		jid_free(&round->watchers[i]);
	mem_free(round->domain);
	mem_free(round);
}

/* From the contact's account, which stands for all of its clients (RFC 6121 section 4.5.3). */
static void contact_has_gone(const struct account *account, const struct jid *contact)
{
	struct stanza *gone = stanza_new(PRESENCE_UNAVAILABLE, contact, account->jid, NULL);
	struct session *session;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		if (session->presence != NULL)
			session_send(session, gone, session->jid);
	stanza_unref(&gone);
}

static void contact_probe(const struct account *account, const struct jid *contact)
{
	struct stanza *probe = stanza_new(PRESENCE_PROBE, account->jid, contact, NULL);

	router_send(probe, NULL);
	stanza_unref(&probe);
}

static bool is_available(const struct account *account)
{
	const struct session *session;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		if (session->presence != NULL)
			return true;
	return false;
}

static void contacts_tell(const struct account *account, const struct round *round)
{
	struct arena *arena = arena_new(0);
	size_t count;
	const struct jid **contacts = roster_subscribed(account, arena, SUBSCRIPTION_TO, &count);

	for (size_t i = 0; i < count; i++) {
		if (!jid_has_domain(contacts[i], round->domain))
			continue;
		if (round->type == PRESENCE_PROBE)
			contact_probe(account, contacts[i]);
		else
			contact_has_gone(account, contacts[i]);
	}
	arena_free(&arena);
}

static void watcher_tell(const struct account *account, const struct round *round)
{
	if (is_available(account))
		contacts_tell(account, round);
	if (round->type == PRESENCE_PROBE)
		subscriptions_send_again(account, round->domain);
	else
		presence_depart(account, round->domain);
}

static void round_turn(struct mail *mail)
{
	struct round *round = CONTAINER_OF(mail, struct round, mail);

	for (size_t i = 0; i < SLICE && round->done < round->count; i++) {
		const struct account *account = account_peek(round->watchers[round->done++]);

		if (account != NULL && account->phase == ACCOUNT_READY &&
		    account->session_count > 0)
			watcher_tell(account, round);
	}
	if (round->done < round->count)
		worker_post(worker_current(), &round->mail, round_turn);
	else
		round_free(round);
}

static void round_start(const char *domain, enum stanza_type type)
{
	const struct horizon *horizon = hash_get(horizons, domain, strlen(domain));
	const struct sight *sight;
	struct round *round;

	if (horizon == NULL)
		return;
	round = mem_alloc_zero(sizeof *round + horizon->count * sizeof round->watchers[0]);
	round->type = type;
	round->domain = mem_strdup(domain);
	LIST_FOREACH (sight, &horizon->sights, of_domain)
		round->watchers[round->count++] = jid_copy_heap(sight->watcher->jid);
	worker_post(worker_current(), &round->mail, round_turn);
}

void presence_remote_lost(const char *domain)
{
	round_start(domain, PRESENCE_UNAVAILABLE);
}

void presence_remote_back(const char *domain)
{
	presence_tell_departed(domain);
	round_start(domain, PRESENCE_PROBE);
}

/* ---- life ---- */

void presence_remote_start(void)
{
	watchers = hash_new();
	horizons = hash_new();
	departures_start();
}

void presence_remote_stop(void)
{
	struct watcher *watcher;
	size_t cursor = 0;

	while ((watcher = hash_next(watchers, &cursor)) != NULL)
		watcher_free(watcher);
	hash_free(&watchers);
	hash_free(&horizons);
	departures_stop();
}
