/* resolver-private.h - what the files of the resolver share: a query, the questions it asks DNS,
 * and what is read from their answers. */
#ifndef GODWIT_NET_RESOLVER_PRIVATE_H
#define GODWIT_NET_RESOLVER_PRIVATE_H

#include <sys/queue.h>

#include "loop/worker.h"
#include "net/resolver.h"

struct arena;
struct dns;
struct timer;

#define DNS_NAME_BYTES 256
#define XMPP_SERVER_PORT 5269

/* ---- resolver-dns.c: the door to libunbound ---- */

enum dns_type { DNS_A = 1, DNS_AAAA = 28, DNS_SRV = 33, DNS_DNSKEY = 48, DNS_TLSA = 52 };

/* The worse, the later. */
enum dns_result { DNS_RECORDS, DNS_NO_RECORDS, DNS_NO_NAME, DNS_FAILED, DNS_SILENT, DNS_BOGUS };

/* What DNS says to a question; lent for the call. */
struct dns_reply {
	enum dns_result result;
	bool is_secure;
	const unsigned char *packet; /* NULL unless RECORDS */
	size_t length;
	const char *why; /* what is wrong with it; NULL: nothing */
};

/* Embedded in what is asked. */
struct dns_question {
	void (*answered)(struct dns_question *question, const struct dns_reply *reply);
	struct dns *dns; /* NULL: not open */
	int id;
};

/* A cache, servers to ask, and whom to trust; on the current worker. NULL and what is wrong, with
 * the cure. */
struct dns *dns_new(
    const struct resolver_config *config, struct arena *arena, const char **error_out);
/* Its questions must not be open. Accepts a pointer to NULL, leaves NULL. */
void dns_free(struct dns **dns);
/* Whether it validates by keys that no setting names. */
bool dns_has_found_anchors(const struct dns *dns);
/* `answered` runs once, maybe inside this call. */
void dns_ask(struct dns *dns, const char *name, enum dns_type type, struct dns_question *question,
    void (*answered)(struct dns_question *, const struct dns_reply *));
/* It is not answered any more. Nothing if it is not open. */
void dns_forget(struct dns_question *question);

/* ---- resolver-packet.c: answers as they come over the wire, hostile as that is ---- */

/* Of an SRV record. */
struct srv {
	unsigned priority, weight, port;
	const char *target; /* lower case; "": the domain has no such service */
};

/* Each writes at most `max` records of its type, made in `arena`, and returns how many; what is
 * malformed, or can be no host's name, is left out. */
size_t packet_srv(
    const struct dns_reply *reply, struct arena *arena, struct srv *records_out, size_t max);
size_t packet_addresses(const struct dns_reply *reply, enum dns_type type,
    union resolver_address *addresses_out, size_t max);
size_t packet_tlsa(const struct dns_reply *reply, struct arena *arena,
    struct resolver_tlsa *records_out, size_t max);

/* ---- resolver-order.c ---- */

/* A random number below `bound` (> 0). */
typedef uint32_t order_random(uint32_t bound);
uint32_t order_chance(uint32_t bound);

/* Puts hosts in the order they are tried in (RFC 2782). */
void order_hosts(struct resolver_host *hosts, size_t count, order_random *random);
/* Takes from both in turn, IPv6 first (RFC 8305 section 4), at most `max`; returns how many. */
size_t order_addresses(union resolver_address *addresses_out, size_t max,
    const union resolver_address *ipv6, size_t ipv6_count, const union resolver_address *ipv4,
    size_t ipv4_count);

/* ---- resolver-search.c: the questions of a query ---- */

/* The name of a host, and what is asked about it. Hosts with the same name share one. */
struct search_target {
	STAILQ_ENTRY(search_target) next;
	struct resolver_query *query;
	const char *name;
	struct dns_question ipv4_question, ipv6_question;
	enum dns_result ipv4_result, ipv6_result;
	bool is_insecure; /* one of the two was */
	union resolver_address ipv4[RESOLVER_ADDRESSES_MAX], ipv6[RESOLVER_ADDRESSES_MAX];
	size_t ipv4_count, ipv6_count;
};

struct search_host {
	STAILQ_ENTRY(search_host) next;
	struct search_target *target;
	struct dns_question tlsa_question;
	enum dns_result tlsa_result;
	struct resolver_host host;
};

/* One of the two services a domain may have SRV records for. */
struct search_service {
	struct resolver_query *query;
	bool is_direct_tls;
	bool is_refused; /* target "." */
	bool is_secure;
	struct dns_question question;
	enum dns_result result;
};

/* A query belongs to the worker that asks DNS from the first mail to the last; who asked has a
 * pointer to it, and may mark it as cancelled. */
struct resolver_query {
	struct mail mail;
	struct worker *asker;
	bool is_cancelled; /* only the asker looks */
	resolver_done *done;
	void *state;
	struct resolver_answer *answer; /* one reference */
	struct arena *arena;            /* of the answer */
	char domain[DNS_NAME_BYTES];

	LIST_ENTRY(resolver_query) next;
	struct timer *timer;
	struct dns *dns;
	void (*found)(struct resolver_query *query);
	struct search_service direct, starttls;
	STAILQ_HEAD(, search_target) targets;
	STAILQ_HEAD(, search_host) hosts;
	size_t host_count;
	unsigned open; /* questions, and who is about to ask more */
	bool has_fallen_back;
	const char *why; /* of the last answer that was not to be used */
};

/* Makes it one of which nothing is known yet; questions that are open are forgotten. `found` runs
 * once, when the answer is made. */
void search_init(struct resolver_query *query, void (*found)(struct resolver_query *));
/* Asks DNS for the query's domain; may end inside this call. */
void search_start(struct resolver_query *query, struct dns *dns);
bool search_is_started(const struct resolver_query *query);
/* Ends it, with what is known already. */
void search_hurry(struct resolver_query *query);
/* Makes the answer one without hosts. */
void search_fail(struct resolver_query *query, enum resolver_status status, const char *text);

/* ---- resolver-office.c, and the way back from there in resolver.c ---- */

/* On the worker that asked: takes it to the one that asks DNS. */
void office_send(struct resolver_query *query);
/* With its answer to who asked. */
void query_return(struct resolver_query *query);

#endif
