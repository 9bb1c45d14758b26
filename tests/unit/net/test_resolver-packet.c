/* Tests of net/resolver-packet.c: packets by hand, good and bad. */
#include "net/resolver-private.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"

static unsigned char packet[65536];
static size_t length;
static struct arena *arena;

static void put(const void *bytes, size_t count)
{
	memcpy(packet + length, bytes, count);
	length += count;
}

static void put16(unsigned number)
{
	put((unsigned char[]){ (unsigned char)(number >> 8), (unsigned char)number }, 2);
}

/* A header that promises so many answers. */
static void begin(unsigned answers)
{
	length = 0;
	put16(4711);
	put16(0x8180);
	put16(0);
	put16(answers);
	put16(0);
	put16(0);
}

/* A record of the root, whose data follows. */
static void record(enum dns_type type, unsigned class, size_t data_length)
{
	put("", 1);
	put16(type);
	put16(class);
	put16(0);
	put16(300);
	put16((unsigned)data_length);
}

static void srv(unsigned priority, unsigned weight, unsigned port, const char *name, size_t bytes)
{
	record(DNS_SRV, 1, 6 + bytes);
	put16(priority);
	put16(weight);
	put16(port);
	put(name, bytes);
}

#define SRV(priority, weight, port, name) srv(priority, weight, port, name, sizeof(name))

static struct dns_reply reply(void)
{
	return (struct dns_reply){ .result = DNS_RECORDS, .packet = packet, .length = length };
}

static int open_arena(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int close_arena(void **state)
{
	arena_free(&arena);
	return 0;
}

static void test_srv(void **state)
{
	struct dns_reply given;
	struct srv records[8];

	begin(9);
	SRV(1, 2, 3, "\4Host\4test");
	SRV(65535, 65535, 65535, "");
	/* No hosts: a blank, a dot inside a label, a byte beyond ASCII. */
	SRV(0, 0, 1, "\3a b\4test");
	SRV(0, 0, 1, "\3a.b\4test");
	SRV(0, 0, 1, "\3a\377b\4test");
	/* Another class, another type. */
	record(DNS_SRV, 3, 7);
	put("\0\0\0\0\0\1", 7);
	record(DNS_A, 1, 4);
	put("\300\0\2\1", 4);
	/* Without a name. */
	record(DNS_SRV, 1, 6);
	put("\0\0\0\0\0\1", 6);
	SRV(7, 8, 9, "\3_-9\4test");
	given = reply();
	assert_int_equal(packet_srv(&given, arena, records, COUNT_OF(records)), 3);
	assert_int_equal(records[0].priority, 1);
	assert_int_equal(records[0].weight, 2);
	assert_int_equal(records[0].port, 3);
	assert_string_equal(records[0].target, "host.test");
	assert_string_equal(records[1].target, "");
	assert_int_equal(records[1].port, 65535);
	assert_string_equal(records[2].target, "_-9.test");
	/* No more than there is room for. */
	assert_int_equal(packet_srv(&given, arena, records, 1), 1);
	assert_int_equal(packet_srv(&given, arena, records, 0), 0);
}

/* Names that go on elsewhere: in a circle, behind the end, beyond their record. */
static void test_srv_names(void **state)
{
	struct dns_reply given;
	struct srv records[8];

	begin(6);
	srv(0, 0, 1, "\300\035", 2);
	srv(0, 0, 1, "\377\377", 2);
	srv(0, 0, 1, "\77short", 6);
	srv(0, 0, 1, "\4goes", 3);
	srv(0, 0, 1, "\1a\0more", 7);
	SRV(0, 0, 2, "\4good");
	given = reply();
	assert_int_equal(packet_srv(&given, arena, records, COUNT_OF(records)), 1);
	assert_int_equal(records[0].port, 2);
}

static void test_addresses(void **state)
{
	union resolver_address found[4];
	struct dns_reply given;

	begin(5);
	record(DNS_A, 1, 4);
	put("\300\0\2\1", 4);
	record(DNS_A, 1, 5);
	put("\300\0\2\1\1", 5);
	record(DNS_A, 1, 0);
	record(DNS_AAAA, 1, 16);
	put("\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	record(DNS_AAAA, 1, 4);
	put("\300\0\2\1", 4);
	given = reply();
	assert_int_equal(packet_addresses(&given, DNS_A, found, COUNT_OF(found)), 1);
	assert_int_equal(found[0].ipv4.sin_family, AF_INET);
	assert_int_equal(ntohl(found[0].ipv4.sin_addr.s_addr), 0xc0000201);
	assert_int_equal(packet_addresses(&given, DNS_AAAA, found, COUNT_OF(found)), 1);
	assert_int_equal(found[0].ipv6.sin6_family, AF_INET6);
	assert_int_equal(found[0].ipv6.sin6_addr.s6_addr[15], 1);
}

/* Data from nothing to more than is let through. */
static void test_tlsa(void **state)
{
	static const size_t sizes[] = { 0, 2, 3, 4, 4099, 4100 };
	static unsigned char data[4100] = { 3, 1, 2, 9 };
	struct resolver_tlsa records[8];
	struct dns_reply given;

	begin(COUNT_OF(sizes));
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		record(DNS_TLSA, 1, sizes[i]);
		put(data, sizes[i]);
	}
	given = reply();
	assert_int_equal(packet_tlsa(&given, arena, records, COUNT_OF(records)), 2);
	assert_int_equal(records[0].usage, 3);
	assert_int_equal(records[0].selector, 1);
	assert_int_equal(records[0].matching, 2);
	assert_int_equal(records[0].length, 1);
	assert_int_equal(records[0].data[0], 9);
	assert_int_equal(records[1].length, 4096);
}

/* At every length what is read is within it; AddressSanitizer looks on. */
static void test_cut_short(void **state)
{
	size_t whole;

	begin(3);
	SRV(1, 2, 3, "\4host\4test");
	record(DNS_A, 1, 4);
	put("\300\0\2\1", 4);
	record(DNS_TLSA, 1, 5);
	put("\3\1\1ab", 5);
	whole = length;
	for (length = 0; length <= whole; length++) {
		unsigned char *exact = length == 0 ? NULL : malloc(length);
		struct dns_reply given = { .packet = exact, .length = length };
		union resolver_address addresses[2];
		struct resolver_tlsa tlsa[2];
		struct srv services[2];
		size_t found;

		if (exact != NULL)
			memcpy(exact, packet, length);
		found = packet_srv(&given, arena, services, 2) +
		        packet_addresses(&given, DNS_A, addresses, 2) +
		        packet_tlsa(&given, arena, tlsa, 2);
		assert_int_equal(found, length == whole ? 3 : 0);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_srv, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(test_srv_names, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(test_addresses, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(test_tlsa, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(test_cut_short, open_arena, close_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
