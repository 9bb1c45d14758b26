/* config-s2s.c - federation in godwit.conf: the keys of its sections, and the policy they make. */
#include "core/config-s2s.h"

#include <arpa/inet.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/config-file.h"
#include "core/config-private.h"
#include "xmpp/jid.h"

#define S2S_PORT 5269
#define S2S_TLS_PORT 5270

#define SECTION_NUMBER(member, default_, minimum_, maximum_, help_) \
	CONFIG_NUMBER(struct config_s2s, member, default_, minimum_, maximum_, help_)

#define SECTION_SIZE(member_, default_, minimum_, help_) \
	{ \
		.type = KEY_SIZE, .name = #member_, \
		.offset = offsetof(struct config_s2s, member_), .number = default_, \
		.minimum = minimum_, .maximum = INT32_MAX, .help = help_ \
	}

const struct config_key config_s2s_keys[] = {
	CONFIG_BOOL(struct config_s2s, enabled, false,
	    "Federation without a listener of its own; listen s2s turns it on as well."),
	CONFIG_TEXT(struct config_s2s, ca, "",
	    "PEM file of who issues certificates to servers; empty: those the system trusts."),
	CONFIG_BOOL(struct config_s2s, dialback, false,
	    "Domains without a verified certificate may prove themselves by dialback."),
	CONFIG_BOOL(struct config_s2s, bidi, true,
	    "Stanzas go both ways on one connection, with servers that can do so (XEP-0288)."),
	CONFIG_LIST(struct config_s2s, secure, "", "Domains that need a verified certificate."),
	CONFIG_LIST(struct config_s2s, insecure, "", "Domains that may use dialback."),
	CONFIG_LIST(struct config_s2s, allow, "", "The only domains to talk to; empty: all."),
	CONFIG_LIST(struct config_s2s, deny, "", "Domains not to talk to."),
	SECTION_NUMBER(connect_timeout, 5, 1, 300, "Seconds for one attempt to connect."),
	SECTION_NUMBER(link_timeout, 30, 1, 600, "Seconds until a link to a domain must be up."),
	SECTION_NUMBER(
	    idle_timeout, 600, 10, 86400, "Seconds after which a link with no stanzas is closed."),
	SECTION_NUMBER(
	    keepalive, 120, 10, 86400, "Seconds of silence after which a blank is sent."),
	SECTION_NUMBER(retry_max, 300, 1, 86400,
	    "Seconds for which a domain that cannot be reached is left alone at most."),
	SECTION_NUMBER(links, 10000, 1, 10000000, "Links to other domains at a time, a worker."),
	SECTION_NUMBER(
	    connections_per_domain, 20, 1, 100000, "Connections that one domain may have to us."),
	SECTION_NUMBER(
	    pairs_per_connection, 100, 1, 100000, "Pairs of domains on one connection to us."),
	SECTION_SIZE(queue_stanzas, 1000, 1, "Stanzas that may wait for a link, but for presence."),
	SECTION_SIZE(queue_bytes, 4194304, 65536, "Bytes that may wait for a link."),
	SECTION_SIZE(unacked_stanzas, 2000, 10,
	    "Stanzas that may be under way on a link, unacknowledged (XEP-0198)."),
	SECTION_SIZE(unacked_bytes, 4194304, 65536, "The same, in bytes."),
	SECTION_NUMBER(resume_timeout, 300, 0, 86400,
	    "Seconds for which a connection that was cut may be resumed; 0: none may."),
	SECTION_NUMBER(
	    resumable, 1000, 1, 1000000, "Connections that were cut and may be resumed, a worker."),
	SECTION_SIZE(stanza_bytes, 524288, 10000, "Largest stanza of another server."),
	SECTION_SIZE(bytes_per_second, 1048576, 0,
	    "Bytes that the connections of a domain may send, on average; 0: no bound."),
	SECTION_SIZE(
	    burst_bytes, 4194304, 16384, "Bytes that they may send at once, all together."),
	CONFIG_END
};

struct route_section {
	const char *address;
	unsigned port;
	bool direct_tls;
};

const struct config_key config_route_keys[] = { CONFIG_TEXT(struct route_section, address,
						    "127.0.0.1",
						    "IP address of the domain's server."),
	CONFIG_NUMBER(struct route_section, port, S2S_PORT, 1, 65535, "Its port."),
	CONFIG_BOOL(struct route_section, direct_tls, false, "TLS comes first (XEP-0368)."),
	CONFIG_END };

/* ---- reading */

