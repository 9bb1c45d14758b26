/* sweep.h - rows that are too old to be kept, removed now and then, a portion at a time. */
#ifndef GODWIT_ADMIN_SWEEP_H
#define GODWIT_ADMIN_SWEEP_H

#include <stdint.h>

struct statement;
struct sweep;

/* How many rows `statement` may remove at a time. */
#define SWEEP_ROWS 500

/* On the current worker, from now on: runs the statement with $1, the time before which rows are
 * too old, and $2, SWEEP_ROWS. `keep_us` says for how long they are kept; 0: for ever. Both are
 * lent for good. */
struct sweep *sweep_new(const struct statement *statement, int64_t (*keep_us)(void));
/* Accepts a pointer to NULL, leaves NULL. */
void sweep_free(struct sweep **sweep);

#endif
