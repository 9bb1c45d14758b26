/* roster-push.c - what clients are told of a roster. */
#include "core/roster-push.h"

#include "core/account.h"
#include "core/roster.h"
#include "core/session.h"

static const char *const subscription_names[] = { "none", "to", "from", "both" };

struct element *roster_item_element(struct arena *arena, const struct roster_item *item)
{
	struct element *element = element_new_lent(arena, NS_ROSTER, "item");
	const char *group = NULL;

	element_set(arena, element, "jid", roster_item_contact(item));
	element_set(arena, element, "name", roster_item_name(item));
	element_set(arena, element, "subscription", subscription_names[item->subscription]);
	if (item->ask)
		element_set(arena, element, "ask", "subscribe");
	if (item->approved)
		element_set(arena, element, "approved", "true");
	while ((group = roster_item_group(item, group)) != NULL)
		element_add_text_child(arena, element, NULL, "group", group);
	return element;
}

struct element *roster_removal_element(struct arena *arena, const char *contact)
{
	struct element *element = element_new_lent(arena, NS_ROSTER, "item");

	element_set(arena, element, "jid", contact);
	element_set(arena, element, "subscription", "remove");
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
