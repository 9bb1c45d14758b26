/* main.c - wires everything, owns start and stop.
 * The main thread only starts things and waits for signals; workers run in threads of their own. */
#include "build-config.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/control.h"
#include "admin/notify.h"
#include "admin/privileges.h"
#include "admin/reload.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "c2s/c2s.h"
#include "core/config.h"
#include "core/home.h"
#include "core/hooks.h"
#include "core/loader.h"
#include "core/module.h"
#include "core/order.h"
#include "core/user.h"
#include "loop/worker.h"
#include "net/listener.h"
#include "net/transport.h"
#include "store/database.h"
#include "xml/parser.h"
#include "xmpp/jid.h"

#define DEFAULT_CONFIG SYSCONFDIR "/godwit/godwit.conf"
/* How long clients and writes may take at the end, and what follows from those that did not make
 * it.
 */
#define DRAIN_MS 6000
#define GIVE_UP_MS 500
#define DRAIN_STEP_MS 20

/* The running server. */
static struct {
	const char *config_path;
	struct arena *arena; /* of start: messages, ports */
	struct config *config;
	struct config
	    *started; /* the configuration of the start: what needs a restart is of this */
	struct store *store;
	struct worker **workers;
	struct listener **listeners;
	size_t listening;
	const char *control_error;
} server;

static void order_start(struct order *order)
{
	store_attach(server.store);
	home_start(order->config);
	c2s_configure();
}

static void order_listen(struct order *order)
{
	const struct config *config = order->config;

	if (worker_index(worker_current()) != 0)
		return;
	if (config->control != NULL &&
	    !control_start(config->control, server.arena, &server.control_error))
		return;
	for (size_t i = 0; i < server.listening; i++)
		listener_start(server.listeners[i], server.workers, homes_count(), c2s_accept,
		    config->listens[i].kind == LISTEN_C2S_TLS ? &server : NULL);
}

static struct address_limits address_limits_of(const struct config *config)
{
	return (struct address_limits){
		.max_pending = config->limits.pending_per_address,
		.max_connections = config->limits.connections_per_address,
		.max_total_pending = config->limits.pending,
		.max_total = config->limits.connections,
	};
}

static void order_configure(struct order *order)
{
	struct address_limits limits = address_limits_of(order->config);

	if (worker_index(worker_current()) == 0)
		address_set_limits(&limits);
	home_reload(order->config);
	c2s_configure();
}

static void order_close(struct order *order)
{
	(void)order;
	if (worker_index(worker_current()) != 0)
		return;
	control_stop();
	for (size_t i = 0; i < server.listening; i++)
		listener_free(&server.listeners[i]);
}

static void order_shut_down(struct order *order)
{
	(void)order;
	c2s_shutdown();
}

static void order_give_up(struct order *order)
{
	(void)order;
	store_give_up();
}

static void order_count(struct order *order)
{
	order->count = c2s_count() + home_busy() + store_waiting();
}

/* In each worker's thread, after its last round: what waits for the database runs rounds of its
 * own. */
static void worker_ended(struct worker *worker, void *state)
{
	(void)worker;
	(void)state;
	store_detach(server.store);
	transport_abandon_all();
	home_stop();
	c2s_stop();
}

/* ---- start ---- */

static bool start_failed(const char *text)
{
	log_error(NULL, "cannot start", KV("why", text));
	return false;
}

static bool modules_load(const char **error_out)
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

