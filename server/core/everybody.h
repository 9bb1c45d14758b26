/* everybody.h - the accounts of a domain that are online, as a shared group: those to whom members
 * of a group for everybody are shown. Who is not online is shown nothing, so nobody need know all
 * the accounts that there are. Each worker that has such members keeps the names: it asks all
 * workers once, and is told from then on who comes and goes. */
#ifndef GODWIT_CORE_EVERYBODY_H
#define GODWIT_CORE_EVERYBODY_H

#include <stdbool.h>
#include <stddef.h>

struct jid;
struct shared_group;

/* The group is empty, and is_loading: shared_group_complete() is called when all have answered. It
 * is kept until everybody_forget(). */
void everybody_gather(struct shared_group *group);
void everybody_forget(struct shared_group *group);
/* An account at home here has its first session, or has lost its last. */
void everybody_note(const struct jid *jid, bool is_online);
/* How many questions of this worker have no answer yet. */
size_t everybody_busy(void);

#endif
