/* link-rows.h - the table links: what there is to and from other servers, for everybody who can
 * read SQL. It follows what happens within a moment, and nobody waits for it. */
#ifndef GODWIT_ADMIN_LINK_ROWS_H
#define GODWIT_ADMIN_LINK_ROWS_H

#include <stdint.h>

/* On each worker, after its store_attach() and home_start(), before it has links. Removes what an
 * earlier process has left. */
void link_rows_start(void);
/* On the same worker before its store_detach(). */
void link_rows_stop(void);
/* From any worker: somebody has deleted the row of that number, which that worker has written. */
void link_rows_deleted(int64_t id, int64_t worker);

#endif
