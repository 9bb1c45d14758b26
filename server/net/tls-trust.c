/* tls-trust.c - certificates of other servers: whom they have to come from, and whom they stand for
 * (RFC 6120 section 13.7, RFC 9525). As with clients, a handshake takes any; whether it proves a
 * domain is asked afterwards, for each domain that the peer says to be. */
#include "net/tls.h"

#include <stdatomic.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/mem.h"
#include "net/tls-private.h"

/* id-on-dnsSRV (RFC 4985). */
#define OID_SRV_NAME "1.3.6.1.5.5.7.8.7"
#define SRV_PREFIX "_xmpp-server."

/* ---- authorities */

static bool system_load(struct tls_issuers *issuers, const char **error_out)
{
	issuers->store = X509_STORE_new();
	if (issuers->store != NULL && X509_STORE_set_default_paths(issuers->store) == 1)
		return true;
	*error_out = "the certificates of the system's authorities cannot be used; name a file of "
		     "authorities with ca in section s2s";
	return false;
}

struct tls_trust *tls_trust_new(const char *file, struct arena *arena, const char **error_out)
{
	struct tls_trust *trust = mem_alloc_zero(sizeof *trust);
	bool is_loaded = file == NULL
	                     ? system_load(&trust->issuers, error_out)
	                     : tls_issuers_load(&trust->issuers, "ca", file, arena, error_out);

	atomic_init(&trust->references, 1);
	trust->dane = tls_dane_context();
	if (is_loaded && trust->dane == NULL)
		*error_out = "libssl cannot check certificates by DNS; update it";
	if (!is_loaded || trust->dane == NULL)
		tls_trust_unref(&trust);
	ERR_clear_error();
	return trust;
}

struct tls_trust *tls_trust_ref(struct tls_trust *trust)
{
	atomic_fetch_add_explicit(&trust->references, 1, memory_order_relaxed);
	return trust;
}

void tls_trust_unref(struct tls_trust **trust)
{
	struct tls_trust *gone = *trust;

	*trust = NULL;
	if (gone == NULL || atomic_fetch_sub(&gone->references, 1) != 1)
		return;
	tls_issuers_free(&gone->issuers);
	SSL_CTX_free(gone->dane);
	mem_free(gone);
}

/* ---- names */

/* Whether these bytes are that ASCII text, whatever the case. */
static bool string_is(const ASN1_STRING *string, const char *text)
{
	size_t length = strlen(text);

	return (size_t)ASN1_STRING_length(string) == length &&
	       strncasecmp((const char *)ASN1_STRING_get0_data(string), text, length) == 0;
}

/* SRV-ID (RFC 9525 section 6.3): the service and the domain, without wildcards. */
static bool is_srv_name(const OTHERNAME *other, const ASN1_OBJECT *srv_name, const char *ascii)
{
	const ASN1_STRING *string;
	size_t prefix = strlen(SRV_PREFIX);

	if (OBJ_cmp(other->type_id, srv_name) != 0 || other->value->type != V_ASN1_IA5STRING)
		return false;
	string = other->value->value.ia5string;
	return (size_t)ASN1_STRING_length(string) > prefix &&
	       strncasecmp((const char *)ASN1_STRING_get0_data(string), SRV_PREFIX, prefix) == 0 &&
	       (size_t)ASN1_STRING_length(string) - prefix == strlen(ascii) &&
	       strncasecmp(
		   (const char *)ASN1_STRING_get0_data(string) + prefix, ascii, strlen(ascii)) == 0;
}

/* RFC 6120 section 13.7.1.2.1: the address of the server. */
static bool is_xmpp_address(const OTHERNAME *other, const char *domain)
{
	return OBJ_obj2nid(other->type_id) == NID_XmppAddr &&
	       other->value->type == V_ASN1_UTF8STRING &&
	       string_is(other->value->value.utf8string, domain);
}

static bool names_by_other(X509 *certificate, const char *domain)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	ASN1_OBJECT *srv_name = OBJ_txt2obj(OID_SRV_NAME, 1);
	char ascii[TLS_NAME_MAX];
	bool found = false;

	if (srv_name != NULL && tls_name_ascii(domain, ascii))
		for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
			const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

			if (name->type == GEN_OTHERNAME)
				found = is_srv_name(name->d.otherName, srv_name, ascii) ||
				        is_xmpp_address(name->d.otherName, domain);
		}
	ASN1_OBJECT_free(srv_name);
	GENERAL_NAMES_free(names);
	return found;
}

bool tls_certificate_names_server(X509 *certificate, const char *domain)
{
	return tls_certificate_names(certificate, domain) || names_by_other(certificate, domain);
}

/* The purpose is a server's at both ends: it is a server that connects, and authorities issue
 * certificates for TLS clients no more. */
bool tls_peer_is(SSL *ssl, const struct tls_trust *trust, const char *domain, const char **why_out)
{
	X509 *certificate = SSL_get0_peer_certificate(ssl);

	ERR_clear_error();
	if (certificate == NULL)
		*why_out = "no certificate was shown";
	else
		*why_out = tls_certificate_refusal(
		    ssl, certificate, trust->issuers.store, NULL, "ssl_server");
	if (*why_out == NULL && !tls_certificate_names_server(certificate, domain))
		*why_out = "the certificate names other domains";
	ERR_clear_error();
	return *why_out == NULL;
}
