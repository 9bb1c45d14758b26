/* resolver-search.c - the questions that a query asks DNS, and the answer made of theirs.
 * Both services are asked for at once. The addresses of a host are asked for as soon as its SRV
 * record is there; so are its TLSA records, if that record was signed. When all has been answered
 * and neither service was, the domain itself is the host (RFC 6120 section 3.2.2). A question that
 * DNS leaves open holds up the query until its deadline; then what is known by then counts. */
#include "net/resolver-private.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"

/* Of one answer; those that come first by priority are used. */
#define SRV_READ_MAX 64

/* ---- questions ---- */

static void search_conclude(struct resolver_query *query);

/* One that was open is not any more. */
static void search_closed(struct resolver_query *query)
{
	if (--query->open == 0)
		search_conclude(query);
}

static void search_ask(struct resolver_query *query, const char *name, enum dns_type type,
    struct dns_question *question,
    void (*answered)(struct dns_question *, const struct dns_reply *))
{
	query->open++;
	dns_ask(query->dns, name, type, question, answered);
}

static void search_note(struct resolver_query *query, const struct dns_reply *reply)
{
	if (reply->why != NULL)
		query->why = arena_strdup(query->arena, reply->why);
}

/* Whether it says neither yes nor no. */
static bool is_trouble(enum dns_result result)
{
	return result >= DNS_FAILED;
}

/* ---- the addresses of a host ---- */

static void ipv4_answered(struct dns_question *question, const struct dns_reply *reply)
{
	struct search_target *target = CONTAINER_OF(question, struct search_target, ipv4_question);

	target->ipv4_result = reply->result;
	target->is_insecure = target->is_insecure || !reply->is_secure;
	target->ipv4_count = packet_addresses(reply, DNS_A, target->ipv4, COUNT_OF(target->ipv4));
	search_note(target->query, reply);
	search_closed(target->query);
}

static void ipv6_answered(struct dns_question *question, const struct dns_reply *reply)
{
	struct search_target *target = CONTAINER_OF(question, struct search_target, ipv6_question);

	target->ipv6_result = reply->result;
	target->is_insecure = target->is_insecure || !reply->is_secure;
	target->ipv6_count =
	    packet_addresses(reply, DNS_AAAA, target->ipv6, COUNT_OF(target->ipv6));
	search_note(target->query, reply);
	search_closed(target->query);
}

static struct search_target *target_find(struct resolver_query *query, const char *name)
{
	struct search_target *target;

	STAILQ_FOREACH (target, &query->targets, next)
		if (text_equal(target->name, name))
			return target;
	return NULL;
}

static struct search_target *target_of(struct resolver_query *query, const char *name)
{
	struct search_target *target = target_find(query, name);

	if (target != NULL)
		return target;
	target = arena_alloc_zero(query->arena, sizeof *target);
	target->query = query;
	target->name = name;
	target->ipv4_result = target->ipv6_result = DNS_SILENT;
	STAILQ_INSERT_TAIL(&query->targets, target, next);
	search_ask(query, name, DNS_A, &target->ipv4_question, ipv4_answered);
	search_ask(query, name, DNS_AAAA, &target->ipv6_question, ipv6_answered);
	return target;
}

/* ---- DANE ---- */

static void tlsa_answered(struct dns_question *question, const struct dns_reply *reply)
{
	struct search_host *search = CONTAINER_OF(question, struct search_host, tlsa_question);
	struct resolver_query *query = search->target->query;
	struct resolver_tlsa *records;

	search->tlsa_result = reply->result;
	search_note(query, reply);
	if (reply->result == DNS_RECORDS && reply->is_secure) {
		records = arena_alloc(query->arena, RESOLVER_TLSA_MAX * sizeof *records);
		search->host.tlsa = records;
		search->host.tlsa_count =
		    packet_tlsa(reply, query->arena, records, RESOLVER_TLSA_MAX);
	}
	search_closed(query);
}

static void tlsa_ask(struct search_host *search)
{
	char name[DNS_NAME_BYTES];
	int length =
	    snprintf(name, sizeof name, "_%u._tcp.%s", search->host.port, search->target->name);

	/* A name too long to have records has none. */
	search->tlsa_result = DNS_NO_NAME;
	if (length >= (int)sizeof name)
		return;
	search->tlsa_result = DNS_SILENT;
	search_ask(search->target->query, name, DNS_TLSA, &search->tlsa_question, tlsa_answered);
}

/* ---- hosts ---- */

static void host_add(struct resolver_query *query, const struct resolver_host *host)
{
	struct search_host *search = arena_alloc_zero(query->arena, sizeof *search);

	search->host = *host;
	STAILQ_INSERT_TAIL(&query->hosts, search, next);
	query->host_count++;
	search->target = target_of(query, host->name);
	if (host->is_secure)
		tlsa_ask(search);
}

