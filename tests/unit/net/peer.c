/* peer.c - see peer.h. */
#define _GNU_SOURCE
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/mem.h"
#include "loop/descriptor.h"

enum { TEST_SECONDS_MAX = 120 };

struct worker *office;
static struct arena *office_arena;
static char *directory;
static unsigned files;

const struct transport_limits wide_limits = {
	.output_soft_bytes = 1 << 20,
	.output_hard_bytes = 4 << 20,
	.write_timeout_ms = 60000,
};

void office_open(void)
{
	signal(SIGPIPE, SIG_IGN);
	alarm(TEST_SECONDS_MAX);
	office = worker_new(0);
	worker_enter(office);
	office_arena = arena_new(0);
	directory = arena_strdup(office_arena, "/tmp/net-test-XXXXXX");
	assert_non_null(mkdtemp(directory));
	files = 0;
}

void office_close(void)
{
	transport_abandon_all();
	worker_free(&office);
	for (unsigned i = 0; i < files; i++)
		unlink(arena_printf(office_arena, "%s/%u.pem", directory, i));
	rmdir(directory);
	arena_free(&office_arena);
}

static bool round_over;

static void round_ends(struct mail *mail)
{
	round_over = true;
}

/* The mail wakes the loop, so that it never waits. */
void office_round(void)
{
	struct mail mail = { 0 };

	round_over = false;
	worker_post(office, &mail, round_ends);
	worker_run_until(office, &round_over);
}

void office_settle(void)
{
	for (int i = 0; i < 50; i++)
		office_round();
}

static const char *next_path(void)
{
	return arena_printf(office_arena, "%s/%u.pem", directory, files++);
}

const char *make_file(const char *content)
{
	const char *path = next_path();
	FILE *file = fopen(path, "w");

	fputs(content, file);
	fclose(file);
	return path;
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

static X509 *sign_certificate(const char *domain, int days, const char *digest, EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	long now = 0;

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 4711);
	X509_gmtime_adj(X509_getm_notBefore(certificate), now - 30 * 86400);
	X509_gmtime_adj(X509_getm_notAfter(certificate), now + days * 86400);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_UTF8, (const unsigned char *)"A test", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_set_pubkey(certificate, key);
	add_extension(
	    certificate, NID_subject_alt_name, arena_printf(office_arena, "DNS:%s", domain));
	assert_true(
	    X509_sign(certificate, key, digest == NULL ? NULL : EVP_get_digestbyname(digest)) > 0);
	return certificate;
}

struct tls_certificate make_certificate(const char *domain, int days, const char *digest)
{
	EVP_PKEY *key =
	    digest == NULL ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_EC_gen("P-256");
	X509 *certificate = sign_certificate(domain, days, digest, key);
	struct tls_certificate made = { domain, next_path(), next_path() };
	FILE *file = fopen(made.certificate, "w");

	PEM_write_X509(file, certificate);
	fclose(file);
	file = fopen(made.key, "w");
	PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return made;
}

struct tls_set *make_set(const char *domain)
{
	struct tls_certificate certificate = make_certificate(domain, 30, "SHA256");
	const char *error = NULL;
	struct tls_set *set = tls_set_new(&certificate, 1, office_arena, &error);

	assert_null(error);
	return set;
}

/* --- the far end --- */

static void peer_watch(struct peer *peer)
{
	bool gone = peer->hung_up || peer->cut;
	unsigned what = gone || peer->deaf ? 0 : READY_READ;

	if (peer->ssl != NULL && !peer->secured && !gone)
		what |= READY_READ;
	if (peer->sending.length > 0 && !gone)
		what |= READY_WRITE;
	descriptor_watch(peer->descriptor, what);
}

/* What a call on SSL or the socket came to: its bytes, or 0. */
static size_t peer_moved(struct peer *peer, ssize_t count)
{
	int error = 0;

	if (count > 0)
		return (size_t)count;
	if (peer->ssl != NULL)
		error = SSL_get_error(peer->ssl, (int)count);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return 0;
	if (peer->ssl == NULL && count < 0 && errno == EAGAIN)
		return 0;
	if (error == SSL_ERROR_ZERO_RETURN || (peer->ssl == NULL && count == 0)) {
		peer->ended = true;
		peer->hung_up = true;
		return 0;
	}
	peer->cut = true;
	return 0;
}

static void peer_write(struct peer *peer)
{
	size_t count;

	while (peer->sending.length > 0) {
		ERR_clear_error();
		count = peer_moved(
		    peer, peer->ssl == NULL
			      ? send(peer->fd, peer->sending.at, peer->sending.length, MSG_NOSIGNAL)
			      : SSL_write(peer->ssl, peer->sending.at, (int)peer->sending.length));
		if (count == 0)
			return;
		text_consume(&peer->sending, count);
	}
}

