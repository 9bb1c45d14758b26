/* Tests of net/resolver-dns.c: what settings come to, and one question at a time. */
#include "net/resolver-private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"
#include "lookup.h"

static const char *wrong(const struct resolver_config *config, struct arena *arena)
{
	struct worker *worker = worker_new(0);
	const char *error;
	struct dns *dns;

	worker_enter(worker);
	dns = dns_new(config, arena, &error);
	assert_true((dns == NULL) == (error != NULL));
	dns_free(&dns);
	dns_free(&dns);
	worker_free(&worker);
	assert_true(text_equal(error, resolver_config_wrong(config, arena)));
	return error;
}

static void test_settings(void **state)
{
	struct arena *arena = arena_new(0);
	struct resolver_config config = lookup_nothing;
	static const char *const good_forwards[] = { "192.0.2.53", "2001:db8::53@5353", NULL };

	assert_null(wrong(&config, arena));
	config.forward = good_forwards;
	config.stub = lookup_list("example.org 192.0.2.53@5353");
	assert_null(wrong(&config, arena));
	config.forward = lookup_list("dns.example.org");
	config.stub = lookup_nothing.stub;
	assert_string_equal(wrong(&config, arena),
	    "forward \"dns.example.org\" is no address of a DNS server; write it as "
	    "\"192.0.2.53\" or \"192.0.2.53@5353\"");
	config = lookup_nothing;
	for (size_t i = 0; i < 3; i++) {
		static const char *const bad[] = { "example.org", "example.org ",
			"example.org here" };

		config.stub = lookup_list(bad[i]);
		assert_string_equal(wrong(&config, arena),
		    arena_printf(arena,
			"stub \"%s\" must be a zone and the address of its server, as in "
			"\"example.org 192.0.2.53@5353\"",
			bad[i]));
	}
	config = lookup_nothing;
	config.trust_anchor_file = "/nowhere/root.key";
	assert_string_equal(wrong(&config, arena),
	    "trust_anchor_file \"/nowhere/root.key\" cannot be read; name a file with the "
	    "root's DNSKEY or DS records, or take the line away");
	config = lookup_nothing;
	config.local_data = lookup_list("example.org. IN A nowhere");
	assert_string_equal(wrong(&config, arena),
	    "local_data \"example.org. IN A nowhere\" is no record; write it as in "
	    "\"example.org. IN A 192.0.2.1\"");
	arena_free(&arena);
}

/* ---- questions ---- */

static const char *const records[] = {
	"host.test. IN A 192.0.2.1",
	"host.test. IN A 192.0.2.2",
	NULL,
};

static unsigned answers;
static struct dns_reply reply;
static size_t addresses;

static void answered(struct dns_question *question, const struct dns_reply *given)
{
	union resolver_address found[8];

	answers++;
	reply = *given;
	addresses = packet_addresses(given, DNS_A, found, COUNT_OF(found));
	assert_null(question->dns);
}

static void ask(struct dns *dns, const char *name, enum dns_type type)
{
	struct dns_question question = { 0 };

	answers = 0;
	dns_ask(dns, name, type, &question, answered);
	/* Local data needs no round of the loop. */
	assert_int_equal(answers, 1);
	dns_forget(&question);
}

static void test_questions(void **state)
{
	struct resolver_config config = lookup_nothing;
	struct arena *arena = arena_new(0);
	struct worker *worker = worker_new(0);
	char long_name[400];
	const char *error;
	struct dns *dns;

	worker_enter(worker);
	config.local_data = records;
	dns = dns_new(&config, arena, &error);
	assert_false(dns_has_found_anchors(dns));
	ask(dns, "host.test", DNS_A);
	assert_int_equal(reply.result, DNS_RECORDS);
	assert_int_equal(addresses, 2);
	assert_false(reply.is_secure);
	assert_null(reply.why);
	ask(dns, "host.test", DNS_AAAA);
	assert_int_equal(reply.result, DNS_RECORDS);
	assert_int_equal(addresses, 0);
	ask(dns, "nowhere.test", DNS_A);
	assert_int_equal(reply.result, DNS_NO_NAME);
	assert_int_equal(addresses, 0);
	ask(dns, "bad..name", DNS_A);
	assert_int_equal(reply.result, DNS_NO_NAME);
	memset(long_name, 'a', sizeof long_name);
	long_name[sizeof long_name - 1] = '\0';
	ask(dns, long_name, DNS_A);
	assert_int_equal(reply.result, DNS_NO_NAME);
	dns_free(&dns);
	worker_free(&worker);
	arena_free(&arena);
}

#define ROUNDS 20

static void nothing_more(struct dns_question *asked, const struct dns_reply *answer)
{
	assert_int_equal(answer->result, DNS_RECORDS);
}

static void asker_started(struct worker *worker, void *state)
{
	struct arena *arena = arena_new(0);
	struct dns_question local;
	const char *error;

	for (int i = 0; i < ROUNDS; i++) {
		struct dns *dns = dns_new(&lookup_nothing, arena, &error);

		dns_ask(dns, "localhost", DNS_A, &local, nothing_more);
		dns_free(&dns);
	}
	arena_free(&arena);
	worker_stop(worker);
}

/* For ThreadSanitizer: contexts of two threads come and go, as when a reload tries settings. */
static void test_side_by_side(void **state)
{
	struct worker *workers[2] = { worker_new(0), worker_new(1) };

	for (size_t i = 0; i < 2; i++)
		worker_start(workers[i], asker_started, NULL, NULL);
	for (size_t i = 0; i < 2; i++)
		worker_join(workers[i]);
	for (size_t i = 0; i < 2; i++)
		worker_free(&workers[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_side_by_side),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
