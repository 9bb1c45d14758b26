/* link.c - a link: stanzas from one of our domains to another server's.
 * It is made by the first stanza, comes up, and goes when it was not used for a while. What waits
 * for it is bounded, and keeps its order. When it cannot come up, all that waits goes back to where
 * it came from with the error that RFC 6120 names; so does what comes until it has rested, longer
 * each time it fails in a row, so that a dead server costs nobody anything. */
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/home.h"
#include "core/remote.h"
#include "loop/timer.h"
#include "s2s/s2s-private.h"
#include "stream/sm.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

/* For how long a failure is remembered. */
#define REMEMBERED_MS 600000
/* Until it is looked at again whether its stream has ended. */
#define ENDING_MS 2000
/* So many failures in a row, and nobody is missed any more. */
#define MISSED_MAX 50
/* Links that are looked at where there are too many. */
#define SPARE_TRIES 64

static void link_timer(void *state);

/* ---- life ---- */

/* "LOCAL REMOTE"; domains that are prepared have no more bytes. */
struct link_name {
	size_t length;
	char text[2 * JID_PART_MAX_BYTES + 2];
};

/* For each stanza that leaves, so nothing is printed. */
static void link_name_make(struct link_name *name, const char *local, const char *remote)
{
	size_t before = strlen(local), after = strlen(remote);

	ASSERT(before <= JID_PART_MAX_BYTES && after <= JID_PART_MAX_BYTES);
	memcpy(name->text, local, before);
	name->text[before] = ' ';
	memcpy(name->text + before + 1, remote, after + 1);
	name->length = before + 1 + after;
}

static struct link *link_new(const char *local, const char *remote)
{
	struct link *link = mem_alloc_zero(sizeof *link);
	struct link_name name;

	link_name_make(&name, local, remote);
	link->name = mem_strdup(name.text);
	link->id = home_next_id();
	link->return_id = home_next_id();
	link->since_us = time_now_us();
	link->local = mem_strdup(local);
	link->remote = mem_strdup(remote);
	link->log = log_new(NULL, "s2s", LOG_FIELDS(KV("from", local), KV("to", remote)));
	link->timer = timer_new(link_timer, link);
	TAILQ_INIT(&link->waiting);
	TAILQ_INIT(&link->sent);
	TAILQ_INIT(&link->verifies);
	LIST_INIT(&link->riders);
	TAILQ_INIT(&link->notices);
	hash_put(s2s.links, link->name, strlen(link->name), link);
	s2s_changed();
	return link;
}

void link_free(struct link *link)
{
	hash_remove(s2s.links, link->name, strlen(link->name));
	link_hang_up(link);
	notices_free(link);
	link_forget(link);
	link_part(link);
	timer_free(&link->timer);
	log_free(&link->log);
	mem_free(link->name);
	mem_free(link->local);
	mem_free(link->remote);
	mem_free(link);
	s2s_changed();
}

struct link *link_find(const char *local, const char *remote)
{
	struct link_name name;

	link_name_make(&name, local, remote);
	return hash_get(s2s.links, name.text, name.length);
}

/* One that is only remembered makes room, if there is one among the next few. The cursor is no more
 * than where to look first. */
static void link_spare(void)
{
	struct link *link;

	for (int i = 0; i < SPARE_TRIES; i++) {
		link = hash_next(s2s.links, &s2s.cursor);
		if (link == NULL) {
			s2s.cursor = 0;
		} else if (link->state == LINK_IDLE && link->stream == NULL &&
			   !link_is_needed(link)) {
			link_free(link);
			return;
		}
	}
}

static struct link *link_make(const char *local, const char *remote, size_t max)
{
	struct link *link = link_find(local, remote);

	if (link != NULL)
		return link;
	if (hash_count(s2s.links) >= max)
		link_spare();
	return hash_count(s2s.links) < max ? link_new(local, remote) : NULL;
}