static void peer_read(struct peer *peer)
{
	char bytes[32768];
	size_t count;

	do {
		ERR_clear_error();
		count =
		    peer_moved(peer, peer->ssl == NULL ? recv(peer->fd, bytes, sizeof(bytes), 0)
						       : SSL_read(peer->ssl, bytes, sizeof(bytes)));
		text_append(&peer->received, bytes, count);
	} while (count > 0);
}

static void peer_ready(void *state, unsigned what)
{
	struct peer *peer = state;

	if (peer->ssl != NULL && !peer->secured) {
		ERR_clear_error();
		peer->secured = peer_moved(peer, SSL_do_handshake(peer->ssl)) > 0;
	}
	if (peer->ssl == NULL || peer->secured) {
		peer_write(peer);
		if (!peer->deaf)
			peer_read(peer);
	}
	peer_watch(peer);
}

struct peer *peer_adopt(int fd)
{
	struct peer *peer = mem_alloc_zero(sizeof(*peer));

	peer->fd = fd;
	peer->descriptor = descriptor_new(fd, peer_ready, peer);
	peer_watch(peer);
	return peer;
}

struct peer *peer_new(int *fd_out)
{
	int fds[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	*fd_out = fds[0];
	return peer_adopt(fds[1]);
}

struct peer *peer_new_tcp(int *fd_out)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int door = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(door, (void *)&address, length), 0);
	assert_int_equal(listen(door, 1), 0);
	getsockname(door, (void *)&address, &length);
	assert_int_equal(connect(fd, (void *)&address, length), 0);
	*fd_out = accept4(door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	close(door);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	setsockopt(*fd_out, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return peer_adopt(fd);
}

void peer_secure(struct peer *peer, int version, const char *name, const char *alpn)
{
	peer->context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_mode(
	    peer->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (version != 0) {
		SSL_CTX_set_min_proto_version(peer->context, version);
		SSL_CTX_set_max_proto_version(peer->context, version);
	}
	/* So that a refused version is refused by the server. */
	SSL_CTX_set_security_level(peer->context, 0);
	if (peer->certificate != NULL) {
		SSL_CTX_use_certificate(peer->context, peer->certificate);
		SSL_CTX_use_PrivateKey(peer->context, peer->key);
		if (peer->issuer != NULL)
			SSL_CTX_add1_chain_cert(peer->context, peer->issuer);
	}
	peer->ssl = SSL_new(peer->context);
	SSL_set_fd(peer->ssl, peer->fd);
	if (name != NULL) {
		char *copy = mem_strdup(name);

		SSL_set_tlsext_host_name(peer->ssl, copy);
		mem_free(copy);
	}
	if (alpn != NULL)
		SSL_set_alpn_protos(peer->ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn));
	SSL_set_connect_state(peer->ssl);
	peer_ready(peer, 0);
}

void peer_send(struct peer *peer, const void *bytes, size_t length)
{
	text_append(&peer->sending, bytes, length);
	peer_ready(peer, 0);
}

void peer_puts(struct peer *peer, const char *text)
{
	peer_send(peer, text, strlen(text));
}

void peer_listen(struct peer *peer, bool listens)
{
	peer->deaf = !listens;
	peer_watch(peer);
}

void peer_end(struct peer *peer)
{
	if (peer->ssl != NULL)
		SSL_shutdown(peer->ssl);
	shutdown(peer->fd, SHUT_WR);
}

void peer_free(struct peer **peer)
{
	struct peer *gone = *peer;

	if (gone == NULL)
		return;
	descriptor_free(&gone->descriptor);
	SSL_free(gone->ssl);
	SSL_CTX_free(gone->context);
	close(gone->fd);
	text_free(&gone->received);
	text_free(&gone->sending);
	mem_free(gone);
	*peer = NULL;
}

/* --- the owner --- */

static void owner_received(void *state, const char *bytes, size_t length)
{
	struct owner *owner = state;

	owner->calls++;
	text_append(&owner->received, bytes, length);
	if (owner->echo)
		text_append(transport_output(owner->transport), bytes, length);
	if (owner->on_received != NULL)
		owner->on_received(owner);
}

static void owner_secured(void *state)
{
	struct owner *owner = state;

	owner->secured++;
}

static void owner_written(void *state)
{
	struct owner *owner = state;

	owner->written++;
	if (owner->on_written != NULL)
		owner->on_written(owner);
}

static void owner_closed(void *state, enum transport_end end, const char *detail)
{
	struct owner *owner = state;

	owner->closed++;
	owner->end = end;
	owner->detail = detail;
}

const struct transport_events owner_events = {
	.received = owner_received,
	.secured = owner_secured,
	.written = owner_written,
	.closed = owner_closed,
};

void owner_open(struct owner *owner, int fd, const struct transport_limits *limits)
{
	owner->transport = transport_new(fd, NULL, limits, &owner_events, owner);
}

void owner_close(struct owner *owner)
{
	transport_free(&owner->transport);
	text_free(&owner->received);
}

bool text_is(const struct text *text, const char *expected)
{
	return text->length == strlen(expected) &&
	       (text->length == 0 || memcmp(text->at, expected, text->length) == 0);
}
