/* Tests of net/resolver-search.c against a real DNS server: what comes of a domain's records. */
#include "net/resolver-private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "lookup.h"
#include "nameserver.h"

#define ROOT_KEY "/usr/share/dns/root.key"

static struct nameserver *server;

static const char plain_zone[] = "_xmpps-server._tcp.both SRV 10 0 5270 a.both\n"
				 "_xmpp-server._tcp.both SRV 20 0 5269 a.both\n"
				 "_xmpp-server._tcp.both SRV 5 0 5222 B.Both\n"
				 "a.both A 192.0.2.1\na.both AAAA 2001:db8::1\n"
				 "b.both A 192.0.2.2\n"
				 "_xmpps-server._tcp.dot SRV 0 0 0 .\n"
				 "_xmpp-server._tcp.dot SRV 0 0 0 .\n"
				 "dot A 192.0.2.3\n"
				 "_xmpps-server._tcp.notls SRV 0 0 0 .\n"
				 "notls A 192.0.2.3\n"
				 "_xmpps-server._tcp.onlystarttls SRV 0 0 0 .\n"
				 "_xmpp-server._tcp.onlystarttls SRV 0 0 5269 a.both\n"
				 "_xmpp-server._tcp.dots SRV 0 0 5269 .\n"
				 "_xmpp-server._tcp.dots SRV 1 0 5269 a.both\n"
				 "bare A 192.0.2.4\n"
				 "six AAAA 2001:db8::6\n"
				 "alias CNAME bare\n"
				 "chain CNAME alias\n"
				 "_xmpp-server._tcp.viaalias SRV 0 0 5269 chain\n"
				 "_xmpp-server._tcp.aliased CNAME _xmpp-server._tcp.both\n"
				 "_xmpp-server._tcp.enters SRV 0 0 5269 host.signed.test.\n"
				 "empty TXT nothing\n"
				 "_xmpp-server._tcp.homeless SRV 0 0 5269 empty\n"
				 "_xmpp-server._tcp.homeless SRV 0 0 5269 nowhere\n"
				 "homeless A 192.0.2.5\n"
				 "_xmpp-server._tcp.half SRV 0 0 5269 nowhere\n"
				 "_xmpp-server._tcp.half SRV 1 0 5269 bare\n"
				 "_xmpp-server._tcp.odd SRV 0 0 5269 not\\000a\\.host\n"
				 "_xmpp-server._tcp.odd SRV 1 0 0 bare\n"
				 "_xmpp-server._tcp.odd SRV 2 0 5269 bare\n"
				 "xn--bcher-kva A 192.0.2.6\n";

static const char signed_zone[] =
    "_xmpp-server._tcp.leads SRV 0 0 5269 led\n"
    "led CNAME bare.plain.test.\n"
    "_5269._tcp.led TLSA 3 1 1 "
    "0606060606060606060606060606060606060606060606060606060606060606\n"
    "_xmpps-server._tcp SRV 0 0 5270 host\n"
    "_xmpp-server._tcp SRV 1 0 5269 host\n"
    "host A 192.0.2.10\nhost AAAA 2001:db8::10\n"
    "_5269._tcp.host TLSA 3 1 1 "
    "0101010101010101010101010101010101010101010101010101010101010101\n"
    "_5269._tcp.host TLSA 2 0 2 "
    "0202020202020202020202020202020202020202020202020202020202020202"
    "0202020202020202020202020202020202020202020202020202020202020202\n"
    "_xmpp-server._tcp.leaves SRV 0 0 5269 bare.plain.test.\n"
    "bare A 192.0.2.11\n"
    "_5269._tcp.bare TLSA 3 1 1 "
    "0303030303030303030303030303030303030303030303030303030303030303\n"
    "_xmpp-server._tcp.broken SRV 0 0 5269 withheld\n"
    "withheld A 192.0.2.12\n"
    "_tcp.withheld NS ns\n"
    "_tcp.withheld DS 1 13 2 "
    "0404040404040404040404040404040404040404040404040404040404040404\n"
    "_xmpp-server._tcp.tobogus SRV 0 0 5269 host.bogus.test.\n";

static const char bogus_zone[] = "_xmpp-server._tcp SRV 0 0 5269 host\n"
				 "host A 192.0.2.20\n";

