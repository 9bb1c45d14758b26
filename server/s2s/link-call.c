/* link-call.c - calls the server of a domain: where it is by a route of the configuration or by DNS
 * (RFC 6120 section 3.2, XEP-0368), then its addresses until one connects, and the others if that
 * one is of no use. Each gets a share of the time only. */
#include "base/log.h"
#include "core/home.h"
#include "loop/timer.h"
#include "net/race.h"
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

/* ---- calling */

/* So many more places get as much of the time as the one that is called. */
enum { OTHERS_MAX = 2 };

/* What is left until it has to be up. */
static unsigned link_left_ms(const struct link *link)
{
	int64_t end_ms = link->begun_ms + (int64_t)s2s_config()->link_timeout * 1000;
	int64_t now_ms = worker_now_ms();

	return now_ms < end_ms ? (unsigned)(end_ms - now_ms) : 0;
}

unsigned link_share_ms(const struct link *link)
{
	size_t others = race_left(link->race);

	return link_left_ms(link) / (1 + (unsigned)(others < OTHERS_MAX ? others : OTHERS_MAX));
}

bool link_may_call_next(const struct link *link)
{
	return !s2s.is_shutting && race_left(link->race) > 0 && link_left_ms(link) > 0;
}

static void link_connected(void *state, int fd, const struct resolver_host *host, const char *why)
{
	struct link *link = state;

	link->host = host;
	if (fd < 0)
		link_fail(link, RC_REMOTE_SERVER_TIMEOUT, why);
	else
		link_greet(link, fd);
}

static void link_run(struct link *link, const struct resolver_answer *answer)
{
	link->race =
	    race_new(answer, s2s_config()->connect_timeout * 1000, link->log, link_connected, link);
	link_set_state(link, LINK_CALLING);
	race_run(link->race);
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
	link_run(link, answer);
}

void link_call_next(struct link *link, const char *why)
{
	if (!s2s.is_shutting && ride_find(link))
		return;
	if (!link_may_call_next(link)) {
		link_fail(link, RC_REMOTE_SERVER_TIMEOUT,
		    s2s.is_shutting ? "the server shuts down" : why);
		return;
	}
	log_info(link->log, "is of no use there", KV("why", why));
	link_set_state(link, LINK_CALLING);
	timer_set(link->timer, link_left_ms(link));
	race_run(link->race);
}

void link_hang_up(struct link *link)
{
	resolver_cancel(&link->query);
	race_free(&link->race);
	link->host = NULL;
}

void link_call(struct link *link)
{
	const struct config_route *route = config_s2s_route(s2s_config(), link->remote);
	const struct resolver_answer *answer;

	link_hang_up(link);
	if (route == NULL) {
		link_set_state(link, LINK_FINDING);
		link->query = resolver_find(link->remote, link_found, link);
		return;
	}
	answer = resolver_answer_new(link->remote, &route->address, route->direct_tls);
	link_run(link, answer);
	resolver_answer_unref(&answer);
}
