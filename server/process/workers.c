/* workers.c - the workers of the process: what each is told to do at the start, at a reload and at
 * the end, and how long the end may take. */
#include "process/process-private.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "admin/ban-rows.h"
#include "admin/config-rows.h"
#include "admin/control.h"
#include "admin/link-rows.h"
#include "admin/live.h"
#include "admin/outbox.h"
#include "admin/session-rows.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "c2s/c2s.h"
#include "component/component.h"
#include "core/bans.h"
#include "core/config.h"
#include "core/home.h"
#include "core/order.h"
#include "loop/chore.h"
#include "net/listener.h"
#include "net/resolver.h"
#include "net/transport.h"
#include "s2s/s2s.h"
#include "store/database.h"

/* How long clients and writes may take at the end, and what follows from those that did not make
 * it. */
#define DRAIN_MS 6000
#define GIVE_UP_MS 500
#define DRAIN_STEP_MS 20

/* ---- start ---- */

static void order_start(struct order *order)
{
	if (worker_index(worker_current()) == 0)
		resolver_start(&order->config->dns);
	store_attach(server.store);
	home_start(order->config);
	session_rows_start();
	link_rows_start();
	c2s_start();
	c2s_configure();
	s2s_configure();
	component_configure();
}

/* Whom a listener hands connections to. */
static listener_accepted *accepted_for(enum listen_kind kind)
{
	if (kind == LISTEN_COMPONENT)
		return component_accept;
	return kind == LISTEN_S2S || kind == LISTEN_S2S_TLS ? s2s_accept : c2s_accept;
}

static bool is_direct_tls(enum listen_kind kind)
{
	return kind == LISTEN_C2S_TLS || kind == LISTEN_S2S_TLS;
}

