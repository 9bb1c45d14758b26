/* ride-wait.c - links that wait for a connection from their domain to ride on (ride.c): it was cut
 * and may be resumed (inbound-kept.c), or it is just being made, and has still to say whether it
 * acknowledges what is sent (XEP-0198). They wait a few seconds; then they call, since whoever has
 * called may not do so again. What the one that was cut tells of what has arrived still counts if
 * nothing has been sent again. */
#include "loop/timer.h"
#include "s2s/s2s-private.h"

#define AWAIT_MS 5000

void ride_await(struct link *link)
{
	link_hang_up(link);
	link_set_state(link, LINK_AWAITING);
	timer_set(link->timer, AWAIT_MS);
}

bool ride_waits(struct link *link)
{
	struct inbound *inbound = link->inbound;

	if (inbound == NULL || inbound->kept == NULL || !TAILQ_EMPTY(&link->verifies))
		return false;
	queue_restore(link);
	ride_end(link);
	ride_await(link);
	link->rode = inbound;
	LIST_INSERT_HEAD(&inbound->riders, link, rider);
	return true;
}

bool ride_expects(struct link *link)
{
	struct inbound *inbound;
	const struct pair *pair;

	if (link->rode != NULL)
		return false;
	LIST_FOREACH (inbound, &s2s.kept, sibling) {
		pair = pair_find(inbound, link->remote, link->local);
		if (inbound->is_willing && worker_now_ms() - inbound->cut_ms < AWAIT_MS &&
		    pair != NULL && pair->state == PAIR_KEPT)
			break;
	}
	if (inbound == NULL)
		return false;
	ride_await(link);
	link->rode = inbound;
	LIST_INSERT_HEAD(&inbound->riders, link, rider);
	return true;
}

void ride_forget(struct link *link)
{
	if (link->rode == NULL)
		return;
	LIST_REMOVE(link, rider);
	link->rode = NULL;
}

void ride_goes_on(struct link *link)
{
	link_set_state(link, LINK_IDLE);
	if (link_is_needed(link) || link->is_suspect)
		link_push(link);
	else
		link_idle(link);
}

/* Where something is under way for it, it goes on anyway. */
static bool ride_is_free(const struct link *link)
{
	return link->state == LINK_AWAITING ||
	       (link->state == LINK_RESTING && link->stream == NULL);
}

void rides_resume(struct inbound *inbound, uint32_t arrived)
{
	struct link *link;

	while ((link = LIST_FIRST(&inbound->riders)) != NULL) {
		queue_arrived(link, arrived);
		queue_forget(link);
		ride_forget(link);
		if (ride_is_free(link))
			ride_goes_on(link);
	}
}

void rides_forget(struct inbound *inbound)
{
	struct link *link;

	while ((link = LIST_FIRST(&inbound->riders)) != NULL) {
		queue_forget(link);
		ride_forget(link);
		if (link->state == LINK_RESTING)
			queue_bounce(link);
		else if (link->state == LINK_AWAITING)
			ride_goes_on(link);
	}
}
