/* address.c - how many connections, and how many failed logins, come from where.
 * What is counted is an origin: an IPv4 address or an IPv6 /64, which is what one customer has. The
 * table of origins belongs to the first worker, which accepts; the figures of an origin are atomic,
 * since its connections live on any worker. The table and each connection hold a reference; origins
 * that nobody needs are swept out when the table has grown. */
#include "net/address-private.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "loop/worker.h"
#include "net/listener.h"

/* The first failures cost nothing; then the delay doubles up to the longest. */
enum { FREE_FAILURES = 3, FIRST_DELAY_MS = 500, LONGEST_DELAY_MS = 8000, FORGET_S = 300 };
/* Sweeping starts at so many origins; above the second figure failures are forgotten at once. */
enum { SWEEP_FROM = 1024, ORIGINS_MAX = 65536 };
enum { KEY_BYTES = 9 };

struct origin {
	atomic_uint references;
	atomic_uint connections;
	atomic_uint pending;
	_Atomic uint64_t failures;    /* seconds of the last one, shifted by 16, and their number */
	unsigned char key[KEY_BYTES]; /* 4, 6 or 0, then the first bytes of the address */
	char text[ADDRESS_TEXT_BYTES];
};

struct address {
	struct origin *origin;
	bool authenticated;
};

static struct address_limits limits = {
	.max_pending = 50,
	.max_connections = 1000,
	.max_total_pending = 10000,
};
static struct hash *origins;
static unsigned listeners;
static size_t sweep_at = SWEEP_FROM;
static atomic_uint total_connections, total_pending;

void address_set_limits(const struct address_limits *new_limits)
{
	limits = *new_limits;
}

static void origin_unref(struct origin *origin)
{
	if (atomic_fetch_sub(&origin->references, 1) == 1)
		mem_free(origin);
}

static void key_set_ipv4(struct origin *origin, const void *address)
{
	origin->key[0] = 4;
	memcpy(origin->key + 1, address, 4);
	inet_ntop(AF_INET, address, origin->text, sizeof(origin->text));
}

static void key_set_ipv6(struct origin *origin, const struct in6_addr *address)
{
	struct in6_addr network = { 0 };
	char text[INET6_ADDRSTRLEN] = "";

	origin->key[0] = 6;
	memcpy(origin->key + 1, address, 8);
	memcpy(&network, address, 8);
	inet_ntop(AF_INET6, &network, text, sizeof(text));
	snprintf(origin->text, sizeof(origin->text), "%s/64", text);
}

/* What the peer is counted under; IPv4 that comes in through an IPv6 socket is IPv4. */
static void key_set(struct origin *origin, const struct sockaddr *peer)
{
	const struct sockaddr_in *ipv4 = (const void *)peer;
	const struct sockaddr_in6 *ipv6 = (const void *)peer;

	if (peer->sa_family == AF_INET)
		key_set_ipv4(origin, &ipv4->sin_addr);
	else if (peer->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&ipv6->sin6_addr))
		key_set_ipv4(origin, &ipv6->sin6_addr.s6_addr[12]);
	else if (peer->sa_family == AF_INET6)
		key_set_ipv6(origin, &ipv6->sin6_addr);
	else
		strcpy(origin->text, "local");
}

static uint64_t now_s(void)
{
	return (uint64_t)worker_now_ms() / 1000;
}

static bool has_failed_lately(const struct origin *origin)
{
	uint64_t failures = atomic_load(&origin->failures);

	return failures != 0 && now_s() - (failures >> 16) <= FORGET_S;
}

static void sweep(bool failures_too)
{
	struct origin *origin;
	size_t cursor = 0;

	while ((origin = hash_next(origins, &cursor)) != NULL) {
		if (atomic_load(&origin->connections) > 0)
			continue;
		if (!failures_too && has_failed_lately(origin))
			continue;
		hash_remove(origins, (const char *)origin->key, KEY_BYTES);
		origin_unref(origin);
	}
}

