/* home.c - which worker a user lives on, and what the core keeps on each worker. */
#include "build-config.h"

#include "core/home.h"

#include "base/hash.h"
#include "base/text.h"
#include "core/account.h"
#include "core/config.h"
#include "core/delivery.h"
#include "core/password-reset.h"
#include "core/presence.h"
#include "core/presence-remote.h"
#include "core/router.h"
#include "core/session.h"
#include "core/shared-group.h"
#include "core/task.h"
#include "loop/worker.h"

/* Users are spread over buckets, buckets over workers (in a cluster: over workers of nodes). */
#define BUCKETS 1024
/* Low bits of a row's number that tell the worker. */
#define ID_WORKER_BITS 8
/* So high no clock goes; it leaves room for those above. */
#define ID_FOUND_MAX (INT64_MAX / 2)

static struct worker *const *workers;
static size_t worker_count;
static int64_t started_us;

static _Thread_local struct config *current;
static _Thread_local unsigned reloads;
static _Thread_local int64_t last_id;

void homes_init(struct worker *const *all, size_t count)
{
	workers = all;
	worker_count = count;
	started_us = time_now_us();
}

int64_t server_started_us(void)
{
	return started_us;
}

size_t homes_count(void)
{
	return worker_count;
}

struct worker *homes_worker(size_t index)
{
	return workers[index];
}

struct worker *home_of(const struct jid *jid)
{
	return workers[jid->hash % BUCKETS % worker_count];
}

struct worker *home_of_domain(const char *domain)
{
	return workers[hash_bytes_stable(domain, strlen(domain)) % BUCKETS % worker_count];
}

bool home_is_here(const struct jid *jid)
{
	return home_of(jid) == worker_current();
}

const struct config *home_config(void)
{
	return current;
}

void home_start(struct config *config)
{
	current = config_ref(config);
	last_id = 0;
	shared_groups_start();
	accounts_start();
	router_start();
	presence_start();
	presence_remote_start();
	deliveries_start();
	password_resets_start();
}

/* Sessions of a domain that is not served any more (RFC 6120 section 4.9.3.5). */
static void home_end_retired(void)
{
	struct account *account;
	size_t cursor = 0;

	while ((account = accounts_next(&cursor)) != NULL)
		if (account->session_count > 0 && !config_serves(current, account->jid))
			sessions_end(account, SESSION_HOST_GONE);
}

void home_reload(struct config *config)
{
	struct config *old = current;

	current = config_ref(config);
	config_unref(&old);
	reloads++;
	home_end_retired();
}

void home_stop(void)
{
	password_resets_stop();
	deliveries_stop();
	router_stop();
	presence_remote_stop();
	accounts_stop();
	shared_groups_stop();
	config_unref(&current);
}

size_t home_busy(void)
{
	return tasks_count() + home_sessions() + accounts_busy() + probes_waiting() +
	       deliveries_count() + shared_groups_busy();
}

size_t home_sessions(void)
{
	return sessions_count();
}

size_t home_accounts(void)
{
	return accounts_count();
}

unsigned server_reloads(void)
{
	return reloads;
}

int64_t home_next_id(void)
{
	int64_t now = time_now_us();

	last_id = now > last_id ? now : last_id + 1;
	return last_id << ID_WORKER_BITS | (int64_t)worker_index(worker_current());
}

void home_skip_ids(int64_t id)
{
	if (id <= ID_FOUND_MAX && id >> ID_WORKER_BITS > last_id)
		last_id = id >> ID_WORKER_BITS;
}

bool server_serves(const char *domain)
{
	return config_domain(current, domain) != NULL;
}

const char *const *server_components(struct arena *arena, const char *domain)
{
	return config_components_below(current, domain, arena);
}

const void *module_config(const struct module *module)
{
	return current->module_sections[module->index];
}

const char *server_version(void)
{
	return PACKAGE_VERSION;
}
