/* subscription-removal.c - telling contacts of a roster row that somebody else has deleted. */
#include "core/subscription-removal.h"

#include "core/module.h"
#include "core/presence.h"
#include "core/subscription-state.h"

struct removal {
	struct jid *owner, *contact;
	struct subscription_state state;
};

static const struct statement item_select = STATEMENT(
    "SELECT subscription FROM roster_items WHERE domain = $1 AND username = $2 AND contact = $3");

static store_done item_looked_up;

void subscription_removed(
    const struct jid *owner, const struct jid *contact, struct subscription_state state)
{
	struct removal *removal;
	struct arena *arena;

	if (state.subscription == SUBSCRIPTION_NONE && !state.ask)
		return;
	removal = mem_alloc(sizeof *removal);
	*removal = (struct removal){ jid_copy_heap(owner), jid_copy_heap(contact), state };
	arena = arena_new(0);
	store_run(&item_select,
	    PARAMS(jid_domain(arena, owner), jid_node(arena, owner), jid_text(contact)),
	    item_looked_up, removal);
	arena_free(&arena);
}

/* Whoever has put the row back, in the same transaction or since, means it to go on. */
static void item_looked_up(const struct store_result *result, void *state)
{
	struct removal *removal = state;
	bool asked = removal->state.ask || (removal->state.subscription & SUBSCRIPTION_TO) != 0;

	if (store_rc(result) == RC_OK && store_rows(result) == 0) {
		if (asked)
			presence_send(PRESENCE_UNSUBSCRIBE, removal->owner, removal->contact);
		if ((removal->state.subscription & SUBSCRIPTION_FROM) != 0)
			presence_send(PRESENCE_UNSUBSCRIBED, removal->owner, removal->contact);
	}
	jid_free(&removal->owner);
	jid_free(&removal->contact);
	mem_free(removal);
}
