/* shares.h - what shared groups give an account: contacts, and who sees its presence. Of each group
 * that matters to it there is one share, and the members are in the group. */
#ifndef GODWIT_CORE_SHARES_H
#define GODWIT_CORE_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/subscription-state.h"

struct account;
struct arena;
struct shared_group;
struct shares;
struct store_result;

/* One group of an account. */
struct share {
	struct shared_group *group; /* referenced */
	struct account *account;    /* lent; NULL until it is installed */
	/* SUBSCRIPTION_TO: its members are contacts; SUBSCRIPTION_FROM: they see the account. */
	unsigned subscription;
	TAILQ_ENTRY(share) sibling; /* in group->watchers */
};

/* The rows of (group, subscription), of shares_select; NULL if there are none. Groups may not be
 * known yet. */
extern const struct statement shares_select;
struct shares *shares_new(const struct account *account, const struct store_result *rows);
/* Accepts a pointer to NULL, leaves NULL. */
void shares_free(struct shares **shares);
/* From now on the account is told what changes in these groups. May be NULL. */
void shares_install(struct shares *shares, struct account *account);
/* The share of that number; NULL behind the last. */
struct share *shares_at(const struct shares *shares, size_t index);
/* The one of a group, or NULL. */
struct share *shares_find(const struct shares *shares, const struct shared_group *group);

/* All of these take NULL for an account that has to do with no group. */

/* What the contact, a bare JID NUL-terminated or not, and the account are to each other. */
unsigned shares_subscription(const struct shares *shares, const char *contact, size_t length);
/* The same, leaving out one group. */
unsigned shares_subscription_without(const struct shares *shares, const char *contact,
    size_t length, const struct shared_group *group);
/* The titles under which a contact stands on the list: the one behind share number *cursor, which
 * starts with 0; NULL at the end. Lent. */
const char *shares_title(
    const struct shares *shares, const char *contact, size_t length, size_t *cursor);
/* Whether a contact stands under the same titles by both. */
bool shares_titles_equal(
    const struct shares *a, const struct shares *b, const char *contact, size_t length);
/* The bare JIDs of all contacts in one of these directions, each once, without the account itself;
 * how many there are in `count_out`. */
const char **shares_contacts(
    const struct shares *shares, struct arena *arena, unsigned direction, size_t *count_out);
/* Contacts that are different between two, one of which the account has had before. */
const char **shares_compare(
    const struct shares *before, const struct shares *now, struct arena *arena, size_t *count_out);
/* Changes the version of a roster with what clients see of this. */
void shares_version(const struct shares *shares, uint64_t version[2]);

#endif
