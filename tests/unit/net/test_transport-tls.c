/* STARTTLS, channel bindings, and failures of TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/arena.h"
#include "base/mem.h"
#include "net/transport-private.h"
#include "meeting.h"

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* Answers as a stream does: what follows <starttls/> in the same piece is the owner's to drop. */
static void answer_starttls(struct owner *owner)
{
	if (strncmp(owner->received.at, "<starttls/>", 11) != 0 ||
	    transport_is_secure(owner->transport))
		return;
	text_clear(&owner->received);
	text_puts(transport_output(owner->transport), "<proceed/>");
	transport_start_tls(owner->transport, set, NULL, NULL);
	/* Queued after it: not for the eyes of others. */
	text_puts(transport_output(owner->transport), "<secret/>");
}

static void test_starttls(void **state)
{
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		struct owner owner = { .on_received = answer_starttls };
		int fd;
		struct peer *peer = peer_new(&fd);

		owner_open(&owner, fd, &wide_limits);
		peer_puts(peer, "<starttls/>");
		WAIT(peer->received.length >= 10);
		office_settle();
		assert_true(text_is(&peer->received, "<proceed/>"));
		assert_false(transport_is_secure(owner.transport));
		assert_null(transport_tls_version(owner.transport));
		assert_int_equal(transport_unsent(owner.transport), 9);
		text_clear(&peer->received);
		peer_secure(peer, versions[v], NULL, NULL);
		WAIT(text_is(&peer->received, "<secret/>"));
		assert_int_equal(owner.secured, 1);
		assert_int_equal(owner.written, 1);
		assert_true(transport_is_secure(owner.transport));
		owner_close(&owner);
		peer_free(&peer);
	}
}

/* CVE-2011-0411 and its kin: what was injected in clear must not come out as if it were protected.
 */
static void test_injection_same_piece(void **state)
{
	struct owner owner = { .on_received = answer_starttls };
	int fd;
	struct peer *peer = peer_new(&fd);

	owner_open(&owner, fd, &wide_limits);
	peer_puts(peer, "<starttls/><injected/>");
	WAIT(peer->received.length > 0);
	text_clear(&peer->received);
	peer_secure(peer, 0, NULL, NULL);
	WAIT(text_is(&peer->received, "<secret/>"));
	office_settle();
	assert_int_equal(owner.received.length, 0);
	assert_int_equal(owner.calls, 1);
	owner_close(&owner);
	peer_free(&peer);
}

/* In a later piece it is taken as TLS, which it is not. */
static void test_injection_next_piece(void **state)
{
	struct owner owner = { .on_received = answer_starttls };
	int fd;
	struct peer *peer = peer_new(&fd);

	owner_open(&owner, fd, &wide_limits);
	peer_puts(peer, "<starttls/>");
	WAIT(peer->received.length > 0);
	peer_puts(peer, "<injected from='somebody'/>");
	WAIT(owner.closed);
	assert_int_equal(owner.end, TRANSPORT_TLS_FAILED);
	assert_string_equal(owner.detail, "wrong version number");
	assert_int_equal(owner.calls, 1);
	assert_int_equal(owner.secured, 0);
	owner_close(&owner);
	peer_free(&peer);
}

static void test_proceed_to_slow_reader(void **state)
{
	const size_t length = 1000000;
	struct owner owner = { 0 };
	int fd;
	struct peer *peer = peer_new(&fd);
	char *bytes = mem_alloc(length);

	memset(bytes, 'x', length);
	peer_listen(peer, false);
	owner_open(&owner, fd, &wide_limits);
	text_append(transport_output(owner.transport), bytes, length);
	transport_start_tls(owner.transport, set, NULL, NULL);
	text_puts(transport_output(owner.transport), "<secret/>");
	office_settle();
	assert_true(transport_unsent(owner.transport) > 9);
	peer_listen(peer, true);
	WAIT(peer->received.length >= length);
	office_settle();
	assert_int_equal(peer->received.length, length);
	assert_int_equal(transport_unsent(owner.transport), 9);
	text_clear(&peer->received);
	peer_secure(peer, 0, NULL, NULL);
	WAIT(text_is(&peer->received, "<secret/>"));
	owner_close(&owner);
	peer_free(&peer);
	mem_free(bytes);
}

/* Whoever only asks whether there is a binding is told the same. */
static size_t binding_of(const struct owner *owner, enum binding binding, unsigned char *out)
{
	size_t length = transport_binding(owner->transport, binding, out);

	assert_int_equal(transport_binding(owner->transport, binding, NULL), length);
	return length;
}

