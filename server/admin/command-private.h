/* command-private.h - what the files of commands share. */
#ifndef GODWIT_ADMIN_COMMAND_PRIVATE_H
#define GODWIT_ADMIN_COMMAND_PRIVATE_H

#include "admin/command.h"
#include "base/rc.h"
#include "store/store.h"

struct arena;
struct command_part;
struct jid;

/* A request being worked on. It may be handed from worker to worker; one has it at a time. */
struct command {
	struct mail mail;
	struct worker *asker;
	struct arena *arena;
	json_t *request;
	json_t *answer;
	command_done *done;
	void *state;
	void (*run)(struct command *command);
	const struct jid *jid;  /* of those about an account: bare, or full; else NULL */
	struct account_key key; /* of its bare JID */
	struct command_part *parts;
	size_t parts_missing;
	void (*gathered)(struct command *command);
};

/* Ends it with an answer: its members (stolen; NULL: none) and "ok". From any worker. */
void command_succeed(struct command *command, json_t *answer);
void command_fail(struct command *command, enum rc rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Ends it with what the database says is wrong. */
void command_fail_store(struct command *command, const struct store_result *result);
/* Whether that domain (prepared) is served; fails the command if not, with those that are. */
bool command_check_served(struct command *command, const char *domain);
/* The text of an argument, or NULL. Lent by the request. */
const char *command_text(const struct command *command, const char *name);

/* Lets each worker add to a part of its own (a JSON object with the "worker"), then calls
 * `gathered` on the asking worker, where command_part() gives them. */
void command_gather(struct command *command,
    void (*collect)(const struct command *command, json_t *part),
    void (*gathered)(struct command *command));
json_t *command_part(const struct command *command, size_t worker);

/* What commands_start() was given. */
const struct command_host *command_host(void);

/* command-user.c: at the account's home, but for user_list. */
void command_user_add(struct command *command);
void command_user_passwd(struct command *command);
void command_user_delete(struct command *command);
void command_user_disable(struct command *command);
void command_user_enable(struct command *command);
void command_user_show(struct command *command);
void command_user_list(struct command *command);
/* command-session.c */
void command_session_list(struct command *command);
void command_session_kick(struct command *command); /* at home */
/* command-link.c */
void command_link_list(struct command *command);
void command_link_close(struct command *command);
void command_link_test(struct command *command);
/* command-server.c */
void command_status(struct command *command);
void command_stop(struct command *command);
/* reload.c */
void command_reload(struct command *command);

/* The sessions of an account on this worker, appended to an array. */
struct account;
void sessions_describe(const struct account *account, json_t *array);

#endif
