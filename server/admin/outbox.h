/* outbox.h - the table outbox: messages that applications send with SQL. Each is sent after the
 * commit of its row, in portions, so that ten thousand of them keep nobody waiting; what becomes of
 * it is written into the row. What waits in the table survives everything, and is sent at the next
 * start. Done rows are removed after a week. */
#ifndef GODWIT_ADMIN_OUTBOX_H
#define GODWIT_ADMIN_OUTBOX_H

#include <stddef.h>

/* All on the first worker. */
void outbox_start(void);
/* There may be new rows. */
void outbox_wake(void);
/* Begins nothing any more. */
void outbox_close(void);
/* Rows under way. */
size_t outbox_busy(void);
/* Before its store_detach(). */
void outbox_stop(void);

#endif
