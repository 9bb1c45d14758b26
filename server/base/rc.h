/* rc.h - result codes: the one currency of failure, from SQL to the wire.
 * RC_OK, then the defined conditions of stanza errors (RFC 6120 section 8.3.3). One table knows the
 * name and the type of each. */
#ifndef GODWIT_BASE_RC_H
#define GODWIT_BASE_RC_H

#include <stdbool.h>

enum rc {
	RC_OK,
	RC_BAD_REQUEST,
	RC_CONFLICT,
	RC_FEATURE_NOT_IMPLEMENTED,
	RC_FORBIDDEN,
	RC_GONE,
	RC_INTERNAL_SERVER_ERROR,
	RC_ITEM_NOT_FOUND,
	RC_JID_MALFORMED,
	RC_NOT_ACCEPTABLE,
	RC_NOT_ALLOWED,
	RC_NOT_AUTHORIZED,
	RC_POLICY_VIOLATION,
	RC_RECIPIENT_UNAVAILABLE,
	RC_REDIRECT,
	RC_REGISTRATION_REQUIRED,
	RC_REMOTE_SERVER_NOT_FOUND,
	RC_REMOTE_SERVER_TIMEOUT,
	RC_RESOURCE_CONSTRAINT,
	RC_SERVICE_UNAVAILABLE,
	RC_SUBSCRIPTION_REQUIRED,
	RC_UNDEFINED_CONDITION,
	RC_UNEXPECTED_REQUEST,
	RC_COUNT
};

/* The element name of the condition, "item-not-found"; "ok" for RC_OK. */
const char *rc_name(enum rc rc);
/* The error type that goes with it (RFC 6120 section 8.3.2): "auth", "cancel", "modify" or "wait".
 */
const char *rc_type(enum rc rc);
/* Whether the database may be able to do it another time: it is away, locked, or full. */
bool rc_is_temporary(enum rc rc);

#endif
