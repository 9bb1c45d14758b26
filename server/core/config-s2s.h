/* config-s2s.h - what godwit.conf says about federation: section s2s, and routes. */
#ifndef GODWIT_CORE_CONFIG_S2S_H
#define GODWIT_CORE_CONFIG_S2S_H

#include <stdbool.h>
#include <stddef.h>

#include "net/resolver.h"

/* Where the server of a domain is, whatever DNS says. */
struct config_route {
	const char *domain; /* prepared */
	union resolver_address address;
	bool direct_tls;
};

/* etc/godwit.conf explains each key. Lists of domains are prepared, and end with NULL. */
struct config_s2s {
	bool enabled;   /* there is federation */
	const char *ca; /* NULL: the authorities of the system */
	bool dialback;  /* of domains that neither list names */
	bool bidi;      /* stanzas both ways on a connection */
	const char *const *secure, *const *insecure;
	const char *const *allow, *const *deny;
	unsigned connect_timeout, link_timeout, idle_timeout, keepalive, retry_max; /* seconds */
	unsigned links, connections_per_domain, pairs_per_connection;
	size_t queue_stanzas, queue_bytes, unacked_stanzas, unacked_bytes;
	unsigned resume_timeout; /* seconds; 0: no stream is resumed */
	unsigned resumable;      /* streams that are kept for that */
	size_t stanza_bytes, bytes_per_second, burst_bytes;
	const struct config_route *routes;
	size_t route_count;
};

/* How far to trust a domain. */
enum config_s2s_policy {
	S2S_DENIED,  /* nothing goes there, nothing comes from there */
	S2S_SECURE,  /* its certificate has to prove it */
	S2S_DIALBACK /* dialback serves as well */
};
enum config_s2s_policy config_s2s_policy(const struct config_s2s *s2s, const char *domain);
/* NULL: DNS tells. */
const struct config_route *config_s2s_route(const struct config_s2s *s2s, const char *domain);

#endif