static const char withheld_zone[] =
    "_5269 TLSA 3 1 1 "
    "0505050505050505050505050505050505050505050505050505050505050505\n";

static void many_add(char *text, size_t room)
{
	size_t length = 0;

	for (unsigned i = 1; i <= 40; i++)
		length += (size_t)snprintf(text + length, room - length,
		    "_xmpps-server._tcp.many SRV %u 0 5270 m%u\n"
		    "_xmpp-server._tcp.many SRV %u 0 5269 m%u\nm%u A 192.0.2.%u\n"
		    "crowd A 198.51.100.%u\ncrowd AAAA 2001:db8::%x\n",
		    101 - i, i, 41 - i, i, i, i, i, i);
	assert_true(length < room);
}

/* The keys, but for that of bogus.test, which gets another one. */
static void anchors_spoil(void)
{
	char line[1024];
	const char *path = nameserver_anchors(server);
	FILE *file = fopen(path, "r+e");
	long start = 0;

	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL && strncmp(line, "bogus", 5) != 0)
		start = ftell(file);
	/* Some byte of the key in the middle. */
	fseek(file, start + 60, SEEK_SET);
	fputc(line[60] == 'A' ? 'B' : 'A', file);
	assert_int_equal(fclose(file), 0);
}

static int start_server(void **state)
{
	static char many[16384];
	const struct nameserver_zone zones[] = {
		{ "plain.test.", plain_zone, false },
		{ "many.test.", many, false },
		{ "signed.test.", signed_zone, true },
		{ "bogus.test.", bogus_zone, true },
		{ "_tcp.withheld.signed.test.", withheld_zone, false },
		{ NULL },
	};

	many_add(many, sizeof many);
	server = nameserver_start(zones);
	if (server != NULL)
		anchors_spoil();
	return 0;
}

static int stop_server(void **state)
{
	nameserver_stop(&server);
	return 0;
}

static int open_resolver(void **state)
{
	struct resolver_config config = lookup_nothing;

	if (server == NULL)
		return 0;
	config.forward = lookup_list(nameserver_address(server));
	config.trust_anchor_file = nameserver_anchors(server);
	lookup_open(&config);
	return 0;
}

/* Each zone by itself, under the keys of all. */
static int open_stubs(void **state)
{
	struct resolver_config config = lookup_nothing;
	static char stubs[2][64];
	static const char *list[] = { stubs[0], stubs[1], NULL };

	if (server == NULL)
		return 0;
	snprintf(stubs[0], sizeof stubs[0], "plain.test %s", nameserver_address(server));
	snprintf(stubs[1], sizeof stubs[1], "signed.test \t%s", nameserver_address(server));
	config.stub = list;
	config.trust_anchor_file = nameserver_anchors(server);
	lookup_open(&config);
	return 0;
}

/* A zone that the root does not know. */
static int open_private(void **state)
{
	struct resolver_config config = lookup_nothing;
	static char stub[64];

	if (server == NULL || access(ROOT_KEY, R_OK) != 0)
		return 0;
	snprintf(stub, sizeof stub, "plain.test %s", nameserver_address(server));
	config.stub = lookup_list(stub);
	config.trust_anchor_file = ROOT_KEY;
	lookup_open(&config);
	return 0;
}

static int close_resolver(void **state)
{
	lookup_close();
	return 0;
}

/* What is found, as "[TLS ]NAME ADDRESS PORT[ ADDRESS PORT ...][ secure][ dane]" with "; " between
 * hosts, or the text of the error. */
static const char *tell(const char *domain)
{
	static char text[4096];
	const struct resolver_answer *answer = lookup(domain);
	size_t length = 0;

	if (answer->status != RESOLVER_FOUND) {
		assert_int_equal(answer->host_count, 0);
		return answer->text;
	}
	assert_null(answer->text);
	assert_true(answer->host_count > 0);
	for (size_t i = 0; i < answer->host_count; i++) {
		const struct resolver_host *host = &answer->hosts[i];

		length += (size_t)sprintf(text + length, "%s%s%s%s", i == 0 ? "" : "; ",
		    host->is_direct_tls ? "TLS " : "", host->has_srv ? "" : "bare ", host->name);
		assert_true(host->address_count > 0);
		for (size_t j = 0; j < host->address_count; j++)
			length += (size_t)sprintf(text + length, " %s", lookup_address(host, j));
		length += (size_t)sprintf(text + length, "%s%s", host->is_secure ? " secure" : "",
		    host->tlsa_count > 0 ? " dane" : "");
	}
	return text;
}

