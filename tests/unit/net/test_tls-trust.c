/* test_tls-trust.c - two servers on one connection: who is asked for a certificate, and which
 * domains it proves (RFC 6120 section 13.7, RFC 9525). */
#include "net/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "peer.h"

#define SRV(name) ",otherName:1.3.6.1.5.5.7.8.7;IA5:" name
#define ADDRESS(name) ",otherName:1.3.6.1.5.5.7.8.5;UTF8:" name

/* Who accepts and who calls. */
static struct owner ours, theirs;
static struct tls_set *our_set, *their_set;
static struct tls_trust *trust;
static struct arena *arena;

/* `names`: of the certificate that the caller shows, which is trusted. */
static void meet(const char *names, int days, bool asks, const char *alpn)
{
	struct tls_certificate certificate = make_certificate(names, days, "SHA256");
	const char *error = NULL;
	struct peer *peer;
	int fd;

	certificate.domain = "caller.example";
	arena = arena_new(0);
	our_set = make_set("ours.example");
	their_set = tls_set_new(&certificate, 1, arena, &error);
	trust = tls_trust_new(certificate.certificate, arena, &error);
	assert_null(error);
	peer = peer_new(&fd);
	owner_open(&ours, fd, &wide_limits);
	owner_open(&theirs, dup(peer->fd), &wide_limits);
	peer_free(&peer);
	if (asks)
		transport_ask_certificate(ours.transport);
	transport_start_tls(ours.transport, our_set, "xmpp-server", NULL);
	transport_connect_tls(theirs.transport, their_set, alpn, "caller.example", "ours.example");
	WAIT(ours.closed || (ours.secured && theirs.secured));
	office_settle();
}

static void part(void)
{
	owner_close(&ours);
	owner_close(&theirs);
	tls_set_unref(&our_set);
	tls_set_unref(&their_set);
	tls_trust_unref(&trust);
	arena_free(&arena);
}

static void proves(const char *domain)
{
	const char *why = NULL;

	if (!transport_peer_is(ours.transport, trust, domain, &why))
		fail_msg("%s: %s", domain, why);
}

static void proves_not(const char *domain, const char *reason)
{
	const char *why = NULL;

	assert_false(transport_peer_is(ours.transport, trust, domain, &why));
	assert_string_equal(why, reason);
}

static void test_names(void **state)
{
	(void)state;
	meet("a.example,DNS:*.wild.example" SRV("_xmpp-server.b.example")
		 SRV("_xmpp-client.c.example") SRV("_XMPP-server.B2.example") ADDRESS("d.example")
		     ADDRESS("user@e.example"),
	    30, true, "xmpp-server");
	proves("a.example");
	proves("A.example");
	proves("x.wild.example");
	proves("b.example");
	proves("b2.example");
	proves("d.example");
	proves_not("x.y.wild.example", "the certificate names other domains");
	proves_not("wild.example", "the certificate names other domains");
	proves_not("c.example", "the certificate names other domains");
	proves_not("e.example", "the certificate names other domains");
	proves_not("A test", "the certificate names other domains");
	proves_not("xa.example", "the certificate names other domains");
	assert_true(transport_peer_expires(ours.transport) > 0);
	part();
}

static void test_bytes_flow(void **state)
{
	(void)state;
	meet("caller.example", 30, true, NULL);
	text_puts(transport_output(ours.transport), "from us");
	text_puts(transport_output(theirs.transport), "from them");
	office_settle();
	assert_true(text_is(&theirs.received, "from us"));
	assert_true(text_is(&ours.received, "from them"));
	assert_string_equal(transport_server_name(ours.transport), "ours.example");
	part();
}

static void test_expired(void **state)
{
	(void)state;
	meet("caller.example", -1, true, NULL);
	proves_not("caller.example", "certificate has expired");
	part();
}

static void test_untrusted(void **state)
{
	struct tls_certificate other;
	const char *error = NULL;

	(void)state;
	meet("caller.example", 30, true, NULL);
	other = make_certificate("caller.example", 30, "SHA256");
	tls_trust_unref(&trust);
	trust = tls_trust_new(other.certificate, arena, &error);
	assert_false(transport_peer_is(ours.transport, trust, "caller.example", &error));
	tls_trust_unref(&trust);
	trust = tls_trust_new(NULL, arena, &error);
	assert_non_null(trust);
	assert_false(transport_peer_is(ours.transport, trust, "caller.example", &error));
	part();
}

static void test_not_asked(void **state)
{
	(void)state;
	meet("caller.example", 30, false, NULL);
	proves_not("caller.example", "no certificate was shown");
	assert_int_equal(transport_peer_expires(ours.transport), 0);
	part();
}

/* XEP-0368: who offers something else is refused. */
static void test_other_protocol(void **state)
{
	(void)state;
	meet("caller.example", 30, true, "xmpp-client");
	assert_int_equal(ours.closed, 1);
	assert_int_equal(ours.end, TRANSPORT_TLS_FAILED);
	part();
}

/* The caller looks at the other's certificate in the same way. */
static void test_caller_looks(void **state)
{
	const char *why = NULL;

	(void)state;
	meet("caller.example", 30, true, NULL);
	assert_false(transport_peer_is(theirs.transport, trust, "ours.example", &why));
	part();
}

static void test_no_file(void **state)
{
	struct arena *texts = arena_new(0);
	const char *error = NULL;

	(void)state;
	assert_null(tls_trust_new("/nowhere/ca.pem", texts, &error));
	assert_non_null(strstr(error, "/nowhere/ca.pem"));
	assert_null(tls_trust_new(make_file("nothing"), texts, &error));
	assert_non_null(strstr(error, "servers"));
	arena_free(&texts);
}

static int setup(void **state)
{
	(void)state;
	office_open();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	office_close();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_bytes_flow),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_untrusted),
		cmocka_unit_test(test_not_asked),
		cmocka_unit_test(test_other_protocol),
		cmocka_unit_test(test_caller_looks),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
