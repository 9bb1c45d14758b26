/* resolver.c - queries from their worker to the one that asks DNS, and back with the answer.
 * A query goes there by mail and comes back by mail, even if both are the same worker, so that
 * nobody is called from inside his own call. Who cancels marks it only; it still comes back. */
#include "net/resolver-private.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "loop/timer.h"
#include "net/tls-private.h"

/* What answers are made in. */
#define ANSWER_BYTES 2048

struct answer_owner {
	struct resolver_answer answer; /* first: what others hold a pointer to */
	atomic_uint references;
	struct arena *arena;
};

/* The worker that asks DNS; set before others run. */
static struct worker *asker_of_dns;
/* What belongs to it. */
static struct resolver_config settings;
static struct arena *settings_arena;
static struct dns *dns;
static bool is_closed;
static unsigned deadline_ms;
static size_t query_count;
static LIST_HEAD(, resolver_query) queries = LIST_HEAD_INITIALIZER(queries);

/* Queries of this worker. */
static _Thread_local size_t waiting;

/* ---- answers ---- */

static struct resolver_answer *answer_new(struct arena **arena_out)
{
	struct arena *arena = arena_new(ANSWER_BYTES);
	struct answer_owner *owner = arena_alloc_zero(arena, sizeof *owner);

	atomic_init(&owner->references, 1);
	owner->arena = *arena_out = arena;
	return &owner->answer;
}

static struct answer_owner *owner_of(const struct resolver_answer *answer)
{
	return (struct answer_owner *)(uintptr_t)answer;
}

const struct resolver_answer *resolver_answer_ref(const struct resolver_answer *answer)
{
	atomic_fetch_add(&owner_of(answer)->references, 1);
	return answer;
}

void resolver_answer_unref(const struct resolver_answer **answer)
{
	struct answer_owner *owner;
	struct arena *arena;

	if (*answer == NULL)
		return;
	owner = owner_of(*answer);
	*answer = NULL;
	arena = owner->arena;
	if (atomic_fetch_sub(&owner->references, 1) == 1)
		arena_free(&arena);
}

/* ---- on the way back ---- */

/* On the worker that asked. */
static void query_returned(struct mail *mail)
{
	struct resolver_query *query = CONTAINER_OF(mail, struct resolver_query, mail);
	const struct resolver_answer *answer = query->answer;

	waiting--;
	if (!query->is_cancelled)
		query->done(answer, query->state);
	resolver_answer_unref(&answer);
	mem_free(query);
}

/* The search has made its answer. */
static void query_found(struct resolver_query *query)
{
	LIST_REMOVE(query, next);
	query_count--;
	timer_free(&query->timer);
	worker_post(query->asker, &query->mail, query_returned);
}

static void query_fail(struct resolver_query *query, enum resolver_status status, const char *text)
{
	search_fail(query, status, text);
	worker_post(query->asker, &query->mail, query_returned);
}

/* ---- where DNS is asked ---- */

static void query_late(void *state)
{
	search_hurry(state);
}

static bool dns_begin(const char **error_out)
{
	struct arena *arena;
	const char *error;

	if (dns != NULL)
		return true;
	arena = arena_new(0);
	dns = dns_new(&settings, arena, &error);
	if (dns == NULL)
		log_error(NULL, "DNS cannot be asked", KV("why", error));
	arena_free(&arena);
	*error_out = "DNS cannot be asked: see the section dns of the configuration, and the log";
	return dns != NULL;
}

static void query_arrived(struct mail *mail)
{
	struct resolver_query *query = CONTAINER_OF(mail, struct resolver_query, mail);
	const char *error;

	if (is_closed) {
		query_fail(query, RESOLVER_FAILED, "the server is about to stop");
	} else if (query_count == RESOLVER_QUERIES_MAX) {
		query_fail(query, RESOLVER_BUSY, "too many domains are being looked up");
	} else if (!dns_begin(&error)) {
		query_fail(query, RESOLVER_FAILED, error);
	} else {
		LIST_INSERT_HEAD(&queries, query, next);
		query_count++;
		query->timer = timer_new(query_late, query);
		timer_set(query->timer, deadline_ms);
		search_start(query, dns, query_found);
	}
}

/* ---- where the query comes from ---- */

static bool ipv4_parse(const char *domain, union resolver_address *address_out)
{
	address_out->ipv4 =
	    (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(XMPP_SERVER_PORT) };
	return inet_pton(AF_INET, domain, &address_out->ipv4.sin_addr) == 1;
}

