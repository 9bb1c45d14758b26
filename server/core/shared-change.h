/* shared-change.h - the members of a shared group are not as they were: whoever sees the group, or
 * is seen by it, hears of it. */
#ifndef GODWIT_CORE_SHARED_CHANGE_H
#define GODWIT_CORE_SHARED_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

struct shared_change;
struct shared_group;

/* Begins one, before or after the group changes in memory. */
struct shared_change *shared_change_new(struct shared_group *group);
/* A member that is in it now and was not, or was, and is not or stands under another title. */
void shared_change_add(struct shared_change *change, const char *username, bool was_in);
/* The group has changed: everybody who is online is told, which may take some rounds of the loop;
 * each as it is then. Frees itself. */
void shared_change_tell(struct shared_change *change);
/* How many are being told. */
size_t shared_changes_busy(void);

#endif
