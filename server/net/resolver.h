/* resolver.h - where the server of a domain is: DNS for federation.
 * A domain's SRV records for direct TLS and for STARTTLS (RFC 6120 section 3.2, XEP-0368), the
 * addresses of the hosts they name, and what DNSSEC says about all of it, with the TLSA records of
 * DANE (RFC 7673) where it vouches for them. libunbound, its cache and every question live on one
 * worker; who asks on another does so by mail. It takes dozens of megabytes, so it is made for the
 * first question. */
#ifndef GODWIT_NET_RESOLVER_H
#define GODWIT_NET_RESOLVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct arena;
struct resolver_query;

/* What is used of an answer, however much there is. */
enum {
	RESOLVER_HOSTS_MAX = 16,     /* SRV records */
	RESOLVER_ADDRESSES_MAX = 16, /* of a host, both families */
	RESOLVER_TLSA_MAX = 16,      /* of a host and port */
	RESOLVER_QUERIES_MAX = 10000 /* under way in all */
};

enum resolver_status {
	RESOLVER_FOUND,      /* at least one host with at least one address */
	RESOLVER_NO_NAME,    /* there is no such domain */
	RESOLVER_NO_ADDRESS, /* it exists, but no host of it has an address */
	RESOLVER_NO_SERVICE, /* it says that it has no XMPP server: SRV target "." */
	RESOLVER_TIMEOUT,    /* DNS did not answer in time */
	RESOLVER_BOGUS,      /* the answer is not what was signed (DNSSEC) */
	RESOLVER_FAILED,     /* DNS refused, or could not find out */
	RESOLVER_BUSY        /* too many questions at once */
};

/* For connect(), with its port. */
union resolver_address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

/* RFC 6698 section 2.1. */
struct resolver_tlsa {
	unsigned char usage, selector, matching;
	const unsigned char *data;
	size_t length;
};

/* One place to connect to. */
struct resolver_host {
	const char *name; /* as in DNS: ASCII, lower case, no dot at the end; or an IP address */
	unsigned port;
	bool is_direct_tls; /* else STARTTLS */
	bool has_srv;       /* else it is the domain itself */
	unsigned priority, weight;
	bool is_secure; /* DNSSEC vouches that the domain named it: a certificate may name it too */
	/* IPv6 and IPv4 in turn, to be tried in this order (RFC 8305). */
	const union resolver_address *addresses;
	size_t address_count; /* never 0 */
	/* Only what DNSSEC vouches for, from the domain down to the addresses. None: no DANE. */
	const struct resolver_tlsa *tlsa;
	size_t tlsa_count;
};

/* Immutable; any thread may read it. */
struct resolver_answer {
	enum resolver_status status;
	const char *text; /* what is wrong, for an administrator; NULL: FOUND */
	/* To be tried in this order: by priority, by chance within one (RFC 2782). */
	const struct resolver_host *hosts;
	size_t host_count; /* 0 unless FOUND */
};

/* The answer is lent; reference it to keep it. */
typedef void resolver_done(const struct resolver_answer *answer, void *state);

/* Section dns of the configuration; lists are ended by NULL. */
struct resolver_config {
	const char *const *forward;    /* "ADDRESS" or "ADDRESS@PORT"; none: /etc/resolv.conf */
	const char *const *stub;       /* "ZONE ADDRESS" or "ZONE ADDRESS@PORT" */
	const char *trust_anchor_file; /* NULL: the system's, if any; "": no DNSSEC */
	const char *const *local_data; /* records, "example.org. IN A 192.0.2.1" */
	unsigned timeout;              /* seconds for an answer */
};

/* What is wrong with the settings, or NULL: "forward \"x\": ...", with the cure, made in `arena`.
 */
const char *resolver_config_wrong(const struct resolver_config *config, struct arena *arena);

/* On the worker that is to ask DNS, before anybody finds anything. Settings are copied. */
void resolver_start(const struct resolver_config *config);
/* On the same worker: other settings, and an empty cache. What is under way is asked anew. */
void resolver_configure(const struct resolver_config *config);
/* On the same worker, when the server ends: what is under way is answered at once with what is
 * known, what is asked from now on with FAILED. */
void resolver_close(void);
/* On the same worker, after its last round. */
void resolver_stop(void);
/* On the same worker, for tests: `ms` instead of the seconds of the settings. */
void resolver_set_deadline(unsigned ms);

/* Finds the server of a domain, prepared as in a JID; also an IP address, IPv6 in brackets. `done`
 * runs once, on this worker, from its loop, never inside this call, within the timeout; then the
 * query is gone. */
struct resolver_query *resolver_find(const char *domain, resolver_done *done, void *state);
/* On the worker that asked, before `done` ran, which now never will. Accepts a pointer to NULL,
 * leaves NULL. */
void resolver_cancel(struct resolver_query **query);

/* The answer where nobody needs to be asked: one host, at that address (with its port). */
const struct resolver_answer *resolver_answer_new(
    const char *name, const union resolver_address *address, bool is_direct_tls);

/* How many queries of this worker are under way, cancelled ones included. */
size_t resolver_waiting(void);

/* From any thread. */
const struct resolver_answer *resolver_answer_ref(const struct resolver_answer *answer);
/* Accepts a pointer to NULL, leaves NULL. */
void resolver_answer_unref(const struct resolver_answer **answer);

#endif
