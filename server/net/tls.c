/* tls.c - the domains that are served, and the ends of connections.
 * A set is shared by all workers, and so is a domain in it (tls-domain.c), which the next set takes
 * over if its files are the same. */
#include "net/tls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/mem.h"
#include "net/network.h"
#include "net/tls-private.h"

/* A server is asked for its certificate whatever the domain does about users. The second flag,
 * which means nothing without renegotiation, tells the one from the other. */
#define ASKS (SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE)

struct tls_set {
	atomic_uint references;
	size_t count;
	struct tls_domain **domains;
	struct hash *by_name;
};

/* Where an SSL has its set. */
static int set_index;

static void set_index_make(void)
{
	set_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
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

int tls_name_sent(SSL *ssl, int *alert, void *state)
{
	const struct tls_set *set = SSL_get_ex_data(ssl, set_index);
	const char *sent = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct tls_domain *domain = domain_find(set, sent);
	/* The connection may have moved to another worker since it began. */
	SSL_CTX *context = domain == NULL ? NULL : tls_domain_context(domain);

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
	struct tls_domain *before;

	if (!tls_name_ascii(certificate->domain, name)) {
		*error_out = arena_printf(arena,
		    "certificate %s is for the domain %s, which is too long for a name in DNS; "
		    "correct the domain",
		    certificate->certificate, certificate->domain);
		return NULL;
	}
	before = old == NULL ? NULL : hash_get(old->by_name, name, strlen(name));
	return tls_domain_load(certificate, name, before, arena, error_out);
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
		tls_domain_unref(&gone->domains[i]);
	mem_free(gone->domains);
	hash_free(&gone->by_name);
	mem_free(gone);
}

/* An end of TLS with the certificate of that domain, or the first. */
static SSL *tls_begin(struct tls_set *set, int fd, const char *domain)
{
	struct tls_domain *named = domain_find(set, domain);
	SSL_CTX *context = tls_domain_context(named == NULL ? set->domains[0] : named);
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
