/* fuzz_dns.c - answers of DNS of arbitrary bytes: nothing is read beyond their end, and what comes
 * out is within its bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "net/resolver-private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

static const char host_bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

static void check_srv(const struct dns_reply *reply, struct arena *arena)
{
	struct srv records[4];
	size_t count = packet_srv(reply, arena, records, COUNT_OF(records));

	REQUIRE(count <= COUNT_OF(records));
	for (size_t i = 0; i < count; i++) {
		const char *target = records[i].target;

		REQUIRE(strlen(target) < 256 && strspn(target, host_bytes) == strlen(target));
		REQUIRE(records[i].port <= 65535 && records[i].weight <= 65535);
	}
}

static void check_addresses(const struct dns_reply *reply, enum dns_type type, int family)
{
	union resolver_address found[4];
	size_t count = packet_addresses(reply, type, found, COUNT_OF(found));

	REQUIRE(count <= COUNT_OF(found));
	for (size_t i = 0; i < count; i++)
		REQUIRE(found[i].any.sa_family == family);
}

static void check_tlsa(const struct dns_reply *reply, struct arena *arena)
{
	struct resolver_tlsa records[4];
	size_t count = packet_tlsa(reply, arena, records, COUNT_OF(records));

	REQUIRE(count <= COUNT_OF(records));
	for (size_t i = 0; i < count; i++)
		REQUIRE(records[i].length > 0 && records[i].length <= 4096);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_reply reply = { .result = DNS_RECORDS, .packet = data, .length = size };
	struct arena *arena = arena_new(0);

	check_srv(&reply, arena);
	check_addresses(&reply, DNS_A, AF_INET);
	check_addresses(&reply, DNS_AAAA, AF_INET6);
	check_tlsa(&reply, arena);
	arena_free(&arena);
	return 0;
}
