/* Counting by address: limits at the edge and one beyond, delays, forgetting. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/address-private.h"
#include "net/listener.h"
#include "peer.h"

static int set_up(void **state)
{
	office_open();
	address_table_open();
	return 0;
}

static int tear_down(void **state)
{
	address_table_close();
	office_close();
	return 0;
}

static struct address *admit(const char *text, const char **limit_out)
{
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };
	char counted[ADDRESS_TEXT_BYTES];

	if (strchr(text, ':') != NULL) {
		assert_int_equal(inet_pton(AF_INET6, text, &ipv6.sin6_addr), 1);
		return address_admit((void *)&ipv6, limit_out, counted);
	}
	assert_int_equal(inet_pton(AF_INET, text, &ipv4.sin_addr), 1);
	return address_admit((void *)&ipv4, limit_out, counted);
}

static void test_texts(void **state)
{
	static const struct {
		const char *peer, *counted;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
		{ "2001:db8:1:2:ffff::1", "2001:db8:1:2::/64" },
		{ "::1", "::/64" },
	};
	struct sockaddr local = { .sa_family = AF_UNIX };
	char counted[ADDRESS_TEXT_BYTES];
	struct address *address;
	const char *limit;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		address = admit(cases[i].peer, &limit);
		assert_string_equal(address_text(address), cases[i].counted);
		address_release(&address);
		assert_null(address);
		address_release(&address);
	}
	address = address_admit(&local, &limit, counted);
	assert_string_equal(address_text(address), "local");
	assert_string_equal(counted, "local");
	address_release(&address);
}

/* Connections of one origin have a number in common. */
static void test_number(void **state)
{
	const char *limit;
	struct address *one = admit("2001:db8:1:2::1", &limit);
	struct address *same = admit("2001:db8:1:2::2", &limit);
	struct address *other = admit("2001:db8:1:3::1", &limit);

	assert_true(address_number(one) == address_number(same));
	assert_true(address_number(one) != address_number(other));
	assert_true(address_number(one) != 0 && address_number(NULL) == 0);
	address_release(&one);
	address_release(&same);
	address_release(&other);
}

static void assert_full(const char *text, const char *limit)
{
	const char *reached = NULL;

	assert_null(admit(text, &reached));
	assert_string_equal(reached, limit);
}

static void test_pending_of_one(void **state)
{
	const struct address_limits limits = { 3, 100, 100, 0 };
	struct address *held[4];
	const char *limit;

	address_set_limits(&limits);
	/* One /64, and IPv4 in both its guises, are each one address. */
	held[0] = admit("2001:db8::1", &limit);
	held[1] = admit("2001:db8::2", &limit);
	held[2] = admit("2001:db8:0:0:ff::", &limit);
	assert_non_null(held[2]);
	assert_full("2001:db8::3", "unauthenticated connections of one address");
	held[3] = admit("2001:db8:0:1::1", &limit);
	assert_non_null(held[3]);
	address_authenticated(held[0]);
	address_authenticated(held[0]);
	address_release(&held[3]);
	held[3] = admit("2001:db8::3", &limit);
	assert_non_null(held[3]);
	assert_full("2001:db8::4", "unauthenticated connections of one address");
	for (size_t i = 0; i < 4; i++)
		address_release(&held[i]);

	held[0] = admit("192.0.2.1", &limit);
	held[1] = admit("::ffff:192.0.2.1", &limit);
	held[2] = admit("192.0.2.1", &limit);
	assert_full("::ffff:192.0.2.1", "unauthenticated connections of one address");
	held[3] = admit("192.0.2.2", &limit);
	for (size_t i = 0; i < 4; i++)
		address_release(&held[i]);
}

static void test_other_limits(void **state)
{
	static const struct {
		struct address_limits limits;
		bool authenticated;
		const char *second, *limit;
	} cases[] = {
		{ { 9, 2, 9, 9 }, true, "192.0.2.1", "connections of one address" },
		{ { 9, 9, 2, 9 }, false, "192.0.2.2", "unauthenticated connections" },
		{ { 9, 9, 9, 2 }, true, "192.0.2.2", "connections" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct address *held[2];
		const char *limit;

		address_set_limits(&cases[i].limits);
		for (size_t k = 0; k < 2; k++) {
			held[k] = admit(k == 0 ? "192.0.2.1" : cases[i].second, &limit);
			assert_non_null(held[k]);
			if (cases[i].authenticated)
				address_authenticated(held[k]);
		}
		assert_full(cases[i].second, cases[i].limit);
		address_release(&held[0]);
		held[0] = admit(cases[i].second, &limit);
		assert_non_null(held[0]);
		address_release(&held[0]);
		address_release(&held[1]);
	}
}

static void test_delays(void **state)
{
	static const unsigned delays[] = { 0, 0, 0, 500, 1000, 2000, 4000, 8000, 8000, 8000 };
	const struct address_limits limits = { 9, 9, 9, 9 };
	struct address *address, *other;
	const char *limit;

	address_set_limits(&limits);
	address = admit("192.0.2.9", &limit);
	other = admit("192.0.2.10", &limit);
	for (size_t i = 0; i < COUNT_OF(delays); i++) {
		assert_int_equal(address_failed(address), delays[i]);
		/* A new connection does not begin anew. */
		address_release(&address);
		address = admit("192.0.2.9", &limit);
	}
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(address_failed(address), 8000);
	assert_int_equal(address_failed(other), 0);
	address_release(&address);
	address_release(&other);
}

/* The table does not grow with those who are gone, whatever they tried. */
static void test_sweep(void **state)
{
	const struct address_limits limits = { 9, 9, 9, 9 };
	struct address *kept, *address;
	const char *limit;
	char text[64];

	address_set_limits(&limits);
	kept = admit("192.0.2.77", &limit);
	for (unsigned i = 0; i < 4; i++)
		address_failed(kept);
	for (unsigned i = 0; i < 200000; i++) {
		snprintf(text, sizeof(text), "2001:db8:%x:%x::1", i >> 16, i & 0xffff);
		address = admit(text, &limit);
		assert_non_null(address);
		if (i % 2 == 0)
			address_failed(address);
		address_release(&address);
	}
	/* Who is connected is not forgotten. */
	assert_int_equal(address_failed(kept), 1000);
	address_release(&kept);
}

/* A connection may outlive the listener and its table. */
static void test_outlives_table(void **state)
{
	struct address *address;
	const char *limit;

	address = admit("192.0.2.88", &limit);
	address_table_close();
	assert_string_equal(address_text(address), "192.0.2.88");
	assert_int_equal(address_failed(address), 0);
	address_release(&address);
	address_table_open();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_pending_of_one),
		cmocka_unit_test(test_other_limits),
		cmocka_unit_test(test_delays),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_outlives_table),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
