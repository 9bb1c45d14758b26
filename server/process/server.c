/* server.c - the process from its configuration to "ready", and what is given back at the end. */
#include "process/server.h"

#include "build-config.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/control.h"
#include "admin/notify.h"
#include "admin/privileges.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "component/component.h"
#include "core/config.h"
#include "core/home.h"
#include "core/hooks.h"
#include "core/loader.h"
#include "core/module.h"
#include "core/remote.h"
#include "net/listener.h"
#include "s2s/s2s.h"
#include "process/process-private.h"
#include "store/database.h"
#include "xml/parser.h"
#include "xmpp/jid.h"

/* Between two looks at the process as a whole. */
#define WATCH_MS 10000

struct server server;

void server_init(const char *config_path)
{
	crypto_init();
	hash_init();
	jid_init();
	server.config_path = config_path;
	server.arena = arena_new(0);
}

/* ---- start ---- */

static bool start_failed(const char *text)
{
	log_error(NULL, "cannot start", KV("why", text));
	return false;
}

bool server_load_modules(const char **error_out)
{
	const char *const *names;
	const char *path;

	return config_modules(server.config_path, server.arena, &names, &path, error_out) &&
	       loader_load(path, names, server.arena, error_out);
}

static bool listeners_bind(const char **error_out)
{
	const struct config *config = server.started;

	server.listeners = mem_alloc_zero((config->listen_count + 1) * sizeof *server.listeners);
	for (size_t i = 0; i < config->listen_count; i++) {
		server.listeners[i] = listener_new(
		    config->listens[i].address, config->listens[i].port, server.arena, error_out);
		if (server.listeners[i] == NULL)
			return false;
		server.listening++;
	}
	return true;
}

/* As the user who has to open it again at a reload. */
static bool log_begin(const char **error_out)
{
	const char *path = server.config->log_file;

	if (log_start(path, server.config->log_format))
		return true;
	*error_out = arena_printf(server.arena,
	    "log file %s: %s; its folder must exist, and belong to the user that godwit runs as",
	    path, strerror(errno));
	return false;
}

/* What a reload will not be able to read again is said now, not then. */
static void privileges_report(void)
{
	for (size_t i = 0; i < server.config->domain_count; i++)
		if (access(server.config->domains[i].key, R_OK) != 0)
			log_warning(NULL,
			    "key is readable by root only: a reload will keep the one in use",
			    KV("domain", server.config->domains[i].name),
			    KV("file", server.config->domains[i].key));
}

static void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static unsigned port_of(enum listen_kind kind)
{
	for (size_t i = 0; i < server.listening; i++)
		if (server.started->listens[i].kind == kind)
			return listener_port(server.listeners[i]);
	return 0;
}

static void say_ready(void)
{
	log_info(NULL, "ready", KV("version", PACKAGE_VERSION), KV("expat", xml_parser_library()),
	    KV("database", store_version(server.store)), KV("schema", store_schema(server.store)),
	    KV("workers", homes_count()), KV("c2s", port_of(LISTEN_C2S)),
	    KV("c2s-tls", port_of(LISTEN_C2S_TLS)));
	if (server.started->s2s.enabled)
		log_info(NULL, "federation is on", KV("s2s", port_of(LISTEN_S2S)),
		    KV("s2s-tls", port_of(LISTEN_S2S_TLS)));
	if (port_of(LISTEN_COMPONENT) != 0)
		log_info(
		    NULL, "components may connect", KV("component", port_of(LISTEN_COMPONENT)));
	notify_ready();
}

bool server_prepare(const char **error_out)
{
	if (!server_load_modules(error_out))
		return false;
	server.config =
	    config_load(server.config_path, server_modules(), true, server.arena, error_out);
	server.started = server.config == NULL ? NULL : config_ref(server.config);
	return server.config != NULL;
}

void server_warn(void *state, const char *text)
{
	struct text *all = state;

	log_warning(NULL, "configuration needs attention", KV("what", text));
	if (all != NULL)
		text_printf(all, "warning: %s\n", text);
}

bool server_start(void)
{
	const char *error = NULL;

	if (!server_prepare(&error))
		return start_failed(error);
	log_set_level(server.config->log_level);
	descriptors_raise();
	if (server.config->control != NULL)
		control_make_folder(server.config->control, server.config->user);
	if (!listeners_bind(&error) ||
	    !privileges_drop(server.config->user, server.config_path, server.arena, &error) ||
	    !log_begin(&error))
		return start_failed(error);
	privileges_report();
	config_warn(server.config, server_warn, NULL);
	server.store = store_open(server.config->database, server.config->schema, true,
	    &STORE_LIMITS_DEFAULT, server.arena, &error);
	if (server.store == NULL)
		return start_failed(error);
	hooks_init();
	if (!loader_start())
		return start_failed("a module refused to start; its reason stands above");
	commands_start(&command_host_of_server);
	component_init();
	s2s_init();
	workers_start();
	if (!server_read_tables(&error)) {
		workers_stop();
		return start_failed(error);
	}
	workers_listen();
	if (server.control_error != NULL) {
		workers_stop();
		return start_failed(server.control_error);
	}
	say_ready();
	memory_watch_start();
	return true;
}

/* ---- while it runs, and its end ---- */

unsigned server_watch_ms(void)
{
	unsigned watchdog_ms = notify_watchdog_ms();

	return watchdog_ms == 0 || watchdog_ms > WATCH_MS ? WATCH_MS : watchdog_ms;
}

void server_watch(void)
{
	if (notify_watchdog_ms() != 0) {
		workers_busy();
		notify_watchdog();
	}
	memory_watch();
}

void server_stop(void)
{
	log_info(NULL, "stopping");
	notify_stopping();
	workers_drain();
	workers_stop();
	log_info(NULL, "stopped");
}

void server_free(void)
{
	loader_stop();
	for (size_t i = 0; i < server.listening; i++)
		listener_free(&server.listeners[i]);
	mem_free(server.listeners);
	store_close(&server.store);
	hooks_free();
	remote_clear();
	config_unref(&server.config);
	config_unref(&server.started);
	config_tables_free(&server.tables);
	log_stop();
	arena_free(&server.arena);
	crypto_finish();
}
