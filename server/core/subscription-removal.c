/* subscription-removal.c - telling contacts of a roster row that somebody else has deleted, or in
 * which a subscription has ended. */
#include "core/subscription-removal.h"

#include "core/module.h"
#include "core/presence.h"
#include "core/subscription-state.h"

struct removal {
	struct jid *owner, *contact;
	struct subscription_state state;
};

static const struct statement item_select =
    STATEMENT("SELECT subscription, ask, (SELECT count(*) FROM subscription_requests r"
	      " WHERE r.domain = $1 AND r.username = $2 AND r.contact = $3)"
	      " FROM roster_items WHERE domain = $1 AND username = $2 AND contact = $3");

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

/* Without a row, none. */
static struct subscription_state state_now(const struct store_result *rows)
{
	if (store_rows(rows) == 0)
		return (struct subscription_state){ .subscription = SUBSCRIPTION_NONE };
	return (struct subscription_state){
		.subscription = subscription_named(store_text(rows, 0, 0)),
		.ask = store_integer(rows, 0, 1) != 0,
		.request = store_integer(rows, 0, 2) != 0,
	};
}

/* What is there again, from the same transaction or since, is meant to go on; so is what was asked
 * for anew. */
static void removal_tell(const struct removal *removal, const struct subscription_state *now)
{
	unsigned ended = removal->state.subscription & ~now->subscription;
	bool was_asked = removal->state.ask && (now->subscription & SUBSCRIPTION_TO) == 0;

	if ((was_asked || (ended & SUBSCRIPTION_TO) != 0) && !now->ask)
		presence_send(PRESENCE_UNSUBSCRIBE, removal->owner, removal->contact);
	if ((ended & SUBSCRIPTION_FROM) != 0 && !now->request)
		presence_send(PRESENCE_UNSUBSCRIBED, removal->owner, removal->contact);
}

static void item_looked_up(const struct store_result *result, void *state)
{
	struct removal *removal = state;
	struct subscription_state now;

	if (store_rc(result) == RC_OK) {
		now = state_now(result);
		removal_tell(removal, &now);
	}
	jid_free(&removal->owner);
	jid_free(&removal->contact);
	mem_free(removal);
}
