/* roster-private.h - the inside of a roster, for roster.c, roster-items.c and roster-load.c. */
#ifndef GODWIT_CORE_ROSTER_PRIVATE_H
#define GODWIT_CORE_ROSTER_PRIVATE_H

#include "core/roster.h"
#include "core/shares.h"

/* What clients can make is far from both. */
#define ROSTER_ITEM_MAX_BYTES ((1u << ROSTER_ITEM_BITS) - 1)
#define ROSTER_MAX_BYTES (256u << 20)

struct roster {
	char *items;      /* packed, in no order */
	uint32_t *places; /* where in `items` each begins, by contact */
	uint32_t used, room;
	uint32_t count, capacity;
	uint32_t listed, requests;
	size_t bytes;          /* of the listed items */
	uint32_t writes;       /* begun so far: tells a load that it has been overtaken */
	uint64_t version[2];   /* of the items */
	struct shares *shares; /* the contacts of shared groups, or NULL */
};

/* An empty one, to be filled by roster_append() in any order, then sorted by
 * items_sort(). */
struct roster *roster_new(void);
/* Appends a listed item; false if it is larger than any may be. */
bool roster_append(struct roster *roster, const struct jid *contact, const char *name,
    const char **groups, size_t group_count, const struct subscription_state *state);
/* Marks the pending request of a contact, in a sorted roster; false if there is no room for it. */
bool roster_note_request(struct roster *roster, const struct jid *contact);

/* roster-items.c: "place" is a number below the count, in the order of the contacts. */

/* What the texts of an item are made of. */
struct description {
	const char *contact; /* NUL-terminated or not */
	size_t contact_length;
	const char *name;    /* or NULL */
	const char **groups; /* sorted when they are packed */
	size_t group_count;
};

/* Of the texts, packed. */
size_t description_bytes(const struct description *description);
/* Packs an item behind the others, with a state of all false and in no place yet. NULL if it is too
 * large, or the roster would be. */
struct roster_item *items_append(struct roster *roster, const struct description *description);
/* Gives it a place: a new one, or that of another item, which goes. Items may move. */
void items_insert(struct roster *roster, size_t place, const struct roster_item *item);
void items_replace(struct roster *roster, size_t place, const struct roster_item *item);
/* The item of that place goes. */
void items_remove(struct roster *roster, size_t place);
/* Puts those that were inserted in any order in their places. */
void items_sort(struct roster *roster);
/* The place of a contact, or where it belongs; the item there; the item of a contact, or NULL. */
size_t items_place(const struct roster *roster, const char *contact, size_t length);
struct roster_item *items_at(const struct roster *roster, size_t place);
struct roster_item *items_find(const struct roster *roster, const char *contact, size_t length);

#endif