static const struct {
	const char *domain, *told;
	enum resolver_status status;
} cases[] = {
	/* SRV of both services, mixed by priority; names in lower case. */
	{ "both.plain.test", "b.both.plain.test 192.0.2.2 5222; "
			     "TLS a.both.plain.test 2001:db8::1 5270 192.0.2.1 5270; "
			     "a.both.plain.test 2001:db8::1 5269 192.0.2.1 5269" },
	{ "dot.plain.test",
	    "dot.plain.test says in DNS that it has no XMPP server (SRV target \".\")",
	    RESOLVER_NO_SERVICE },
	/* XEP-0368: no falling back to addresses if there was a "." only. */
	{ "notls.plain.test",
	    "notls.plain.test says in DNS that it has no XMPP server (SRV target \".\")",
	    RESOLVER_NO_SERVICE },
	{ "onlystarttls.plain.test", "a.both.plain.test 2001:db8::1 5269 192.0.2.1 5269" },
	{ "dots.plain.test", "a.both.plain.test 2001:db8::1 5269 192.0.2.1 5269" },
	{ "bare.plain.test", "bare bare.plain.test 192.0.2.4 5269" },
	{ "six.plain.test", "bare six.plain.test 2001:db8::6 5269" },
	{ "alias.plain.test", "bare alias.plain.test 192.0.2.4 5269" },
	{ "viaalias.plain.test", "chain.plain.test 192.0.2.4 5269" },
	{ "aliased.plain.test",
	    "b.both.plain.test 192.0.2.2 5222; a.both.plain.test 2001:db8::1 5269 192.0.2.1 5269" },
	{ "empty.plain.test", "DNS has no address of a server for empty.plain.test",
	    RESOLVER_NO_ADDRESS },
	/* Who has SRV records is only to be found by them. */
	{ "homeless.plain.test", "DNS has no address of a server for homeless.plain.test",
	    RESOLVER_NO_ADDRESS },
	{ "half.plain.test", "bare.plain.test 192.0.2.4 5269" },
	{ "odd.plain.test", "bare.plain.test 192.0.2.4 5269" },
	{ "nowhere.plain.test", "there is no domain nowhere.plain.test in DNS", RESOLVER_NO_NAME },
	{ "b\303\274cher.plain.test", "bare xn--bcher-kva.plain.test 192.0.2.6 5269" },
	{ "BOTH.plain.test", "b.both.plain.test 192.0.2.2 5222; "
			     "TLS a.both.plain.test 2001:db8::1 5270 192.0.2.1 5270; "
			     "a.both.plain.test 2001:db8::1 5269 192.0.2.1 5269" },
	{ "signed.test", "TLS host.signed.test 2001:db8::10 5270 192.0.2.10 5270 secure; "
			 "host.signed.test 2001:db8::10 5269 192.0.2.10 5269 secure dane" },
	/* That there are no SRV records is signed as well. */
	{ "bare.signed.test", "bare bare.signed.test 192.0.2.11 5269 secure dane" },
	{ "nowhere.signed.test", "there is no domain nowhere.signed.test in DNS",
	    RESOLVER_NO_NAME },
	/* The SRV record is signed, the address is not. */
	{ "leaves.signed.test", "bare.plain.test 192.0.2.4 5269 secure" },
	{ "leads.signed.test", "led.signed.test 192.0.2.4 5269 secure" },
	/* The TLSA records are signed, that this is the host is not. */
	{ "enters.plain.test", "host.signed.test 2001:db8::10 5269 192.0.2.10 5269" },
	{ "refused.test",
	    "DNS could not find out about refused.test: its servers fail or cannot be reached "
	    "(SERVFAIL)",
	    RESOLVER_FAILED },
	{ "192.0.2.7", "bare 192.0.2.7 192.0.2.7 5269" },
	{ "[2001:db8::7]", "bare [2001:db8::7] 2001:db8::7 5269" },
};

