/* roster.h - who an account knows (RFC 6121 section 2), in memory: packed items, found by a binary
 * search, and the contacts that shared groups add to them (shares.h). Items are what the account
 * has of its own, the rows; what clients see, and presence goes by, is both. roster-load.c reads
 * it, roster-write.c stores and pushes its changes, roster-iq.c speaks with its owner's clients. */
#ifndef GODWIT_CORE_ROSTER_H
#define GODWIT_CORE_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/module.h"
#include "core/subscription-state.h"

struct roster;

#define ROSTER_ITEM_BITS 20

/* Read it by the functions below; only roster.c changes it. Items move in memory whenever one is
 * added, described or dropped: do not keep them past that. */
struct roster_item {
	uint32_t bytes : ROSTER_ITEM_BITS; /* of the texts */
	uint32_t subscription : 2;
	bool ask : 1;      /* a subscribe of ours is pending */
	bool approved : 1; /* pre-approved, section 3.4 */
	bool request : 1;  /* theirs is pending; table subscription_requests has the stanza */
	bool listed : 1;   /* false: only a request, not on the roster that clients see */
	char texts[];      /* contact, name and groups, each with its NUL, ended by an empty one */
};

/* Loading: queues the queries of an account on the store, and returns how many; `loaded` is called
 * once for each, with its rc. The old roster stays until the new one is complete; clients are
 * pushed what is different. */
unsigned roster_load(struct account *account, void (*loaded)(struct account *account, enum rc rc));
/* Accepts a pointer to NULL, leaves NULL. */
void roster_free(struct roster **roster);

/* What a contact is all in all. */
struct roster_view {
	const struct roster_item *item; /* its own, or NULL */
	unsigned subscription;          /* with what groups give */
	bool is_visible;                /* stands on the list */
};
struct roster_view roster_view(const struct account *account, const struct jid *contact);
/* Of an item (NULL: there is none) and what groups give beside it. */
struct roster_view roster_view_of(const struct roster_item *item, unsigned shared);
/* Whether the contact stands under that title because it is in a shared group. */
bool roster_is_title(const struct account *account, const struct jid *contact, const char *title);
/* What groups alone make of it. */
unsigned roster_shared(const struct account *account, const struct jid *contact);

/* The bare JIDs of all contacts that stand on the list; or of all with a subscription in that
 * direction, listed or not. Made in the arena, in no order. */
const struct jid **roster_visible(
    const struct account *account, struct arena *arena, size_t *count_out);
const struct jid **roster_subscribed(const struct account *account, struct arena *arena,
    enum subscription direction, size_t *count_out);

/* The item of a contact (bare part), or NULL. */
struct roster_item *roster_find(const struct account *account, const struct jid *contact);
/* Goes through all items; start with a cursor of 0. The roster must not change on the way. */
struct roster_item *roster_next(const struct account *account, size_t *cursor);
/* How many are listed; how many there are in all; how many requests are pending. */
size_t roster_size(const struct account *account);
size_t roster_items(const struct account *account);
size_t roster_requests(const struct account *account);
/* The texts of an item such as this need so many bytes. */
size_t roster_item_bytes(
    const struct jid *contact, const char *name, const char **groups, size_t group_count);
/* Whether the limits allow that `item` (NULL: there is none yet) is listed with so many bytes. One
 * that does not grow is always allowed. */
bool roster_has_room(const struct account *account, const struct roster_item *item, size_t bytes);
/* The version (section 2.6): a digest of all that clients see, changed with it; text in the arena.
 */
const char *roster_version(const struct account *account, struct arena *arena);
/* The version that a push brings: another one as long as clients are yet to be told of more that is
 * different, so that who is cut off meanwhile asks for all. */
const char *roster_push_version(const struct account *account, struct arena *arena);

/* The contact, bare or a domain: its text, lent, and as an address in the arena. */
const char *roster_item_contact(const struct roster_item *item);
const struct jid *roster_item_jid(struct arena *arena, const struct roster_item *item);
/* Its name, or NULL; its groups, in byte order: the one after `group`, NULL for the first and at
 * the end. Lent. */
const char *roster_item_name(const struct roster_item *item);
const char *roster_item_group(const struct roster_item *item, const char *group);
/* What the two are to each other; all false for NULL. */
struct subscription_state roster_item_state(const struct roster_item *item);
bool roster_items_equal(const struct roster_item *a, const struct roster_item *b);

/* Changes in memory; roster-write.h stores them. Both of the first return NULL, and change nothing
 * that clients see, if the roster would become larger than any may be. */

/* An item for a contact, made (and not listed yet) if there is none. */
struct roster_item *roster_add(struct account *account, const struct jid *contact);
/* Gives the contact's item, made if there is none, name (NULL or "": none) and groups (sorted
 * here), and lists it. None of the texts may be the roster's own. */
struct roster_item *roster_describe(struct account *account, const struct jid *contact,
    const char *name, const char **groups, size_t group_count);
/* Sets the state, and lists the item if clients have to know of it. */
void roster_set_state(
    struct account *account, struct roster_item *item, const struct subscription_state *state);
/* Takes the contact off. */
void roster_drop(struct account *account, const struct jid *contact);

#endif
