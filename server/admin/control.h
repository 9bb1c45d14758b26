/* control.h - the socket godwitctl(1) speaks to: a unix socket, mode 0600, one JSON request a line
 * and one answer a line (command.h). Only root and the server's own user are listened to, whatever
 * the mode says. Lives on the first worker and never keeps it waiting: requests, clients and their
 * idle time are bounded. */
#ifndef GODWIT_ADMIN_CONTROL_H
#define GODWIT_ADMIN_CONTROL_H

#include <stdbool.h>

struct arena;

#define CONTROL_CLIENTS_MAX 16
#define CONTROL_REQUEST_MAX_BYTES 16384
#define CONTROL_IDLE_MS 30000

/* As root: makes the folder of the socket if it is missing, for `user` ("": for root). Trouble is
 * left for control_start() to find. */
void control_make_folder(const char *path, const char *user);
/* Listens; on the first worker. Takes the place of a socket that a dead server left behind. False
 * and the reason with its cure. */
bool control_start(const char *path, struct arena *arena, const char **error_out);
/* Stops listening and takes the socket away; who waits for an answer still gets it. */
void control_stop(void);

#endif
