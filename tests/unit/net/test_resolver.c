/* Tests of net/resolver.c: queries from their worker to the one that asks DNS and back, whatever
 * happens meanwhile. */
#include "net/resolver.h"

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

static struct nameserver *server;

static const char zone[] = "*.many A 192.0.2.1\n";

static const char *const records[] = {
	"_xmpps-server._tcp.peer.test. IN SRV 1 0 5270 host.peer.test.",
	"_xmpp-server._tcp.peer.test. IN SRV 0 0 5269 host.peer.test.",
	"host.peer.test. IN A 192.0.2.1",
	"host.peer.test. IN AAAA 2001:db8::1",
	NULL,
};

static int start_server(void **state)
{
	const struct nameserver_zone zones[] = { { "plain.test.", zone, false }, { NULL } };

	server = nameserver_start(zones);
	return 0;
}

static int stop_server(void **state)
{
	nameserver_stop(&server);
	return 0;
}

static int open_local(void **state)
{
	struct resolver_config config = lookup_nothing;

	config.local_data = records;
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
	return 0;
}

/* ---- what needs no server ---- */

static void test_local_data(void **state)
{
	const struct resolver_answer *answer = lookup("peer.test");

	assert_int_equal(answer->status, RESOLVER_FOUND);
	assert_int_equal(answer->host_count, 2);
	assert_false(answer->hosts[0].is_direct_tls);
	assert_false(answer->hosts[0].is_secure);
	assert_true(answer->hosts[1].is_direct_tls);
	assert_string_equal(lookup_address(&answer->hosts[1], 0), "2001:db8::1 5270");
	assert_int_equal(lookup("nowhere.test")->status, RESOLVER_NO_NAME);
}

static unsigned chained;

static void chain_found(const struct resolver_answer *answer, void *state)
{
	assert_int_equal(answer->status, RESOLVER_FOUND);
	if (++chained < 50)
		resolver_find("peer.test", chain_found, state);
	else
		*(bool *)state = true;
}

/* Local data, as what is in the cache, is answered inside the call that asks. */
static void test_asks_again_when_answered(void **state)
{
	bool is_done = false;

	resolver_find("peer.test", chain_found, &is_done);
	worker_run_until(lookup_worker, &is_done);
	assert_int_equal(chained, 50);
	assert_int_equal(resolver_waiting(), 0);
}

static void test_answer_stays(void **state)
{
	const struct resolver_answer *kept = resolver_answer_ref(lookup("peer.test"));

	lookup("nowhere.test");
	assert_string_equal(kept->hosts[0].name, "host.peer.test");
	resolver_answer_unref(&kept);
	assert_null(kept);
	resolver_answer_unref(&kept);
}

static void not_called(const struct resolver_answer *answer, void *state)
{
	fail();
}

static void test_cancelled(void **state)
{
	struct resolver_query *query = resolver_find("peer.test", not_called, NULL);
	struct resolver_query *address = resolver_find("192.0.2.1", not_called, NULL);

	assert_int_equal(resolver_waiting(), 2);
	resolver_cancel(&query);
	assert_null(query);
	resolver_cancel(&query);
	resolver_cancel(&address);
	lookup("peer.test");
	assert_int_equal(resolver_waiting(), 0);
}

/* ---- other workers ---- */

static struct {
	struct worker *worker;
	struct mail mail;
	const char *domain;
	bool (*is_good)(const struct resolver_answer *answer);
	bool was_good;
	bool is_done;
} other;

static void other_told(struct mail *mail)
{
	other.is_done = true;
}

static void other_found(const struct resolver_answer *answer, void *state)
{
	assert_ptr_equal(worker_current(), other.worker);
	other.was_good = answer->status == RESOLVER_FOUND && resolver_waiting() == 0;
	worker_post(lookup_worker, &other.mail, other_told);
}

static void other_asks(struct mail *mail)
{
	resolver_find("peer.test", other_found, NULL);
}

static void test_other_worker(void **state)
{
	other.worker = worker_new(1);
	worker_start(other.worker, NULL, NULL, NULL);
	for (unsigned i = 0; i < 20; i++) {
		other.is_done = other.was_good = false;
		worker_post(other.worker, &other.mail, other_asks);
		worker_run_until(lookup_worker, &other.is_done);
		assert_true(other.was_good);
	}
	worker_stop(other.worker);
	worker_join(other.worker);
	worker_free(&other.worker);
}

/* ---- a server that answers ---- */

enum { CROWD = 1000 };

static size_t crowd_found;
static bool crowd_is_done;

static void one_found(const struct resolver_answer *answer, void *state)
{
	assert_int_equal(answer->status, RESOLVER_FOUND);
	assert_string_equal(lookup_address(answer->hosts, 0), "192.0.2.1 5269");
	crowd_is_done = ++crowd_found == CROWD;
}

static void test_crowd(void **state)
{
	char domain[64];

	if (server == NULL)
		skip();
	crowd_found = 0;
	for (unsigned i = 0; i < CROWD; i++) {
		snprintf(domain, sizeof domain, "d%u.many.plain.test", i);
		resolver_find(domain, one_found, NULL);
	}
	assert_int_equal(resolver_waiting(), CROWD);
	worker_run_until(lookup_worker, &crowd_is_done);
	assert_int_equal(resolver_waiting(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_local_data, open_local, close_resolver),
		cmocka_unit_test_setup_teardown(
		    test_asks_again_when_answered, open_local, close_resolver),
		cmocka_unit_test_setup_teardown(test_answer_stays, open_local, close_resolver),
		cmocka_unit_test_setup_teardown(test_cancelled, open_local, close_resolver),
		cmocka_unit_test_setup_teardown(test_other_worker, open_local, close_resolver),
		cmocka_unit_test_setup_teardown(test_crowd, open_server, close_resolver),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
