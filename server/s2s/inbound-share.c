/* inbound-share.c - how many connections a domain has to a worker, and what each of them may send:
 * all together as much as one. A connection that carries several domains goes by the one that has
 * most. */
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "s2s/s2s-private.h"

/* A domain that was proved. */
struct peer {
	char *domain;
	size_t connections;
};

/* However many there are: what a large stanza needs. */
enum { BURST_MIN = 16384 };

static struct peer *peer_find(const char *domain)
{
	return hash_get(s2s.peers, domain, strlen(domain));
}

bool inbound_has_proved(const struct inbound *inbound, const char *from)
{
	const struct pair *pair;

	LIST_FOREACH (pair, &inbound->pairs, next)
		if (pair->state == PAIR_PROVED && (from == NULL || text_equal(pair->from, from)))
			return true;
	return false;
}

size_t connections_of(const char *from)
{
	const struct peer *peer = peer_find(from);

	return peer == NULL ? 0 : peer->connections;
}

struct transport_limits inbound_limits(const struct inbound *inbound)
{
	struct transport_limits limits = s2s.limits;
	const struct pair *pair;
	size_t most = 1;

	LIST_FOREACH (pair, &inbound->pairs, next)
		if (pair->state == PAIR_PROVED && connections_of(pair->from) > most)
			most = connections_of(pair->from);
	/* 0 is no bound. */
	if (limits.read_bytes_per_second > 0)
		limits.read_bytes_per_second = (limits.read_bytes_per_second + most - 1) / most;
	if (limits.read_burst_bytes / most > BURST_MIN)
		limits.read_burst_bytes /= most;
	else if (limits.read_burst_bytes > BURST_MIN)
		limits.read_burst_bytes = BURST_MIN;
	return limits;
}

static void shares_set(const char *from)
{
	struct inbound *inbound;

	LIST_FOREACH (inbound, &s2s.inbound, sibling)
		if (inbound->stream != NULL && inbound_has_proved(inbound, from)) {
			struct transport_limits limits = inbound_limits(inbound);

			transport_set_limits(stream_transport(inbound->stream), &limits);
		}
}

void peer_join(const char *domain)
{
	struct peer *peer = peer_find(domain);

	if (peer == NULL) {
		peer = mem_alloc_zero(sizeof *peer);
		peer->domain = mem_strdup(domain);
		hash_put(s2s.peers, peer->domain, strlen(peer->domain), peer);
	}
	peer->connections++;
	shares_set(domain);
}

void peer_leave(const char *domain)
{
	struct peer *peer = peer_find(domain);

	if (--peer->connections > 0) {
		shares_set(domain);
		return;
	}
	hash_remove(s2s.peers, domain, strlen(domain));
	mem_free(peer->domain);
	mem_free(peer);
}
