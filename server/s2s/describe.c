/* describe.c - what administrators see of links and of connections from other servers, and how they
 * end them. */
#include "base/hash.h"
#include "base/text.h"
#include "core/links.h"
#include "loop/timer.h"
#include "s2s/s2s-private.h"

static const char *const state_names[] = {
	[LINK_IDLE] = "idle",
	[LINK_FINDING] = "finding",
	[LINK_CALLING] = "calling",
	[LINK_GREETING] = "greeting",
	[LINK_OPEN] = "open",
	[LINK_PROVING] = "proving",
	[LINK_AGREEING] = "agreeing",
	[LINK_UP] = "up",
	[LINK_AWAITING] = "awaiting",
	[LINK_RESTING] = "resting",
};

void s2s_changed(void)
{
	if (s2s.changed != NULL)
		s2s.changed();
}

static void s2s_watch(void (*changed)(void))
{
	s2s.changed = changed;
}

/* ---- looking ---- */

static void stream_describe(const struct stream *stream, struct link_fact *fact)
{
	const struct transport *transport = stream_transport(stream);
	struct stream_traffic traffic = stream_traffic(stream);

	fact->stream = stream_id(stream);
	fact->stanzas_in = traffic.stanzas_in;
	fact->stanzas_out = traffic.stanzas_out;
	fact->bytes_in = traffic.bytes_in;
	fact->bytes_out = traffic.bytes_out;
	fact->address = transport_peer(transport);
	fact->tls = transport_tls_version(transport);
	fact->expires_us = transport_peer_expires(transport);
}

static struct link_fact link_describe(const struct link *link)
{
	struct link_fact fact = { .id = link->id,
		.since_us = link->since_us,
		.from = link->local,
		.to = link->remote,
		.state = state_names[link->state],
		.waiting = link->waiting_count,
		.error = link->why };

	if (link->stream != NULL)
		fact.certificate = link->certificate;
	if (link->state == LINK_UP)
		fact.by = link->inbound != NULL    ? "bidi"
		          : link->is_authenticated ? "EXTERNAL"
		                                   : "dialback";
	if (link->stream != NULL)
		stream_describe(link->stream, &fact);
	return fact;
}

/* What comes on the stream of a link (XEP-0288). */
static struct link_fact return_describe(const struct link *link)
{
	struct link_fact fact = { .id = link->return_id,
		.since_us = link->since_us,
		.is_inbound = true,
		.from = link->remote,
		.to = link->local,
		.state = "up",
		.by = "bidi",
		.waiting = intake_at_work(link->intake) };

	stream_describe(link->stream, &fact);
	return fact;
}

static struct link_fact pair_describe(const struct inbound *inbound, const struct pair *pair)
{
	struct link_fact fact = { .id = pair->id,
		.since_us = pair->since_us,
		.is_inbound = true,
		.from = pair->from,
		.to = pair->to,
		.state = pair->state == PAIR_PROVED ? "up" : "proving",
		.by = pair->how,
		.waiting = intake_at_work(inbound->intake) };

	stream_describe(inbound->stream, &fact);
	return fact;
}

static void s2s_describe(void (*tell)(void *state, const struct link_fact *fact), void *state)
{
	const struct inbound *inbound;
	const struct pair *pair;
	const struct link *link;
	struct link_fact fact;
	size_t cursor = 0;

	while ((link = hash_next(s2s.links, &cursor)) != NULL) {
		fact = link_describe(link);
		tell(state, &fact);
		if (link->intake != NULL && link->state == LINK_UP) {
			fact = return_describe(link);
			tell(state, &fact);
		}
	}
	LIST_FOREACH (inbound, &s2s.inbound, sibling)
		LIST_FOREACH (pair, &inbound->pairs, next) {
			fact = pair_describe(inbound, pair);
			tell(state, &fact);
		}
}

/* ---- ending ---- */

/* One that is only remembered is forgotten. */
static size_t link_end(struct link *link)
{
	if (link->state == LINK_IDLE && link->stream == NULL) {
		link->failures = 0;
		timer_set(link->timer, 0);
		return 0;
	}
	if (link->state == LINK_RESTING) {
		link_alive(link);
		return 1;
	}
	if (link->stream == NULL)
		return 0;
	link_leave(link);
	return 1;
}

static size_t inbound_end_for(struct inbound *inbound, const char *remote)
{
	const struct pair *pair;

	LIST_FOREACH (pair, &inbound->pairs, next)
		if (text_equal(pair->from, remote)) {
			stream_end(inbound->stream);
			return 1;
		}
	return 0;
}

static size_t s2s_end(const char *remote)
{
	struct inbound *inbound;
	struct link *link;
	size_t cursor = 0, count = 0;

	while ((link = hash_next(s2s.links, &cursor)) != NULL)
		if (text_equal(link->remote, remote))
			count += link_end(link);
	LIST_FOREACH (inbound, &s2s.inbound, sibling)
		count += inbound_end_for(inbound, remote);
	return count;
}

static bool has_pair(const struct inbound *inbound, int64_t id)
{
	const struct pair *pair;

	LIST_FOREACH (pair, &inbound->pairs, next)
		if (pair->id == id)
			return true;
	return false;
}

static bool s2s_end_one(int64_t id)
{
	struct inbound *inbound;
	struct link *link;
	size_t cursor = 0;

	while ((link = hash_next(s2s.links, &cursor)) != NULL)
		if (link->id == id || link->return_id == id)
			return link_end(link) > 0;
	LIST_FOREACH (inbound, &s2s.inbound, sibling)
		if (has_pair(inbound, id)) {
			stream_end(inbound->stream);
			return true;
		}
	return false;
}

const struct link_source s2s_links = { s2s_describe, s2s_watch, s2s_end, s2s_end_one, link_test };