static void test_exporter(void **state)
{
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		struct owner owner = { 0 };
		struct peer *peer = meet(&owner, &wide_limits, versions[v]);
		unsigned char ours[BINDING_MAX_BYTES], theirs[32];

		assert_int_equal(binding_of(&owner, BINDING_TLS_EXPORTER, ours), 32);
		assert_int_equal(
		    SSL_export_keying_material(peer->ssl, theirs, 32, "EXPORTER-Channel-Binding",
			24, (const unsigned char *)"", 0, 1),
		    1);
		assert_memory_equal(ours, theirs, 32);
		owner_close(&owner);
		peer_free(&peer);
	}
}

static void test_unique(void **state)
{
	struct owner owner = { 0 };
	struct peer *peer = meet(&owner, &wide_limits, TLS1_2_VERSION);
	unsigned char ours[BINDING_MAX_BYTES], theirs[64];
	size_t length = binding_of(&owner, BINDING_TLS_UNIQUE, ours);

	assert_int_equal(length, 12);
	assert_int_equal(SSL_get_finished(peer->ssl, theirs, sizeof(theirs)), 12);
	assert_memory_equal(ours, theirs, 12);
	owner_close(&owner);
	peer_free(&peer);

	owner = (struct owner){ 0 };
	peer = meet(&owner, &wide_limits, TLS1_3_VERSION);
	length = binding_of(&owner, BINDING_TLS_UNIQUE, ours);
	assert_int_equal(SSL_get_finished(peer->ssl, theirs, sizeof(theirs)), length);
	assert_memory_equal(ours, theirs, length);
	owner_close(&owner);
	peer_free(&peer);
}

/* RFC 9266 section 3.1, RFC 7627: without the extended master secret nothing is unique. */
static void test_no_extended_secret(void **state)
{
	struct owner owner = { 0 };
	unsigned char ours[BINDING_MAX_BYTES];
	int fd;
	struct peer *peer = peer_new(&fd);

	owner_open(&owner, fd, &wide_limits);
	transport_start_tls(owner.transport, set, NULL, NULL);
	peer->context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_max_proto_version(peer->context, TLS1_2_VERSION);
	SSL_CTX_set_options(peer->context, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	peer->ssl = SSL_new(peer->context);
	SSL_set_fd(peer->ssl, peer->fd);
	SSL_set_connect_state(peer->ssl);
	peer_puts(peer, "");
	WAIT(owner.secured);
	assert_int_equal(binding_of(&owner, BINDING_TLS_EXPORTER, ours), 0);
	assert_int_equal(binding_of(&owner, BINDING_TLS_UNIQUE, ours), 0);
	assert_int_equal(binding_of(&owner, BINDING_TLS_SERVER_END_POINT, ours), 32);
	owner_close(&owner);
	peer_free(&peer);
}

/* RFC 5929 section 4.1. */
static void test_end_point(void **state)
{
	static const struct {
		const char *signed_with, *hashed_with;
	} cases[] = { { "SHA256", "SHA256" }, { "SHA384", "SHA384" }, { "SHA512", "SHA512" },
		{ "SHA1", "SHA256" }, { NULL, NULL } };

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct tls_certificate made =
		    make_certificate("a.example", 30, cases[i].signed_with);
		struct arena *arena = arena_new(0);
		const char *error = NULL;
		struct tls_set *with = tls_set_new(&made, 1, arena, &error);
		struct owner owner = { 0 };
		struct peer *peer = meet_with(with, &owner, &wide_limits, TLS1_3_VERSION);
		unsigned char ours[BINDING_MAX_BYTES], theirs[64];
		size_t length = binding_of(&owner, BINDING_TLS_SERVER_END_POINT, ours);
		X509 *certificate = SSL_get1_peer_certificate(peer->ssl);
		unsigned expected = 0;

		if (cases[i].hashed_with != NULL)
			X509_digest(certificate, EVP_get_digestbyname(cases[i].hashed_with), theirs,
			    &expected);
		assert_int_equal(length, expected);
		assert_memory_equal(ours, theirs, expected);
		X509_free(certificate);
		owner_close(&owner);
		peer_free(&peer);
		tls_set_unref(&with);
		arena_free(&arena);
	}
}

static void test_no_binding_in_clear(void **state)
{
	unsigned char ours[BINDING_MAX_BYTES];
	struct owner owner = { 0 };
	int fd;
	struct peer *peer = peer_new(&fd);

	owner_open(&owner, fd, &wide_limits);
	assert_int_equal(binding_of(&owner, BINDING_TLS_EXPORTER, ours), 0);
	transport_start_tls(owner.transport, set, NULL, NULL);
	assert_int_equal(binding_of(&owner, BINDING_TLS_EXPORTER, ours), 0);
	assert_null(transport_tls_cipher(owner.transport));
	assert_null(transport_server_name(owner.transport));
	owner_close(&owner);
	peer_free(&peer);
}

