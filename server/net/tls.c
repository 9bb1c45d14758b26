/* tls.c - the certificates of our domains and the contexts made of them.
 * A set is loaded once and shared by all workers, but libssl's contexts are not: each worker makes
 * its own when it first needs one, with a copy of the key, so that no handshake waits for another
 * thread's locks. A worker's contexts are made and used by that worker alone. */
#include "net/tls.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/mem.h"
#include "loop/worker.h"
#include "net/network.h"
#include "net/tls-private.h"

/* Short record keys first: the data needs no more, and they are cheaper. */
#define SUITES_13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define SUITES_12 "ECDHE+AESGCM:ECDHE+CHACHA20:!PSK"

#define OPTIONS \
	(SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | \
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA)
#define MODE \
	(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | \
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER)

/* A server is asked for its certificate whatever the domain does about users. The second flag,
 * which means nothing without renegotiation, tells the one from the other. */
#define ASKS (SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE)

struct tls_domain {
	struct tls_set *set;
	size_t index;
	char name[TLS_NAME_MAX];
	struct tls_pair pair;
	struct tls_issuers issuers;
};

struct tls_set {
	atomic_uint references;
	size_t count;
	struct tls_domain *domains;
	struct hash *by_name;
	SSL_CTX **contexts[TLS_WORKERS_MAX]; /* of each worker, one for each domain */
};

static int server_name_sent(SSL *ssl, int *alert, void *state);

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

static SSL_CTX *context_new(struct tls_set *set, const struct tls_domain *domain)
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
	SSL_CTX_set_tlsext_servername_callback(context, server_name_sent);
	SSL_CTX_set_tlsext_servername_arg(context, set);
	SSL_CTX_set_alpn_select_cb(context, protocols_sent, NULL);
	SSL_CTX_set_info_callback(context, something_happened);
	tls_issuers_ask(&domain->issuers, context);
	if (!context_protect(context) || !context_certify(context, &domain->pair)) {
		SSL_CTX_free(context);
		return NULL;
	}
	return context;
}

static void contexts_free(SSL_CTX **contexts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		SSL_CTX_free(contexts[i]);
	mem_free(contexts);
}

/* Makes the contexts of the current worker; the index of the domain that fails, or `count`. */
static size_t contexts_make(struct tls_set *set)
{
	unsigned slot = worker_slot();
	SSL_CTX **contexts;

	if (set->contexts[slot] != NULL)
		return set->count;
	contexts = mem_alloc_zero(set->count * sizeof(*contexts));
	for (size_t i = 0; i < set->count; i++) {
		contexts[i] = context_new(set, &set->domains[i]);
		if (contexts[i] == NULL) {
			contexts_free(contexts, i);
			return i;
		}
	}
	set->contexts[slot] = contexts;
	return set->count;
}

/* What a reload falls back on, and who is told; `set` NULL: nothing. */
struct fallback {
	const struct tls_set *set;
	void (*kept)(void *state, const char *why);
	void *state;
};

/* What the old set has for that domain, or NULL. */
static const struct tls_domain *domain_before(
    const struct tls_domain *domain, const struct fallback *old)
{
	return old->set == NULL ? NULL
	                        : hash_get(old->set->by_name, domain->name, strlen(domain->name));
}

/* Takes the certificate of before; false if there is none. */
static bool domain_keep(
    struct tls_domain *domain, const struct fallback *old, struct arena *arena, const char *why)
{
	const struct tls_domain *before = domain_before(domain, old);

	if (before == NULL)
		return false;
	tls_pair_free(&domain->pair);
	domain->pair = before->pair;
	X509_up_ref(domain->pair.leaf);
	EVP_PKEY_up_ref(domain->pair.key);
	domain->pair.chain = X509_chain_up_ref(before->pair.chain);
	old->kept(old->state,
	    arena_printf(arena, "%s keeps its certificate of before: %s", domain->name, why));
	return true;
}

/* The same for who issues certificates to clients. */
static bool domain_keep_issuers(
    struct tls_domain *domain, const struct fallback *old, struct arena *arena, const char *why)
{
	const struct tls_domain *before = domain_before(domain, old);

