/* sasl.h - the server's side of SASL (RFC 6120 section 6): which mechanisms there are, and one
 * exchange after the other. A state machine without a connection: the texts of elements go in,
 * steps come out, and the keys of an account are asked for in between. One table says what is
 * offered and what is accepted. */
#ifndef GODWIT_STREAM_SASL_H
#define GODWIT_STREAM_SASL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"
#include "net/tls.h"

struct external;
struct sasl;
struct scram_keys;

/* Section 6.5. */
enum sasl_failure {
	SASL_ABORTED,
	SASL_ACCOUNT_DISABLED,
	SASL_ENCRYPTION_REQUIRED,
	SASL_INCORRECT_ENCODING,
	SASL_INVALID_AUTHZID,
	SASL_INVALID_MECHANISM,
	SASL_MALFORMED_REQUEST,
	SASL_NOT_AUTHORIZED,
	SASL_TEMPORARY_AUTH_FAILURE
};
const char *sasl_failure_name(enum sasl_failure failure);
/* Whether it tells that somebody was wrong about an account: to be slowed down. */
bool sasl_failure_is_guess(enum sasl_failure failure);

enum sasl_step {
	SASL_CHALLENGE, /* send sasl_data() */
	SASL_KEYS,      /* get the keys of sasl_username() and go on with sasl_keys() */
	SASL_TRIAL,     /* try the password of sasl_trial() and go on with sasl_tried() */
	SASL_SUCCESS,   /* sasl_username() is who it is; send sasl_data() */
	SASL_FAILURE    /* send the name of sasl_failure(); another exchange may follow */
};

/* What the exchange runs over. */
struct sasl_channel {
	const char *domain; /* lent */
	bool is_server;     /* who logs in is one: by EXTERNAL, and its name is its domain */
	bool secure;        /* inside TLS */
	bool tls_required;
	bool allow_plain;
	unsigned iterations; /* of fake keys */
	/* Who the client's certificate says it is; taken over. NULL: no EXTERNAL. */
	struct external *external;
	/* As transport_binding(); NULL: no binding at all. */
	size_t (*binding)(void *state, enum binding binding, unsigned char *out);
	void *state;
};

/* Looks at once which bindings there are: make it when features are sent. The channel is copied. */
struct sasl *sasl_new(const struct sasl_channel *channel);
/* Accepts a pointer to NULL, leaves NULL. */
void sasl_free(struct sasl **sasl);

/* The mechanisms of this channel, best first: start with a cursor of 0; NULL ends it. */
const char *sasl_offered(const struct sasl *sasl, size_t *cursor);
/* In the same way the binding types to announce (XEP-0440). */
const char *sasl_offered_binding(const struct sasl *sasl, size_t *cursor);

/* Whether an exchange has begun and waits for the client. */
bool sasl_is_ongoing(const struct sasl *sasl);
/* <auth mechanism='...'>text</auth>; <response>text</response>; <abort/>. What does not fit the
 * state is a failure; auth in the midst of an exchange begins another (section 6.4.2). `mechanism`
 * may be NULL (no attribute). */
enum sasl_step sasl_auth(struct sasl *sasl, const char *mechanism, const char *text);
enum sasl_step sasl_response(struct sasl *sasl, const char *text);
enum sasl_step sasl_abort(struct sasl *sasl);
/* An element that is none of these, or has children. */
enum sasl_step sasl_malformed(struct sasl *sasl);
/* As stream_credentials(). */
enum sasl_step sasl_keys(
    struct sasl *sasl, enum rc rc, const struct scram_keys *sha1, const struct scram_keys *sha256);
/* PLAIN's password, and the keys it has to fit (scram_keys_fit(), milliseconds), whether or not
 * there is such an account. Both are lent until the next step. */
const struct scram_keys *sasl_trial(const struct sasl *sasl, const char **password_out);
/* RC_OK: it fits; RC_NOT_AUTHORIZED: it does not; anything else: it could not be tried. */
enum sasl_step sasl_tried(struct sasl *sasl, enum rc rc);

/* Base64 for the element, or "". Until the next step. */
const char *sasl_data(const struct sasl *sasl);
/* Prepared, as far as it could be prepared; NULL as long as it is not known. Until the next step.
 */
const char *sasl_username(const struct sasl *sasl);
/* From the table; NULL if the client named another. */
const char *sasl_mechanism(const struct sasl *sasl);
enum sasl_failure sasl_failure(const struct sasl *sasl);
/* Constant text for the log. */
const char *sasl_why(const struct sasl *sasl);

#endif
