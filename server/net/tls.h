/* tls.h - certificates and TLS settings of the domains we serve: the door to libssl, together with
 * transport.c. TLS 1.2 with ECDHE and AEAD, and 1.3; no renegotiation, no compression, no tickets
 * (RFC 7590, RFC 9325). */
#ifndef GODWIT_NET_TLS_H
#define GODWIT_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct tls_set;
struct tls_trust;

struct tls_certificate {
	const char *domain;      /* prepared; Unicode labels are matched with their A-labels */
	const char *certificate; /* PEM file: leaf first, then intermediates */
	const char *key;         /* PEM file */
	const char *client_ca; /* PEM file of who issues certificates to its users; NULL: nobody */
	bool is_fresh;         /* the files are read again */
	bool is_optional;      /* what cannot be used is left out, not an error of the whole set */
};

/* Loads certificates and keys and makes a context for each domain. Immutable and reference-counted,
 * the same for all workers; a reload makes another, and connections keep theirs. Clients
 * without SNI, or whose SNI names none of the domains, get the first, or the one that their stream
 * header named.
 * Returns NULL and a text naming file, trouble and cure in `error_out` (made in `arena`). */
struct tls_set *tls_set_new(const struct tls_certificate *certificates, size_t count,
    struct arena *arena, const char **error_out);
/* The same, out of `old` (NULL: none), which stays as it is. What it has of the same files is taken
 * over, but for certificates that say is_fresh; what cannot be loaded for a domain of `old` is
 * taken from there, too. `troubles` has one for each certificate, NULL so far, and gets the reason
 * for those of which something is kept, and for those that are left out. */
struct tls_set *tls_set_renew(const struct tls_set *old, const struct tls_certificate *certificates,
    size_t count, const char **troubles, struct arena *arena, const char **error_out);
/* Whether it has a certificate for that domain. */
bool tls_set_has(const struct tls_set *set, const char *domain);
struct tls_set *tls_set_ref(struct tls_set *set);
void tls_set_unref(struct tls_set **set);

/* Whose certificates of other servers are to be trusted: the authorities in the PEM file, with
 * lists of what they have revoked; NULL: those that the system knows. Immutable and
 * reference-counted. NULL and a text with the cure in `error_out`. */
struct tls_trust *tls_trust_new(const char *file, struct arena *arena, const char **error_out);
struct tls_trust *tls_trust_ref(struct tls_trust *trust);
/* Accepts a pointer to NULL, leaves NULL. */
void tls_trust_unref(struct tls_trust **trust);

/* What DNS says of the certificate of a server, where DNSSEC vouches for it (DANE, RFC 6698). */
enum tls_dane {
	TLS_DANE_SILENT, /* nothing: what counts is who has issued it */
	TLS_DANE_PROVES,
	TLS_DANE_REFUSES /* it is not the one, whoever has issued it */
};

/* What `godwitctl check` and the log tell about a certificate file. */
struct tls_facts {
	int64_t not_after_us;
	bool names_domain; /* by subjectAltName, RFC 9525 */
	const char *subject;
	const char *issuer;
	const char *names; /* whom it stands for: the first ten, as "a.example, b.example" */
};
/* Reads the leaf of a PEM file; false and a text if it cannot. */
bool tls_certificate_facts(const char *file, const char *domain, struct arena *arena,
    struct tls_facts *facts_out, const char **error_out);

/* Channel bindings (RFC 5056) a connection can give. */
enum binding { BINDING_TLS_EXPORTER, BINDING_TLS_SERVER_END_POINT, BINDING_TLS_UNIQUE };
#define BINDING_MAX_BYTES 64

#endif
