/* inbound.c - connections from other servers. TLS comes first; then the other end proves for each
 * pair of domains that it is the server of the first, by its certificate (SASL EXTERNAL, or
 * dialback that need not call back) or by dialback (inbound-pairs.c). A stanza from a domain that
 * was not proved, or for one that is not ours, ends the stream. */
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/bans.h"
#include "core/home.h"
#include "core/remote.h"
#include "loop/timer.h"
#include "net/listener.h"
#include "s2s/s2s.h"
#include "s2s/s2s-private.h"
#include "xml/element.h"
#include "xmpp/ns.h"

/* So long whoever has called may take to say whether he acknowledges what is sent. */
#define OPENING_MS 1000

const char by_external[] = "EXTERNAL";

static void inbound_timer(void *state);

/* ---- life ---- */

void inbound_ref(struct inbound *inbound)
{
	inbound->references++;
}

void inbound_unref(struct inbound *inbound)
{
	inbound->references--;
	if (inbound->references == 0)
		mem_free(inbound);
}

static void inbound_enlist(struct inbound *inbound)
{
	inbound->timer = timer_new(inbound_timer, inbound);
	timer_set(inbound->timer, s2s_config()->idle_timeout * 1000);
	LIST_INSERT_HEAD(&s2s.inbound, inbound, sibling);
}

void inbound_delist(struct inbound *inbound)
{
	timer_free(&inbound->timer);
	LIST_REMOVE(inbound, sibling);
}

void inbound_forget(struct inbound *inbound)
{
	struct pair *pair;

	kept_part(inbound);
	while ((pair = LIST_FIRST(&inbound->pairs)) != NULL)
		pair_remove(inbound, pair);
	intake_free(&inbound->intake);
	stream_free(&inbound->stream);
	inbound_unref(inbound);
}

static void inbound_end(struct inbound *inbound)
{
	rides_end(&inbound->riders);
	inbound_delist(inbound);
	inbound_forget(inbound);
}

static void inbound_closed(void *state, const char *why)
{
	struct inbound *inbound = state;
	const struct pair *pair;

	inbound_keep(inbound);
	rides_break(&inbound->riders, why);
	LIST_FOREACH (pair, &inbound->pairs, next) {
		log_info(stream_log(inbound->stream), "connection of a server ended",
		    KV("from", pair->from), KV("to", pair->to), KV("why", why));
		if (pair->state == PAIR_PROVED && news_is_abrupt(why) && !s2s.is_closed)
			news_suspect(pair->to, pair->from);
	}
	if (inbound->is_willing && !inbound->is_open)
		ride_disappoint(inbound);
	if (inbound->kept != NULL)
		kept_add(inbound);
	else
		inbound_end(inbound);
}

/* ---- before anything is proved ---- */

static bool inbound_serves(void *state, const char *domain)
{
	(void)state;
	return remote_is_ours(domain);
}

/* XEP-0220 section 2.4. */
static void inbound_features(
    void *state, struct arena *arena, struct element *features, bool logged_in)
{
	struct element *dialback =
	    element_add_new(arena, features, NS_DIALBACK_FEATURE, "dialback");

	(void)state;
	(void)logged_in;
	element_add_new(arena, dialback, NULL, "errors");
}

/* Nobody but ourselves speaks for our domains. */
static bool inbound_proves(void *state, const char *peer)
{
	struct inbound *inbound = state;
	const char *why = "it is not talked to";

	if (!remote_is_ours(peer) && s2s_policy(peer) != S2S_DENIED &&
	    s2s_is_certified(inbound->stream, peer, &why))
		return true;
	log_info(stream_log(inbound->stream), "certificate of the server does not count",
	    KV("from", peer), KV("why", why));
	return false;
}

static void inbound_prove(struct inbound *inbound)
{
	stream_restart(inbound->stream);
	pair_prove(inbound, LIST_FIRST(&inbound->pairs), by_external);
}

/* At the home of its domain, where the links to it are. */
static void inbound_arrived(struct mail *mail)
{
	struct inbound *inbound = CONTAINER_OF(mail, struct inbound, move);

	inbound_enlist(inbound);
	stream_set_settings(inbound->stream, &s2s.settings_in);
	inbound_prove(inbound);
	inbound_check(inbound);
	if (s2s.is_closed)
		stream_fail(inbound->stream, STREAM_SYSTEM_SHUTDOWN, NULL);
}

/* It stays where it is if a key of it is on its way, or if it has proved something here before. */
static void inbound_authenticated(void *state, const char *domain, const char *peer)
{
	struct inbound *inbound = state;
	struct worker *home = home_of_domain(peer);
	struct pair *pair = pair_find(inbound, peer, domain);

	if (pair != NULL)
		pair_remove(inbound, pair);
	pair_add(inbound, peer, domain);
	if (home == worker_current() || inbound->pair_count > 1 || inbound->references > 1 ||
	    intake_at_work(inbound->intake) > 0) {
		inbound_prove(inbound);
		return;
	}
	inbound_delist(inbound);
	stream_detach(inbound->stream);
	worker_post(home, &inbound->move, inbound_arrived);
}

