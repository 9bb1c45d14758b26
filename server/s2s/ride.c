/* ride.c - links that go by a connection which their remote domain has made to us, where it has
 * asked for stanzas both ways (XEP-0288): nobody need be called. Its certificate has to prove the
 * domain, as on a link of our own. When the connection ends its links are as any whose stream has
 * ended. One that is up on a stream of its own stays there. A connection that only dialback has
 * proved carries none, though it might: it is not at the home of its domain, where the links are.
 */
#include "s2s/s2s-private.h"

static bool inbound_carries(const struct inbound *inbound, const struct link *link)
{
	const char *why;

	return inbound->is_open && !stream_is_over(inbound->stream) &&
	       pair_covers(inbound, link->remote, link->local) &&
	       s2s_policy(link->remote) != S2S_DENIED &&
	       s2s_is_certified(inbound->stream, link->remote, &why);
}

static void ride_begin(struct link *link, struct inbound *inbound)
{
	link_hang_up(link);
	link->inbound = inbound;
	link->stream = inbound->stream;
	link->certificate = "authority";
	link->hears = false;
	link->begun_ms = worker_now_ms();
	LIST_INSERT_HEAD(&inbound->riders, link, rider);
	link_clear(link);
	link_rise(link, "bidi");
}

/* Section 2.2: no key is asked about on the connection that it may have come by. */
bool ride_find(struct link *link)
{
	struct inbound *inbound;

	if (!TAILQ_EMPTY(&link->verifies))
		return false;
	LIST_FOREACH (inbound, &s2s.inbound, sibling)
		if (inbound_carries(inbound, link)) {
			ride_begin(link, inbound);
			return true;
		}
	return false;
}

void ride_offer(const struct inbound *inbound)
{
	const struct pair *pair;
	struct link *link;

	LIST_FOREACH (pair, &inbound->pairs, next) {
		link = link_find(pair->to, pair->from);
		if (link != NULL && (link->state == LINK_FINDING || link->state == LINK_CALLING))
			ride_find(link);
	}
}

bool ride_yields(struct link *link)
{
	if (link->inbound == NULL || TAILQ_EMPTY(&link->verifies))
		return false;
	if (TAILQ_EMPTY(&link->sent)) {
		ride_end(link);
		link_set_state(link, LINK_IDLE);
		link_push(link);
	}
	return true;
}

void ride_end(struct link *link)
{
	if (link->inbound == NULL)
		return;
	LIST_REMOVE(link, rider);
	link->inbound = NULL;
	link->stream = NULL;
}

void rides_end(struct inbound *inbound)
{
	while (!LIST_EMPTY(&inbound->riders))
		ride_end(LIST_FIRST(&inbound->riders));
}

void rides_break(struct inbound *inbound, const char *why)
{
	struct link *link;

	while ((link = LIST_FIRST(&inbound->riders)) != NULL) {
		ride_end(link);
		link_broken(link, why);
	}
}

int64_t rides_used_ms(const struct inbound *inbound)
{
	const struct link *link;
	int64_t used_ms = 0;

	LIST_FOREACH (link, &inbound->riders, rider)
		if (link->used_ms > used_ms)
			used_ms = link->used_ms;
	return used_ms;
}
