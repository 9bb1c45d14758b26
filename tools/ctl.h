/* ctl.h - what the files of godwitctl share. The tool runs one command and ends; what it allocates
 * in its arena lives as long as it does. */
#ifndef GODWIT_TOOLS_CTL_H
#define GODWIT_TOOLS_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct config;
struct worker;

/* Exit statuses, as godwitctl(1) has them. */
enum { CTL_GOOD = 0, CTL_FAILED = 1, CTL_USAGE = 2, CTL_NOT_RUNNING = 3 };

struct ctl {
	struct arena *arena;
	const char *config_path;
	const struct config *top; /* its part outside of sections; NULL until ctl_read_top() */
	struct config *config;    /* the whole; NULL until ctl_configure() */
	bool has_modules;
	bool json;
	bool applies, replaces;   /* of an import */
	size_t max_account_bytes; /* 0: the default */
	const char *domain;       /* of an Openfire; NULL: as its database says */
	const char *from;         /* of a test of a link; NULL: the first one */
	char special[8];          /* the letters of options that only some commands take */
};

/* Says on standard error why not, and returns CTL_FAILED. */
int ctl_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Reads what is enough to find a running server, whatever is wrong with the rest. */
bool ctl_read_top(struct ctl *ctl, const char **error_out);
/* Loads the modules that the top names; once. */
bool ctl_load_modules(struct ctl *ctl, const char **error_out);
/* Reads the whole configuration, without certificates, and the modules it names. */
bool ctl_configure(struct ctl *ctl, const char **error_out);

/* Sends the request (stolen) to the server, or does it on the database where that is possible and
 * no server runs. Returns CTL_GOOD and the answer, or has said why not. */
int ctl_request(struct ctl *ctl, json_t *request, json_t **answer_out);
/* The same, and prints the answer: as JSON if wanted, else by `print` (may be NULL). */
int ctl_run(struct ctl *ctl, json_t *request, void (*print)(const json_t *answer));
/* CTL_GOOD if a server listens, CTL_NOT_RUNNING, or CTL_FAILED and the reason. */
int ctl_find_server(struct ctl *ctl, const char **error_out);
/* Runs a command about accounts (stolen) without a server. NULL and the reason if the database does
 * not open. */
json_t *ctl_offline(struct ctl *ctl, json_t *request, const char **error_out);

/* On this worker, which has a store: the configuration then has what the database adds to it. False
 * and the reason. */
bool ctl_read_tables(struct ctl *ctl, struct worker *worker, const char **error_out);

/* One line of standard input, or asked for twice without echo if that is a terminal. NULL and the
 * reason. The caller wipes it. */
char *ctl_password(struct arena *arena, const char *jid, const char **error_out);

void ctl_print_json(const json_t *answer);
/* An array of objects as aligned columns with their names above; `keys` ends with NULL. */
void ctl_print_table(const json_t *rows, const char *const *keys);

/* The commands; `arguments` ends with NULL and has as many as the table in godwitctl.c says. */
int ctl_user_add(struct ctl *ctl, char **arguments);
int ctl_user_passwd(struct ctl *ctl, char **arguments);
int ctl_user_delete(struct ctl *ctl, char **arguments);
int ctl_user_disable(struct ctl *ctl, char **arguments);
int ctl_user_enable(struct ctl *ctl, char **arguments);
int ctl_user_show(struct ctl *ctl, char **arguments);
int ctl_user_list(struct ctl *ctl, char **arguments);
int ctl_session_list(struct ctl *ctl, char **arguments);
int ctl_session_kick(struct ctl *ctl, char **arguments);
int ctl_link_list(struct ctl *ctl, char **arguments);
int ctl_link_close(struct ctl *ctl, char **arguments);
int ctl_link_test(struct ctl *ctl, char **arguments);
int ctl_status(struct ctl *ctl, char **arguments);
int ctl_reload(struct ctl *ctl, char **arguments);
int ctl_stop(struct ctl *ctl, char **arguments);
int ctl_check(struct ctl *ctl, char **arguments);
int ctl_export(struct ctl *ctl, char **arguments);
int ctl_import(struct ctl *ctl, char **arguments);
int ctl_import_openfire(struct ctl *ctl, char **arguments);

#endif
