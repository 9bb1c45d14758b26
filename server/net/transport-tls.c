/* transport-tls.c - TLS on the descriptor, and what can be said about it.
 * libssl's queue of errors is emptied before every call: what an earlier connection left there
 * would be taken for this one's. */
#define _GNU_SOURCE
#include "net/transport-private.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>

#include "loop/descriptor.h"

#define EXPORTER_LABEL "EXPORTER-Channel-Binding"

/* A handshake costs as much as hundreds of stanzas: when many arrive at once, the rest waits for
 * the next round, so that a storm of logins does not hold up who is there already. */
enum { HANDSHAKES_MAX = 8 };

static _Thread_local struct {
	struct later later;
	unsigned count;
} handshakes;

/* Looks first: clearing an empty queue costs as much as decrypting a stanza. */
static void errors_clear(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

void transport_start_tls(
    struct transport *transport, struct tls_set *set, const char *alpn, const char *domain)
{
	if (transport->phase != PHASE_CLEAR || transport->ended)
		return;
	transport->tls = tls_set_ref(set);
	transport->alpn = alpn;
	transport->domain = domain;
	transport->clear_left = transport_unsent(transport);
	if (transport->clear_left == 0) {
		secure_begin(transport);
		return;
	}
	transport->phase = PHASE_LEAVING;
	transport_watch(transport);
}

void secure_begin(struct transport *transport)
{
	ERR_clear_error();
	transport->ssl =
	    tls_accept(transport->tls, transport->fd, &transport->alpn, transport->domain);
	if (transport->ssl == NULL) {
		transport_fail(transport, TRANSPORT_TLS_FAILED, tls_reason());
		return;
	}
	transport->phase = PHASE_HANDSHAKE;
	transport->handshake_wants = READY_READ;
	transport_watch(transport);
}

/* Notes why libssl gave up. `error` is from SSL_get_error(), errno from the call before. */
static void note_error(struct transport *transport, int error)
{
	if (error == SSL_ERROR_ZERO_RETURN)
		transport_note_end(transport, TRANSPORT_PEER_CLOSED, "closed by the peer");
	else if (error == SSL_ERROR_SYSCALL && errno != 0)
		transport_note_errno(transport);
	else if (error == SSL_ERROR_SYSCALL ||
		 ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		transport_note_end(transport, TRANSPORT_BROKEN, "closed without the end of TLS");
	else
		transport_note_end(transport, TRANSPORT_TLS_FAILED, tls_reason());
}

static bool handshake_done(struct transport *transport)
{
	transport->phase = PHASE_SECURE;
	transport->charged = secure_taken(transport);
	if (transport_unsent(transport) > 0)
		transport_ask(transport, TODO_WRITE);
	transport_tell_begin(transport);
	transport->events->secured(transport->state);
	if (!transport_tell_end(transport))
		return false;
	input_continue(transport);
	return true;
}

static void handshakes_reset(struct later *later)
{
	handshakes.count = 0;
}

void secure_abandon(void)
{
	later_cancel(&handshakes.later);
	handshakes.count = 0;
}

/* Whether this round has time for a step more; the descriptor stays ready until it is made. */
static bool handshake_may(void)
{
	if (handshakes.count >= HANDSHAKES_MAX)
		return false;
	handshakes.count++;
	worker_later(&handshakes.later, handshakes_reset);
	return true;
}

bool secure_handshake(struct transport *transport)
{
	int result, error;

	if (!handshake_may())
		return true;
	errors_clear();
	errno = 0;
	result = SSL_do_handshake(transport->ssl);
	if (result == 1)
		return handshake_done(transport);
	error = SSL_get_error(transport->ssl, result);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		transport->handshake_wants =
		    error == SSL_ERROR_WANT_READ ? READY_READ : READY_WRITE;
		transport_watch(transport);
		return true;
	}
	note_error(transport, error);
	transport_end(transport);
	return true;
}

size_t secure_read(struct transport *transport, char *bytes, size_t size)
{
	size_t count = 0;
	int error;

	errors_clear();
	errno = 0;
	transport->read_wants_write = false;
	if (SSL_read_ex(transport->ssl, bytes, size, &count) == 1)
		return count;
	error = SSL_get_error(transport->ssl, 0);
	if (error == SSL_ERROR_WANT_WRITE)
		transport->read_wants_write = true;
	else if (error != SSL_ERROR_WANT_READ)
		note_error(transport, error);
	return 0;
}

size_t secure_write(struct transport *transport, const char *bytes, size_t length)
{
	size_t count = 0;
	int error;

	errors_clear();
	errno = 0;
	transport->write_wants_read = false;
	if (SSL_write_ex(transport->ssl, bytes, length, &count) == 1)
		return count;
	error = SSL_get_error(transport->ssl, 0);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		transport->blocked = true;
		transport->write_wants_read = error == SSL_ERROR_WANT_READ;
	} else {
		note_error(transport, error);
	}
	return 0;
}

