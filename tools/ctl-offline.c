/* ctl-offline.c - accounts while no server runs: the tool becomes a small server of one worker,
 * with the same modules and no listeners, so that what happens is the same. Deleting an account,
 * for one, tells its contacts. */
#include "admin/command.h"
#include "admin/config-rows.h"
#include "base/arena.h"
#include "core/config.h"
#include "core/home.h"
#include "core/hooks.h"
#include "core/loader.h"
#include "core/module.h"
#include "loop/timer.h"
#include "loop/worker.h"
#include "tools/ctl-database.h"
#include "tools/ctl.h"

#define REST_STEP_MS 2

/* What waits for the command, then for all that it caused. */
struct errand {
	json_t *answer;
	struct mail behind;
	struct timer *timer;
	bool at_rest;
};

/* Writes and stanzas that the command left behind are on their way still. */
static void rest_look(void *state)
{
	struct errand *errand = state;

	errand->at_rest = home_busy() == 0;
	if (!errand->at_rest)
		timer_set(errand->timer, REST_STEP_MS);
}

/* Behind all mail that the command has posted. */
static void rest_begin(struct mail *mail)
{
	rest_look(CONTAINER_OF(mail, struct errand, behind));
}

static void command_answered(void *state, json_t *answer)
{
	struct errand *errand = state;

	errand->answer = answer;
	worker_post(worker_current(), &errand->behind, rest_begin);
}

/* ---- what the database adds to the configuration ---- */

struct search {
	struct config_tables *tables;
	const char *error;
	struct arena *arena;
	bool is_over;
};

static void tables_found(void *state, struct config_tables *tables, const char *why)
{
	struct search *search = state;

	search->tables = tables;
	search->error = arena_printf(search->arena, "settings cannot be read: %s", why);
	search->is_over = true;
}

bool ctl_read_tables(struct ctl *ctl, struct worker *worker, const char **error_out)
{
	struct search search = { .arena = ctl->arena };
	struct config *config;

	config_rows_read(tables_found, &search);
	worker_run_until(worker, &search.is_over);
	*error_out = search.error;
	if (search.tables == NULL)
		return false;
	config = config_amend(ctl->config, server_modules(), search.tables, ctl->arena, error_out);
	config_tables_free(&search.tables);
	if (config == NULL)
		return false;
	config_unref(&ctl->config);
	ctl->config = config;
	return true;
}

/* ---- the command ---- */

static json_t *command_run_alone(struct ctl *ctl, json_t *request, struct worker *worker)
{
	struct errand errand = { 0 };

	home_start(ctl->config);
	errand.timer = timer_new(rest_look, &errand);
	command_run(request, command_answered, &errand);
	worker_run_until(worker, &errand.at_rest);
	timer_free(&errand.timer);
	return errand.answer;
}

json_t *ctl_offline(struct ctl *ctl, json_t *request, const char **error_out)
{
	struct ctl_database *database = ctl_database_open(ctl, true, error_out);
	struct worker *worker;
	json_t *answer = NULL;

	if (database == NULL)
		return NULL;
	hooks_init();
	if (!loader_start()) {
		*error_out = "a module refused to start; its reason stands above";
		ctl_database_close(&database);
		return NULL;
	}
	worker = ctl_database_worker(database);
	homes_init(&worker, 1);
	if (ctl_read_tables(ctl, worker, error_out))
		answer = command_run_alone(ctl, request, worker);
	ctl_database_detach(database);
	if (answer != NULL)
		home_stop();
	ctl_database_close(&database);
	loader_stop();
	hooks_free();
	return answer;
}
