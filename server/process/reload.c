/* reload.c - another configuration while everybody stays: by SIGHUP, by who asks for the same on
 * the control socket, and by what somebody has changed in the tables of the database. */
#include "admin/reload.h"

#include "admin/config-rows.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "core/config.h"
#include "core/loader.h"
#include "core/module.h"
#include "process/process-private.h"
#include "process/server.h"

/* Values and domains of the tables that are not at work. */
static void troubles_report(const struct config *config)
{
	for (size_t i = 0; i < config->row_count; i++)
		if (config->rows[i].state == ROW_FAILED && !config->rows[i].is_known)
			log_warning(NULL, "a domain in the table domains is not served",
			    KV("domain", config->rows[i].name), KV("why", config->rows[i].error));
	for (size_t i = 0; i < config->setting_count; i++)
		if (config->settings[i].trouble != NULL)
			log_warning(NULL, "a value in the table settings does not count",
			    KV("setting", config->settings[i].name),
			    KV("value", config->settings[i].value),
			    KV("why", config->settings[i].trouble));
}

/* Who changes the file has to know. */
static void overruled_report(const struct config *config)
{
	const struct config_setting *setting = config->settings;

	for (; setting < config->settings + config->setting_count; setting++)
		if (setting->value != NULL && setting->configured != NULL &&
		    !text_equal(setting->configured, setting->in_force))
			log_info(NULL, "the table settings wins over the file",
			    KV("setting", setting->name), KV("table", setting->in_force),
			    KV("file", setting->configured));
}

/* What is at work becomes this one. */
static void config_replace(struct config *config)
{
	troubles_report(config);
	config_tables_yield(server.tables, config);
	log_set_level(config->log_level);
	workers_configure(config);
	config_unref(&server.config);
	server.config = config;
}

/* ---- the file has changed ---- */

/* Settings that wait for the next start are told. */
static const char *const *restart_report(const struct config *config, struct arena *arena)
{
	const char *const *restart = config_needs_restart(arena, server.started, config);

	for (const char *const *name = restart; *name != NULL; name++)
		log_warning(NULL, "setting takes effect after a restart", KV("setting", *name));
	return restart;
}

void server_reload(void)
{
	struct reload_errand *errands = reload_errands_take();
	struct arena *arena = arena_new(0);
	struct reload_outcome outcome = { 0 };
	struct config *config;

	log_reopen();
	config = config_reload(server.config, server_modules(), server.tables, server_warn,
	    &outcome.warnings, arena, &outcome.error);
	if (config == NULL) {
		log_error(NULL, "reload failed; the configuration in use stays",
		    KV("why", outcome.error));
	} else {
		config_warn(config, server_warn, &outcome.warnings);
		outcome.restart = restart_report(config, arena);
		config_replace(config);
		overruled_report(config);
		log_info(NULL, "reloaded", KV("config", server.config_path));
	}
	reload_errands_answer(errands, &outcome);
	text_free(&outcome.warnings);
	arena_free(&arena);
}

/* ---- the tables have changed ---- */

/* The file was read, so there is a configuration, whatever the tables hold; unless a file that it
 * names is gone. */
static void tables_heed(void)
{
	struct arena *arena = arena_new(0);
	const char *error;
	struct config *config =
	    config_amend(server.config, server_modules(), server.tables, arena, &error);

	if (config == NULL) {
		log_error(NULL, "settings cannot be taken over", KV("why", error));
		workers_note_tables();
	} else {
		config_replace(config);
	}
	arena_free(&arena);
}

void server_amend(void)
{
	struct config_tables *tables = config_rows_take();

	if (tables == NULL)
		return;
	config_tables_free(&server.tables);
	server.tables = tables;
	tables_heed();
	log_info(NULL, "settings in force", KV("values", tables->value_count),
	    KV("domains", server.config->domain_count));
}

bool server_read_tables(const char **error_out)
{
	server.tables = workers_read_tables(error_out);
	if (server.tables == NULL)
		return false;
	tables_heed();
	overruled_report(server.config);
	workers_await_rows();
	return true;
}
