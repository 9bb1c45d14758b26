/* process-private.h - what the files of the process share: the running server. */
#ifndef GODWIT_PROCESS_PROCESS_PRIVATE_H
#define GODWIT_PROCESS_PROCESS_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct command_host;
struct config;
struct config_tables;
struct listener;
struct store;
struct worker;

/* There is one. The main thread changes it before the workers run and after they have ended;
 * `config` and `tables` at a reload. */
struct server {
	const char *config_path;
	struct arena *arena; /* of the start: messages, ports */
	struct config *config;
	struct config *started; /* that of the start: what needs a restart is of this */
	struct config_tables
	    *tables; /* what the database adds to the file; NULL until it was read */
	struct store *store;
	struct worker **workers;
	struct listener **listeners;
	size_t listening;
	const char *control_error;
};
extern struct server server;

/* memory.c: gives back what was freed, once it is calm again. The main thread looks from time to
 * time. */
void memory_watch_start(void);
void memory_watch(void);

/* host.c: for the commands of the control socket. */
extern const struct command_host command_host_of_server;

/* Those that the configuration names. False and the reason. */
bool server_load_modules(const char **error_out);
/* Logs what the configuration should not stay like; also adds it to the text, if there is one. */
void server_warn(void *text, const char *what);

/* reload.c, on the main thread, while the workers run and nobody listens: what the database adds to
 * the configuration is in force, and stands in the tables. False and the reason. */
bool server_read_tables(const char **error_out);

/* workers.c, on the main thread. Makes the workers; has them listen: `control_error` is set if the
 * control socket cannot be made. */
void workers_start(void);
void workers_listen(void);
/* What the database has now; NULL and the reason. */
struct config_tables *workers_read_tables(const char **error_out);
/* Waits until what is to be written into the tables is written. */
void workers_await_rows(void);
/* Each takes over the settings of this configuration; then what became of the tables is written. */
void workers_configure(struct config *config);
/* The same where the configuration stays, as what the tables hold cannot be taken over. */
void workers_note_tables(void);
/* Waits until each has answered: how many connections, accounts at work and writes there are. */
size_t workers_busy(void);
/* Nobody new is let in, clients are told, what they sent is stored; whoever does not go in time is
 * left. */
void workers_drain(void);
void workers_stop(void);

#endif