void inbound_open(struct inbound *inbound)
{
	if (!inbound->is_willing || inbound->is_open)
		return;
	inbound->is_open = true;
	ride_offer(inbound);
}

/* XEP-0288. */
static void inbound_opened(void *state, const struct element *features, bool is_authenticated)
{
	struct inbound *inbound = state;

	(void)features;
	(void)is_authenticated;
	inbound->is_willing = true;
	timer_set(inbound->timer, OPENING_MS);
}

/* What is sent before it has enabled XEP-0198 would be lost when it is cut. */
static void inbound_managed(void *state, uint32_t arrived)
{
	(void)arrived;
	inbound_open(state);
}

static void inbound_refused(
    void *state, const char *username, const char *mechanism, const char *why)
{
	struct inbound *inbound = state;

	log_info(stream_log(inbound->stream), "server refused", KV("from", username),
	    KV("mechanism", mechanism), KV("why", why));
}

/* ---- stanzas ---- */

static bool inbound_covers(void *owner, const char *from, const char *to)
{
	return pair_covers(owner, from, to);
}

static void inbound_rested(void *owner)
{
	struct inbound *inbound = owner;

	if (inbound->is_leaving && inbound->stream != NULL && intake_at_work(inbound->intake) == 0)
		stream_fail(inbound->stream, STREAM_SYSTEM_SHUTDOWN, NULL);
	kept_hand_over(inbound);
}

static void inbound_stanza(
    void *state, struct arena *arena, struct element *element, uint32_t sequence)
{
	struct inbound *inbound = state;

	inbound->used_ms = worker_now_ms();
	inbound_open(inbound);
	intake_take(inbound->intake, arena, element, sequence);
}

/* What links have sent by it. */
static void inbound_lost(void *state, void *token)
{
	struct inbound *inbound = state;
	struct cargo *cargo = token;

	cargo->place = ++inbound->lost;
}

static const struct stream_events inbound_events = {
	.serves = inbound_serves,
	.features = inbound_features,
	.proves = inbound_proves,
	.opened = inbound_opened,
	.dialback = inbound_dialback,
	.authenticated = inbound_authenticated,
	.resume = inbound_resume,
	.managed = inbound_managed,
	.refused = inbound_refused,
	.stanza = inbound_stanza,
	.delivered = link_delivered,
	.lost = inbound_lost,
	.closed = inbound_closed,
};

/* ---- of this worker ---- */

static void inbound_timer(void *state)
{
	struct inbound *inbound = state;
	int64_t idle_ms = (int64_t)s2s_config()->idle_timeout * 1000;
	int64_t since_ms = worker_now_ms() - idle_ms;

	inbound_open(inbound);
	if (inbound->used_ms <= since_ms && rides_used_ms(&inbound->riders) <= since_ms)
		stream_end(inbound->stream);
	else
		timer_set(inbound->timer, (unsigned)idle_ms);
}

void s2s_accept(void *state, int fd, struct address *address)
{
	struct inbound *inbound;
	struct transport *transport;

	if (s2s.is_closed || !s2s_config()->enabled) {
		close(fd);
		address_release(&address);
		return;
	}
	inbound = mem_alloc_zero(sizeof *inbound);
	inbound->references = 1;
	inbound->used_ms = worker_now_ms();
	LIST_INIT(&inbound->pairs);
	LIST_INIT(&inbound->riders);
	transport = transport_new(fd, address, &s2s.limits, NULL, NULL);
	inbound->stream =
	    stream_new(transport, state != NULL, &s2s.settings_in, &inbound_events, inbound);
	inbound->intake = intake_new(inbound->stream, inbound_covers, inbound_rested, inbound);
	inbound_enlist(inbound);
}

void inbounds_configure(void)
{
	struct inbound *inbound;

	LIST_FOREACH (inbound, &s2s.inbound, sibling) {
		struct transport_limits limits = inbound_limits(inbound);

		stream_set_settings(inbound->stream, &s2s.settings_in);
		transport_set_limits(stream_transport(inbound->stream), &limits);
	}
	inbounds_check();
}

void inbounds_check(void)
{
	struct inbound *inbound;

	LIST_FOREACH (inbound, &s2s.inbound, sibling)
		inbound_check(inbound);
}

/* What was read is dealt with before, so that the other end hears of it. */
static void inbound_leave(struct inbound *inbound)
{
	inbound->is_leaving = intake_stop(inbound->intake);
	if (!inbound->is_leaving)
		stream_fail(inbound->stream, STREAM_SYSTEM_SHUTDOWN, NULL);
}

void inbounds_close(void)
{
	struct inbound *inbound;

	kept_forget_all();
	LIST_FOREACH (inbound, &s2s.inbound, sibling)
		if (LIST_EMPTY(&inbound->riders))
			inbound_leave(inbound);
}

size_t inbounds_busy(void)
{
	const struct inbound *inbound;
	size_t count = 0;

	LIST_FOREACH (inbound, &s2s.inbound, sibling)
		count += s2s.is_shutting || LIST_EMPTY(&inbound->riders);
	return count;
}

void inbounds_stop(void)
{
	kept_forget_all();
	while (!LIST_EMPTY(&s2s.inbound))
		inbound_end(LIST_FIRST(&s2s.inbound));
}
