/* external.h - EXTERNAL (RFC 4422 appendix A, XEP-0178): who logs in by a certificate. */
#ifndef GODWIT_STREAM_EXTERNAL_H
#define GODWIT_STREAM_EXTERNAL_H

#include <stddef.h>

struct arena;
struct external;

enum external_result {
	EXTERNAL_OK,
	EXTERNAL_MALFORMED, /* the authorization identity is no text */
	EXTERNAL_AMBIGUOUS, /* there is none, and several users it could be */
	EXTERNAL_STRANGER   /* it is none of the users */
};

/* The users of `domain` (prepared) among the addresses of a certificate, which end with NULL; NULL
 * if there are none. */
struct external *external_new(const char *const *addresses, const char *domain);
/* A server, which is one domain. */
struct external *external_new_server(const char *domain);
/* Accepts a pointer to NULL, leaves NULL. */
void external_free(struct external **external);
/* Which of them it is, by the authorization identity that the client has sent, behind which there
 * is a NUL, or "". The name, of a server its domain, is lent for the life of `external`. */
enum external_result external_choose(
    const struct external *external, const char *authzid, size_t length, const char **username_out);

#endif
