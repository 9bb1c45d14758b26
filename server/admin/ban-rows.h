/* ban-rows.h - the table bans: who is kept out, as somebody has written it with SQL. */
#ifndef GODWIT_ADMIN_BAN_ROWS_H
#define GODWIT_ADMIN_BAN_ROWS_H

/* On the first worker, after its store_attach(): has every worker know the table as it is now, and
 * end the connections of those who are in it. At start, and when it was changed. */
void ban_rows_start(void);
void ban_rows_load(void);
void ban_rows_stop(void);

#endif
