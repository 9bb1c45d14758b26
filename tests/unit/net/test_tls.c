/* Sets of certificates: who gets which, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/mem.h"
#include "peer.h"

#define XMPP "\x0bxmpp-client"
#define HTTP "\x08http/1.1"

static struct arena *arena;
static struct tls_set *set;

static int set_up(void **state)
{
	struct tls_certificate certificates[3];
	const char *error = NULL;

	office_open();
	arena = arena_new(0);
	certificates[0] = make_certificate("first.example", 30, "SHA256");
	certificates[1] = make_certificate("second.example", 30, "SHA256");
	certificates[2] = make_certificate("xn--mnchen-3ya.example", 30, "SHA256");
	certificates[2].domain = "münchen.example";
	set = tls_set_new(certificates, 3, arena, &error);
	assert_null(error);
	return 0;
}

static int tear_down(void **state)
{
	tls_set_unref(&set);
	arena_free(&arena);
	office_close();
	return 0;
}

struct meeting {
	struct peer *peer;
	struct owner owner;
};

static void meet(struct meeting *meeting, int version, const char *name, const char *alpn_sent,
    const char *alpn_required)
{
	int fd;

	*meeting = (struct meeting){ 0 };
	meeting->peer = peer_new(&fd);
	owner_open(&meeting->owner, fd, &wide_limits);
	transport_start_tls(meeting->owner.transport, set, alpn_required, NULL);
	peer_secure(meeting->peer, version, name, alpn_sent);
	WAIT(meeting->owner.secured || meeting->owner.closed);
	office_settle();
}

static void part(struct meeting *meeting)
{
	owner_close(&meeting->owner);
	peer_free(&meeting->peer);
}

static bool peer_got(const struct peer *peer, const char *domain)
{
	X509 *certificate = SSL_get1_peer_certificate(peer->ssl);
	bool got = X509_check_host(certificate, domain, 0, 0, NULL) == 1;

	X509_free(certificate);
	return got;
}

static void test_server_name(void **state)
{
	static const struct {
		const char *sent;
		const char *certificate;
	} cases[] = {
		{ NULL, "first.example" },
		{ "first.example", "first.example" },
		{ "second.example", "second.example" },
		{ "SECOND.Example", "second.example" },
		{ "xn--mnchen-3ya.example", "xn--mnchen-3ya.example" },
		{ "third.example", "first.example" },
	};
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		for (size_t v = 0; v < COUNT_OF(versions); v++) {
			struct meeting meeting;
			const char *name;

			meet(&meeting, versions[v], cases[i].sent, NULL, NULL);
			assert_true(meeting.peer->secured);
			assert_true(peer_got(meeting.peer, cases[i].certificate));
			name = transport_server_name(meeting.owner.transport);
			if (cases[i].sent == NULL)
				assert_null(name);
			else
				assert_string_equal(name, cases[i].sent);
			part(&meeting);
		}
	}
}

static void test_protocol(void **state)
{
	static const struct {
		const char *sent, *required, *chosen;
		bool refused;
	} cases[] = {
		{ NULL, NULL, NULL, false },
		{ NULL, "xmpp-client", NULL, false },
		{ XMPP, NULL, NULL, false },
		{ XMPP, "xmpp-client", "xmpp-client", false },
		{ HTTP XMPP, "xmpp-client", "xmpp-client", false },
		{ HTTP, "xmpp-client", NULL, true },
		{ "\x0bxmpp-server", "xmpp-client", NULL, true },
		{ "\x0axmpp-clien", "xmpp-client", NULL, true },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const unsigned char *chosen = NULL;
		struct meeting meeting;
		unsigned length = 0;

		meet(&meeting, 0, "second.example", cases[i].sent, cases[i].required);
		assert_int_equal(meeting.peer->secured, !cases[i].refused);
		if (cases[i].refused) {
			assert_int_equal(meeting.owner.end, TRANSPORT_TLS_FAILED);
			assert_string_equal(meeting.owner.detail, "no application protocol");
		}
		SSL_get0_alpn_selected(meeting.peer->ssl, &chosen, &length);
		assert_int_equal(length, cases[i].chosen == NULL ? 0 : strlen(cases[i].chosen));
		if (length > 0)
			assert_memory_equal(chosen, cases[i].chosen, length);
		part(&meeting);
	}
}

static void test_versions(void **state)
{
	struct meeting meeting;

	meet(&meeting, TLS1_3_VERSION, NULL, NULL, NULL);
	assert_string_equal(transport_tls_version(meeting.owner.transport), "TLSv1.3");
	assert_string_equal(
	    transport_tls_cipher(meeting.owner.transport), "TLS_AES_128_GCM_SHA256");
	part(&meeting);

	meet(&meeting, TLS1_2_VERSION, NULL, NULL, NULL);
	assert_string_equal(transport_tls_version(meeting.owner.transport), "TLSv1.2");
	assert_non_null(strstr(transport_tls_cipher(meeting.owner.transport), "ECDHE-ECDSA-AES"));
	assert_non_null(strstr(transport_tls_cipher(meeting.owner.transport), "GCM"));
	part(&meeting);

	meet(&meeting, TLS1_1_VERSION, NULL, NULL, NULL);
	assert_false(meeting.peer->secured);
	assert_int_equal(meeting.owner.end, TRANSPORT_TLS_FAILED);
	assert_string_equal(meeting.owner.detail, "unsupported protocol");
	part(&meeting);
}

/* RFC 9325 section 4.2: forward secrecy and AEAD only. */
static void test_ciphers_refused(void **state)
{
	static const char *const refused[] = { "ECDHE-ECDSA-AES128-SHA256",
		"ECDHE-ECDSA-AES128-CCM", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-SHA" };

	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		struct owner owner = { 0 };
		int fd;
		struct peer *peer = peer_new(&fd);

		owner_open(&owner, fd, &wide_limits);
		transport_start_tls(owner.transport, set, NULL, NULL);
		peer->context = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_max_proto_version(peer->context, TLS1_2_VERSION);
		SSL_CTX_set_cipher_list(peer->context, refused[i]);
		peer->ssl = SSL_new(peer->context);
		SSL_set_fd(peer->ssl, peer->fd);
		SSL_set_connect_state(peer->ssl);
		peer_puts(peer, "");
		WAIT(owner.closed);
		assert_int_equal(owner.end, TRANSPORT_TLS_FAILED);
		assert_string_equal(owner.detail, "no shared cipher");
		owner_close(&owner);
		peer_free(&peer);
	}
}