static void warn(void *state, const char *text)
{
	struct text *all = state;

	log_warning(NULL, "configuration needs attention", KV("what", text));
	if (all != NULL)
		text_printf(all, "warning: %s\n", text);
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

static void workers_start(void)
{
	size_t count = server.config->workers;
	struct address_limits limits = address_limits_of(server.config);

	server.workers = mem_alloc_zero(count * sizeof *server.workers);
	for (size_t i = 0; i < count; i++)
		server.workers[i] = worker_new((unsigned)i);
	homes_init(server.workers, count);
	users_start();
	address_set_limits(&limits);
	for (size_t i = 0; i < count; i++)
		worker_start(server.workers[i], NULL, worker_ended, NULL);
	orders_run(order_start, server.config);
	orders_run(order_listen, server.config);
}

static void workers_stop(void)
{
	users_stop();
	for (size_t i = 0; i < homes_count(); i++)
		worker_stop(server.workers[i]);
	/* Until the last has ended they may have mail for each other. */
	for (size_t i = 0; i < homes_count(); i++)
		worker_join(server.workers[i]);
	for (size_t i = 0; i < homes_count(); i++)
		worker_free(&server.workers[i]);
	mem_free(server.workers);
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
	notify_ready();
}

/* ---- what the control socket asks for, on the first worker ---- */

static void host_reload(void)
{
	kill(getpid(), SIGHUP);
}

static void host_stop(void)
{
	kill(getpid(), SIGTERM);
}

static json_t *listeners_describe(void)
{
	const struct config *config = server.started;
	json_t *listeners = json_array();

	for (size_t i = 0; i < config->listen_count; i++)
		json_array_append_new(listeners,
		    json_pack("{s:s,s:s,s:i}", "kind",
			config->listens[i].kind == LISTEN_C2S ? "c2s" : "c2s-tls", "address",
			config->listens[i].address == NULL ? "*" : config->listens[i].address,
			"port", (int)listener_port(server.listeners[i])));
	return listeners;
}

static void host_describe(json_t *status)
{
	json_object_set_new(status, "config", json_string(server.config_path));
	json_object_set_new(status, "database", json_string(store_version(server.store)));
	json_object_set_new(status, "schema", json_integer((json_int_t)store_schema(server.store)));
	json_object_set_new(status, "listeners", listeners_describe());
}

static const struct command_host command_host_of_server = {
	.reload = host_reload,
	.stop = host_stop,
	.describe = host_describe,
	.connections = c2s_count,
};

/* ---- the whole of it ---- */

static bool server_prepare(const char **error_out)
{
	if (!modules_load(error_out))
		return false;
	server.config =
	    config_load(server.config_path, server_modules(), true, server.arena, error_out);
	server.started = server.config == NULL ? NULL : config_ref(server.config);
	return server.config != NULL;
}

static bool server_start(void)
{
	const char *error = NULL;

	if (!server_prepare(&error))
		return start_failed(error);
	log_set_level(server.config->log_level);
	if (!log_start(server.config->log_file, server.config->log_format))
		return start_failed(arena_printf(
		    server.arena, "log file %s: %s", server.config->log_file, strerror(errno)));
	descriptors_raise();
	if (server.config->control != NULL)
		control_make_folder(server.config->control, server.config->user);
	if (!listeners_bind(&error) ||
	    !privileges_drop(server.config->user, server.config_path, server.arena, &error))
		return start_failed(error);
	privileges_report();
	config_warn(server.config, warn, NULL);
	server.store = store_open(server.config->database, server.config->schema, true,
	    &STORE_LIMITS_DEFAULT, server.arena, &error);
	if (server.store == NULL)
		return start_failed(error);
	hooks_init();
	if (!loader_start())
		return start_failed("a module refused to start; its reason stands above");
	commands_start(&command_host_of_server);
	workers_start();
	if (server.control_error != NULL) {
		workers_stop();
		return start_failed(server.control_error);
	}
	say_ready();
	return true;
}

/* ---- reload ---- */

/* What is at work becomes this one; settings that wait for the next start are told. */
static const char *const *config_replace(struct config *config, struct arena *arena)
{
	const char *const *restart = config_needs_restart(arena, server.started, config);

	for (const char *const *name = restart; *name != NULL; name++)
		log_warning(NULL, "setting takes effect after a restart", KV("setting", *name));
	log_set_level(config->log_level);
	orders_run(order_configure, config);
	config_unref(&server.config);
	server.config = config;
	log_info(NULL, "reloaded", KV("config", server.config_path));
	return restart;
}

static void server_reload(void)
{
	struct reload_errand *errands = reload_errands_take();
	struct arena *arena = arena_new(0);
	struct reload_outcome outcome = { 0 };
	struct config *config;

	log_reopen();
	config = config_reload(
	    server.config, server_modules(), warn, &outcome.warnings, arena, &outcome.error);
	if (config == NULL) {
		log_error(NULL, "reload failed; the configuration in use stays",
		    KV("why", outcome.error));
	} else {
		config_warn(config, warn, &outcome.warnings);
		outcome.restart = config_replace(config, arena);
	}
	reload_errands_answer(errands, &outcome);
	text_free(&outcome.warnings);
	arena_free(&arena);
}

/* ---- stop ---- */

static void sleep_ms(unsigned ms)
{
	usleep(ms * 1000);
}

static bool workers_come_to_rest(unsigned patience_ms)
{
	for (unsigned waited = 0; waited < patience_ms; waited += DRAIN_STEP_MS) {
		if (orders_run(order_count, NULL) == 0)
			return true;
		sleep_ms(DRAIN_STEP_MS);
	}
	return false;
}

/* Clients are told, what they sent is stored; whoever does not go in time is left. */
static void workers_drain(void)
{
	orders_run(order_shut_down, NULL);
	if (workers_come_to_rest(DRAIN_MS))
		return;
	log_warning(NULL, "some clients or writes did not end in time");
	orders_run(order_give_up, NULL);
	workers_come_to_rest(GIVE_UP_MS);
}

static void server_stop(void)
{
	log_info(NULL, "stopping");
	notify_stopping();
	orders_run(order_close, NULL);
	workers_drain();
	workers_stop();
	loader_stop();
	log_info(NULL, "stopped");
}

/* What start made, as far as it came. */
static void server_free(void)
{
	for (size_t i = 0; i < server.listening; i++)
		listener_free(&server.listeners[i]);
	mem_free(server.listeners);
	store_close(&server.store);
	hooks_free();
	config_unref(&server.config);
	config_unref(&server.started);
	log_stop();
	arena_free(&server.arena);
	crypto_finish();
}

/* ---- the process ---- */

static void signals_block(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Until one asks to stop. The watchdog is fed while every worker answers. */
static void signals_serve(const sigset_t *set)
{
	unsigned period_ms = notify_watchdog_ms();
	struct timespec period = { period_ms / 1000, (long)(period_ms % 1000) * 1000000 };

	for (;;) {
		int signal_number =
		    period_ms == 0 ? sigwaitinfo(set, NULL) : sigtimedwait(set, NULL, &period);

		if (signal_number == SIGHUP) {
			server_reload();
		} else if (signal_number == SIGTERM || signal_number == SIGINT) {
			return;
		} else if (signal_number < 0 && errno == EAGAIN) {
			orders_run(order_count, NULL);
			notify_watchdog();
		}
	}
}

static void warn_on_terminal(void *state, const char *text)
{
	(void)state;
	fprintf(stderr, "godwit: warning: %s\n", text);
}

static int check(void)
{
	const char *error = NULL;
	int status = 0;

	if (!server_prepare(&error)) {
		fprintf(stderr, "godwit: %s\n", error);
		status = 1;
	} else {
		config_warn(server.config, warn_on_terminal, NULL);
		printf("%s: good\n", server.config_path);
	}
	loader_stop();
	server_free();
	return status;
}

static int print_keys(void)
{
	const char *error = NULL;
	bool printed =
	    modules_load(&error) && config_print_keys(server_modules(), server.arena, &error);

	if (!printed)
		fprintf(stderr, "godwit: %s\n", error);
	loader_stop();
	server_free();
	return printed ? 0 : 1;
}

static int run(void)
{
	sigset_t signals;

	signals_block(&signals);
	if (!server_start()) {
		loader_stop();
		server_free();
		return 1;
	}
	signals_serve(&signals);
	/* Ctrl-C a second time does not wait. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
	server_stop();
	server_free();
	return 0;
}

static int usage(FILE *out, int status)
{
	fprintf(out,
	    "usage: godwit [--config FILE] [--check | --keys]\n"
	    "\n"
	    "An XMPP server. Runs in the foreground; SIGHUP reloads, SIGTERM stops.\n"
	    "\n"
	    "  --config FILE  the configuration (default: %s)\n"
	    "  --check        only check it, with certificates and modules\n"
	    "  --keys         print what may be set, also for the modules that it names\n"
	    "  --version      print the version\n"
	    "  --help         print this\n"
	    "\n"
	    "godwitctl(1) makes accounts and looks into a running server.\n",
	    DEFAULT_CONFIG);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' }, { "keys", no_argument, NULL, 'K' },
		{ "version", no_argument, NULL, 'V' }, { "help", no_argument, NULL, 'h' }, { 0 } };
	int (*work)(void) = run;
	int option;

	server.config_path = DEFAULT_CONFIG;
	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			server.config_path = optarg;
			break;
		case 'k':
			work = check;
			break;
		case 'K':
			work = print_keys;
			break;
		case 'V':
			puts("godwit " PACKAGE_VERSION);
			return 0;
		case 'h':
			return usage(stdout, 0);
		default:
			return usage(stderr, 2);
		}
	}
	if (optind < argc)
		return usage(stderr, 2);
	crypto_init();
	hash_init();
	jid_init();
	server.arena = arena_new(0);
	return work();
}
