/* config-rows-private.h - what config-rows.c, domain-rows.c and setting-rows.c share. */
#ifndef GODWIT_ADMIN_CONFIG_ROWS_PRIVATE_H
#define GODWIT_ADMIN_CONFIG_ROWS_PRIVATE_H

#include "store/store.h"

/* What each row is to say, by the configuration in force. */
void domain_rows_write(void);
void setting_rows_write(void);

/* config-rows.c: for each statement of these; the last one, which looks whether there are rows that
 * do not say so, as they were under lock. */
store_done config_row_written, config_rows_looked_at;

#endif