struct link *link_get(const char *local, const char *remote)
{
	return link_make(local, remote, s2s_config()->links);
}

struct link *link_get_for_others(const char *local, const char *remote)
{
	return link_make(local, remote, (s2s_config()->links + 1) / 2);
}

bool link_is_needed(const struct link *link)
{
	return !TAILQ_EMPTY(&link->waiting) || !TAILQ_EMPTY(&link->sent) ||
	       !TAILQ_EMPTY(&link->verifies) ||
	       (link->stream != NULL && transport_unsent(stream_transport(link->stream)) > 0);
}

void link_idle(struct link *link)
{
	link_set_state(link, LINK_IDLE);
	timer_set(link->timer, link->failures > 0 ? REMEMBERED_MS : 0);
}

/* ---- work ---- */

void link_set_state(struct link *link, enum link_state state)
{
	if (link->state != state)
		link->since_us = time_now_us();
	link->state = state;
	s2s_changed();
}

void link_take(struct link *link, struct cargo *cargo)
{
	notice_drop(link, cargo->stanza);
	if (link->state == LINK_RESTING) {
		queue_return(link, cargo);
		return;
	}
	if (!queue_has_room(link, cargo)) {
		cargo_bounce(cargo, RC_RESOURCE_CONSTRAINT, "too much waits for that server");
		return;
	}
	queue_add(link, cargo);
	link_push(link);
}

bool link_is_denied(const struct link *link)
{
	return remote_is_ours(link->remote) || !remote_is_ours(link->local) ||
	       s2s_policy(link->remote) == S2S_DENIED;
}

void link_deny(struct link *link)
{
	link_fail(link, RC_NOT_ALLOWED, "no way to that server");
}

void link_push(struct link *link)
{
	switch (link->state) {
	case LINK_IDLE:
		if (s2s.is_shutting) {
			link_fail(link, RC_REMOTE_SERVER_TIMEOUT, "the server shuts down");
			return;
		}
		if (link_is_denied(link)) {
			link_deny(link);
			return;
		}
		if (ride_find(link))
			return;
		link->begun_ms = worker_now_ms();
		timer_set(link->timer, s2s_config()->link_timeout * 1000);
		link_call(link);
		return;
	case LINK_OPEN:
		link_ask(link);
		if (!TAILQ_EMPTY(&link->waiting))
			link_prove(link);
		return;
	case LINK_PROVING:
	case LINK_AGREEING:
		link_ask(link);
		return;
	case LINK_UP:
		if (ride_yields(link))
			return;
		link_ask(link);
		link_flush(link);
		return;
	case LINK_RESTING:
		verifies_end(link, false, link->rc);
		return;
	case LINK_FINDING:
	case LINK_CALLING:
	case LINK_GREETING:
	case LINK_AWAITING:
		return;
	}
}

/* Before the stream goes on with the one before, all that came by that has to be dealt with. */
static void link_agree(struct link *link)
{
	if (link->kept != NULL && !sm_is_settled(link->kept))
		return;
	if (link->intake != NULL)
		intake_keep(link->intake, NULL);
	if (link_rides(link) || !stream_manage(link->stream, &link->kept))
		link_up(link, 0);
}

void link_rested(void *owner)
{
	struct link *link = owner;

	if (link->state == LINK_AGREEING && link->kept != NULL && !stream_is_over(link->stream))
		link_agree(link);
}

void link_rise(struct link *link, const char *how)
{
	log_info(link->log, "link up", KV("stream", stream_id(link->stream)), KV("by", how),
	    KV("certificate", link->certificate == NULL ? "none" : link->certificate),
	    KV("tls", transport_tls_version(stream_transport(link->stream))),
	    KV("ms", worker_now_ms() - link->begun_ms));
	link_set_state(link, LINK_AGREEING);
	link_agree(link);
}

