/* ping.c - XEP-0199, XMPP Ping: an empty answer, which says that the way here and back works.
 * A ping to a full JID goes to that client (RFC 6120 section 8.5), so it never comes here. */
#include "core/module.h"

static enum verdict ping_domain(struct task *task)
{
	return task_reply(task, NULL);
}

/* Section 4.2: for the owner it is the same as a ping to the server. Strangers must not learn from
 * it which accounts exist. */
static enum verdict ping_account(struct task *task)
{
	if (!account_shows_presence_to(task_account(task), stanza_from(task_stanza(task))))
		return task_fail(task, RC_SERVICE_UNAVAILABLE);
	return task_reply(task, NULL);
}

static const struct hook ping_hooks[] = {
	{ IQ_GET, "urn:xmpp:ping", TO_DOMAIN, 0, ping_domain },
	{ IQ_GET, "urn:xmpp:ping", TO_ACCOUNT, 0, ping_account },
	HOOK_END,
};

GODWIT_MODULE(
    ping, .feature = "urn:xmpp:ping", .account_feature = "urn:xmpp:ping", .hooks = ping_hooks);
