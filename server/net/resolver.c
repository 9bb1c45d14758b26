/* resolver.c - the end of a query where it was asked, and its answer.
 * A query goes to the worker that asks DNS by mail and comes back by mail, even if both are the
 * same worker, so that nobody is called from inside his own call. Who cancels marks it only; it
 * still comes back. */
#include "net/resolver-private.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "net/tls-private.h"

/* What answers are made in. */
#define ANSWER_BYTES 2048

struct answer_owner {
	struct resolver_answer answer; /* first: what others hold a pointer to */
	atomic_uint references;
	struct arena *arena;
};

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

static void answer_set_address(struct resolver_answer *answer, struct arena *arena,
    const char *name, const union resolver_address *address, bool is_direct_tls)
{
	union resolver_address *copy = arena_alloc(arena, sizeof *copy);
	struct resolver_host *host = arena_alloc_zero(arena, sizeof *host);
	bool is_ipv4 = address->any.sa_family == AF_INET;

	*copy = *address;
	host->name = arena_strdup(arena, name);
	host->port = ntohs(is_ipv4 ? address->ipv4.sin_port : address->ipv6.sin6_port);
	host->is_direct_tls = is_direct_tls;
	host->addresses = copy;
	host->address_count = 1;
	answer->hosts = host;
	answer->host_count = 1;
}

const struct resolver_answer *resolver_answer_new(
    const char *name, const union resolver_address *address, bool is_direct_tls)
{
	struct arena *arena;
	struct resolver_answer *answer = answer_new(&arena);

	answer_set_address(answer, arena, name, address, is_direct_tls);
	return answer;
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

void query_return(struct resolver_query *query)
{
	worker_post(query->asker, &query->mail, query_returned);
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
	union resolver_address address;

	if (!ipv4_parse(domain, &address) && !ipv6_parse(domain, &address))
		return false;
	answer_set_address(query->answer, query->arena, domain, &address, false);
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
	if (query_answer_address(query, domain)) {
		query_return(query);
	} else if (!tls_name_ascii(domain, query->domain)) {
		search_fail(query, RESOLVER_NO_NAME, "DNS can have no domain of that name");
		query_return(query);
	} else {
		office_send(query);
	}
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
