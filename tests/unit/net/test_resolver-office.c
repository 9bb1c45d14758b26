/* Tests of net/resolver-office.c: what the worker that asks DNS does with queries when nothing
 * answers, when settings change, and when it ends; and whether it trusts the keys it has found. */
#include "net/resolver-private.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "loop/worker.h"
#include "lookup.h"
#include "nameserver.h"

#define ROOT_KEY "/usr/share/dns/root.key"

static struct nameserver *server, *root_server;

static const char zone[] = "bare A 192.0.2.2\n";
static const char root[] = "bare.example A 192.0.2.3\n";

static const char *const records[] = { "peer.test. IN A 192.0.2.1", NULL };

static int start_server(void **state)
{
	const struct nameserver_zone zones[] = { { "plain.test.", zone, false }, { NULL } };
	const struct nameserver_zone roots[] = { { ".", root, false }, { NULL } };

	server = nameserver_start(zones);
	root_server = nameserver_start(roots);
	return 0;
}

static int stop_server(void **state)
{
	nameserver_stop(&server);
	nameserver_stop(&root_server);
	return 0;
}

static int open_local(void **state)
{
	struct resolver_config config = lookup_nothing;

	config.local_data = records;
	lookup_open(&config);
	return 0;
}

/* A server of the root that knows of no signatures, as many a router does. */
static int open_unsigned_root(void **state)
{
	struct resolver_config config = lookup_nothing;

	if (root_server != NULL)
		config.forward = lookup_list(nameserver_address(root_server));
	config.trust_anchor_file = NULL;
	lookup_open(&config);
	return 0;
}

/* One that does not know the root. */
static int open_rootless(void **state)
{
	struct resolver_config config = lookup_nothing;

	if (server != NULL)
		config.forward = lookup_list(nameserver_address(server));
	config.trust_anchor_file = NULL;
	lookup_open(&config);
	return 0;
}

static int silent = -1;

/* A server that never says anything. */
static int open_silent(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct resolver_config config = lookup_nothing;
	socklen_t length = sizeof address;
	char text[64];

	silent = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(silent, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(silent, (struct sockaddr *)&address, &length), 0);
	snprintf(text, sizeof text, "127.0.0.1@%u", ntohs(address.sin_port));
	config.forward = lookup_list(text);
	lookup_open(&config);
	return 0;
}

static int open_server(void **state)
{
	struct resolver_config config = lookup_nothing;

	if (server != NULL)
		config.forward = lookup_list(nameserver_address(server));
	lookup_open(&config);
	return 0;
}

static int close_resolver(void **state)
{
	lookup_close();
	if (silent >= 0)
		close(silent);
	silent = -1;
	return 0;
}

static void test_closed(void **state)
{
	resolver_close();
	assert_int_equal(lookup("peer.test")->status, RESOLVER_FAILED);
	assert_string_equal(lookup("peer.test")->text, "the server is about to stop");
	assert_int_equal(lookup("192.0.2.1")->status, RESOLVER_FOUND);
}

/* Other settings while a question is open. */
static void test_configured_anew(void **state)
{
	struct resolver_config config = lookup_nothing;

	if (server == NULL)
		skip();
	assert_int_equal(lookup("bare.plain.test")->status, RESOLVER_FOUND);
	config.local_data = records;
	resolver_configure(&config);
	assert_int_equal(lookup("peer.test")->status, RESOLVER_FOUND);
	config.local_data = lookup_nothing.local_data;
	config.forward = lookup_list(nameserver_address(server));
	resolver_configure(&config);
	assert_int_equal(lookup("peer.test")->status, RESOLVER_FAILED);
	assert_int_equal(lookup("bare.plain.test")->status, RESOLVER_FOUND);
}

/* ---- nobody answers ---- */

