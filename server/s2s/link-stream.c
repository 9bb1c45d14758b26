/* link-stream.c - the stream of a link: who is at its end, our key where a certificate does not do,
 * stanzas out, and the keys of others that its server has to judge. */
#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "loop/timer.h"
#include "net/resolver.h"
#include "s2s/dialback-key.h"
#include "s2s/s2s-private.h"
#include "xml/element.h"
#include "xmpp/ns.h"

/* ---- out ---- */

void link_prove(struct link *link)
{
	const char *id = stream_header_id(link->stream);
	struct arena *arena;
	struct dialback result = { .from = link->local, .to = link->remote };

	if (id == NULL) {
		ride_fail(link, RC_REMOTE_SERVER_TIMEOUT, "its header has no id");
		return;
	}
	arena = arena_new(0);
	result.key = dialback_key(arena, link->remote, link->local, id);
	link_set_state(link, LINK_PROVING);
	timer_set(link->timer, s2s_config()->link_timeout * 1000);
	stream_send_dialback(link->stream, &result);
	arena_free(&arena);
}

void link_ask(struct link *link)
{
	struct verify *verify = TAILQ_FIRST(&link->verifies);
	bool is_first = verify != NULL && !verify->is_asked;

	TAILQ_FOREACH (verify, &link->verifies, next) {
		struct dialback question = { .is_verify = true,
			.from = verify->local,
			.to = verify->remote,
			.id = verify->id,
			.key = verify->key };

		if (verify->is_asked)
			continue;
		verify->is_asked = true;
		verify->asked_ms = worker_now_ms();
		stream_send_dialback(link->stream, &question);
		link->used_ms = worker_now_ms();
	}
	/* Who proves himself has a deadline for that. */
	if (is_first && link->state != LINK_PROVING)
		link_watch_later(link);
}

void link_flush(struct link *link)
{
	struct cargo *cargo;

	while (!link->is_leaving && stream_takes_more(link->stream) &&
	       (cargo = queue_next(link)) != NULL) {
		link->used_ms = worker_now_ms();
		if (TAILQ_FIRST(&link->sent) == cargo)
			link->advanced_ms = link->used_ms;
		stream_send(link->stream, cargo->stanza, NULL, cargo);
	}
}

void link_leave(struct link *link)
{
	link->is_leaving = link->state == LINK_UP && !TAILQ_EMPTY(&link->sent);
	if (!link->is_leaving)
		stream_end(link->stream);
}

void link_delivered(void *state, void *token)
{
	struct cargo *cargo = token;
	struct link *link = cargo->link;

	(void)state;
	queue_delivered(link, cargo);
	link->has_advanced = stream_has_sm(link->stream);
	link->advanced_ms = worker_now_ms();
	ride_make_room(link);
	if (link->is_leaving)
		link_leave(link);
	else if (link->state == LINK_UP && !ride_yields(link) && !TAILQ_EMPTY(&link->waiting))
		link_flush(link);
}

/* It stands among what was sent until the stream is closed. */
static void link_lost(void *state, void *token)
{
	struct link *link = state;
	struct cargo *cargo = token;

	cargo->place = ++link->lost;
}

/* ---- in ---- */

/* The link from that domain of ours which goes by this one's stream, or NULL. */
static struct link *link_meant(struct link *link, const char *local)
{
	struct link *meant = link;

	if (!text_equal(local, link->local))
		meant = link_find(local, link->remote);
	return meant != NULL && meant->stream == link->stream ? meant : NULL;
}

/* XEP-0288: what comes by this stream is for domains whose link by it is up: then either the
 * certificate has proved theirs, or DNS does where the policy is content with it. */
static bool link_covers(void *owner, const char *from, const char *to)
{
	struct link *link = owner;
	const struct link *meant = link_meant(link, to);

	return meant != NULL && (meant->state == LINK_UP || meant->state == LINK_AGREEING) &&
	       text_equal(from, link->remote);
}

/* XEP-0220 section 2.4. */
static bool offers_errors(const struct element *features)
{
	const struct element *dialback = element_child(features, NS_DIALBACK_FEATURE, "dialback");

	return dialback != NULL && element_child(dialback, NS_DIALBACK_FEATURE, "errors") != NULL;
}

