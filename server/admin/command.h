/* command.h - what an administrator may ask for: accounts, sessions, the state of the server.
 * A request is a JSON object with a "command" and its arguments; the answer is one with "ok": true
 * and what was asked for, or "ok": false, a "condition" (rc.h) and an "error" for people. The
 * control socket carries them for a running server; while there is none, godwitctl(1) runs those
 * about accounts itself. */
#ifndef GODWIT_ADMIN_COMMAND_H
#define GODWIT_ADMIN_COMMAND_H

#include <jansson.h>
#include <stddef.h>

#include "loop/worker.h"

/* What only the process knows and can do. Lent for its life; members may be NULL where no server
 * runs. */
struct command_host {
	/* Has the main thread reload the configuration (reload.h); stops the server. */
	void (*reload)(void);
	/* Has it put a configuration in force that has what config_rows_take() gives. */
	void (*amend)(void);
	void (*stop)(void);
	/* Adds facts to the answer of "status": ports, database. From worker 0. */
	void (*describe)(json_t *status);
	/* Connections on the current worker. */
	size_t (*connections)(void);
};

/* Gets the answer, and owns it. */
typedef void command_done(void *state, json_t *answer);

/* Once, before the first command. */
void commands_start(const struct command_host *host);
/* Runs a request (stolen; a password in it is overwritten in the end) on the current worker; `done`
 * is called there once, from its loop, never inside the call. */
void command_run(json_t *request, command_done *done, void *state);
/* An answer that says why not. */
json_t *command_refusal(const char *condition, const char *text);

#endif