void link_up(struct link *link, uint32_t arrived)
{
	queue_arrived(link, arrived);
	link_forget(link);
	if (!link->hears)
		intake_free(&link->intake);
	link->lost = 0;
	link->has_advanced = arrived > 0;
	link->is_leaving = false;
	link_set_state(link, LINK_UP);
	link->up_ms = link->used_ms = worker_now_ms();
	link_watch_later(link);
	ride_share(link);
	notices_send(link);
	link_push(link);
}

/* ---- time ---- */

void link_watch_later(struct link *link)
{
	const struct config_s2s *config = s2s_config();
	unsigned seconds = config->keepalive;

	if (!TAILQ_EMPTY(&link->verifies) && config->link_timeout < seconds)
		seconds = config->link_timeout;
	timer_set(link->timer, seconds * 1000);
}

/* Who answers that nothing has arrived would keep our users waiting for ever, and what they send
 * elsewhere: there is an end to it when another stream could not go on with this one any more. */
static bool link_stands_still(const struct link *link)
{
	unsigned seconds = s2s_config()->resume_timeout;

	if (seconds < s2s_config()->link_timeout)
		seconds = s2s_config()->link_timeout;
	return !TAILQ_EMPTY(&link->sent) && stream_has_sm(link->stream) &&
	       worker_now_ms() - link->advanced_ms >= (int64_t)seconds * 1000;
}

/* A blank now and then shows whether the peer is there; who has nothing to say for long goes, if
 * the stream is its own. Who does not tell about a key must not keep what waits for that. */
static void link_watch(struct link *link)
{
	int64_t since_ms = worker_now_ms() - (int64_t)s2s_config()->idle_timeout * 1000;

	verifies_expire(link);
	if (link_stands_still(link)) {
		link_fail(link, RC_REMOTE_SERVER_TIMEOUT, "it acknowledges nothing");
		return;
	}
	if (stream_is_silent(link->stream)) {
		stream_yield(link->stream, STREAM_CONNECTION_TIMEOUT);
		return;
	}
	if (!link_is_needed(link) && !link_rides(link) && link->used_ms <= since_ms &&
	    rides_used_ms(&link->riders) <= since_ms) {
		stream_end(link->stream);
		return;
	}
	stream_send_blank(link->stream);
	link_watch_later(link);
}

/* Who was there before is called again by ourselves, for some hours: nobody else may tell that it
 * is back. */
static void link_has_rested(struct link *link)
{
	/* It has still to be told of its stream's end. */
	if (link->stream != NULL) {
		timer_set(link->timer, ENDING_MS);
		return;
	}
	link_idle(link);
	if (link->is_missed && link->failures < MISSED_MAX)
		link_suspect(link);
	else if (queue_is_unsure(link))
		link_push(link);
}

void link_alive(struct link *link)
{
	if (link->state != LINK_RESTING || link->stream != NULL)
		return;
	link_idle(link);
	if (link->is_lost)
		link_suspect(link);
}

/* Who takes the connection and is silent: the others are called when his stream has ended. */
static void link_late(struct link *link)
{
	if (link_may_call_next(link))
		stream_fail(link->stream, STREAM_CONNECTION_TIMEOUT, NULL);
	else
		link_fail(link, RC_REMOTE_SERVER_TIMEOUT, "not up in time");
}

static void link_timer(void *state)
{
	struct link *link = state;

	switch (link->state) {
	case LINK_IDLE:
		link_free(link);
		return;
	case LINK_RESTING:
		link_has_rested(link);
		return;
	case LINK_OPEN:
	case LINK_UP:
		link_watch(link);
		return;
	case LINK_GREETING:
		link_late(link);
		return;
	case LINK_FINDING:
	case LINK_CALLING:
	case LINK_PROVING:
	case LINK_AGREEING:
		ride_fail(link, RC_REMOTE_SERVER_TIMEOUT, "not up in time");
		return;
	case LINK_AWAITING:
		ride_goes_on(link);
		return;
	}
}
