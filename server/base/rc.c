/* rc.c - the table of result codes. */
#include "base/rc.h"

#include "base/mem.h"

/* RFC 6120 section 8.3.3; where it allows several types, the one that fits a server's answer. */
static const struct {
	const char *name;
	const char *type;
} conditions[RC_COUNT] = {
	[RC_OK] = { "ok", "cancel" },
	[RC_BAD_REQUEST] = { "bad-request", "modify" },
	[RC_CONFLICT] = { "conflict", "cancel" },
	[RC_FEATURE_NOT_IMPLEMENTED] = { "feature-not-implemented", "cancel" },
	[RC_FORBIDDEN] = { "forbidden", "auth" },
	[RC_GONE] = { "gone", "cancel" },
	[RC_INTERNAL_SERVER_ERROR] = { "internal-server-error", "cancel" },
	[RC_ITEM_NOT_FOUND] = { "item-not-found", "cancel" },
	[RC_JID_MALFORMED] = { "jid-malformed", "modify" },
	[RC_NOT_ACCEPTABLE] = { "not-acceptable", "modify" },
	[RC_NOT_ALLOWED] = { "not-allowed", "cancel" },
	[RC_NOT_AUTHORIZED] = { "not-authorized", "auth" },
	[RC_POLICY_VIOLATION] = { "policy-violation", "modify" },
	[RC_RECIPIENT_UNAVAILABLE] = { "recipient-unavailable", "wait" },
	[RC_REDIRECT] = { "redirect", "modify" },
	[RC_REGISTRATION_REQUIRED] = { "registration-required", "auth" },
	[RC_REMOTE_SERVER_NOT_FOUND] = { "remote-server-not-found", "cancel" },
	[RC_REMOTE_SERVER_TIMEOUT] = { "remote-server-timeout", "wait" },
	[RC_RESOURCE_CONSTRAINT] = { "resource-constraint", "wait" },
	[RC_SERVICE_UNAVAILABLE] = { "service-unavailable", "cancel" },
	[RC_SUBSCRIPTION_REQUIRED] = { "subscription-required", "auth" },
	[RC_UNDEFINED_CONDITION] = { "undefined-condition", "cancel" },
	[RC_UNEXPECTED_REQUEST] = { "unexpected-request", "wait" },
};

const char *rc_name(enum rc rc)
{
	ASSERT((unsigned)rc < RC_COUNT);
	return conditions[rc].name;
}

const char *rc_type(enum rc rc)
{
	ASSERT((unsigned)rc < RC_COUNT);
	return conditions[rc].type;
}

bool rc_is_temporary(enum rc rc)
{
	return rc == RC_RESOURCE_CONSTRAINT || rc == RC_INTERNAL_SERVER_ERROR;
}
