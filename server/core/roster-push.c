/* roster-push.c - what clients are told of a roster. */
#include "core/roster-push.h"

#include "core/account.h"
#include "core/roster-private.h"
#include "core/session.h"

static void add_own_groups(
    struct arena *arena, struct element *element, const struct roster_item *item)
{
	const char *group = NULL;

	while ((group = roster_item_group(item, group)) != NULL)
		element_add_text_child(arena, element, NULL, "group", group);
}

static bool is_in_group(struct arena *arena, const struct element *item, const char *title)
{
	for (const struct element *group = element_child(item, NS_ROSTER, "group"); group != NULL;
	     group = element_next(group, NS_ROSTER, "group"))
		if (text_equal(element_text(arena, group), title))
			return true;
	return false;
}

/* Section 2.1.2.6: each name once. */
static void add_titles(struct arena *arena, struct element *element, const struct shares *shares,
    const struct jid *contact)
{
	const char *title;
	size_t cursor = 0;

	while ((title = shares_title(
		    shares, jid_text(contact), jid_bare_length(contact), &cursor)) != NULL)
		if (!is_in_group(arena, element, title))
			element_add_text_child(arena, element, NULL, "group", title);
}

struct element *roster_contact_element(
    struct arena *arena, const struct account *account, const struct jid *contact)
{
	struct element *element = element_new_lent(arena, NS_ROSTER, "item");
	struct roster_view view = roster_view(account, contact);
	const struct roster_item *item = view.item;

	element_set(arena, element, "jid", jid_bare_text(arena, contact));
	if (!view.is_visible) {
		element_set(arena, element, "subscription", "remove");
		return element;
	}
	if (item != NULL)
		element_set(arena, element, "name", roster_item_name(item));
	element_set(arena, element, "subscription", subscription_name(view.subscription));
	if (item != NULL && item->ask && (view.subscription & SUBSCRIPTION_TO) == 0)
		element_set(arena, element, "ask", "subscribe");
	if (item != NULL && item->approved)
		element_set(arena, element, "approved", "true");
	if (item != NULL)
		add_own_groups(arena, element, item);
	add_titles(arena, element, account->roster->shares, contact);
	return element;
}

/* Each push has an id of its own; unique on this worker is enough for a stream. */
static const char *push_id(char text_out[32])
{
	static _Thread_local unsigned long long pushes;

	snprintf(text_out, 32, "push-%llx", ++pushes);
	return text_out;
}

static void push_to(struct session *session, const struct element *item, const char *version)
{
	char id[32];
	struct stanza *push = stanza_new(IQ_TYPE_SET, NULL, session->jid, push_id(id));
	struct arena *arena = stanza_arena(push);
	struct element *query = element_add_new(arena, stanza_element(push), NS_ROSTER, "query");

	element_set(arena, query, "ver", version);
	element_add(query, element_copy(arena, item));
	session_send(session, push, NULL);
	stanza_unref(&push);
}

void roster_push(struct account *account, const struct element *item, const char *version)
{
	struct session *session;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		if (session->wants_roster)
			push_to(session, item, version);
}
