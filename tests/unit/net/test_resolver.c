/* Tests of net/resolver.c: queries from their worker to the one that asks DNS and back. */
#include "net/resolver.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"
#include "loop/worker.h"

static struct worker *worker;
static const struct resolver_answer *answer;
static bool is_done;

static void found(const struct resolver_answer *given, void *state)
{
	assert_ptr_equal(state, &worker);
	assert_false(is_done);
	answer = resolver_answer_ref(given);
	is_done = true;
}

static const struct resolver_answer *find(const char *domain)
{
	resolver_answer_unref(&answer);
	is_done = false;
	resolver_find(domain, found, &worker);
	assert_false(is_done);
	worker_run_until(worker, &is_done);
	assert_int_equal(resolver_waiting(), 0);
	return answer;
}

static const char *const nothing[] = { NULL };

static const char *const records[] = {
	"_xmpps-server._tcp.peer.test. IN SRV 1 0 5270 host.peer.test.",
	"_xmpp-server._tcp.peer.test. IN SRV 0 0 5269 host.peer.test.",
	"host.peer.test. IN A 192.0.2.1",
	"host.peer.test. IN AAAA 2001:db8::1",
	"bare.test. IN A 192.0.2.2",
	"_xmpp-server._tcp.none.test. IN SRV 0 0 0 .",
	NULL,
};

static int setup(void **state)
{
	struct resolver_config config = { .forward = nothing,
		.stub = nothing,
		.trust_anchor_file = "",
		.local_data = records,
		.timeout = 5 };

	(void)state;
	worker = worker_new(0);
	worker_enter(worker);
	resolver_start(&config);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	resolver_answer_unref(&answer);
	resolver_stop();
	worker_free(&worker);
	return 0;
}

static const char *address_text(const union resolver_address *address)
{
	static char text[INET6_ADDRSTRLEN];

	if (address->any.sa_family == AF_INET)
		inet_ntop(AF_INET, &address->ipv4.sin_addr, text, sizeof text);
	else
		inet_ntop(AF_INET6, &address->ipv6.sin6_addr, text, sizeof text);
	return text;
}

static void test_services(void **state)
{
	const struct resolver_answer *got = find("peer.test");

	(void)state;
	assert_int_equal(got->status, RESOLVER_FOUND);
	assert_int_equal(got->host_count, 2);
	assert_string_equal(got->hosts[0].name, "host.peer.test");
	assert_false(got->hosts[0].is_direct_tls);
	assert_true(got->hosts[1].is_direct_tls);
	assert_int_equal(got->hosts[0].address_count, 2);
	assert_string_equal(address_text(&got->hosts[0].addresses[0]), "2001:db8::1");
	assert_string_equal(address_text(&got->hosts[0].addresses[1]), "192.0.2.1");
	assert_int_equal(ntohs(got->hosts[1].addresses[1].ipv4.sin_port), 5270);
}

static void test_fallback(void **state)
{
	const struct resolver_answer *got = find("bare.test");

	(void)state;
	assert_int_equal(got->status, RESOLVER_FOUND);
	assert_int_equal(got->host_count, 1);
	assert_false(got->hosts[0].has_srv);
	assert_int_equal(got->hosts[0].port, 5269);
}

static void test_no_service(void **state)
{
	(void)state;
	assert_int_equal(find("none.test")->status, RESOLVER_NO_SERVICE);
	assert_int_equal(find("nowhere.test")->status, RESOLVER_NO_NAME);
	assert_string_equal(answer->text, "there is no domain nowhere.test in DNS");
}

static void test_addresses(void **state)
{
	(void)state;
	assert_int_equal(find("192.0.2.7")->hosts[0].port, 5269);
	assert_string_equal(address_text(answer->hosts[0].addresses), "192.0.2.7");
	assert_string_equal(address_text(find("[2001:db8::7]")->hosts[0].addresses), "2001:db8::7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_services, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fallback, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_service, setup, teardown),
		cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
