/* reload.c - a reload is asked for on the first worker and done by the main thread. */
#include "admin/reload.h"

#include <stdatomic.h>

#include "admin/command-private.h"
#include "base/mem.h"
#include "loop/worker.h"

/* On its way to the main thread and back. */
struct reload_errand {
	struct mail mail;
	struct reload_errand *next;
	struct command *command;
	char *error, *warnings;
	json_t *restart; /* names of settings */
};

static _Atomic(struct reload_errand *) asked;

void command_reload(struct command *command)
{
	struct reload_errand *errand = mem_alloc_zero(sizeof *errand);

	errand->command = command;
	errand->next = atomic_load(&asked);
	while (!atomic_compare_exchange_weak(&asked, &errand->next, errand))
		;
	command_host()->reload();
}

struct reload_errand *reload_errands_take(void)
{
	return atomic_exchange(&asked, NULL);
}

/* Back on the worker that asked. */
static void errand_answered(struct mail *mail)
{
	struct reload_errand *errand = CONTAINER_OF(mail, struct reload_errand, mail);

	if (errand->error == NULL)
		command_succeed(
		    errand->command, json_pack("{s:O,s:s*}", "needs_restart", errand->restart,
					 "warnings", errand->warnings));
	else
		command_fail(errand->command, RC_NOT_ACCEPTABLE,
		    "reload failed, the configuration in use stays: %s", errand->error);
	mem_free(errand->error);
	mem_free(errand->warnings);
	json_decref(errand->restart);
	mem_free(errand);
}

static char *copy_or_null(const char *text)
{
	return text == NULL ? NULL : mem_strdup(text);
}

static json_t *list_of(const char *const *names)
{
	json_t *list = json_array();

	while (names != NULL && *names != NULL)
		json_array_append_new(list, json_string(*names++));
	return list;
}

void reload_errands_answer(struct reload_errand *errands, const struct reload_outcome *outcome)
{
	struct reload_errand *next;

	for (; errands != NULL; errands = next) {
		next = errands->next;
		errands->error = copy_or_null(outcome->error);
		errands->warnings = copy_or_null(outcome->warnings.at);
		errands->restart = list_of(outcome->restart);
		worker_post(errands->command->asker, &errands->mail, errand_answered);
	}
}