static void sweep_if_grown(void)
{
	if (hash_count(origins) < sweep_at)
		return;
	sweep(false);
	if (hash_count(origins) >= ORIGINS_MAX)
		sweep(true);
	sweep_at = hash_count(origins) * 2;
	if (sweep_at < SWEEP_FROM)
		sweep_at = SWEEP_FROM;
}

static struct origin *origin_of(const struct sockaddr *peer)
{
	struct origin wanted = { 0 };
	struct origin *origin;

	key_set(&wanted, peer);
	origin = hash_get(origins, (const char *)wanted.key, KEY_BYTES);
	if (origin != NULL)
		return origin;
	sweep_if_grown();
	origin = mem_alloc_zero(sizeof(*origin));
	memcpy(origin->key, wanted.key, KEY_BYTES);
	memcpy(origin->text, wanted.text, sizeof(origin->text));
	atomic_init(&origin->references, 1);
	hash_put(origins, (const char *)origin->key, KEY_BYTES, origin);
	return origin;
}

/* The name of the limit that stands against one more connection, or NULL. */
static const char *limit_reached(const struct origin *origin)
{
	if (atomic_load(&origin->pending) >= limits.max_pending)
		return "unauthenticated connections of one address";
	if (atomic_load(&origin->connections) >= limits.max_connections)
		return "connections of one address";
	if (atomic_load(&total_pending) >= limits.max_total_pending)
		return "unauthenticated connections";
	if (limits.max_total > 0 && atomic_load(&total_connections) >= limits.max_total)
		return "connections";
	return NULL;
}

struct address *address_admit(const struct sockaddr *peer, const char **limit_out, char *text_out)
{
	struct origin *origin = origin_of(peer);
	struct address *address;

	memcpy(text_out, origin->text, ADDRESS_TEXT_BYTES);
	*limit_out = limit_reached(origin);
	if (*limit_out != NULL)
		return NULL;
	atomic_fetch_add(&origin->references, 1);
	atomic_fetch_add(&origin->connections, 1);
	atomic_fetch_add(&origin->pending, 1);
	atomic_fetch_add(&total_connections, 1);
	atomic_fetch_add(&total_pending, 1);
	address = mem_alloc_zero(sizeof(*address));
	address->origin = origin;
	return address;
}

void address_authenticated(struct address *address)
{
	if (address->authenticated)
		return;
	address->authenticated = true;
	atomic_fetch_sub(&address->origin->pending, 1);
	atomic_fetch_sub(&total_pending, 1);
}

void address_release(struct address **address)
{
	struct address *gone = *address;

	if (gone == NULL)
		return;
	*address = NULL;
	address_authenticated(gone);
	atomic_fetch_sub(&gone->origin->connections, 1);
	atomic_fetch_sub(&total_connections, 1);
	origin_unref(gone->origin);
	mem_free(gone);
}

unsigned address_failed(struct address *address)
{
	_Atomic uint64_t *failures = &address->origin->failures;
	uint64_t before = atomic_load(failures), number;
	unsigned doublings;

	do {
		number = before & 0xffff;
		if (now_s() - (before >> 16) > FORGET_S)
			number = 0;
		number += number < 0xffff;
	} while (!atomic_compare_exchange_weak(failures, &before, now_s() << 16 | number));
	if (number <= FREE_FAILURES)
		return 0;
	doublings = (unsigned)number - FREE_FAILURES - 1;
	if (doublings >= 16 || (FIRST_DELAY_MS << doublings) > LONGEST_DELAY_MS)
		return LONGEST_DELAY_MS;
	return FIRST_DELAY_MS << doublings;
}

const char *address_text(const struct address *address)
{
	return address->origin->text;
}

uintptr_t address_number(const struct address *address)
{
	return address == NULL ? 0 : (uintptr_t)address->origin;
}

void address_table_open(void)
{
	if (listeners++ == 0)
		origins = hash_new();
}

void address_table_close(void)
{
	struct origin *origin;
	size_t cursor = 0;

	if (--listeners > 0)
		return;
	while ((origin = hash_next(origins, &cursor)) != NULL)
		origin_unref(origin);
	hash_free(&origins);
	sweep_at = SWEEP_FROM;
}
