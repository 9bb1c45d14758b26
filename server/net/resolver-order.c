/* resolver-order.c - in which order hosts and addresses are tried.
 * Hosts go by priority; among those of one priority chance decides, by their weights (RFC 2782).
 * The addresses of a host come from both families in turn, so that one that is cut off costs one
 * attempt, not all of them (RFC 8305). */
#include "net/resolver-private.h"

#include "base/crypto.h"

uint32_t order_chance(uint32_t bound)
{
	uint64_t number;

	crypto_random(&number, sizeof number);
	return (uint32_t)(number % bound);
}

static void host_move(struct resolver_host *hosts, size_t from, size_t to)
{
	struct resolver_host moved = hosts[from];

	for (; from > to; from--)
		hosts[from] = hosts[from - 1];
	hosts[to] = moved;
}

static bool comes_first(const struct resolver_host *a, const struct resolver_host *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return a->weight == 0 && b->weight > 0;
}

/* By priority; those without weight first, as the choice wants it. */
static void hosts_sort(struct resolver_host *hosts, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		size_t to = i;

		while (to > 0 && comes_first(&hosts[i], &hosts[to - 1]))
			to--;
		host_move(hosts, i, to);
	}
}

/* Which of them comes next. */
static size_t host_choose(const struct resolver_host *hosts, size_t count, order_random *random)
{
	uint32_t total = 0, chosen, sum = 0;
	size_t i = 0;

	for (size_t j = 0; j < count; j++)
		total += hosts[j].weight;
	chosen = random(total + 1);
	while (i + 1 < count && (sum += hosts[i].weight) < chosen)
		i++;
	return i;
}

void order_hosts(struct resolver_host *hosts, size_t count, order_random *random)
{
	hosts_sort(hosts, count);
	for (size_t i = 0; i < count; i++) {
		size_t same = 1;

		while (i + same < count && hosts[i + same].priority == hosts[i].priority)
			same++;
		host_move(hosts, i + host_choose(&hosts[i], same, random), i);
	}
}

size_t order_addresses(union resolver_address *addresses_out, size_t max,
    const union resolver_address *ipv6, size_t ipv6_count, const union resolver_address *ipv4,
    size_t ipv4_count)
{
	size_t count = 0;

	for (size_t i = 0; i < ipv6_count || i < ipv4_count; i++) {
		if (i < ipv6_count && count < max)
			addresses_out[count++] = ipv6[i];
		if (i < ipv4_count && count < max)
			addresses_out[count++] = ipv4[i];
	}
	return count;
}
