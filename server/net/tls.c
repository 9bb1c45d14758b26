/* tls.c - the certificates of our domains and the contexts made of them.
 * A set is shared by all workers, and so is a domain in it, which the next set takes over if its
 * files are the same. libssl's contexts are not shared: each worker makes its own when it first
 * needs one, with a copy of the key, so that no handshake waits for another thread's locks. A
 * worker's contexts are made and used by that worker alone. */
#include "net/tls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
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
	atomic_uint references;
	char name[TLS_NAME_MAX];
	char *certificate, *key, *client_ca; /* the files; the last may be NULL */
	char *trouble; /* why something is kept that was loaded for it before; or NULL */
	struct tls_pair pair;
	struct tls_issuers issuers;
	SSL_CTX *contexts[TLS_WORKERS_MAX]; /* of each worker */
};

struct tls_set {
	atomic_uint references;
	size_t count;
	struct tls_domain **domains;
	struct hash *by_name;
};

/* Where an SSL has its set. */
static int set_index;

static int server_name_sent(SSL *ssl, int *alert, void *state);

static void set_index_make(void)
{
	set_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

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
	SSL_CTX_set_tlsext_servername_callback(context, server_name_sent);
	SSL_CTX_set_alpn_select_cb(context, protocols_sent, NULL);
	SSL_CTX_set_info_callback(context, something_happened);
	tls_issuers_ask(&domain->issuers, context);
	if (!context_protect(context) || !context_certify(context, &domain->pair)) {
		SSL_CTX_free(context);
		return NULL;
	}
	return context;
}

/* That of the current worker; NULL if libssl refuses. */
static SSL_CTX *context_of(struct tls_domain *domain)
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

static struct tls_domain *domain_ref(struct tls_domain *domain)
{
	atomic_fetch_add_explicit(&domain->references, 1, memory_order_relaxed);
	return domain;
}

static void domain_unref(struct tls_domain **domain)
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
	if (context_of(domain) != NULL)
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

/* ---- a set ---- */

/* NULL if it is none of ours. */
static struct tls_domain *domain_find(const struct tls_set *set, const char *name)
{
	char ascii[TLS_NAME_MAX];

	if (name == NULL || !tls_name_ascii(name, ascii))
		return NULL;
	return hash_get(set->by_name, ascii, strlen(ascii));
}

/* SNI (RFC 6066 section 3): the certificate of the domain asked for, or else that of before. */
static int server_name_sent(SSL *ssl, int *alert, void *state)
{
	const struct tls_set *set = SSL_get_ex_data(ssl, set_index);
	const char *sent = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct tls_domain *domain = domain_find(set, sent);
	/* The connection may have moved to another worker since it began. */
	SSL_CTX *context = domain == NULL ? NULL : context_of(domain);

	(void)alert;
	(void)state;
	/* libssl asks at the end that has sent it, too. */
	if (SSL_is_server(ssl) == 0)
		return SSL_TLSEXT_ERR_OK;
	if (context == NULL)
		return SSL_TLSEXT_ERR_NOACK;
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

bool tls_set_has(const struct tls_set *set, const char *domain)
{
	return domain_find(set, domain) != NULL;
}

/* Loads it, or takes what `old` (may be NULL) has of the same files. NULL and the reason. */
static struct tls_domain *domain_get(const struct tls_set *old,
    const struct tls_certificate *certificate, struct arena *arena, const char **error_out)
{
	char name[TLS_NAME_MAX];
	struct tls_domain *before, *domain;

	if (!tls_name_ascii(certificate->domain, name)) {
		*error_out = arena_printf(arena,
		    "certificate %s is for the domain %s, which is too long for a name in DNS; "
		    "correct the domain",
		    certificate->certificate, certificate->domain);
		return NULL;
	}
	before = old == NULL ? NULL : hash_get(old->by_name, name, strlen(name));
	if (before != NULL && !certificate->is_fresh && domain_is_of(before, certificate))
		return domain_ref(before);
	domain = domain_new(certificate, name);
	if (!domain_load(domain, certificate, before, arena, error_out))
		domain_unref(&domain);
	return domain;
}

/* Of two certificates for one domain the first serves, as everywhere. */
static void set_add(struct tls_set *set, struct tls_domain *domain)
{
	set->domains[set->count++] = domain;
	if (hash_get(set->by_name, domain->name, strlen(domain->name)) == NULL)
		hash_put(set->by_name, domain->name, strlen(domain->name), domain);
}

static bool set_load(struct tls_set *set, const struct tls_set *old,
    const struct tls_certificate *certificates, size_t count, const char **troubles,
    struct arena *arena, const char **error_out)
{
	for (size_t i = 0; i < count; i++) {
		struct tls_domain *domain = domain_get(old, &certificates[i], arena, error_out);

		if (domain == NULL && !certificates[i].is_optional)
			return false;
		if (domain == NULL) {
			troubles[i] = *error_out;
			continue;
		}
		set_add(set, domain);
		if (domain->trouble != NULL)
			troubles[i] = arena_strdup(arena, domain->trouble);
	}
	return true;
}

static struct tls_set *set_new(size_t room)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct tls_set *set = mem_alloc_zero(sizeof(*set));

	pthread_once(&once, set_index_make);
	atomic_init(&set->references, 1);
	set->domains = mem_alloc_zero((room + 1) * sizeof(struct tls_domain *));
	set->by_name = hash_new();
	return set;
}

struct tls_set *tls_set_renew(const struct tls_set *old, const struct tls_certificate *certificates,
    size_t count, const char **troubles, struct arena *arena, const char **error_out)
{
	struct tls_set *set = set_new(count);

	if (!set_load(set, old, certificates, count, troubles, arena, error_out)) {
		tls_set_unref(&set);
	} else if (set->count == 0) {
		tls_set_unref(&set);
		*error_out =
		    "no domain has a certificate; give at least one domain its certificate and key";
	} else {
		*error_out = NULL;
	}
	return set;
}

struct tls_set *tls_set_new(const struct tls_certificate *certificates, size_t count,
    struct arena *arena, const char **error_out)
{
	const char **troubles = arena_alloc_zero(arena, (count + 1) * sizeof *troubles);

	return tls_set_renew(NULL, certificates, count, troubles, arena, error_out);
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
	for (size_t i = 0; i < gone->count; i++)
		domain_unref(&gone->domains[i]);
	mem_free(gone->domains);
	hash_free(&gone->by_name);
	mem_free(gone);
}

/* An end of TLS with the certificate of that domain, or the first. */
static SSL *tls_begin(struct tls_set *set, int fd, const char *domain)
{
	struct tls_domain *named = domain_find(set, domain);
	SSL_CTX *context = context_of(named == NULL ? set->domains[0] : named);
	SSL *ssl = context == NULL ? NULL : SSL_new(context);

	if (ssl == NULL)
		return NULL;
	if (SSL_set_fd(ssl, fd) != 1 || SSL_set_ex_data(ssl, set_index, set) != 1) {
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
