/* subscription-state.h - the state machine of presence subscriptions (RFC 6121 Appendix A), as two
 * pure functions: what an account and one contact are to each other, and what a subscription stanza
 * makes of it. Who stores, routes and pushes the outcome is subscription.c. */
#ifndef GODWIT_CORE_SUBSCRIPTION_STATE_H
#define GODWIT_CORE_SUBSCRIPTION_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "xmpp/stanza.h"

/* RFC 6121 section 2.1.2.5; bits, so that both = to | from. */
enum subscription {
	SUBSCRIPTION_NONE = 0,
	SUBSCRIPTION_TO = 1,
	SUBSCRIPTION_FROM = 2,
	SUBSCRIPTION_BOTH = 3
};

/* "none", "to", "from" or "both", as in rosters and their rows; and back: none for what is none of
 * these, and for NULL. */
const char *subscription_name(unsigned subscription);
uint8_t subscription_named(const char *name);

/* The nine states of Appendix A.1, and pre-approval (section 3.4) beside them. */
struct subscription_state {
	uint8_t subscription;
	bool ask;      /* "Pending Out": our subscribe waits for an answer */
	bool request;  /* "Pending In": theirs does */
	bool approved; /* their next subscribe is approved in advance */
};

struct subscription_step {
	struct subscription_state next;
	bool pass;  /* outbound: route it to the contact; inbound: deliver it to clients */
	bool reply; /* answer it with "subscribed" on the account's behalf */
};

/* What the account's own subscribe, subscribed, unsubscribe or unsubscribed does (A.2 and 3.4.2).
 */
struct subscription_step subscription_outbound(
    struct subscription_state state, enum stanza_type type);
/* What the contact's does (A.3 and 3.4.2). */
struct subscription_step subscription_inbound(
    struct subscription_state state, enum stanza_type type);

#endif
