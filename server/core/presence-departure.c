/* presence-departure.c - directed presence (RFC 6121 section 4.6) to a domain that was lost, as a
 * room's there. The session is told that whom it showed itself to has gone, and so it has left the
 * room. If the domain was not gone but out of reach, the room does not know of that: when the
 * domain is back it is told that the session has left, unless it has come again. */
#include <sys/queue.h>

#include "base/hash.h"
#include "core/account.h"
#include "core/presence-private.h"
#include "core/presence.h"
#include "core/session.h"

/* Remembered by a worker; of more the oldest are forgotten. */
#define DEPARTURES_MAX 10000

struct departure {
	TAILQ_ENTRY(departure) next;
	struct jid *from, *to;
};

static _Thread_local TAILQ_HEAD(, departure) departures;
static _Thread_local size_t departure_count;

static void departure_free(struct departure *departure)
{
	TAILQ_REMOVE(&departures, departure, next);
	departure_count--;
	jid_free(&departure->from);
	jid_free(&departure->to);
	mem_free(departure);
}

static void departure_add(const struct jid *from, const struct jid *to)
{
	struct departure *departure = mem_alloc(sizeof *departure);

	if (departure_count == DEPARTURES_MAX)
		departure_free(TAILQ_FIRST(&departures));
	*departure = (struct departure){ .from = jid_copy_heap(from), .to = jid_copy_heap(to) };
	TAILQ_INSERT_TAIL(&departures, departure, next);
	departure_count++;
}

/* ---- lost ---- */

/* Whom of that domain the session has shown itself to. In the arena: hearing of it may end the
 * session. */
static const struct jid **directed_at(
    const struct session *session, const char *domain, struct arena *arena, size_t *count_out)
{
	const struct jid **found, *to;
	size_t cursor = 0, count = 0;

	found = arena_alloc(arena, (hash_count(session->directed) + 1) * sizeof *found);
	while ((to = hash_next(session->directed, &cursor)) != NULL)
		if (jid_has_domain(to, domain))
			found[count++] = jid_copy(arena, to);
	*count_out = count;
	return found;
}

static void session_depart(struct session *session, const char *domain)
{
	struct arena *arena = arena_new(0);
	size_t count;
	const struct jid **gone = directed_at(session, domain, arena, &count);

	for (size_t i = 0; i < count; i++)
		presence_forget_directed(session, gone[i]);
	for (size_t i = 0; i < count; i++) {
		struct stanza *unavailable =
		    stanza_new(PRESENCE_UNAVAILABLE, gone[i], session->jid, NULL);

		departure_add(session->jid, gone[i]);
		session_send(session, unavailable, NULL);
		stanza_unref(&unavailable);
	}
	arena_free(&arena);
}

void presence_depart(const struct account *account, const char *domain)
{
	struct session *session;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		if (session->directed != NULL)
			session_depart(session, domain);
}

/* ---- back ---- */

static bool has_returned(const struct departure *departure)
{
	const struct account *account = account_peek(departure->from);
	const struct session *session =
	    account == NULL ? NULL : account_find_session(account, jid_resource(departure->from));

	return session != NULL && presence_is_directed(session, departure->to);
}

void presence_tell_departed(const char *domain)
{
	struct departure *departure, *next;

	for (departure = TAILQ_FIRST(&departures); departure != NULL; departure = next) {
		next = TAILQ_NEXT(departure, next);
		if (!jid_has_domain(departure->to, domain))
			continue;
		if (!has_returned(departure))
			presence_send(PRESENCE_UNAVAILABLE, departure->from, departure->to);
		departure_free(departure);
	}
}

/* ---- life ---- */

void departures_start(void)
{
	TAILQ_INIT(&departures);
	departure_count = 0;
}

void departures_stop(void)
{
	while (!TAILQ_EMPTY(&departures))
		departure_free(TAILQ_FIRST(&departures));
}