/* "[2001:db8::1]" */
static bool ipv6_parse(const char *domain, union resolver_address *address_out)
{
	char text[INET6_ADDRSTRLEN + 1] = "";
	size_t length = strlen(domain);

	if (length < 2 || domain[0] != '[' || domain[length - 1] != ']' ||
	    length - 2 >= sizeof text)
		return false;
	memcpy(text, domain + 1, length - 2);
	address_out->ipv6 =
	    (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(XMPP_SERVER_PORT) };
	return inet_pton(AF_INET6, text, &address_out->ipv6.sin6_addr) == 1;
}

/* Nobody needs to be asked where an address is. */
static bool query_answer_address(struct resolver_query *query, const char *domain)
{
	union resolver_address parsed, *address;
	struct resolver_host *host;

	if (!ipv4_parse(domain, &parsed) && !ipv6_parse(domain, &parsed))
		return false;
	address = arena_alloc(query->arena, sizeof *address);
	*address = parsed;
	host = arena_alloc_zero(query->arena, sizeof *host);
	host->name = arena_strdup(query->arena, domain);
	host->port = XMPP_SERVER_PORT;
	host->addresses = address;
	host->address_count = 1;
	query->answer->hosts = host;
	query->answer->host_count = 1;
	return true;
}

struct resolver_query *resolver_find(const char *domain, resolver_done *done, void *state)
{
	struct resolver_query *query = mem_alloc_zero(sizeof *query);

	query->asker = worker_current();
	query->done = done;
	query->state = state;
	query->answer = answer_new(&query->arena);
	waiting++;
	if (query_answer_address(query, domain))
		worker_post(query->asker, &query->mail, query_returned);
	else if (!tls_name_ascii(domain, query->domain))
		query_fail(query, RESOLVER_NO_NAME, "DNS can have no domain of that name");
	else
		worker_post(asker_of_dns, &query->mail, query_arrived);
	return query;
}

void resolver_cancel(struct resolver_query **query)
{
	if (*query == NULL)
		return;
	(*query)->is_cancelled = true;
	*query = NULL;
}

size_t resolver_waiting(void)
{
	return waiting;
}

/* ---- start, settings, end ---- */

static const char *const *list_copy(const char *const *list, struct arena *arena)
{
	const char **copy;
	size_t count = 0;

	while (list != NULL && list[count] != NULL)
		count++;
	copy = arena_alloc(arena, (count + 1) * sizeof *copy);
	for (size_t i = 0; i < count; i++)
		copy[i] = arena_strdup(arena, list[i]);
	copy[count] = NULL;
	return copy;
}

static struct resolver_config config_copy(const struct resolver_config *config, struct arena *arena)
{
	return (struct resolver_config){
		.forward = list_copy(config->forward, arena),
		.stub = list_copy(config->stub, arena),
		.trust_anchor_file = arena_strdup(arena, config->trust_anchor_file),
		.local_data = list_copy(config->local_data, arena),
		.timeout = config->timeout,
	};
}

void resolver_start(const struct resolver_config *config)
{
	asker_of_dns = worker_current();
	is_closed = false;
	settings_arena = arena_new(0);
	settings = config_copy(config, settings_arena);
	deadline_ms = config->timeout * 1000;
}

void resolver_set_deadline(unsigned ms)
{
	deadline_ms = ms;
}

/* All that is under way ends now. */
static void queries_hurry(void)
{
	struct resolver_query *query;

	while ((query = LIST_FIRST(&queries)) != NULL)
		search_hurry(query);
}

void resolver_configure(const struct resolver_config *config)
{
	queries_hurry();
	dns_free(&dns);
	arena_free(&settings_arena);
	resolver_start(config);
}

void resolver_close(void)
{
	is_closed = true;
	queries_hurry();
}

void resolver_stop(void)
{
	resolver_close();
	dns_free(&dns);
	arena_free(&settings_arena);
}

const char *resolver_config_wrong(const struct resolver_config *config, struct arena *arena)
{
	struct worker *before = worker_current(), *worker = worker_new(0);
	struct resolver_config copy = config_copy(config, arena);
	struct dns *tried;
	const char *wrong;

	worker_enter(worker);
	tried = dns_new(&copy, arena, &wrong);
	dns_free(&tried);
	worker_enter(before);
	worker_free(&worker);
	return wrong;
}