/* RFC 6120 section 3.2.2. */
static void search_fall_back(struct resolver_query *query)
{
	struct resolver_host host = { .name = arena_strdup(query->arena, query->domain),
		.port = XMPP_SERVER_PORT,
		.is_secure = query->direct.is_secure && query->starttls.is_secure };

	query->has_fallen_back = true;
	query->open++;
	host_add(query, &host);
	search_closed(query);
}

/* ---- services ---- */

/* "." is alone where it stands (RFC 2782); beside others it is nonsense. */
static size_t service_hosts(struct search_service *service, const struct srv *records, size_t count,
    bool is_secure, struct resolver_host *hosts_out)
{
	size_t host_count = 0;

	for (size_t i = 0; i < count; i++) {
		if (*records[i].target == '\0' || records[i].port == 0)
			continue;
		hosts_out[host_count++] = (struct resolver_host){
			.name = records[i].target,
			.port = records[i].port,
			.is_direct_tls = service->is_direct_tls,
			.has_srv = true,
			.priority = records[i].priority,
			.weight = records[i].weight,
			.is_secure = is_secure,
		};
	}
	return host_count;
}

static void service_read(struct search_service *service, const struct dns_reply *reply)
{
	struct resolver_query *query = service->query;
	struct resolver_host hosts[SRV_READ_MAX];
	struct srv records[SRV_READ_MAX];
	size_t count = packet_srv(reply, query->arena, records, SRV_READ_MAX), host_count;

	host_count = service_hosts(service, records, count, reply->is_secure, hosts);
	service->is_refused = count > 0 && host_count == 0;
	order_hosts(hosts, host_count, order_chance);
	for (size_t i = 0; i < host_count && i < RESOLVER_HOSTS_MAX; i++)
		host_add(query, &hosts[i]);
}

static void service_answered(struct dns_question *question, const struct dns_reply *reply)
{
	struct search_service *service = CONTAINER_OF(question, struct search_service, question);

	service->result = reply->result;
	service->is_secure = reply->is_secure;
	search_note(service->query, reply);
	service_read(service, reply);
	search_closed(service->query);
}

static void service_ask(struct resolver_query *query, struct search_service *service,
    const char *prefix, bool is_direct_tls)
{
	char name[DNS_NAME_BYTES];
	int length = snprintf(name, sizeof name, "%s.%s", prefix, query->domain);

	service->query = query;
	service->is_direct_tls = is_direct_tls;
	service->result = DNS_NO_NAME;
	if (length >= (int)sizeof name)
		return;
	service->result = DNS_SILENT;
	search_ask(query, name, DNS_SRV, &service->question, service_answered);
}

/* ---- the answer ---- */

void search_fail(struct resolver_query *query, enum resolver_status status, const char *text)
{
	query->answer->status = status;
	query->answer->text = text;
}

/* What stands against using a host, or DNS_RECORDS. If there may be TLSA records that somebody
 * keeps from us, it is not used without them (RFC 7673 section 3.4). */
static enum dns_result host_trouble(const struct search_host *search)
{
	const struct search_target *target = search->target;
	enum dns_result a = target->ipv4_result, b = target->ipv6_result;

	if (target->ipv4_count + target->ipv6_count == 0)
		return a == DNS_RECORDS && b == DNS_RECORDS ? DNS_NO_RECORDS : a > b ? a : b;
	if (search->host.is_secure && !target->is_insecure && is_trouble(search->tlsa_result))
		return search->tlsa_result;
	return DNS_RECORDS;
}

static void addresses_set_port(union resolver_address *addresses, size_t count, unsigned port)
{
	for (size_t i = 0; i < count; i++) {
		if (addresses[i].any.sa_family == AF_INET)
			addresses[i].ipv4.sin_port = htons((uint16_t)port);
		else
			addresses[i].ipv6.sin6_port = htons((uint16_t)port);
	}
}

static struct resolver_host host_finish(struct search_host *search, struct arena *arena)
{
	const struct search_target *target = search->target;
	struct resolver_host host = search->host;
	union resolver_address *addresses =
	    arena_alloc(arena, RESOLVER_ADDRESSES_MAX * sizeof *addresses);

	host.address_count = order_addresses(addresses, RESOLVER_ADDRESSES_MAX, target->ipv6,
	    target->ipv6_count, target->ipv4, target->ipv4_count);
	addresses_set_port(addresses, host.address_count, host.port);
	host.addresses = addresses;
	if (target->is_insecure)
		host.tlsa_count = 0;
	if (host.tlsa_count == 0)
		host.tlsa = NULL;
	return host;
}

