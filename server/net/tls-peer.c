/* tls-peer.c - certificates of those who connect: who may have issued them, and what they say.
 * The handshake only sees to it that the peer has the key. Whether the certificate is to be trusted
 * is asked afterwards, when the domain is known that the peer wants to speak to: the domain of the
 * handshake may be another, and none's authorities may vouch for another's users. */
#include "net/tls-private.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"

/* A chain of more is nobody's. */
enum { DEPTH_MAX = 8 };
/* Certificates of a client, all in all: some dozen large ones. */
enum { CHAIN_BYTES_MAX = 32768 };

/* ---- who may issue them */

static void issuer_add(struct tls_issuers *issuers, const X509_INFO *info)
{
	if (info->x509 != NULL) {
		X509_STORE_add_cert(issuers->store, info->x509);
		sk_X509_NAME_push(issuers->names, X509_NAME_dup(X509_get_subject_name(info->x509)));
	}
	if (info->crl != NULL) {
		X509_STORE_add_crl(issuers->store, info->crl);
		X509_STORE_set_flags(issuers->store, X509_V_FLAG_CRL_CHECK);
	}
}

/* An authority may be one that another has certified. */
static void issuers_take(struct tls_issuers *issuers, const STACK_OF(X509_INFO) * infos)
{
	issuers->store = X509_STORE_new();
	issuers->names = sk_X509_NAME_new_null();
	X509_STORE_set_flags(issuers->store, X509_V_FLAG_PARTIAL_CHAIN);
	for (int i = 0; i < sk_X509_INFO_num(infos); i++)
		issuer_add(issuers, sk_X509_INFO_value(infos, i));
}

bool tls_issuers_load(struct tls_issuers *issuers_out, const char *what, const char *file,
    struct arena *arena, const char **error_out)
{
	FILE *stream = tls_open_pem(what, file, arena, error_out);
	STACK_OF(X509_INFO) * infos;

	if (stream == NULL)
		return false;
	ERR_clear_error();
	infos = PEM_X509_INFO_read(stream, NULL, NULL, NULL);
	fclose(stream);
	if (infos != NULL)
		issuers_take(issuers_out, infos);
	sk_X509_INFO_pop_free(infos, X509_INFO_free);
	if (infos != NULL && sk_X509_NAME_num(issuers_out->names) > 0)
		return true;
	*error_out = arena_printf(arena,
	    "%s %s holds no certificate in PEM form (%s); it has to contain those of who issues "
	    "certificates to %s, each beginning with -----BEGIN CERTIFICATE-----",
	    what, file, tls_reason(), strcmp(what, "ca") == 0 ? "servers" : "users");
	tls_issuers_free(issuers_out);
	return false;
}

void tls_issuers_copy(struct tls_issuers *copy_out, const struct tls_issuers *issuers)
{
	*copy_out = (struct tls_issuers){ 0 };
	if (issuers->store == NULL)
		return;
	X509_STORE_up_ref(issuers->store);
	copy_out->store = issuers->store;
	copy_out->names = SSL_dup_CA_list(issuers->names);
}

void tls_issuers_free(struct tls_issuers *issuers)
{
	X509_STORE_free(issuers->store);
	sk_X509_NAME_pop_free(issuers->names, X509_NAME_free);
	*issuers = (struct tls_issuers){ 0 };
}

/* ---- the handshake */

static int any_certificate(X509_STORE_CTX *context, void *state)
{
	(void)context;
	(void)state;
	return 1;
}

void tls_issuers_ask(const struct tls_issuers *issuers, SSL_CTX *context)
{
	SSL_CTX_set_cert_verify_callback(context, any_certificate, NULL);
	SSL_CTX_set_max_cert_list(context, CHAIN_BYTES_MAX);
	if (issuers->store == NULL)
		return;
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_client_CA_list(context, SSL_dup_CA_list(issuers->names));
}

/* ---- afterwards */

const char *tls_certificate_refusal(
    SSL *ssl, X509 *certificate, X509_STORE *store, SSL_DANE *dane, const char *purpose)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	int error = X509_V_ERR_UNSPECIFIED;

	if (context != NULL &&
	    X509_STORE_CTX_init(context, store, certificate, SSL_get_peer_cert_chain(ssl)) == 1) {
		X509_STORE_CTX_set_default(context, purpose);
		X509_STORE_CTX_set_depth(context, DEPTH_MAX);
		param = X509_STORE_CTX_get0_param(context);
		X509_VERIFY_PARAM_set_auth_level(param, SSL_get_security_level(ssl));
		X509_STORE_CTX_set0_dane(context, dane);
		error =
		    X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
	}
	X509_STORE_CTX_free(context);
	ERR_clear_error();
	return error == X509_V_OK ? NULL : X509_verify_cert_error_string(error);
}

/* RFC 6120 section 13.7.1.4: the UTF-8 of an XmppAddr; NULL if it is anything else. */
static const char *xmpp_address(const GENERAL_NAME *name, struct arena *arena)
{
	const OTHERNAME *other = name->type == GEN_OTHERNAME ? name->d.otherName : NULL;
	const ASN1_UTF8STRING *utf8;
	const char *bytes;
	size_t length;

	if (other == NULL || OBJ_obj2nid(other->type_id) != NID_XmppAddr ||
	    other->value->type != V_ASN1_UTF8STRING)
		return NULL;
	utf8 = other->value->value.utf8string;
	bytes = (const char *)ASN1_STRING_get0_data(utf8);
	length = (size_t)ASN1_STRING_length(utf8);
	if (memchr(bytes, '\0', length) != NULL || !utf8_valid(bytes, length))
		return NULL;
	return arena_strndup(arena, bytes, length);
}

static const char *const *certificate_addresses(X509 *certificate, struct arena *arena)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	int name_count = names == NULL ? 0 : sk_GENERAL_NAME_num(names);
	const char **addresses = arena_alloc(arena, ((size_t)name_count + 1) * sizeof *addresses);
	size_t count = 0;

	for (int i = 0; i < name_count; i++) {
		const char *address = xmpp_address(sk_GENERAL_NAME_value(names, i), arena);

		if (address != NULL)
			addresses[count++] = address;
	}
	addresses[count] = NULL;
	GENERAL_NAMES_free(names);
	return addresses;
}

const char *const *tls_peer_addresses(
    SSL *ssl, const struct tls_issuers *issuers, struct arena *arena, const char **why_out)
{
	X509 *certificate = SSL_get0_peer_certificate(ssl);

	*why_out = NULL;
	if (certificate == NULL)
		return NULL;
	*why_out =
	    issuers == NULL || issuers->store == NULL
		? "this domain takes no certificates of clients"
		: tls_certificate_refusal(ssl, certificate, issuers->store, NULL, "ssl_client");
	return *why_out == NULL ? certificate_addresses(certificate, arena) : NULL;
}