static void test_domains(void **state)
{
	if (server == NULL)
		skip();
	/* The second time it comes from the cache. */
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT_OF(cases); i++) {
			assert_string_equal(tell(cases[i].domain), cases[i].told);
			assert_int_equal(lookup(cases[i].domain)->status, cases[i].status);
		}
	}
}

static void test_bogus(void **state)
{
	static const char start[] = "DNSSEC: what DNS says of ";

	if (server == NULL)
		skip();
	assert_memory_equal(tell("bogus.test"), start, sizeof start - 1);
	assert_int_equal(lookup("bogus.test")->status, RESOLVER_BOGUS);
	assert_non_null(strstr(tell("bogus.test"), "bogus.test"));
	assert_int_equal(lookup("tobogus.signed.test")->status, RESOLVER_BOGUS);
	/* Somebody keeps the TLSA records of a good address from us. */
	assert_int_equal(lookup("broken.signed.test")->status, RESOLVER_BOGUS);
}

static void test_tlsa(void **state)
{
	const struct resolver_host *host;

	if (server == NULL)
		skip();
	host = &lookup("signed.test")->hosts[1];
	assert_int_equal(host->tlsa_count, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct resolver_tlsa *tlsa = &host->tlsa[i];

		assert_in_range(tlsa->usage, 2, 3);
		assert_int_equal(tlsa->selector, tlsa->usage - 2);
		assert_int_equal(tlsa->matching, 4 - tlsa->usage);
		assert_int_equal(tlsa->length, tlsa->usage == 3 ? 32 : 64);
		assert_int_equal(tlsa->data[tlsa->length - 1], tlsa->usage == 3 ? 1 : 2);
	}
}

/* More than fits into a datagram, and more than is used. */
static void test_bounds(void **state)
{
	const struct resolver_answer *answer;

	if (server == NULL)
		skip();
	answer = lookup("many.many.test");
	assert_int_equal(answer->host_count, RESOLVER_HOSTS_MAX);
	for (size_t i = 0; i < answer->host_count; i++)
		assert_int_equal(answer->hosts[i].priority, i + 1);
	assert_string_equal(answer->hosts[0].name, "m40.many.test");
	answer = lookup("crowd.many.test");
	assert_int_equal(answer->hosts[0].address_count, RESOLVER_ADDRESSES_MAX);
	assert_int_equal(answer->hosts[0].addresses[0].any.sa_family, AF_INET6);
	assert_int_equal(answer->hosts[0].addresses[1].any.sa_family, AF_INET);
}

/* Names that have no room for what is put before them. */
static void test_long_names(void **state)
{
	char domain[1024];

	if (server == NULL)
		skip();
	memset(domain, 'a', sizeof domain);
	for (size_t i = 1; i < sizeof domain; i++)
		if (i % 60 == 0)
			domain[i] = '.';
	for (size_t length = 200; length < 300; length++) {
		char end = domain[length];

		domain[length] = '\0';
		if (domain[length - 1] != '.')
			assert_int_not_equal(lookup(domain)->status, RESOLVER_FOUND);
		domain[length] = end;
	}
	domain[1023] = '\0';
	assert_int_equal(lookup(domain)->status, RESOLVER_NO_NAME);
}

static void test_stubs(void **state)
{
	if (server == NULL)
		skip();
	assert_string_equal(tell("bare.plain.test"), "bare bare.plain.test 192.0.2.4 5269");
	assert_string_equal(
	    tell("bare.signed.test"), "bare bare.signed.test 192.0.2.11 5269 secure dane");
}

static void test_private_zone(void **state)
{
	if (server == NULL || access(ROOT_KEY, R_OK) != 0)
		skip();
	assert_string_equal(tell("bare.plain.test"), "bare bare.plain.test 192.0.2.4 5269");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_domains, open_resolver, close_resolver),
		cmocka_unit_test_setup_teardown(test_bogus, open_resolver, close_resolver),
		cmocka_unit_test_setup_teardown(test_tlsa, open_resolver, close_resolver),
		cmocka_unit_test_setup_teardown(test_stubs, open_stubs, close_resolver),
		cmocka_unit_test_setup_teardown(test_private_zone, open_private, close_resolver),
		cmocka_unit_test_setup_teardown(test_bounds, open_resolver, close_resolver),
		cmocka_unit_test_setup_teardown(test_long_names, open_resolver, close_resolver),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
