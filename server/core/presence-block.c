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

/* Whom to tell of a roster item: the contact, only the one resource, or nobody. */
static const struct jid *item_concerned(
    struct arena *arena, const struct roster_item *item, const struct jid *jid)
{
	const struct jid *contact;

	if ((item->subscription & SUBSCRIPTION_FROM) == 0)
		return NULL;
	contact = roster_item_jid(arena, item);
	if (jid_is_bare(jid))
		return presence_concerns(jid, contact) ? contact : NULL;
	return jid_equal_bare(jid, contact) ? jid : NULL;
}

void account_hide_from(struct account *account, const struct jid *contact)
{
	struct arena *arena = arena_new(0);
	const struct roster_item *item;
	const struct jid *to;
	struct session *session;
	size_t cursor = 0;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		presence_hide_directed(session, contact);
	while ((item = roster_next(account, &cursor)) != NULL) {
		to = item_concerned(arena, item, contact);
		if (to != NULL)
			presence_hide(account, to);
	}
	arena_free(&arena);
}

void account_show_to(struct account *account, const struct jid *contact)
{
	struct arena *arena = arena_new(0);
	const struct roster_item *item;
	const struct jid *to;
	size_t cursor = 0;

	while ((item = roster_next(account, &cursor)) != NULL) {
		to = item_concerned(arena, item, contact);
		if (to != NULL)
			presence_show(account, to);
	}
	arena_free(&arena);
}
