/* Tests of net/resolver-order.c: RFC 2782 and RFC 8305. */
#include "net/resolver-private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/mem.h"

static uint32_t least(uint32_t bound)
{
	return bound - bound;
}

static uint32_t most(uint32_t bound)
{
	return bound - 1;
}

static uint32_t last_bound;

static uint32_t half(uint32_t bound)
{
	last_bound = bound;
	return bound / 2;
}

/* Hosts are named by one letter; a case is "letter priority weight" of each, as they come, and the
 * order that is due. */
struct order_case {
	struct {
		char name;
		unsigned priority, weight;
	} hosts[6];
	order_random *random;
	const char *order;
};

static const struct order_case order_cases[] = {
	{ { { 0 } }, least, "" },
	{ { { 'a', 1, 1 } }, most, "a" },
	/* By priority, whatever the weights and their chances. */
	{ { { 'a', 30, 9 }, { 'b', 10, 0 }, { 'c', 20, 65535 } }, least, "bca" },
	{ { { 'a', 30, 9 }, { 'b', 10, 0 }, { 'c', 20, 65535 } }, most, "bca" },
	/* Those without weight have a chance, a small one: only if it falls on 0. */
	{ { { 'a', 1, 5 }, { 'b', 1, 0 }, { 'c', 1, 5 } }, least, "bac" },
	{ { { 'a', 1, 5 }, { 'b', 1, 0 }, { 'c', 1, 5 } }, most, "cab" },
	{ { { 'a', 1, 1 }, { 'b', 1, 1 }, { 'c', 1, 98 } }, half, "cab" },
	{ { { 'a', 1, 98 }, { 'b', 1, 1 }, { 'c', 1, 1 } }, half, "abc" },
	/* Each priority for itself. */
	{ { { 'a', 2, 1 }, { 'b', 1, 1 }, { 'c', 2, 1 }, { 'd', 1, 1 } }, most, "dbca" },
	{ { { 'a', 2, 1 }, { 'b', 1, 1 }, { 'c', 2, 1 }, { 'd', 1, 1 } }, least, "bdac" },
	/* All without weight: as they came, or the first is moved back. */
	{ { { 'a', 0, 0 }, { 'b', 0, 0 }, { 'c', 0, 0 } }, least, "abc" },
	{ { { 'a', 0, 65535 }, { 'b', 0, 65535 }, { 'c', 0, 65535 } }, most, "cba" },
};

static void test_hosts(void **state)
{
	for (size_t i = 0; i < COUNT_OF(order_cases); i++) {
		const struct order_case *given = &order_cases[i];
		struct resolver_host hosts[6] = { 0 };
		char names[6][2] = { "" }, order[7] = "";
		size_t count = strlen(given->order);

		for (size_t j = 0; j < count; j++) {
			names[j][0] = given->hosts[j].name;
			hosts[j].name = names[j];
			hosts[j].priority = given->hosts[j].priority;
			hosts[j].weight = given->hosts[j].weight;
		}
		order_hosts(hosts, count, given->random);
		for (size_t j = 0; j < count; j++)
			strcat(order, hosts[j].name);
		assert_string_equal(order, given->order);
	}
}

static void test_weights_are_chances(void **state)
{
	enum { ROUNDS = 8000 };
	unsigned first[3] = { 0 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct resolver_host hosts[] = { { .port = 0, .weight = 1 },
			{ .port = 1, .weight = 2 }, { .port = 2, .weight = 5 } };

		order_hosts(hosts, COUNT_OF(hosts), order_chance);
		first[hosts[0].port]++;
	}
	/* Of 0 to 8, the first has 0 and 1, the second 2 and 3, the third the rest. Ten standard
	 * deviations are less than the margin. */
	assert_in_range(first[0], ROUNDS * 2 / 9 - 400, ROUNDS * 2 / 9 + 400);
	assert_in_range(first[1], ROUNDS * 2 / 9 - 400, ROUNDS * 2 / 9 + 400);
	assert_in_range(first[2], ROUNDS * 5 / 9 - 460, ROUNDS * 5 / 9 + 460);
}

/* 64 records with the highest weight there is. */
static void test_sum_does_not_overflow(void **state)
{
	struct resolver_host hosts[64];

	for (size_t i = 0; i < COUNT_OF(hosts); i++)
		hosts[i] = (struct resolver_host){ .weight = 65535 };
	order_hosts(hosts, 64, half);
	assert_int_equal(last_bound, 65536);
}

static void test_addresses(void **state)
{
	static const struct {
		size_t ipv6_count, ipv4_count, max;
		const char *families;
	} cases[] = {
		{ 0, 0, 8, "" },
		{ 2, 2, 8, "6464" },
		{ 3, 1, 8, "6466" },
		{ 1, 3, 8, "6444" },
		{ 0, 2, 8, "44" },
		{ 2, 0, 8, "66" },
		{ 4, 4, 5, "64646" },
		{ 4, 4, 0, "" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		union resolver_address ipv6[4], ipv4[4], out[8];
		char families[9] = "";
		size_t count;

		for (unsigned j = 0; j < 4; j++) {
			ipv6[j].ipv6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
				.sin6_port = (uint16_t)j };
			ipv4[j].ipv4 =
			    (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = (uint16_t)j };
		}
		count = order_addresses(
		    out, cases[i].max, ipv6, cases[i].ipv6_count, ipv4, cases[i].ipv4_count);
		for (size_t j = 0; j < count; j++)
			strcat(families, out[j].any.sa_family == AF_INET6 ? "6" : "4");
		assert_string_equal(families, cases[i].families);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_weights_are_chances),
		cmocka_unit_test(test_sum_does_not_overflow),
		cmocka_unit_test(test_addresses),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
