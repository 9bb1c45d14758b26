/* links.c - what is done to all links of a worker: at a reload, when bans change, at the end. */
#include "base/hash.h"
#include "s2s/s2s-private.h"

/* One that is still about to say who it is will be looked at then. */
static bool link_may_be(const struct link *link)
{
	return !link_is_denied(link) &&
	       (s2s_policy(link->remote) == S2S_DIALBACK || link->certificate != NULL ||
		   link->state == LINK_GREETING);
}

void links_check(void)
{
	struct link *link;
	size_t cursor = 0;

	while ((link = hash_next(s2s.links, &cursor)) != NULL) {
		bool is_calling = link->state == LINK_FINDING || link->state == LINK_CALLING;

		if (link->stream != NULL && !link_may_be(link))
			stream_fail(link->stream, STREAM_POLICY_VIOLATION, NULL);
		else if (is_calling && link_is_denied(link))
			link_deny(link);
	}
}

void links_configure(void)
{
	struct link *link;
	size_t cursor = 0;

	while ((link = hash_next(s2s.links, &cursor)) != NULL)
		if (link->stream != NULL && !link_rides(link))
			stream_set_settings(link->stream, &s2s.settings_out);
	links_check();
}

void links_close(void)
{
	struct link *link;
	size_t cursor = 0;

	while ((link = hash_next(s2s.links, &cursor)) != NULL)
		if (link->state == LINK_RESTING) {
			link_forget(link);
			queue_bounce(link);
		}
}

void links_shutdown(void)
{
	struct link *link;
	size_t cursor = 0;

	while ((link = hash_next(s2s.links, &cursor)) != NULL) {
		if (link->state == LINK_RESTING || link->state == LINK_IDLE)
			continue;
		if (link->stream != NULL)
			stream_end(link->stream);
		else
			link_fail(link, RC_REMOTE_SERVER_TIMEOUT, "the server shuts down");
	}
}

/* Nobody is there to be told any more. */
static void link_abandon(struct link *link)
{
	struct verify *verify;

	link_forget(link);
	link_part(link);
	queue_drop(link);
	while ((verify = TAILQ_FIRST(&link->verifies)) != NULL) {
		TAILQ_REMOVE(&link->verifies, verify, next);
		verify_free(verify);
	}
	link_free(link);
}

void links_stop(void)
{
	struct link *link;
	size_t cursor = 0;

	while ((link = hash_next(s2s.links, &cursor)) != NULL)
		link_abandon(link);
	hash_free(&s2s.links);
	hash_free(&s2s.sharers);
}
