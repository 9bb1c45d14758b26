/* session-rows.h - the table sessions: who is logged in, for everybody who can read SQL. It follows
 * what happens within a moment, and nobody waits for it. */
#ifndef GODWIT_ADMIN_SESSION_ROWS_H
#define GODWIT_ADMIN_SESSION_ROWS_H

/* On each worker, after its store_attach() and home_start(), before it has sessions. Removes what
 * an earlier process has left. */
void session_rows_start(void);
/* On the same worker when all sessions have ended, before its store_detach(). */
void session_rows_stop(void);

#endif
