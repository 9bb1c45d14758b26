/* roster.h - who an account knows (RFC 6121 section 2), in memory, and the roster iqs. */
#ifndef GODWIT_CORE_ROSTER_H
#define GODWIT_CORE_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/module.h"

/* RFC 6121 section 2.1.2.5; bits, so that both = to | from. */
enum subscription { SUBSCRIPTION_NONE = 0, SUBSCRIPTION_TO = 1, SUBSCRIPTION_FROM = 2, SUBSCRIPTION_BOTH = 3 };

struct roster;

struct roster_item {
	struct jid *contact; /* bare or a domain; owned */
	char *name;          /* or NULL */
	char **groups;       /* ended by NULL; or NULL */
	uint8_t subscription;
	bool ask;            /* a subscribe of ours is pending */
	bool approved;       /* pre-approved, section 3.4 */
	bool request;        /* theirs is pending (subscription_requests has the stanza) */
	bool listed;         /* false: only a request, not on the roster that clients see */
};

/* Loading: queues the queries of an account on the store; `loaded` once for each, with the rc. */
unsigned roster_load(struct account *account, void (*loaded)(struct account *account, enum rc rc));
void roster_free(struct roster **roster);
/* The item of a contact (bare part), or NULL. */
struct roster_item *roster_find(const struct account *account, const struct jid *contact);
/* Goes through all items; start with a cursor of 0. */
struct roster_item *roster_next(const struct account *account, size_t *cursor);
size_t roster_size(const struct account *account);
/* The version (section 2.6): a digest of all listed items, changed with them; text in the arena. */
const char *roster_version(const struct account *account, struct arena *arena);

/* For subscription.c: an item for a contact, made if there is none (not listed yet). NULL over the limit
 * of roster items. */
struct roster_item *roster_need(struct account *account, const struct jid *contact);
/* The item was changed in memory: writes it (holding the task, if one is given, until the commit) and
 * pushes it to interested resources after the commit. */
void roster_save(struct account *account, struct roster_item *item, struct task *task);
/* Takes it off, in memory and in the database, and pushes subscription='remove' after the commit. */
void roster_remove(struct account *account, struct roster_item *item, struct task *task);

#endif
