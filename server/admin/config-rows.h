/* config-rows.h - what the database adds to godwit.conf: the table settings. It is read as a whole
 * whenever it was changed, the main thread puts a configuration in force that has it, by the same
 * way as a reload, and what became of each row is written back. */
#ifndef GODWIT_ADMIN_CONFIG_ROWS_H
#define GODWIT_ADMIN_CONFIG_ROWS_H

#include <stdbool.h>

struct config_tables;

/* Gets the tables, and owns them; or NULL and the reason. */
typedef void config_rows_done(void *state, struct config_tables *tables, const char *why);

/* On a worker with a store: reads the tables. `done` is called once, from the loop. */
void config_rows_read(config_rows_done *done, void *state);

/* On the first worker: they have changed. They are read, and command_host.amend() is called for the
 * main thread to take them; what it takes is the last that was read. NULL: taken already. */
void config_rows_load(void);
struct config_tables *config_rows_take(void);
/* On the first worker: every worker goes by its home_config(), which has these tables. */
void config_rows_in_force(const struct config_tables *tables);
/* Rows may have been lost: the next time all are written. */
void config_rows_doubt(void);
/* Calls `done` from the loop when what that has caused to be written is written. */
void config_rows_await(void (*done)(void *state), void *state);
/* Whether what was read, or is being read, is not in force yet. */
bool config_rows_pending(void);
/* On the first worker, at the end. */
void config_rows_stop(void);

#endif
