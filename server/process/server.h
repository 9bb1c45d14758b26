/* server.h - the server as a process: all of it from its configuration to its end. On the main
 * thread, which only starts things and waits for signals; workers run in threads of their own. */
#ifndef GODWIT_PROCESS_SERVER_H
#define GODWIT_PROCESS_SERVER_H

#include <stdbool.h>

/* First. The path is lent for good. */
void server_init(const char *config_path);
/* Loads the modules that the configuration names, and then all of it. False and the reason. */
bool server_prepare(const char **error_out);
/* Prepares, listens, gives root up, opens the database, and serves. False: the log has the reason.
 */
bool server_start(void);
/* Another configuration, if it is good, while everybody stays. */
void server_reload(void);
/* The same with what the tables of the database say now, and the file as it was read before: what a
 * worker asks for by SIGUSR1. */
void server_amend(void);
/* To be called about as often: tells the watchdog of systemd, if there is one, that every worker
 * answers, and waits for them; gives back memory that is not needed any more. */
unsigned server_watch_ms(void);
void server_watch(void);
/* Ends what server_start() began, in good order, which may take some seconds. */
void server_stop(void);
/* Last, also after a start that failed. */
void server_free(void);

/* `godwit --check` and `godwit --keys`: print, and return the status to exit with. */
int server_check(void);
int server_print_keys(void);

#endif