static void order_listen(struct order *order)
{
	const struct config *config = order->config;

	if (worker_index(worker_current()) != 0)
		return;
	live_start();
	ban_rows_start();
	listeners_refuse(bans_have_peer);
	outbox_start();
	if (config->control != NULL &&
	    !control_start(config->control, server.arena, &server.control_error))
		return;
	for (size_t i = 0; i < server.listening; i++)
		listener_start(server.listeners[i], server.workers,
		    config->listens[i].kind == LISTEN_COMPONENT ? 1 : homes_count(),
		    accepted_for(config->listens[i].kind),
		    is_direct_tls(config->listens[i].kind) ? &server : NULL);
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

/* In each worker's thread, first of all: a name, for those who look with top. */
static void worker_started(struct worker *worker, void *state)
{
	char name[16];

	(void)state;
	snprintf(name, sizeof name, "worker %u", worker_index(worker));
	prctl(PR_SET_NAME, name);
}

/* In each worker's thread, after its last round: what waits for the database runs rounds of its
 * own. */
static void worker_ended(struct worker *worker, void *state)
{
	(void)state;
	if (worker_index(worker) == 0) {
		live_stop();
		ban_rows_stop();
		outbox_stop();
		resolver_stop();
	}
	session_rows_stop();
	link_rows_stop();
	store_detach(server.store);
	component_stop();
	s2s_stop();
	transport_abandon_all();
	home_stop();
	c2s_stop();
}

void workers_start(void)
{
	size_t count = server.config->workers;
	struct address_limits limits = address_limits_of(server.config);

	server.workers = mem_alloc_zero(count * sizeof *server.workers);
	for (size_t i = 0; i < count; i++)
		server.workers[i] = worker_new((unsigned)i);
	homes_init(server.workers, count);
	chores_start();
	address_set_limits(&limits);
	for (size_t i = 0; i < count; i++)
		worker_start(server.workers[i], worker_started, worker_ended, NULL);
	orders_run(order_start, server.config);
}

void workers_listen(void)
{
	orders_run(order_listen, server.config);
}

/* ---- what the database adds to the configuration ---- */

static struct {
	struct config_tables *tables;
	const char *error;
} found;

static void tables_found(void *state, struct config_tables *tables, const char *why)
{
	found.tables = tables;
	if (tables == NULL)
		found.error = arena_printf(server.arena, "settings cannot be read: %s", why);
	order_release(state);
}

static void order_read_tables(struct order *order)
{
	if (worker_index(worker_current()) == 0)
		config_rows_read(tables_found, order_hold(order));
}

struct config_tables *workers_read_tables(const char **error_out)
{
	orders_run(order_read_tables, NULL);
	*error_out = found.error;
	return found.tables;
}

static void rows_written(void *state)
{
	order_release(state);
}

static void order_await_rows(struct order *order)
{
	if (worker_index(worker_current()) == 0)
		config_rows_await(rows_written, order_hold(order));
}

void workers_await_rows(void)
{
	orders_run(order_await_rows, NULL);
}

/* ---- while they run ---- */

static void order_configure(struct order *order)
{
	struct address_limits limits = address_limits_of(order->config);

	if (worker_index(worker_current()) == 0) {
		address_set_limits(&limits);
		resolver_configure(&order->config->dns);
	}
	home_reload(order->config);
	c2s_configure();
	s2s_configure();
	component_configure();
}

static void order_in_force(struct order *order)
{
	(void)order;
	if (worker_index(worker_current()) == 0)
		live_configured(server.tables);
}

void workers_configure(struct config *config)
{
	orders_run(order_configure, config);
	workers_note_tables();
}

void workers_note_tables(void)
{
	orders_run(order_in_force, NULL);
}

static void order_count(struct order *order)
{
	order->count = c2s_count() + s2s_busy() + component_busy() + home_busy() + store_waiting() +
	               resolver_waiting();
	if (worker_index(worker_current()) == 0)
		order->count += outbox_busy();
}

size_t workers_busy(void)
{
	return orders_run(order_count, NULL);
}

/* ---- end ---- */

static void order_close(struct order *order)
{
	(void)order;
	if (worker_index(worker_current()) != 0)
		return;
	outbox_close();
	resolver_close();
	control_stop();
	for (size_t i = 0; i < server.listening; i++)
		listener_free(&server.listeners[i]);
}

static void order_shut_down(struct order *order)
{
	(void)order;
	c2s_shutdown();
	s2s_close();
	component_close();
}

/* When our users have gone, and other servers have been told so. */
static void order_hang_up(struct order *order)
{
	(void)order;
	s2s_shutdown();
	component_shutdown();
}

static void order_give_up(struct order *order)
{
	(void)order;
	store_give_up();
}

static void sleep_ms(unsigned ms)
{
	usleep(ms * 1000);
}

static bool workers_come_to_rest(unsigned patience_ms)
{
	for (unsigned waited = 0; waited < patience_ms; waited += DRAIN_STEP_MS) {
		if (workers_busy() == 0)
			return true;
		sleep_ms(DRAIN_STEP_MS);
	}
	return false;
}

void workers_drain(void)
{
	orders_run(order_close, NULL);
	orders_run(order_shut_down, NULL);
	if (workers_come_to_rest(DRAIN_MS)) {
		orders_run(order_hang_up, NULL);
		workers_come_to_rest(GIVE_UP_MS);
		return;
	}
	log_warning(NULL, "some clients, links or writes did not end in time");
	orders_run(order_hang_up, NULL);
	orders_run(order_give_up, NULL);
	workers_come_to_rest(GIVE_UP_MS);
}

void workers_stop(void)
{
	chores_stop();
	for (size_t i = 0; i < homes_count(); i++)
		worker_stop(server.workers[i]);
	/* Until the last has ended they may have mail for each other. */
	for (size_t i = 0; i < homes_count(); i++)
		worker_join(server.workers[i]);
	for (size_t i = 0; i < homes_count(); i++)
		worker_free(&server.workers[i]);
	mem_free(server.workers);
}
