/* transport-tls.c - TLS on the descriptor once the handshake is over, and what can be said about
 * it. libssl's queue of errors is emptied before every call: what an earlier connection left there
 * would be taken for this one's. */
#define _GNU_SOURCE
#include "net/transport-private.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>

#define EXPORTER_LABEL "EXPORTER-Channel-Binding"

/* Looks first: clearing an empty queue costs as much as decrypting a stanza. */
static void errors_clear(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

void secure_note_error(struct transport *transport, int error)
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
		secure_note_error(transport, error);
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
		secure_note_error(transport, error);
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

/* libssl's BIOs count anyway. */
uint64_t transport_tls_read(const struct transport *transport)
{
	return transport->ssl == NULL ? 0 : secure_taken(transport);
}

uint64_t transport_tls_written(const struct transport *transport)
{
	return transport->ssl == NULL ? 0 : BIO_number_written(SSL_get_wbio(transport->ssl));
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

bool transport_peer_is(const struct transport *transport, const struct tls_trust *trust,
    const char *domain, const char **why_out)
{
	*why_out = "there is no TLS";
	return transport_is_secure(transport) &&
	       tls_peer_is(transport->ssl, trust, domain, why_out);
}

bool transport_peer_facts(const struct transport *transport, const char *domain,
    struct arena *arena, struct tls_facts *facts_out)
{
	X509 *certificate =
	    transport_is_secure(transport) ? SSL_get0_peer_certificate(transport->ssl) : NULL;

	if (certificate != NULL)
		tls_facts_read(certificate, domain, XN_FLAG_RFC2253, arena, facts_out);
	return certificate != NULL;
}

enum tls_dane transport_peer_dane(const struct transport *transport, const struct tls_trust *trust,
    const char *domain, const struct resolver_host *host, const char **why_out)
{
	return transport_is_secure(transport)
	           ? tls_peer_dane(transport->ssl, trust, domain, host, why_out)
	           : TLS_DANE_SILENT;
}

int64_t transport_peer_expires(const struct transport *transport)
{
	const X509 *certificate =
	    transport_is_secure(transport) ? SSL_get0_peer_certificate(transport->ssl) : NULL;

	return certificate == NULL ? 0 : tls_time_us(X509_get0_notAfter(certificate));
}
