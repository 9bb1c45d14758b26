/* roster-private.h - the layout of a roster, for roster.c and roster-load.c. */
#ifndef GODWIT_CORE_ROSTER_PRIVATE_H
#define GODWIT_CORE_ROSTER_PRIVATE_H

#include "core/roster.h"

struct roster {
	struct roster_item **items; /* by hash of the JID, then by its text */
	uint32_t count, capacity;
	uint32_t listed, requests;
	size_t bytes;    /* of the listed items */
	uint32_t writes; /* begun so far: tells a load that it has been overtaken */
	uint64_t version[2];
};

/* An empty one, to be filled by roster_append() in any order, then sorted. */
struct roster *roster_new(void);
/* Appends an item; the state and `listed` are those of the arguments. */
struct roster_item *roster_append(struct roster *roster, const struct jid *contact,
    const char *name, const char **groups, size_t group_count,
    const struct subscription_state *state, bool listed);
void roster_sort(struct roster *roster);
/* Marks the pending request of a contact, in a sorted roster. */
void roster_note_request(struct roster *roster, const struct jid *contact);
struct roster_item *roster_lookup(const struct roster *roster, const struct jid *contact);

#endif