static void test_no_resumption(void **state)
{
	struct meeting meeting;

	meet(&meeting, TLS1_3_VERSION, NULL, NULL, NULL);
	assert_false(SSL_SESSION_is_resumable(SSL_get_session(meeting.peer->ssl)));
	part(&meeting);
	meet(&meeting, TLS1_2_VERSION, NULL, NULL, NULL);
	assert_false(SSL_SESSION_has_ticket(SSL_get_session(meeting.peer->ssl)));
	part(&meeting);
}

/* A client that renegotiates is refused (CVE-2021-32920 in another server). */
static void test_no_renegotiation(void **state)
{
	struct meeting meeting;

	meet(&meeting, TLS1_2_VERSION, NULL, NULL, NULL);
	SSL_renegotiate(meeting.peer->ssl);
	SSL_do_handshake(meeting.peer->ssl);
	peer_puts(meeting.peer, "x");
	office_settle();
	assert_int_equal(meeting.owner.secured, 1);
	assert_int_equal(meeting.owner.calls, 0);
	assert_true(meeting.peer->cut || meeting.owner.closed);
	part(&meeting);
}

static void test_refused(void **state)
{
	struct tls_certificate bad = make_certificate("first.example", 30, "SHA256");
	const char *error = NULL;
	char domain[400];

	assert_null(tls_set_new(&bad, 0, arena, &error));
	assert_non_null(strstr(error, "certificate"));

	bad.key = "/nowhere";
	assert_null(tls_set_new(&bad, 1, arena, &error));
	assert_non_null(strstr(error, "/nowhere"));

	bad = make_certificate("first.example", 30, "SHA256");
	memset(domain, 'a', sizeof(domain) - 1);
	domain[sizeof(domain) - 1] = '\0';
	bad.domain = domain;
	assert_null(tls_set_new(&bad, 1, arena, &error));
	assert_non_null(strstr(error, "too long"));
}

/* With a key that libssl refuses. */
static struct tls_certificate make_weak(void)
{
	struct tls_certificate weak = make_certificate("first.example", 30, "SHA256");
	EVP_PKEY *key = EVP_RSA_gen(512);
	X509 *certificate = X509_new();
	FILE *file;

	X509_set_version(certificate, 2);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 1000);
	X509_set_pubkey(certificate, key);
	X509_sign(certificate, key, EVP_sha256());
	weak.certificate = make_file("");
	weak.key = make_file("");
	file = fopen(weak.certificate, "w");
	PEM_write_X509(file, certificate);
	fclose(file);
	file = fopen(weak.key, "w");
	PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return weak;
}

