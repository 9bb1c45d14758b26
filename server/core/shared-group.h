/* shared-group.h - the shared groups that accounts on this worker have to do with: who is in each,
 * and its title. A group is in memory once for each worker, however many see it; who sees it is in
 * shares.h. The table is live: a change is looked up, then told to those whom it concerns. */
#ifndef GODWIT_CORE_SHARED_GROUP_H
#define GODWIT_CORE_SHARED_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/name-set.h"
#include "base/rc.h"

struct jid;
struct share;

/* All accounts of a domain are in a group of this name; its members are those who are online
 * (everybody.h). */
#define EVERYBODY ""

struct group_waiter {
	STAILQ_ENTRY(group_waiter) next;
	void (*known)(struct group_waiter *waiter, enum rc rc);
};

/* Only shared-group.c changes it, and everybody.c its members. */
struct shared_group {
	char *key; /* domain/name */
	char *domain;
	const char *name;
	char *title; /* what lists call it; "" until it is known */
	struct name_set members;
	uint64_t digest; /* of the members */
	unsigned references;
	unsigned look_ups;   /* of single members, under way */
	unsigned unanswered; /* of the workers that everybody.c has asked */
	bool is_known;
	bool is_loading;
	bool is_overtaken; /* what is being loaded is old by now */
	bool is_stale;     /* to be loaded again, when the database can */
	STAILQ_HEAD(group_waiters, group_waiter) waiters;
	TAILQ_HEAD(share_list, share) watchers; /* of accounts in memory */
};

/* Only if it is in memory; lent. */
struct shared_group *shared_group_peek(const char *domain, const char *name);
/* The group, referenced; made, and loaded, if it is not in memory. One that does not exist has no
 * members. */
struct shared_group *shared_group_get(const char *domain, const char *name);
struct shared_group *shared_group_ref(struct shared_group *group);
void shared_group_unref(struct shared_group *group);
/* Tells the waiter when a group that is not known yet is, or could not be loaded; once, and never
 * inside the call. */
void shared_group_wait(struct shared_group *group, struct group_waiter *waiter);
/* What everybody.c has been asked for is there. */
void shared_group_complete(struct shared_group *group);
/* Whether the account of that name, on the group's domain, is in it. */
bool shared_group_has(const struct shared_group *group, const char *username, size_t length);
/* What that member sees of it, the title and the others, as a number that changes with them; 0 if
 * there are no others. */
uint64_t shared_group_digest(const struct shared_group *group, const char *username);

/* Somebody has changed the rows of a group, or of one member. On each worker. */
void shared_group_changed(const char *domain, const char *name);
void shared_group_member_changed(const char *domain, const char *name, const char *username);
/* An account was made or is no more: its groups look again whether it is in them. */
void shared_groups_user_changed(const char *domain, const char *username);
/* The same for all workers, from any: for what the server itself has done. */
void shared_groups_announce(const struct jid *user);

/* Called by home.c. */
void shared_groups_start(void);
void shared_groups_stop(void);
size_t shared_groups_busy(void);

#endif