bool secure_holds(const struct transport *transport)
{
	return transport->phase == PHASE_SECURE && SSL_has_pending(transport->ssl) == 1;
}

uint64_t secure_taken(const struct transport *transport)
{
	return BIO_number_read(SSL_get_rbio(transport->ssl));
}

bool transport_is_secure(const struct transport *transport)
{
	return transport->ssl != NULL && SSL_is_init_finished(transport->ssl) == 1;
}

const char *transport_tls_version(const struct transport *transport)
{
	return transport_is_secure(transport) ? SSL_get_version(transport->ssl) : NULL;
}

const char *transport_tls_cipher(const struct transport *transport)
{
	return transport_is_secure(transport) ? SSL_get_cipher_name(transport->ssl) : NULL;
}

const char *transport_server_name(const struct transport *transport)
{
	if (transport->ssl == NULL)
		return NULL;
	return SSL_get_servername(transport->ssl, TLSEXT_NAMETYPE_host_name);
}

/* TLS 1.3, or 1.2 with the extended master secret (RFC 7627): else two connections could be made to
 * share their secrets, and what is derived from them. */
static bool has_unique_secret(SSL *ssl)
{
	return SSL_version(ssl) >= TLS1_3_VERSION || SSL_get_extms_support(ssl) == 1;
}

/* RFC 9266. */
static size_t binding_exporter(SSL *ssl, unsigned char *out)
{
	const size_t length = 32;

	if (!has_unique_secret(ssl))
		return 0;
	if (out == NULL)
		return length;
	if (SSL_export_keying_material(ssl, out, length, EXPORTER_LABEL, strlen(EXPORTER_LABEL),
		(const unsigned char *)"", 0, 1) != 1)
		return 0;
	return length;
}

/* RFC 5929 section 4.1: the hash of our certificate, by the hash of its signature, but none below
 * SHA-256. A signature without one (Ed25519) defines no binding. */
static size_t binding_end_point(SSL *ssl, unsigned char *out)
{
	X509 *certificate = SSL_get_certificate(ssl);
	const EVP_MD *digest;
	int digest_nid, length;

	if (certificate == NULL ||
	    X509_get_signature_info(certificate, &digest_nid, NULL, NULL, NULL) != 1)
		return 0;
	if (digest_nid == NID_md5 || digest_nid == NID_sha1)
		digest_nid = NID_sha256;
	digest = EVP_get_digestbynid(digest_nid);
	length = digest == NULL ? 0 : EVP_MD_get_size(digest);
	if (length <= 0 || length > BINDING_MAX_BYTES)
		return 0;
	if (out != NULL && X509_digest(certificate, digest, out, NULL) != 1)
		return 0;
	return (size_t)length;
}

/* RFC 5929 section 3.1: the first Finished message, the client's, as no session is ever resumed.
 * For TLS 1.3 nobody has defined it, but clients that know no other binding (slixmpp, poezio,
 * gloox) take the same message there, whose key is the handshake's own. */
static size_t binding_unique(SSL *ssl, unsigned char *out)
{
	if (!has_unique_secret(ssl))
		return 0;
	return SSL_get_peer_finished(ssl, out, out == NULL ? 0 : BINDING_MAX_BYTES);
}

size_t transport_binding(
    const struct transport *transport, enum binding binding, unsigned char *out)
{
	if (!transport_is_secure(transport))
		return 0;
	ERR_clear_error();
	switch (binding) {
	case BINDING_TLS_EXPORTER:
		return binding_exporter(transport->ssl, out);
	case BINDING_TLS_SERVER_END_POINT:
		return binding_end_point(transport->ssl, out);
	case BINDING_TLS_UNIQUE:
		return binding_unique(transport->ssl, out);
	}
	return 0;
}

const char *const *transport_peer_addresses(const struct transport *transport, const char *domain,
    struct arena *arena, const char **why_out)
{
	*why_out = NULL;
	if (!transport_is_secure(transport))
		return NULL;
	return tls_peer_addresses(
	    transport->ssl, tls_set_issuers(transport->tls, domain), arena, why_out);
}