	if (before == NULL || before->issuers.store == NULL)
		return false;
	tls_issuers_copy(&domain->issuers, &before->issuers);
	old->kept(old->state,
	    arena_printf(arena, "%s keeps its client_ca of before: %s", domain->name, why));
	return true;
}

/* NULL if it is none of ours. */
static const struct tls_domain *domain_find(const struct tls_set *set, const char *name)
{
	char ascii[TLS_NAME_MAX];

	if (name == NULL || !tls_name_ascii(name, ascii))
		return NULL;
	return hash_get(set->by_name, ascii, strlen(ascii));
}

/* SNI (RFC 6066 section 3): the certificate of the domain asked for, or else that of before. */
static int server_name_sent(SSL *ssl, int *alert, void *state)
{
	struct tls_set *set = state;
	SSL_CTX *context;
	const char *sent = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct tls_domain *domain = domain_find(set, sent);

	(void)alert;
	/* libssl asks at the end that has sent it, too. */
	if (SSL_is_server(ssl) == 0)
		return SSL_TLSEXT_ERR_OK;
	/* The connection may have moved to another worker since it began. */
	if (domain == NULL || contexts_make(set) != set->count)
		return SSL_TLSEXT_ERR_NOACK;
	context = set->contexts[worker_slot()][domain->index];
	SSL_set_SSL_CTX(ssl, context);
	/* This does not go along. */
	if ((SSL_get_verify_mode(ssl) & ASKS) != ASKS)
		SSL_set_verify(ssl, SSL_CTX_get_verify_mode(context), NULL);
	return SSL_TLSEXT_ERR_OK;
}

const struct tls_issuers *tls_set_issuers(const struct tls_set *set, const char *domain)
{
	const struct tls_domain *named = domain_find(set, domain);

	return named == NULL ? NULL : &named->issuers;
}

static bool domain_load(struct tls_domain *domain, const struct tls_certificate *certificate,
    const struct fallback *old, struct arena *arena, const char **error_out)
{
	if (!tls_name_ascii(certificate->domain, domain->name)) {
		*error_out = arena_printf(arena,
		    "certificate %s is for the domain %s, which is too long for a name in DNS; "
		    "correct the domain",
		    certificate->certificate, certificate->domain);
		return false;
	}
	if (!tls_pair_load(&domain->pair, certificate, arena, error_out)) {
		if (!domain_keep(domain, old, arena, *error_out))
			return false;
		*error_out = NULL;
	}
	if (certificate->client_ca != NULL && !tls_issuers_load(&domain->issuers, "client_ca",
						  certificate->client_ca, arena, error_out)) {
		if (!domain_keep_issuers(domain, old, arena, *error_out))
			return false;
		*error_out = NULL;
	}
	/* Of two certificates for one domain the first serves, as everywhere. */
	if (hash_get(domain->set->by_name, domain->name, strlen(domain->name)) == NULL)
		hash_put(domain->set->by_name, domain->name, strlen(domain->name), domain);
	return true;
}

static bool set_load(struct tls_set *set, const struct tls_certificate *certificates,
    const struct fallback *old, struct arena *arena, const char **error_out)
{
	size_t made;

	for (size_t i = 0; i < set->count; i++) {
		set->domains[i].set = set;
		set->domains[i].index = i;
		if (!domain_load(&set->domains[i], &certificates[i], old, arena, error_out))
			return false;
	}
	made = contexts_make(set);
	if (made == set->count)
		return true;
	*error_out = arena_printf(arena,
	    "certificate %s is refused by the TLS library (%s); use a key of ECDSA P-256, or RSA "
	    "of 2048 bits or more",
	    certificates[made].certificate, tls_reason());
	return false;
}

