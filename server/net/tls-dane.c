/* tls-dane.c - certificates of servers that DNS speaks for (DANE): whether one is what the TLSA
 * records of the host say that was called (RFC 6698, RFC 7671, RFC 7673). libssl knows how to hold
 * records against a chain, but wants them before the handshake, where any certificate is taken
 * here; so they go into an SSL of no connection, and the chain is verified by that afterwards. */
#include "net/tls-private.h"

#include <openssl/err.h>

#include "net/resolver.h"

/* RFC 6698 section 2.1.1, as RFC 7218 calls them. */
enum { PKIX_TA = 0, PKIX_EE = 1, DANE_TA = 2, DANE_EE = 3 };

SSL_CTX *tls_dane_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (context != NULL && SSL_CTX_dane_enable(context) == 1)
		return context;
	SSL_CTX_free(context);
	return NULL;
}

/* RFC 7671 section 4.1: what is malformed, or of a kind that is not known, is as if it were not
 * there. NULL: nothing is left. `wants_issuers`: some also want somebody who is trusted. */
static SSL *records_load(
    SSL_CTX *context, const struct resolver_host *host, bool *wants_issuers_out)
{
	SSL *records = SSL_new(context);
	size_t count = 0;

	*wants_issuers_out = false;
	if (records == NULL || SSL_dane_enable(records, host->name) <= 0) {
		SSL_free(records);
		return NULL;
	}
	for (size_t i = 0; i < host->tlsa_count; i++) {
		const struct resolver_tlsa *tlsa = &host->tlsa[i];

		if (SSL_dane_tlsa_add(records, tlsa->usage, tlsa->selector, tlsa->matching,
			tlsa->data, tlsa->length) <= 0)
			continue;
		count++;
		if (tlsa->usage == PKIX_TA || tlsa->usage == PKIX_EE)
			*wants_issuers_out = true;
	}
	if (count > 0)
		return records;
	SSL_free(records);
	return NULL;
}

/* RFC 7671 section 5.1: where the certificate itself is what DNS names, it need not name anybody.
 * Otherwise it is for the domain or, since that has named it safely, the host (RFC 7673 section 5).
 */
static const char *name_refusal(
    SSL *records, X509 *certificate, const char *domain, const struct resolver_host *host)
{
	uint8_t usage = PKIX_TA;

	SSL_get0_dane_tlsa(records, &usage, NULL, NULL, NULL, NULL);
	if (usage == DANE_EE || tls_certificate_names_server(certificate, domain) ||
	    tls_certificate_names(certificate, host->name))
		return NULL;
	return "the certificate names other domains";
}

static const char *dane_refusal(
    SSL *ssl, SSL *records, X509_STORE *store, const char *domain, const struct resolver_host *host)
{
	X509 *certificate = SSL_get0_peer_certificate(ssl);
	const char *why;

	if (certificate == NULL)
		return "no certificate was shown";
	why =
	    tls_certificate_refusal(ssl, certificate, store, SSL_get0_dane(records), "ssl_server");
	return why != NULL ? why : name_refusal(records, certificate, domain, host);
}

enum tls_dane tls_peer_dane(SSL *ssl, const struct tls_trust *trust, const char *domain,
    const struct resolver_host *host, const char **why_out)
{
	bool wants_issuers;
	SSL *records;

	if (host->tlsa_count == 0)
		return TLS_DANE_SILENT;
	ERR_clear_error();
	records = records_load(trust->dane, host, &wants_issuers);
	if (records != NULL)
		*why_out = dane_refusal(
		    ssl, records, wants_issuers ? trust->issuers.store : NULL, domain, host);
	ERR_clear_error();
	if (records == NULL)
		return TLS_DANE_SILENT;
	SSL_free(records);
	return *why_out == NULL ? TLS_DANE_PROVES : TLS_DANE_REFUSES;
}