/* Prepares the domains of a list; NULL, or the one that is none. */
static const char *list_prepare(const char *const **list, struct arena *arena)
{
	size_t count = 0;
	const char **prepared;

	while ((*list)[count] != NULL)
		count++;
	prepared = arena_alloc(arena, (count + 1) * sizeof *prepared);
	for (size_t i = 0; i < count; i++) {
		prepared[i] = jid_prepare_domain(arena, (*list)[i]);
		if (prepared[i] == NULL)
			return (*list)[i];
	}
	prepared[count] = NULL;
	*list = prepared;
	return NULL;
}

static const char *lists_read(struct config_s2s *s2s, struct arena *arena)
{
	const char *const **lists[] = { &s2s->secure, &s2s->insecure, &s2s->allow, &s2s->deny };
	const char *wrong = NULL;

	for (size_t i = 0; wrong == NULL && i < COUNT_OF(lists); i++)
		wrong = list_prepare(lists[i], arena);
	return wrong;
}

static bool address_read(const char *text, unsigned port, union resolver_address *address_out)
{
	*address_out = (union resolver_address){ 0 };
	if (inet_pton(AF_INET, text, &address_out->ipv4.sin_addr) == 1) {
		address_out->ipv4.sin_family = AF_INET;
		address_out->ipv4.sin_port = htons((uint16_t)port);
		return true;
	}
	address_out->ipv6.sin6_family = AF_INET6;
	address_out->ipv6.sin6_port = htons((uint16_t)port);
	return inet_pton(AF_INET6, text, &address_out->ipv6.sin6_addr) == 1;
}

static const char *route_read(
    const struct config_part *part, struct config_route *route, struct arena *arena)
{
	struct route_section section;

	config_part_read(part, &section, arena);
	route->domain = jid_prepare_domain(arena, config_part_title(part));
	route->direct_tls = section.direct_tls;
	if (route->domain == NULL)
		return config_part_wrong(part, arena, "route \"%s\" is to no domain; correct it",
		    config_part_title(part));
	if (!address_read(section.address, section.port, &route->address))
		return config_part_wrong(part, arena,
		    "route \"%s\": address \"%s\" is no IP address; give one", route->domain,
		    section.address);
	return NULL;
}

static const char *routes_read(
    const struct config_file *file, struct config_s2s *s2s, struct arena *arena)
{
	const struct config_part *part;
	struct config_route *routes;
	size_t count = 0;

	while (config_file_part(file, "route", count, arena) != NULL)
		count++;
	routes = arena_alloc_zero(arena, (count + 1) * sizeof *routes);
	for (size_t i = 0; i < count; i++) {
		const char *wrong;

		part = config_file_part(file, "route", i, arena);
		wrong = route_read(part, &routes[i], arena);
		if (wrong != NULL)
			return wrong;
	}
	s2s->routes = routes;
	s2s->route_count = count;
	return NULL;
}

const char *config_s2s_read(
    const struct config_file *file, struct config_s2s *s2s, struct arena *arena)
{
	const struct config_part *part = config_file_part(file, "s2s", 0, arena);
	const char *wrong;

	config_part_read(part, s2s, arena);
	s2s->ca = *s2s->ca == '\0' ? NULL : s2s->ca;
	wrong = lists_read(s2s, arena);
	if (wrong != NULL)
		return config_part_wrong(
		    part, arena, "section s2s: \"%s\" is no domain name; correct it", wrong);
	return routes_read(file, s2s, arena);
}

bool config_s2s_listen(const char *title, bool sets_port, struct config_listen *listen)
{
	if (!text_equal(title, "s2s") && !text_equal(title, "s2s-tls"))
		return false;
	listen->kind = text_equal(title, "s2s") ? LISTEN_S2S : LISTEN_S2S_TLS;
	if (!sets_port)
		listen->port = listen->kind == LISTEN_S2S ? S2S_PORT : S2S_TLS_PORT;
	return true;
}

/* ---- questions */

static bool list_has(const char *const *list, const char *domain)
{
	while (*list != NULL && !text_equal(*list, domain))
		list++;
	return *list != NULL;
}

enum config_s2s_policy config_s2s_policy(const struct config_s2s *s2s, const char *domain)
{
	if (list_has(s2s->deny, domain))
		return S2S_DENIED;
	if (*s2s->allow != NULL && !list_has(s2s->allow, domain))
		return S2S_DENIED;
	if (list_has(s2s->secure, domain))
		return S2S_SECURE;
	return s2s->dialback || list_has(s2s->insecure, domain) ? S2S_DIALBACK : S2S_SECURE;
}

const struct config_route *config_s2s_route(const struct config_s2s *s2s, const char *domain)
{
	for (size_t i = 0; i < s2s->route_count; i++)
		if (text_equal(s2s->routes[i].domain, domain))
			return &s2s->routes[i];
	return NULL;
}
