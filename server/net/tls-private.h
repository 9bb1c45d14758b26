/* tls-private.h - what the files of this folder share about TLS, and nobody else sees. */
#ifndef GODWIT_NET_TLS_PRIVATE_H
#define GODWIT_NET_TLS_PRIVATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <openssl/ssl.h>

#include "net/tls.h"

struct arena;
struct resolver_host;
struct tls_set;

/* More workers than anybody runs. */
#define TLS_WORKERS_MAX 256
/* A name in DNS and its NUL (RFC 1035 section 2.3.4). */
#define TLS_NAME_MAX 256

/* Opens a file of certificates or keys, called `what` in the reason why not, which has a cure. */
FILE *tls_open_pem(const char *what, const char *file, struct arena *arena, const char **error_out);

/* A certificate with its chain and key, as read from the files. */
struct tls_pair {
	X509 *leaf;
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
};

/* Reads both files and sees that they belong together; false and a text if they do not serve. */
bool tls_pair_load(struct tls_pair *pair_out, const struct tls_certificate *certificate,
    struct arena *arena, const char **error_out);
void tls_pair_free(struct tls_pair *pair);

/* Who issues certificates to the clients of a domain; all NULL: nobody. */
struct tls_issuers {
	X509_STORE *store; /* their certificates, and lists of what they have revoked */
	STACK_OF(X509_NAME) * names;
};

/* Reads the PEM file, "client_ca" or "ca" in the text; false and a text if it does not serve. */
bool tls_issuers_load(struct tls_issuers *issuers_out, const char *what, const char *file,
    struct arena *arena, const char **error_out);
void tls_issuers_copy(struct tls_issuers *copy_out, const struct tls_issuers *issuers);
void tls_issuers_free(struct tls_issuers *issuers);
/* Has the context ask clients for a certificate, which they need not show, if there are issuers.
 * The handshake takes any, as long as the client has the key. */
void tls_issuers_ask(const struct tls_issuers *issuers, SSL_CTX *context);

/* Whose certificates of other servers count. */
struct tls_trust {
	atomic_uint references;
	struct tls_issuers issuers;
	SSL_CTX *dane; /* for tls-dane.c */
};

/* Why the peer's certificate does not count for that purpose of X509_PURPOSE, if those of `store`
 * (may be NULL) are to be trusted, or what TLSA records name (NULL: there are none): constant text;
 * NULL: it does. */
const char *tls_certificate_refusal(
    SSL *ssl, X509 *certificate, X509_STORE *store, SSL_DANE *dane, const char *purpose);
/* What TLSA records are held against certificates with; NULL if libssl refuses. */
SSL_CTX *tls_dane_context(void);
/* As transport_peer_dane(). */
enum tls_dane tls_peer_dane(SSL *ssl, const struct tls_trust *trust, const char *domain,
    const struct resolver_host *host, const char **why_out);
/* As transport_peer_is(). */
bool tls_peer_is(SSL *ssl, const struct tls_trust *trust, const char *domain, const char **why_out);
/* As transport_peer_addresses(). */
const char *const *tls_peer_addresses(
    SSL *ssl, const struct tls_issuers *issuers, struct arena *arena, const char **why_out);

/* Whether the certificate names the domain by a DNS-ID (RFC 9525 section 6.3). */
bool tls_certificate_names(X509 *certificate, const char *domain);
/* Whether it names the server of the domain: by that, or by SRV-ID or XmppAddr. */
bool tls_certificate_names_server(X509 *certificate, const char *domain);

/* What there is to tell of a certificate; `flags` as of X509_NAME_print_ex(). */
void tls_facts_read(X509 *leaf, const char *domain, unsigned long flags, struct arena *arena,
    struct tls_facts *facts_out);

/* tls-domain.c: a domain with its certificate. */
struct tls_domain {
	atomic_uint references;
	char name[TLS_NAME_MAX];
	char *certificate, *key, *client_ca; /* the files; the last may be NULL */
	char *trouble; /* why something is kept that was loaded for it before; or NULL */
	struct tls_pair pair;
	struct tls_issuers issuers;
	SSL_CTX *contexts[TLS_WORKERS_MAX]; /* of each worker */
};

/* A reference of the domain as it was `before` (may be NULL) if the files are the same and not to
 * be read again; else a new one of that name (ASCII), which keeps what it had before of what cannot
 * be loaded, and says so. NULL and a text if it has no certificate then. */
struct tls_domain *tls_domain_load(const struct tls_certificate *certificate, const char *name,
    struct tls_domain *before, struct arena *arena, const char **error_out);
struct tls_domain *tls_domain_ref(struct tls_domain *domain);
/* Accepts a pointer to NULL, leaves NULL. */
void tls_domain_unref(struct tls_domain **domain);
/* That of the current worker; NULL if libssl refuses. */
SSL_CTX *tls_domain_context(struct tls_domain *domain);
/* tls.c: libssl calls it when it has read a name (SNI, RFC 6066 section 3): the certificate of the
 * domain asked for, or else that of before. */
int tls_name_sent(SSL *ssl, int *alert, void *state);

int64_t tls_time_us(const ASN1_TIME *time);

/* Why libssl or libcrypto refused last: constant text, never NULL. Empties its queue of errors. */
const char *tls_reason(void);

/* Writes the domain as DNS and certificates have it, lower case, labels that are not ASCII as
 * A-labels (RFC 3492, RFC 5890), to `out`, TLS_NAME_MAX bytes. False if it does not fit or is not
 * UTF-8. */
bool tls_name_ascii(const char *domain, char *out);

/* A server's end of TLS on `fd`, from the contexts of the current worker; `alpn` points to what
 * transport_start_tls() was given and outlives it, `domain` is as there. `asks`: for the
 * certificate of who connects, which need not be shown. NULL if libssl refuses. */
SSL *tls_accept(
    struct tls_set *set, int fd, const char *const *alpn, const char *domain, bool asks);
/* A client's end, which shows the certificate of `domain` if it is asked for one, and takes any. As
 * transport_connect_tls(). */
SSL *tls_connect(
    struct tls_set *set, int fd, const char *alpn, const char *domain, const char *server_name);

/* Who issues certificates to the clients of that domain; NULL if it is none of ours. */
const struct tls_issuers *tls_set_issuers(const struct tls_set *set, const char *domain);

#endif
