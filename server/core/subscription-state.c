/* subscription-state.c - RFC 6121 Appendix A. The tables there have a row for each state; as `to`
 * with `ask` and `from` with `request` never meet, each stanza is one rule about one direction. */
#include "core/subscription-state.h"

#include "base/mem.h"
#include "base/text.h"

static const char *const subscription_names[] = {
	[SUBSCRIPTION_NONE] = "none",
	[SUBSCRIPTION_TO] = "to",
	[SUBSCRIPTION_FROM] = "from",
	[SUBSCRIPTION_BOTH] = "both",
};

const char *subscription_name(unsigned subscription)
{
	return subscription_names[subscription];
}

uint8_t subscription_named(const char *name)
{
	for (uint8_t i = 0; i < COUNT_OF(subscription_names); i++)
		if (text_equal(name, subscription_names[i]))
			return i;
	return SUBSCRIPTION_NONE;
}

/* A.2.1 */
static struct subscription_step send_subscribe(struct subscription_state next)
{
	if ((next.subscription & SUBSCRIPTION_TO) == 0)
		next.ask = true;
	return (struct subscription_step){ .next = next, .pass = true };
}

/* A.2.2 */
static struct subscription_step send_unsubscribe(struct subscription_state next)
{
	next.ask = false;
	next.subscription &= SUBSCRIPTION_FROM;
	return (struct subscription_step){ .next = next, .pass = true };
}

/* A.2.3, and section 3.4.2 where there is nothing to approve yet. */
static struct subscription_step send_subscribed(struct subscription_state next)
{
	bool requested = next.request;

	if (requested)
		next.subscription |= SUBSCRIPTION_FROM;
	else if ((next.subscription & SUBSCRIPTION_FROM) == 0)
		next.approved = true;
	next.request = false;
	return (struct subscription_step){ .next = next, .pass = requested };
}

/* A.2.4; takes a pre-approval back too. */
static struct subscription_step send_unsubscribed(struct subscription_state next)
{
	bool matters = next.request || (next.subscription & SUBSCRIPTION_FROM) != 0;

	next.request = false;
	next.approved = false;
	next.subscription &= SUBSCRIPTION_TO;
	return (struct subscription_step){ .next = next, .pass = matters };
}

/* A.3.1, and sections 3.1.3 and 3.4.2: who is subscribed or approved already is answered for the
 * user. */
static struct subscription_step receive_subscribe(struct subscription_state next)
{
	bool known = next.request;

	if (next.approved || (next.subscription & SUBSCRIPTION_FROM) != 0) {
		next.subscription |= SUBSCRIPTION_FROM;
		next.request = false;
		return (struct subscription_step){ .next = next, .reply = true };
	}
	next.request = true;
	return (struct subscription_step){ .next = next, .pass = !known };
}

/* A.3.2 */
static struct subscription_step receive_unsubscribe(struct subscription_state next)
{
	bool matters = next.request || (next.subscription & SUBSCRIPTION_FROM) != 0;

	next.request = false;
	next.subscription &= SUBSCRIPTION_TO;
	return (struct subscription_step){ .next = next, .pass = matters };
}

/* A.3.3 */
static struct subscription_step receive_subscribed(struct subscription_state next)
{
	bool asked = next.ask;

	if (asked)
		next.subscription |= SUBSCRIPTION_TO;
	next.ask = false;
	return (struct subscription_step){ .next = next, .pass = asked };
}

/* A.3.4 */
static struct subscription_step receive_unsubscribed(struct subscription_state next)
{
	bool matters = next.ask || (next.subscription & SUBSCRIPTION_TO) != 0;

	next.ask = false;
	next.subscription &= SUBSCRIPTION_FROM;
	return (struct subscription_step){ .next = next, .pass = matters };
}

struct subscription_step subscription_outbound(
    struct subscription_state state, enum stanza_type type)
{
	switch (type) {
	case PRESENCE_SUBSCRIBE:
		return send_subscribe(state);
	case PRESENCE_UNSUBSCRIBE:
		return send_unsubscribe(state);
	case PRESENCE_SUBSCRIBED:
		return send_subscribed(state);
	case PRESENCE_UNSUBSCRIBED:
		return send_unsubscribed(state);
	default:
		return (struct subscription_step){ .next = state };
	}
}

struct subscription_step subscription_inbound(
    struct subscription_state state, enum stanza_type type)
{
	switch (type) {
	case PRESENCE_SUBSCRIBE:
		return receive_subscribe(state);
	case PRESENCE_UNSUBSCRIBE:
		return receive_unsubscribe(state);
	case PRESENCE_SUBSCRIBED:
		return receive_subscribed(state);
	case PRESENCE_UNSUBSCRIBED:
		return receive_unsubscribed(state);
	default:
		return (struct subscription_step){ .next = state };
	}
}