static void test_weak_key(void **state)
{
	struct tls_certificate weak = make_weak();
	const char *error = NULL;

	assert_null(tls_set_new(&weak, 1, arena, &error));
	assert_non_null(strstr(error, weak.certificate));
	assert_non_null(strstr(error, "too small"));
	assert_non_null(strstr(error, "P-256"));
}

static struct tls_set *renew(const struct tls_set *old, const struct tls_certificate *certificates,
    size_t count, const char **troubles)
{
	const char *error = "";
	struct tls_set *made;

	memset(troubles, 0, count * sizeof *troubles);
	made = tls_set_renew(old, certificates, count, troubles, arena, &error);
	assert_true((made == NULL) == (error != NULL));
	return made;
}

/* Another set has what is of the same files without reading them, and keeps what cannot be read. */
static void test_taken_over(void **state)
{
	struct tls_certificate two[2] = { make_certificate("first.example", 30, "SHA256"),
		make_certificate("second.example", 30, "SHA256") };
	const char *troubles[2];
	struct tls_set *first = renew(NULL, two, 2, troubles), *second, *third;

	assert_int_equal(unlink(two[0].key), 0);
	second = renew(first, two, 2, troubles);
	assert_null(troubles[0]);
	assert_true(tls_set_has(second, "first.example") && tls_set_has(second, "second.example"));
	tls_set_unref(&first);
	two[0].is_fresh = true;
	third = renew(second, two, 2, troubles);
	assert_non_null(strstr(troubles[0], "first.example keeps its certificate of before"));
	assert_null(troubles[1]);
	tls_set_unref(&second);
	two[0].is_fresh = false;
	second = renew(third, two, 2, troubles);
	assert_non_null(strstr(troubles[0], "keeps its certificate of before"));
	tls_set_unref(&third);
	two[1].certificate = "/nowhere";
	third = renew(second, two, 2, troubles);
	assert_non_null(strstr(troubles[1], "/nowhere"));
	assert_true(tls_set_has(third, "second.example"));
	tls_set_unref(&second);
	tls_set_unref(&third);
}

/* What is optional does without, what is not fails the whole. */
static void test_optional(void **state)
{
	struct tls_certificate two[2] = { make_certificate("first.example", 30, "SHA256"),
		make_certificate("second.example", 30, "SHA256") };
	const char *troubles[2];
	struct tls_set *made, *next;

	two[1].key = "/nowhere";
	assert_null(renew(NULL, two, 2, troubles));
	two[1].is_optional = true;
	made = renew(NULL, two, 2, troubles);
	assert_true(tls_set_has(made, "first.example"));
	assert_false(tls_set_has(made, "second.example"));
	assert_non_null(strstr(troubles[1], "/nowhere"));
	assert_null(troubles[0]);
	two[0] = make_weak();
	two[0].is_optional = true;
	next = renew(made, two, 2, troubles);
	assert_true(tls_set_has(next, "first.example"));
	assert_non_null(strstr(troubles[0], "too small"));
	tls_set_unref(&made);
	assert_null(renew(NULL, two, 2, troubles));
	tls_set_unref(&next);
}

/* An expired certificate serves: half a server is better than none, and the facts tell. */
static void test_expired_serves(void **state)
{
	struct tls_certificate expired = make_certificate("first.example", -1, "SHA256");
	const char *error = NULL;
	struct tls_set *made = tls_set_new(&expired, 1, arena, &error);

	assert_non_null(made);
	tls_set_unref(&made);
	assert_null(made);
	tls_set_unref(&made);
}

/* A connection keeps the set it began with. */
static void test_reload(void **state)
{
	struct tls_set *made = make_set("gone.example");
	struct owner owner = { 0 };
	int fd;
	struct peer *peer = peer_new(&fd);

	owner.echo = true;
	owner_open(&owner, fd, &wide_limits);
	transport_start_tls(owner.transport, made, NULL, NULL);
	tls_set_unref(&made);
	peer_secure(peer, 0, "gone.example", NULL);
	WAIT(owner.secured);
	peer_puts(peer, "hello");
	WAIT(text_is(&peer->received, "hello"));
	owner_close(&owner);
	peer_free(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server_name),
		cmocka_unit_test(test_protocol),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_ciphers_refused),
		cmocka_unit_test(test_no_resumption),
		cmocka_unit_test(test_no_renegotiation),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_weak_key),
		cmocka_unit_test(test_taken_over),
		cmocka_unit_test(test_optional),
		cmocka_unit_test(test_expired_serves),
		cmocka_unit_test(test_reload),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
