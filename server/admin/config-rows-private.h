/* config-rows-private.h - what config-rows.c, domain-rows.c and setting-rows.c share. */
#ifndef GODWIT_ADMIN_CONFIG_ROWS_PRIVATE_H
#define GODWIT_ADMIN_CONFIG_ROWS_PRIVATE_H

#include <stdbool.h>

#include "store/store.h"

struct config;

/* Writes what rows are to say by this configuration: all, or only what it says otherwise than the
 * one before (NULL: none), of which the rows are written. Returns whether config_rows_looked_at()
 * will be called. */
bool domain_rows_write(const struct config *config, const struct config *before);
bool setting_rows_write(const struct config *config, const struct config *before);

/* config-rows.c: for each statement of these; the last one, which looks whether there are rows that
 * do not say so, as they were under lock. */
store_done config_row_written, config_rows_looked_at;

#endif
