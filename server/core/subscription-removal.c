/* subscription-removal.c - telling contacts of a roster row that somebody else has deleted, or in
 * which a subscription has ended. A contact of ours is told when its own rows, which may have been
 * changed in the same moment, have been read. */
#include "core/subscription-removal.h"

#include "core/account.h"
#include "core/config.h"
#include "core/home.h"
#include "core/module.h"
#include "core/presence.h"
#include "core/subscription-state.h"
#include "loop/worker.h"

struct removal {
	struct jid *owner, *contact;
	struct subscription_state state;
};

/* What a contact of ours is told, on its way to its home. */
struct news {
	struct mail mail;
	struct account_waiter waiter;
	struct jid *owner, *contact;
	enum stanza_type type;
	bool is_second; /* it has waited for a load before */
};

/* Both sides at one moment, the owner's first: with or without a row. */
static const struct statement sides_select = STATEMENT(
    "WITH sides (number, domain, username, contact) AS (VALUES (1, $1, $2, $3), (2, $4, $5, $6))"
    " SELECT i.subscription, i.ask, (SELECT count(*) FROM subscription_requests r"
    " WHERE r.domain = s.domain AND r.username = s.username AND r.contact = s.contact)"
    " FROM sides s LEFT JOIN roster_items i"
    " ON i.domain = s.domain AND i.username = s.username AND i.contact = s.contact"
    " ORDER BY s.number");

static store_done sides_looked_up;
static void news_arrived(struct mail *mail);

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
	store_run(&sides_select,
	    PARAMS(jid_domain(arena, owner), jid_node(arena, owner), jid_text(contact),
		jid_domain(arena, contact), jid_node(arena, contact), jid_text(owner)),
	    sides_looked_up, removal);
	arena_free(&arena);
}

static struct subscription_state side_at(const struct store_result *rows, size_t row)
{
	return (struct subscription_state){
		.subscription = subscription_named(store_text(rows, row, 0)),
		.ask = store_integer(rows, row, 1) != 0,
		.request = store_integer(rows, row, 2) != 0,
	};
}

/* A contact of ours hears only of what ends for it: if its row was deleted as well, and both are
 * made anew, what ended with the old ones must not end with the new. */
static void removal_tell(
    const struct removal *removal, enum stanza_type type, const struct subscription_state *theirs)
{
	struct news *news;

	if (!config_serves(home_config(), removal->contact)) {
		presence_send(type, removal->owner, removal->contact);
		return;
	}
	if (!subscription_inbound(*theirs, type).pass)
		return;
	news = mem_alloc(sizeof *news);
	*news = (struct news){ .owner = jid_copy_heap(removal->owner),
		.contact = jid_copy_heap(removal->contact),
		.type = type };
	worker_post(home_of(removal->contact), &news->mail, news_arrived);
}

/* What is there again, from the same transaction or since, is meant to go on; so is what was asked
 * for anew. */
static void removal_finish(const struct removal *removal, const struct subscription_state *now,
    const struct subscription_state *theirs)
{
	unsigned ended = removal->state.subscription & ~now->subscription;
	bool was_asked = removal->state.ask && (now->subscription & SUBSCRIPTION_TO) == 0;

	if ((was_asked || (ended & SUBSCRIPTION_TO) != 0) && !now->ask)
		removal_tell(removal, PRESENCE_UNSUBSCRIBE, theirs);
	if ((ended & SUBSCRIPTION_FROM) != 0 && !now->request)
		removal_tell(removal, PRESENCE_UNSUBSCRIBED, theirs);
}

static void sides_looked_up(const struct store_result *result, void *state)
{
	struct removal *removal = state;
	struct subscription_state now, theirs;

	if (store_rc(result) == RC_OK) {
		now = side_at(result, 0);
		theirs = side_at(result, 1);
		removal_finish(removal, &now, &theirs);
	}
	jid_free(&removal->owner);
	jid_free(&removal->contact);
	mem_free(removal);
}

/* ---- at the contact's home ---- */

static void news_tell(struct news *news)
{
	presence_send(news->type, news->owner, news->contact);
	jid_free(&news->owner);
	jid_free(&news->contact);
	mem_free(news);
}

/* What was being loaded when they arrived may have been older; what is loaded after that is not. */
static void news_account_loaded(struct account_waiter *waiter, struct account *account)
{
	struct news *news = CONTAINER_OF(waiter, struct news, waiter);

	if (!account->is_stale || news->is_second) {
		news_tell(news);
		return;
	}
	news->is_second = true;
	account_login(account, waiter);
}

static void news_arrived(struct mail *mail)
{
	struct news *news = CONTAINER_OF(mail, struct news, mail);
	struct account *account = account_peek(news->contact);

	if (account == NULL || !(account->is_stale || account->loads > 0)) {
		news_tell(news);
		return;
	}
	news->waiter.loaded = news_account_loaded;
	account_login(account, &news->waiter);
}