/* The hosts that can be used; or what stands against the worst of them in `trouble_out`. */
static size_t hosts_finish(
    struct resolver_query *query, struct resolver_host *hosts_out, enum dns_result *trouble_out)
{
	struct search_host *search;
	size_t count = 0;

	STAILQ_FOREACH (search, &query->hosts, next) {
		enum dns_result trouble = host_trouble(search);

		if (trouble == DNS_RECORDS)
			hosts_out[count++] = host_finish(search, query->arena);
		else if (trouble > *trouble_out)
			*trouble_out = trouble;
	}
	return count;
}

static void search_tell_trouble(struct resolver_query *query, enum dns_result trouble)
{
	struct arena *arena = query->arena;
	const char *domain = query->domain, *why = query->why;

	if (trouble == DNS_BOGUS)
		search_fail(query, RESOLVER_BOGUS,
		    arena_printf(arena, "DNSSEC: what DNS says of %s is not what was signed: %s",
			domain, why == NULL ? "no reason is known" : why));
	else if (trouble == DNS_SILENT)
		search_fail(query, RESOLVER_TIMEOUT,
		    arena_printf(arena, "DNS did not answer in time for %s", domain));
	else if (trouble == DNS_FAILED)
		search_fail(query, RESOLVER_FAILED,
		    arena_printf(arena, "DNS could not find out about %s: %s", domain,
			why == NULL ? "no reason is known" : why));
	else if (trouble == DNS_NO_NAME && query->has_fallen_back)
		search_fail(query, RESOLVER_NO_NAME,
		    arena_printf(arena, "there is no domain %s in DNS", domain));
	else
		search_fail(query, RESOLVER_NO_ADDRESS,
		    arena_printf(arena, "DNS has no address of a server for %s", domain));
}

static void search_finish(struct resolver_query *query)
{
	enum dns_result trouble = DNS_RECORDS;
	struct resolver_host *hosts =
	    arena_alloc(query->arena, (query->host_count + 1) * sizeof *hosts);
	size_t count = hosts_finish(query, hosts, &trouble);

	if (count == 0) {
		search_tell_trouble(query, trouble);
	} else {
		order_hosts(hosts, count, order_chance);
		query->answer->hosts = hosts;
		query->answer->host_count = count < RESOLVER_HOSTS_MAX ? count : RESOLVER_HOSTS_MAX;
	}
	query->found(query);
}

/* All that was asked has been answered. */
static void search_conclude(struct resolver_query *query)
{
	const struct search_service *direct = &query->direct, *starttls = &query->starttls;
	enum dns_result trouble =
	    direct->result > starttls->result ? direct->result : starttls->result;

	if (query->host_count > 0) {
		search_finish(query);
	} else if (is_trouble(trouble)) {
		search_tell_trouble(query, trouble);
		query->found(query);
	} else if (direct->is_refused || starttls->is_refused) {
		/* Even if only one of them does: XEP-0368 section 3. */
		search_fail(query, RESOLVER_NO_SERVICE,
		    arena_printf(query->arena,
			"%s says in DNS that it has no XMPP server (SRV target \".\")",
			query->domain));
		query->found(query);
	} else {
		search_fall_back(query);
	}
}

/* What is not answered stays silent. */
static void search_forget(struct resolver_query *query)
{
	struct search_target *target;
	struct search_host *search;

	dns_forget(&query->direct.question);
	dns_forget(&query->starttls.question);
	STAILQ_FOREACH (target, &query->targets, next) {
		dns_forget(&target->ipv4_question);
		dns_forget(&target->ipv6_question);
	}
	STAILQ_FOREACH (search, &query->hosts, next)
		dns_forget(&search->tlsa_question);
}

void search_init(struct resolver_query *query, void (*found)(struct resolver_query *))
{
	if (query->dns != NULL)
		search_forget(query);
	query->dns = NULL;
	query->found = found;
	query->direct = query->starttls = (struct search_service){ .result = DNS_SILENT };
	query->host_count = 0;
	query->has_fallen_back = false;
	STAILQ_INIT(&query->targets);
	STAILQ_INIT(&query->hosts);
}

void search_start(struct resolver_query *query, struct dns *dns)
{
	query->dns = dns;
	query->open = 1;
	service_ask(query, &query->direct, "_xmpps-server._tcp", true);
	service_ask(query, &query->starttls, "_xmpp-server._tcp", false);
	search_closed(query);
}

bool search_is_started(const struct resolver_query *query)
{
	return query->dns != NULL;
}

void search_hurry(struct resolver_query *query)
{
	search_forget(query);
	query->open = 1;
	search_closed(query);
}
