/* link-call.c - calls the server of a domain: where it is by a route of the configuration or by DNS
 * (RFC 6120 section 3.2, XEP-0368), then one address after the other, each for a few seconds. */
#include "base/log.h"
#include "core/home.h"
#include "net/connector.h"
#include "net/resolver.h"
#include "s2s/s2s-private.h"

/* ---- where */

static enum rc rc_of(enum resolver_status status)
{
	switch (status) {
	case RESOLVER_NO_NAME:
	case RESOLVER_NO_ADDRESS:
	case RESOLVER_NO_SERVICE:
	case RESOLVER_BOGUS:
		return RC_REMOTE_SERVER_NOT_FOUND;
	case RESOLVER_BUSY:
		return RC_RESOURCE_CONSTRAINT;
	case RESOLVER_FOUND:
	case RESOLVER_TIMEOUT:
	case RESOLVER_FAILED:
		break;
	}
	return RC_REMOTE_SERVER_TIMEOUT;
}

/* Constant, for whoever gets his stanza back. */
static const char *reason_of(enum resolver_status status)
{
	static const char *const reasons[] = {
		[RESOLVER_FOUND] = "",
		[RESOLVER_NO_NAME] = "there is no such domain",
		[RESOLVER_NO_ADDRESS] = "the domain has no address",
		[RESOLVER_NO_SERVICE] = "the domain has no XMPP server",
		[RESOLVER_TIMEOUT] = "DNS does not answer",
		[RESOLVER_BOGUS] = "the answer of DNS is forged",
		[RESOLVER_FAILED] = "DNS does not know",
		[RESOLVER_BUSY] = "too many questions to DNS",
	};

	return reasons[status];
}

static void link_found(const struct resolver_answer *answer, void *state)
{
	struct link *link = state;

	link->query = NULL;
	if (answer->status != RESOLVER_FOUND) {
		log_info(link->log, "DNS has no server", KV("why", answer->text));
		link_fail(link, rc_of(answer->status), reason_of(answer->status));
		return;
	}
	link->answer = resolver_answer_ref(answer);
	link->host = link->address = 0;
	link_call_next(link, NULL);
}

/* ---- calling */

static void link_connected(void *state, int fd, const char *why)
{
	struct link *link = state;

	connector_free(&link->connector);
	if (fd < 0)
		link_call_next(link, why);
	else
		link_greet(link, fd);
}

static void link_try(struct link *link, const union resolver_address *address, bool is_direct)
{
	link->state = LINK_CALLING;
	link->is_direct = is_direct;
	link->connector = connector_new(
	    &address->any, s2s_config()->connect_timeout * 1000, link_connected, link);
}

void link_call_next(struct link *link, const char *why)
{
	const struct resolver_answer *answer = link->answer;
	const struct resolver_host *host;

	if (why != NULL)
		log_info(link->log, "cannot be called there", KV("why", why));
	if (s2s.is_shutting || answer == NULL || link->host == answer->host_count) {
		link_fail(link, RC_REMOTE_SERVER_TIMEOUT,
		    s2s.is_shutting ? "the server shuts down" : why);
		return;
	}
	host = &answer->hosts[link->host];
	link_try(link, &host->addresses[link->address], host->is_direct_tls);
	link->address++;
	if (link->address == host->address_count) {
		link->address = 0;
		link->host++;
	}
}

void link_call(struct link *link)
{
	const struct config_route *route = config_s2s_route(s2s_config(), link->remote);

	resolver_answer_unref(&link->answer);
	link->state = LINK_FINDING;
	if (route != NULL)
		link_try(link, &route->address, route->direct_tls);
	else
		link->query = resolver_find(link->remote, link_found, link);
}

void link_hang_up(struct link *link)
{
	resolver_cancel(&link->query);
	resolver_answer_unref(&link->answer);
	connector_free(&link->connector);
}