/* Its certificate proves the domain; else dialback has to do, where it may. */
static void link_opened(void *state, const struct element *features, bool is_authenticated)
{
	struct link *link = state;
	struct proof proof;

	if (link->state != LINK_GREETING)
		return;
	proof = s2s_prove(link->stream, link->remote, link->host);
	link->is_authenticated = is_authenticated;
	link->takes_more = offers_errors(features);
	link->certificate = proof.by;
	if (proof.is_refused) {
		stream_fail(link->stream, STREAM_POLICY_VIOLATION, proof.why);
		link_fail(link, RC_REMOTE_SERVER_NOT_FOUND, proof.why);
		return;
	}
	link_hang_up(link);
	stream_admit(link->stream);
	link->hears = stream_goes_both_ways(link->stream);
	if (link->hears && link->intake == NULL)
		link->intake = intake_new(link->stream, link_covers, link_rested, link);
	else if (link->hears)
		intake_set_stream(link->intake, link->stream);
	link_clear(link);
	if (is_authenticated) {
		link_rise(link, "EXTERNAL");
		return;
	}
	link_set_state(link, LINK_OPEN);
	link->up_ms = link->used_ms = worker_now_ms();
	link_push(link);
}

static void link_proved(struct link *link, enum dialback_type type)
{
	if (link->state != LINK_PROVING)
		return;
	if (type == DIALBACK_VALID)
		link_rise(link, "dialback");
	else if (type == DIALBACK_INVALID)
		ride_fail(link, RC_INTERNAL_SERVER_ERROR, "it takes us for somebody else");
	else
		ride_fail(link, RC_REMOTE_SERVER_TIMEOUT, "it could not verify who we are");
}

/* Only what was asked on this stream, so nobody can answer for another. */
static void link_told(struct link *link, const struct dialback *answer)
{
	struct verify *verify;

	TAILQ_FOREACH (verify, &link->verifies, next)
		if (verify->is_asked && text_equal(verify->id, answer->id))
			break;
	if (verify == NULL)
		return;
	TAILQ_REMOVE(&link->verifies, verify, next);
	verify_end(verify, answer->type, RC_REMOTE_SERVER_NOT_FOUND);
}

/* XEP-0288 section 2.2: the server that was called may prove more domains. It is told to do so on a
 * connection of its own (XEP-0220 section 2.4). */
static void link_asked(struct link *link, const struct dialback *asked)
{
	struct dialback refusal = { .type = DIALBACK_ERROR,
		.from = asked->to,
		.to = asked->from,
		.rc = RC_POLICY_VIOLATION };

	if (asked->is_verify)
		key_judge(link->stream, asked);
	else
		stream_send_dialback(link->stream, &refusal);
}

static void link_dialback(void *state, const struct dialback *dialback)
{
	struct link *link = state, *meant = link_meant(link, dialback->to);

	if (dialback->type == DIALBACK_ASKS && link->hears)
		link_asked(link, dialback);
	if (dialback->type == DIALBACK_ASKS || !text_equal(dialback->from, link->remote) ||
	    meant == NULL)
		return;
	if (dialback->is_verify)
		link_told(meant, dialback);
	else
		link_proved(meant, dialback->type);
}

/* RFC 6120 section 4.5: stanzas come on another connection, but for XEP-0288. */
static void link_stanza(
    void *state, struct arena *arena, struct element *element, uint32_t sequence)
{
	struct link *link = state;

	if (link->hears) {
		link->has_advanced = true;
		link->used_ms = worker_now_ms();
		intake_take(link->intake, arena, element, sequence);
		return;
	}
	stream_fail(link->stream, STREAM_NOT_AUTHORIZED, "stanzas go the other way here");
	arena_free(&arena);
}

void link_part(struct link *link)
{
	ride_end(link);
	rides_end(&link->riders);
	ride_unshare(link);
	if (link->kept != NULL && link->intake != NULL) {
		intake_set_stream(link->intake, NULL);
		intake_keep(link->intake, link->kept);
	} else {
		intake_free(&link->intake);
	}
	stream_free(&link->stream);
}

static void link_managed(void *state, uint32_t arrived)
{
	struct link *link = state;

	if (link->state == LINK_AGREEING)
		link_up(link, arrived);
}

static void link_closed(void *state, const char *why)
{
	struct link *link = state;

	rides_break(&link->riders, why);
	link_keep(link);
	link_part(link);
	link_broken(link, why);
}

static const struct stream_events link_events = {
	.opened = link_opened,
	.dialback = link_dialback,
	.stanza = link_stanza,
	.managed = link_managed,
	.delivered = link_delivered,
	.lost = link_lost,
	.closed = link_closed,
};

void link_greet(struct link *link, int fd)
{
	struct transport *transport = transport_new(fd, NULL, &s2s.limits, NULL, NULL);

	log_debug(link->log, "connected", KV("address", transport_peer(transport)));
	link_set_state(link, LINK_GREETING);
	timer_set(link->timer, link_share_ms(link));
	link->stream = stream_initiate(transport, link->host->is_direct_tls, &s2s.settings_out,
	    &link_events, link, link->local, link->remote);
}
