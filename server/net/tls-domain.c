/* tls-domain.c - a domain's certificate, and the contexts made of it.
 * A domain is shared by all workers, libssl's contexts are not: each worker makes its own when it
 * first needs one, with a copy of the key, so that no handshake waits for another thread's locks. A
 * worker's contexts are made and used by that worker alone. */
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "loop/worker.h"
#include "net/tls-private.h"
#include "net/tls.h"

/* Short record keys first: the data needs no more, and they are cheaper. */
#define SUITES_13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define SUITES_12 "ECDHE+AESGCM:ECDHE+CHACHA20:!PSK"

#define OPTIONS \
	(SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | \
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA)
#define MODE \
	(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | \
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER)

/* ---- a context ---- */

static unsigned worker_slot(void)
{
	const struct worker *worker = worker_current();
	unsigned slot = worker == NULL ? 0 : worker_index(worker);

	ASSERT(slot < TLS_WORKERS_MAX);
	return slot;
}

/* ALPN (RFC 7301 section 3.2): who speaks of protocols has to offer ours. */
static int protocols_sent(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_length,
    const unsigned char *sent, unsigned length, void *state)
{
	const char *const *wanted = SSL_get_app_data(ssl);

	(void)state;
	if (wanted == NULL || *wanted == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	for (unsigned at = 0; at < length; at += sent[at] + 1u) {
		if (sent[at] != strlen(*wanted) || memcmp(sent + at + 1, *wanted, sent[at]) != 0)
			continue;
		*chosen = sent + at + 1;
		*chosen_length = sent[at];
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* RFC 6120 section 5.3.5: who wants to renegotiate is cut off. What tells is that libssl says no.
 */
static void something_happened(const SSL *ssl, int where, int value)
{
	if (where == SSL_CB_WRITE_ALERT && (value & 0xff) == SSL_AD_NO_RENEGOTIATION)
		shutdown(SSL_get_fd(ssl), SHUT_RDWR);
}

static bool context_protect(SSL_CTX *context)
{
	int groups[] = { NID_X25519, NID_X9_62_prime256v1 };

	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(context, SUITES_12) == 1 &&
	       SSL_CTX_set_ciphersuites(context, SUITES_13) == 1 &&
	       SSL_CTX_set1_groups(context, groups, COUNT_OF(groups)) == 1 &&
	       SSL_CTX_set_num_tickets(context, 0) == 1;
}

/* The key is copied, as threads that share one take turns at its locks. */
static bool context_certify(SSL_CTX *context, const struct tls_pair *pair)
{
	EVP_PKEY *key = EVP_PKEY_dup(pair->key);
	bool done =
	    key != NULL && SSL_CTX_use_cert_and_key(context, pair->leaf, key, pair->chain, 1) == 1;

	EVP_PKEY_free(key);
	return done;
}

static SSL_CTX *context_new(const struct tls_domain *domain)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());

	if (context == NULL)
		return NULL;
	SSL_CTX_set_options(context, OPTIONS);
	SSL_CTX_set_mode(context, MODE);
	/* With it a peer's flood of key updates is worked off inside one call, for as long as it
	 * lasts. */
	SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_tlsext_servername_callback(context, tls_name_sent);
	SSL_CTX_set_alpn_select_cb(context, protocols_sent, NULL);
	SSL_CTX_set_info_callback(context, something_happened);
	tls_issuers_ask(&domain->issuers, context);
	if (!context_protect(context) || !context_certify(context, &domain->pair)) {
		SSL_CTX_free(context);
		return NULL;
	}
	return context;
}

SSL_CTX *tls_domain_context(struct tls_domain *domain)
{
	SSL_CTX **context = &domain->contexts[worker_slot()];

	if (*context == NULL)
		*context = context_new(domain);
	return *context;
}

/* ---- a domain ---- */

static char *copy_or_null(const char *text)
{
	return text == NULL ? NULL : mem_strdup(text);
}

static struct tls_domain *domain_new(const struct tls_certificate *certificate, const char *name)
{
	struct tls_domain *domain = mem_alloc_zero(sizeof *domain);

	atomic_init(&domain->references, 1);
	strcpy(domain->name, name);
	domain->certificate = mem_strdup(certificate->certificate);
	domain->key = mem_strdup(certificate->key);
	domain->client_ca = copy_or_null(certificate->client_ca);
	return domain;
}

struct tls_domain *tls_domain_ref(struct tls_domain *domain)
{
	atomic_fetch_add_explicit(&domain->references, 1, memory_order_relaxed);
	return domain;
}

void tls_domain_unref(struct tls_domain **domain)
{
	struct tls_domain *gone = *domain;

	*domain = NULL;
	if (gone == NULL || atomic_fetch_sub(&gone->references, 1) != 1)
		return;
	for (size_t i = 0; i < TLS_WORKERS_MAX; i++)
		SSL_CTX_free(gone->contexts[i]);
	tls_pair_free(&gone->pair);
	tls_issuers_free(&gone->issuers);
	mem_free(gone->certificate);
	mem_free(gone->key);
	mem_free(gone->client_ca);
	mem_free(gone->trouble);
	mem_free(gone);
}

/* Whether the files of the certificate are those that are loaded for it. */
static bool domain_is_of(const struct tls_domain *domain, const struct tls_certificate *certificate)
{
	return text_equal(domain->certificate, certificate->certificate) &&
	       text_equal(domain->key, certificate->key) &&
	       text_equal(domain->client_ca, certificate->client_ca);
}

/* Why it has something of before; the first trouble is the one to cure. */
static void domain_complain(
    struct tls_domain *domain, const char *kept, const char *why, struct arena *arena)
{
	if (domain->trouble == NULL)
		domain->trouble = mem_strdup(
		    arena_printf(arena, "%s keeps its %s of before: %s", domain->name, kept, why));
}

/* Takes the certificate of before; false if there is none. */
static bool domain_keep(struct tls_domain *domain, const struct tls_domain *before,
    struct arena *arena, const char *why)
{
	if (before == NULL)
		return false;
	tls_pair_free(&domain->pair);
	domain->pair = before->pair;
	X509_up_ref(domain->pair.leaf);
	EVP_PKEY_up_ref(domain->pair.key);
	domain->pair.chain = X509_chain_up_ref(before->pair.chain);
	domain_complain(domain, "certificate", why, arena);
	return true;
}

/* The same for who issues certificates to clients. */
static bool domain_keep_issuers(struct tls_domain *domain, const struct tls_domain *before,
    struct arena *arena, const char *why)
{
	if (before == NULL || before->issuers.store == NULL)
		return false;
	tls_issuers_copy(&domain->issuers, &before->issuers);
	domain_complain(domain, "client_ca", why, arena);
	return true;
}

static bool domain_certify(struct tls_domain *domain, const struct tls_certificate *certificate,
    struct arena *arena, const char **error_out)
{
	if (!tls_pair_load(&domain->pair, certificate, arena, error_out))
		return false;
	if (tls_domain_context(domain) != NULL)
		return true;
	*error_out = arena_printf(arena,
	    "certificate %s is refused by the TLS library (%s); use a key of ECDSA P-256, or RSA "
	    "of 2048 bits or more",
	    certificate->certificate, tls_reason());
	return false;
}

/* Contexts know the issuers, so these come first. */
static bool domain_load(struct tls_domain *domain, const struct tls_certificate *certificate,
    const struct tls_domain *before, struct arena *arena, const char **error_out)
{
	if (certificate->client_ca != NULL &&
	    !tls_issuers_load(
		&domain->issuers, "client_ca", certificate->client_ca, arena, error_out) &&
	    !domain_keep_issuers(domain, before, arena, *error_out))
		return false;
	return domain_certify(domain, certificate, arena, error_out) ||
	       domain_keep(domain, before, arena, *error_out);
}

struct tls_domain *tls_domain_load(const struct tls_certificate *certificate, const char *name,
    struct tls_domain *before, struct arena *arena, const char **error_out)
{
	struct tls_domain *domain;

	if (before != NULL && !certificate->is_fresh && domain_is_of(before, certificate))
		return tls_domain_ref(before);
	domain = domain_new(certificate, name);
	if (!domain_load(domain, certificate, before, arena, error_out))
		tls_domain_unref(&domain);
	return domain;
}