static void test_silence(void **state)
{
	resolver_set_deadline(200);
	assert_int_equal(lookup("peer.test")->status, RESOLVER_TIMEOUT);
	assert_string_equal(lookup("peer.test")->text, "DNS did not answer in time for peer.test");
}

static void not_called(const struct resolver_answer *answer, void *state)
{
	fail();
}

static bool is_told;
static enum resolver_status told;

static void tell(const struct resolver_answer *answer, void *state)
{
	told = answer->status;
	is_told = true;
}

static void arrived(const struct resolver_answer *answer, void *state)
{
	*(bool *)state = true;
}

/* Rounds until the question is with DNS. */
static void let_arrive(void)
{
	bool is_done = false;

	resolver_find("192.0.2.1", arrived, &is_done);
	worker_run_until(lookup_worker, &is_done);
}

static void test_end_in_flight(void **state)
{
	struct resolver_query *query;

	is_told = false;
	resolver_find("peer.test", tell, NULL);
	query = resolver_find("other.test", not_called, NULL);
	let_arrive();
	resolver_cancel(&query);
	assert_int_equal(resolver_waiting(), 2);
	resolver_close();
	worker_run_until(lookup_worker, &is_told);
	assert_int_equal(told, RESOLVER_TIMEOUT);
	let_arrive();
	assert_int_equal(resolver_waiting(), 0);
}

static void test_configured_in_flight(void **state)
{
	struct resolver_config config = lookup_nothing;

	is_told = false;
	resolver_find("peer.test", tell, NULL);
	let_arrive();
	config.local_data = records;
	resolver_configure(&config);
	worker_run_until(lookup_worker, &is_told);
	assert_int_equal(told, RESOLVER_FOUND);
}

/* Only so many; the next ones are told at once. */
static void test_too_many(void **state)
{
	struct resolver_query *first;
	char domain[64];

	first = resolver_find("first.test", not_called, NULL);
	for (unsigned i = 1; i < RESOLVER_QUERIES_MAX; i++) {
		snprintf(domain, sizeof domain, "d%u.test", i);
		resolver_find(domain, tell, NULL);
	}
	is_told = false;
	resolver_find("one.too.many.test", tell, NULL);
	worker_run_until(lookup_worker, &is_told);
	assert_int_equal(told, RESOLVER_BUSY);
	assert_int_equal(resolver_waiting(), RESOLVER_QUERIES_MAX);
	resolver_cancel(&first);
	resolver_close();
	let_arrive();
	assert_int_equal(resolver_waiting(), 0);
}

/* ---- keys of the system ---- */

static void test_signatures_are_not_passed_on(void **state)
{
	if (root_server == NULL || access(ROOT_KEY, R_OK) != 0)
		skip();
	assert_int_equal(lookup("bare.example")->status, RESOLVER_FOUND);
	assert_false(lookup("bare.example")->hosts->is_secure);
	assert_int_equal(lookup("nowhere.example")->status, RESOLVER_NO_NAME);
}

/* That the root is not to be reached does not mean that nothing is signed. */
static void test_root_is_away(void **state)
{
	if (server == NULL || access(ROOT_KEY, R_OK) != 0)
		skip();
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(lookup("bare.plain.test")->status, RESOLVER_BOGUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_closed, open_local, close_resolver),
		cmocka_unit_test_setup_teardown(test_configured_anew, open_server, close_resolver),
		cmocka_unit_test_setup_teardown(
		    test_signatures_are_not_passed_on, open_unsigned_root, close_resolver),
		cmocka_unit_test_setup_teardown(test_root_is_away, open_rootless, close_resolver),
		cmocka_unit_test_setup_teardown(test_silence, open_silent, close_resolver),
		cmocka_unit_test_setup_teardown(test_end_in_flight, open_silent, close_resolver),
		cmocka_unit_test_setup_teardown(
		    test_configured_in_flight, open_silent, close_resolver),
		cmocka_unit_test_setup_teardown(test_too_many, open_silent, close_resolver),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
