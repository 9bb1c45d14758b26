/* presence-block.c - what a change of a block list means for presence (XEP-0191 sections 3.3
 * and 3.4). */
#include "core/account.h"
#include "core/presence.h"
#include "core/presence-private.h"
#include "core/roster.h"
#include "core/router.h"
#include "core/session.h"

bool presence_concerns(const struct jid *blocked, const struct jid *jid)
{
	if (jid_is_domain(blocked))
		return jid_has_domain(jid, jid_text(blocked));
	if (jid_is_bare(blocked))
		return jid_equal_bare(blocked, jid);
	return jid_equal(blocked, jid);
}

/* Whom to tell of a subscriber: the contact, only the one resource, or nobody. */
static const struct jid *subscriber_concerned(const struct jid *contact, const struct jid *jid)
{
	if (jid_is_bare(jid))
		return presence_concerns(jid, contact) ? contact : NULL;
	return jid_equal_bare(jid, contact) ? jid : NULL;
}

/* Tells every subscriber that `jid` concerns. */
static void subscribers_tell(struct account *account, const struct jid *jid,
    void (*tell)(struct account *account, const struct jid *contact))
{
	struct arena *arena = arena_new(0);
	const struct jid **contacts, *to;
	size_t count;

	contacts = roster_subscribed(account, arena, SUBSCRIPTION_FROM, &count);
	for (size_t i = 0; i < count; i++) {
		to = subscriber_concerned(contacts[i], jid);
		if (to != NULL)
			tell(account, to);
	}
	arena_free(&arena);
}

void account_hide_from(struct account *account, const struct jid *contact)
{
	struct session *session;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		presence_hide_directed(session, contact);
	subscribers_tell(account, contact, presence_hide);
}

void account_show_to(struct account *account, const struct jid *contact)
{
	subscribers_tell(account, contact, presence_show);
}