static void test_ends(void **state)
{
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		struct owner owner = { 0 };
		struct peer *peer = meet(&owner, &wide_limits, versions[v]);

		peer_puts(peer, "last words");
		peer_end(peer);
		WAIT(owner.closed);
		assert_int_equal(owner.end, TRANSPORT_PEER_CLOSED);
		assert_true(text_is(&owner.received, "last words"));
		owner_close(&owner);
		peer_free(&peer);

		/* Without close_notify it may have been anybody's FIN. */
		owner = (struct owner){ 0 };
		peer = meet(&owner, &wide_limits, versions[v]);
		peer_puts(peer, "last words");
		shutdown(peer->fd, SHUT_WR);
		WAIT(owner.closed);
		assert_int_equal(owner.end, TRANSPORT_BROKEN);
		assert_string_equal(owner.detail, "closed without the end of TLS");
		assert_true(text_is(&owner.received, "last words"));
		owner_close(&owner);
		peer_free(&peer);
	}
}

/* A record that was tampered with ends the connection; what came before is delivered. */
static void test_bad_record(void **state)
{
	struct owner owner = { 0 };
	struct peer *peer = meet(&owner, &wide_limits, TLS1_3_VERSION);

	peer_puts(peer, "good");
	assert_int_equal(send(peer->fd,
			     "\x17\x03\x03\x00\x20"
			     "0123456789abcdef0123456789abcdef",
			     37, 0),
	    37);
	WAIT(owner.closed);
	assert_int_equal(owner.end, TRANSPORT_TLS_FAILED);
	assert_true(text_is(&owner.received, "good"));
	owner_close(&owner);
	peer_free(&peer);
}

static void test_cut_in_handshake(void **state)
{
	struct owner owner = { 0 };
	int fd;
	struct peer *peer = peer_new(&fd);

	owner_open(&owner, fd, &wide_limits);
	transport_start_tls(owner.transport, set, NULL, NULL);
	peer_free(&peer);
	WAIT(owner.closed);
	assert_int_equal(owner.end, TRANSPORT_BROKEN);
	assert_int_equal(owner.secured, 0);
	owner_close(&owner);
}

/* Key updates are no data, yet they are bytes and work: a flood of them is bounded like data. */
static void test_key_updates(void **state)
{
	struct owner owner = { .echo = true };
	struct peer *peer = meet(&owner, &wide_limits, TLS1_3_VERSION);

	for (int i = 0; i < 1000; i++) {
		assert_int_equal(SSL_key_update(peer->ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(peer->ssl), 1);
		if (i % 50 == 0)
			office_round();
	}
	peer_puts(peer, "after");
	WAIT(text_is(&peer->received, "after"));
	SSL_key_update(peer->ssl, SSL_KEY_UPDATE_REQUESTED);
	text_clear(&peer->received);
	peer_puts(peer, "again");
	WAIT(text_is(&peer->received, "again"));
	owner_close(&owner);
	peer_free(&peer);
}

enum { STORM = 40 };

/* Of many who knock at once, some are served in a round, and all in the end, first come first
 * served. */
static void test_storm(void **state)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	struct owner owners[STORM] = { 0 };
	SSL *clients[STORM];
	unsigned answered = 0;
	char byte;

	for (size_t i = 0; i < STORM; i++) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
		owner_open(&owners[i], fds[0], &wide_limits);
		transport_start_tls(owners[i].transport, set, NULL, NULL);
		clients[i] = SSL_new(context);
		SSL_set_fd(clients[i], fds[1]);
		SSL_connect(clients[i]);
	}
	office_round();
	for (size_t i = 0; i < STORM; i++)
		answered += recv(SSL_get_fd(clients[i]), &byte, 1, MSG_PEEK) == 1;
	assert_true(answered > 0 && answered <= 16);
	assert_null(owners[STORM - 1].transport->ssl);
	assert_int_equal(transport_waited_ms(owners[0].transport), 0);
	for (size_t i = 0; i < STORM; i++) {
		WAIT((SSL_connect(clients[i]), owners[i].secured));
		if (i == 0) {
			assert_null(owners[STORM - 1].transport->ssl);
		} else if (i == STORM - 1) {
			assert_true(transport_waited_ms(owners[i].transport) > 0);
		}
		owner_close(&owners[i]);
		close(SSL_get_fd(clients[i]));
		SSL_free(clients[i]);
	}
	SSL_CTX_free(context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_injection_same_piece),
		cmocka_unit_test(test_injection_next_piece),
		cmocka_unit_test(test_proceed_to_slow_reader),
		cmocka_unit_test(test_exporter),
		cmocka_unit_test(test_unique),
		cmocka_unit_test(test_no_extended_secret),
		cmocka_unit_test(test_end_point),
		cmocka_unit_test(test_no_binding_in_clear),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_bad_record),
		cmocka_unit_test(test_cut_in_handshake),
		cmocka_unit_test(test_key_updates),
		cmocka_unit_test(test_storm),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
