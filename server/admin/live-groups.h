/* live-groups.h - changes of shared groups, on their way from the log to every worker. */
#ifndef GODWIT_ADMIN_LIVE_GROUPS_H
#define GODWIT_ADMIN_LIVE_GROUPS_H

#include <jansson.h>

struct change;

/* On the first worker: notes what a change means for shared groups, if anything; `before` and
 * `after` are its rows, or NULL. */
void live_groups_gather(const struct change *change, const json_t *before, const json_t *after);
/* Tells all workers what was noted. */
void live_groups_tell(void);
/* Forgets it. */
void live_groups_stop(void);

#endif
