/* ride.c - links that go by a stream which is there already: nobody need be called.
 * It may be that of a connection which their remote domain has made to us, where it has asked for
 * stanzas both ways (XEP-0288). Its certificate has to prove the domain, as on a link of our own. A
 * connection that only dialback has proved carries none, though it might: it is not at the home of
 * its domain, where the links are.
 * Or that of another link to the same domain, where dialback is good enough and the other end takes
 * more domains on one connection (XEP-0220 section 2.6.2): each proves itself there, and calls if
 * that is refused. Streams with XEP-0198 are not shared, whose count of what has arrived is one.
 * When the stream ends its links are as any whose stream has ended. One that is up on a stream of
 * its own stays there. */
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "s2s/s2s-private.h"

static void ride_begin(struct link *link, struct stream *stream, struct link_list *riders)
{
	link_hang_up(link);
	link_forget(link);
	link->stream = stream;
	link->is_authenticated = link->hears = false;
	link->begun_ms = worker_now_ms();
	LIST_INSERT_HEAD(riders, link, rider);
}

/* ---- on a connection from there ---- */

static bool inbound_carries(const struct inbound *inbound, const struct link *link)
{
	const char *why;

	return inbound->is_willing && !stream_is_over(inbound->stream) &&
	       pair_covers(inbound, link->remote, link->local) &&
	       s2s_policy(link->remote) != S2S_DENIED &&
	       s2s_is_certified(inbound->stream, link->remote, &why);
}

/* Section 2.2: no key is asked about on the connection that it may have come by. */
static bool ride_back(struct link *link)
{
	struct inbound *inbound;

	if (!TAILQ_EMPTY(&link->verifies))
		return false;
	LIST_FOREACH (inbound, &s2s.inbound, sibling)
		if (inbound_carries(inbound, link))
			break;
	if (inbound == NULL)
		return ride_expects(link);
	if (!inbound->is_open) {
		ride_await(link);
		return true;
	}
	ride_begin(link, inbound->stream, &inbound->riders);
	link->inbound = inbound;
	link->certificate = "authority";
	link_clear(link);
	link_rise(link, "bidi");
	return true;
}

/* Whether it has waited for a connection that is just being made. */
static bool ride_awaits(const struct link *link)
{
	return link->state == LINK_AWAITING && link->rode == NULL;
}

void ride_offer(const struct inbound *inbound)
{
	const struct pair *pair;
	struct link *link;

	LIST_FOREACH (pair, &inbound->pairs, next) {
		link = link_find(pair->to, pair->from);
		if (link != NULL && (link->state == LINK_FINDING || link->state == LINK_CALLING ||
					ride_awaits(link)))
			ride_find(link);
	}
}

void ride_disappoint(const struct inbound *inbound)
{
	const struct pair *pair;
	struct link *link;

	LIST_FOREACH (pair, &inbound->pairs, next) {
		link = link_find(pair->to, pair->from);
		if (link != NULL && ride_awaits(link))
			ride_goes_on(link);
	}
}

/* It has a key to ask about, for which it needs a connection of its own. */
static bool ride_must_end(const struct link *link)
{
	return link->inbound != NULL && !TAILQ_EMPTY(&link->verifies);
}

bool ride_yields(struct link *link)
{
	if (!ride_must_end(link))
		return false;
	if (TAILQ_EMPTY(&link->sent)) {
		ride_end(link);
		link_set_state(link, LINK_IDLE);
		link_push(link);
	}
	return true;
}

/* ---- on another link there ---- */

static struct link *sharer_of(const char *remote)
{
	return hash_get(s2s.sharers, remote, strlen(remote));
}

void ride_share(struct link *link)
{
	if (link->takes_more && !link_rides(link) && !stream_has_sm(link->stream) &&
	    sharer_of(link->remote) == NULL)
		hash_put(s2s.sharers, link->remote, strlen(link->remote), link);
}

static bool ride_along(struct link *link)
{
	struct link *carrier = sharer_of(link->remote);

	if (carrier == NULL || link->is_refused || stream_is_over(carrier->stream) ||
	    s2s_policy(link->remote) != S2S_DIALBACK)
		return false;
	ride_begin(link, carrier->stream, &carrier->riders);
	link->carrier = carrier;
	link->certificate = carrier->certificate;
	link_clear(link);
	link_set_state(link, LINK_OPEN);
	link->up_ms = link->used_ms = worker_now_ms();
	link_watch_later(link);
	link_push(link);
	return true;
}

/* Keys that it has asked about are asked about again. */
static void ride_leave(struct link *link)
{
	struct verify *verify;

	ride_end(link);
	TAILQ_FOREACH (verify, &link->verifies, next)
		verify->is_asked = false;
	link_idle(link);
	if (link_is_needed(link))
		link_push(link);
}

void ride_fail(struct link *link, enum rc rc, const char *why)
{
	if (link->carrier == NULL) {
		link_fail(link, rc, why);
		return;
	}
	log_info(link->log, "may not share a stream", KV("why", why));
	link->is_refused = true;
	ride_leave(link);
}

/* ---- both ---- */

/* Who sends after it on the stream that they share: all in turn. */
static struct link *ride_next(struct link *link)
{
	struct link *next = link_rides(link) ? LIST_NEXT(link, rider) : LIST_FIRST(&link->riders);

	if (next != NULL)
		return next;
	if (link->inbound != NULL)
		return LIST_FIRST(&link->inbound->riders);
	return link->carrier != NULL ? link->carrier : link;
}

void ride_make_room(struct link *link)
{
	struct link *next;

	for (next = ride_next(link); next != link; next = ride_next(next))
		if (next->state == LINK_UP && !TAILQ_EMPTY(&next->waiting) && !ride_must_end(next))
			link_flush(next);
}

/* What it has of a stream of its own it has to call for. */
bool ride_find(struct link *link)
{
	return link->kept == NULL && (ride_back(link) || ride_along(link));
}

bool link_rides(const struct link *link)
{
	return link->inbound != NULL || link->carrier != NULL;
}

void ride_end(struct link *link)
{
	if (!link_rides(link))
		return;
	LIST_REMOVE(link, rider);
	link->inbound = NULL;
	link->carrier = NULL;
	link->stream = NULL;
}

void rides_end(struct link_list *riders)
{
	while (!LIST_EMPTY(riders))
		ride_end(LIST_FIRST(riders));
}

void rides_break(struct link_list *riders, const char *why)
{
	struct link *link, *next;

	for (link = LIST_FIRST(riders); link != NULL; link = next) {
		next = LIST_NEXT(link, rider);
		if (ride_waits(link))
			continue;
		if (link->state == LINK_UP || link->state == LINK_RESTING) {
			ride_end(link);
			link_broken(link, why);
		} else {
			ride_leave(link);
		}
	}
}

void ride_unshare(struct link *link)
{
	if (sharer_of(link->remote) == link)
		hash_remove(s2s.sharers, link->remote, strlen(link->remote));
}

int64_t rides_used_ms(const struct link_list *riders)
{
	const struct link *link;
	int64_t used_ms = 0;

	LIST_FOREACH (link, riders, rider)
		if (link->used_ms > used_ms)
			used_ms = link->used_ms;
	return used_ms;
}