static struct tls_set *set_new(const struct tls_certificate *certificates, size_t count,
    const struct fallback *old, struct arena *arena, const char **error_out)
{
	struct tls_set *set;

	if (count == 0) {
		*error_out =
		    "no domain has a certificate; give at least one domain its certificate and key";
		return NULL;
	}
	set = mem_alloc_zero(sizeof(*set));
	atomic_init(&set->references, 1);
	set->count = count;
	set->domains = mem_alloc_zero(count * sizeof(*set->domains));
	set->by_name = hash_new();
	if (!set_load(set, certificates, old, arena, error_out))
		tls_set_unref(&set);
	return set;
}

struct tls_set *tls_set_new(const struct tls_certificate *certificates, size_t count,
    struct arena *arena, const char **error_out)
{
	const struct fallback none = { 0 };

	return set_new(certificates, count, &none, arena, error_out);
}

struct tls_set *tls_set_renew(struct tls_set *old, const struct tls_certificate *certificates,
    size_t count, void (*kept)(void *state, const char *why), void *state, struct arena *arena,
    const char **error_out)
{
	const struct fallback fallback = { old, kept, state };

	return set_new(certificates, count, &fallback, arena, error_out);
}

struct tls_set *tls_set_ref(struct tls_set *set)
{
	atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
	return set;
}

void tls_set_unref(struct tls_set **set)
{
	struct tls_set *gone = *set;

	*set = NULL;
	if (gone == NULL || atomic_fetch_sub(&gone->references, 1) != 1)
		return;
	for (size_t i = 0; i < TLS_WORKERS_MAX; i++)
		if (gone->contexts[i] != NULL)
			contexts_free(gone->contexts[i], gone->count);
	for (size_t i = 0; i < gone->count; i++) {
		tls_pair_free(&gone->domains[i].pair);
		tls_issuers_free(&gone->domains[i].issuers);
	}
	mem_free(gone->domains);
	hash_free(&gone->by_name);
	mem_free(gone);
}

/* An end of TLS with the certificate of that domain, or the first. */
static SSL *tls_begin(struct tls_set *set, int fd, const char *domain)
{
	const struct tls_domain *named = domain_find(set, domain);
	SSL *ssl;

	if (contexts_make(set) != set->count)
		return NULL;
	ssl = SSL_new(set->contexts[worker_slot()][named == NULL ? 0 : named->index]);
	if (ssl == NULL)
		return NULL;
	if (SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

SSL *tls_accept(struct tls_set *set, int fd, const char *const *alpn, const char *domain, bool asks)
{
	SSL *ssl = tls_begin(set, fd, domain);

	if (ssl == NULL)
		return NULL;
	/* libssl hands it back to protocols_sent(), which only reads it. */
	SSL_set_app_data(ssl, (void *)(uintptr_t)alpn);
	if (asks) {
		SSL_set_verify(ssl, ASKS, NULL);
		/* From whomever it is. */
		SSL_set_client_CA_list(ssl, sk_X509_NAME_new_null());
	}
	SSL_set_accept_state(ssl);
	return ssl;
}

/* RFC 7301 section 3.1: one protocol, behind its length. */
static bool protocol_offer(SSL *ssl, const char *alpn)
{
	unsigned char wire[UINT8_MAX + 1];
	size_t length = strlen(alpn);

	ASSERT(length <= UINT8_MAX);
	wire[0] = (unsigned char)length;
	memcpy(wire + 1, alpn, length);
	return SSL_set_alpn_protos(ssl, wire, (unsigned)length + 1) == 0;
}

/* RFC 6066 section 3: a name is sent, an address is not. */
static bool name_call(SSL *ssl, const char *name)
{
	struct network ignored;
	char ascii[TLS_NAME_MAX];

	if (*name == '[' || network_parse(name, &ignored))
		return true;
	return tls_name_ascii(name, ascii) && SSL_set_tlsext_host_name(ssl, ascii) == 1;
}

SSL *tls_connect(
    struct tls_set *set, int fd, const char *alpn, const char *domain, const char *server_name)
{
	SSL *ssl = tls_begin(set, fd, domain);

	if (ssl == NULL)
		return NULL;
	SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
	SSL_set_connect_state(ssl);
	if (!name_call(ssl, server_name) || (alpn != NULL && !protocol_offer(ssl, alpn))) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}
