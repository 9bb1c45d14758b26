/* Ranges of addresses: what is one, and what is in it. */
#include "net/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "base/mem.h"

static void reads_networks(void **state)
{
	static const char *const good[] = { "192.0.2.1", "192.0.2.0/24", "0.0.0.0/0",
		"2001:db8::/32", "::/0", "::ffff:192.0.2.1", "192.0.2.7/24" };
	static const char *const bad[] = { "", "/", "192.0.2", "192.0.2.0/33", "192.0.2.0/-1",
		"192.0.2.0/", "192.0.2.0/24x", "2001:db8::/129", "example.org",
		"1234567890123456789012345678901234567890123456789/1" };
	struct network network;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(network_parse(good[i], &network));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(network_parse(bad[i], &network));
}

static void knows_what_is_in_it(void **state)
{
	static const struct {
		const char *network, *part;
		bool has;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.128/25", "192.0.2.129", true },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.1", "192.0.2.0/24", false },
		{ "192.0.2.0/24", "::ffff:192.0.2.9", true },
		{ "0.0.0.0/0", "192.0.2.1", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct network network, part;

		assert_true(network_parse(cases[i].network, &network));
		assert_true(network_parse(cases[i].part, &part));
		assert_int_equal(network_has(&network, &part), cases[i].has);
	}
}

static void takes_peers(void **state)
{
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6 };
	struct sockaddr local = { .sa_family = AF_UNIX };
	struct network network, peer;

	(void)state;
	assert_true(network_parse("192.0.2.0/24", &network));
	inet_pton(AF_INET, "192.0.2.9", &ipv4.sin_addr);
	inet_pton(AF_INET6, "::ffff:192.0.2.9", &mapped.sin6_addr);
	assert_true(network_of_peer((void *)&ipv4, &peer) && network_has(&network, &peer));
	assert_true(network_of_peer((void *)&mapped, &peer) && network_has(&network, &peer));
	assert_false(network_of_peer(&local, &peer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_networks),
		cmocka_unit_test(knows_what_is_in_it),
		cmocka_unit_test(takes_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
