/* reload.c - SIGHUP, and who asks for the same by the control socket: another configuration while
 * everybody stays. */
#include "admin/reload.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "core/config.h"
#include "core/loader.h"
#include "core/module.h"
#include "process/process-private.h"
#include "process/server.h"

/* What is at work becomes this one; settings that wait for the next start are told. */
static const char *const *config_replace(struct config *config, struct arena *arena)
{
	const char *const *restart = config_needs_restart(arena, server.started, config);

	for (const char *const *name = restart; *name != NULL; name++)
		log_warning(NULL, "setting takes effect after a restart", KV("setting", *name));
	log_set_level(config->log_level);
	workers_configure(config);
	config_unref(&server.config);
	server.config = config;
	log_info(NULL, "reloaded", KV("config", server.config_path));
	return restart;
}

void server_reload(void)
{
	struct reload_errand *errands = reload_errands_take();
	struct arena *arena = arena_new(0);
	struct reload_outcome outcome = { 0 };
	struct config *config;

	log_reopen();
	config = config_reload(
	    server.config, server_modules(), server_warn, &outcome.warnings, arena, &outcome.error);
	if (config == NULL) {
		log_error(NULL, "reload failed; the configuration in use stays",
		    KV("why", outcome.error));
	} else {
		config_warn(config, server_warn, &outcome.warnings);
		outcome.restart = config_replace(config, arena);
	}
	reload_errands_answer(errands, &outcome);
	text_free(&outcome.warnings);
	arena_free(&arena);
}
