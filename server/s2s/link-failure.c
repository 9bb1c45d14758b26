/* link-failure.c - how an attempt or a stream of a link ends badly: what waits goes back, or is
 * tried again; how long the link rests; and what our users get to know of a domain that may be
 * lost. */
#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "loop/timer.h"
#include "s2s/s2s-private.h"
#include "stream/sm.h"

/* The first rest, doubled at each further failure. */
#define REST_MS 2000
/* A stream that lasted so long has not failed when it ends. */
#define LASTING_MS 10000

/* Where there is a stream, a blank shows whether it still leads anywhere; it may be about to end.
 */
void link_suspect(struct link *link)
{
	link->is_suspect = true;
	if (link->stream != NULL)
		stream_send_blank(link->stream);
	else
		link_push(link);
}

void link_clear(struct link *link)
{
	if (link->is_suspect || link->is_lost)
		news_tell(link->remote, false);
	link->is_suspect = link->is_lost = link->is_missed = false;
}

/* Somewhere between half and all of it, so that those who were lost together do not come back
 * together. */
static unsigned rest_ms(const struct link *link)
{
	uint64_t longest = (uint64_t)s2s_config()->retry_max * 1000;
	uint64_t rest = (uint64_t)REST_MS << (link->failures > 20 ? 20 : link->failures - 1);
	uint32_t chance;

	crypto_random(&chance, sizeof chance);
	if (rest > longest)
		rest = longest;
	return (unsigned)(rest / 2 + chance % (rest / 2 + 1));
}

void link_keep(struct link *link)
{
	struct sm *kept = stream_keep(link->stream);

	if (kept == NULL)
		return;
	if (link->state == LINK_UP)
		link->cut_ms = worker_now_ms();
	sm_free(&link->kept);
	link->kept = kept;
}

void link_forget(struct link *link)
{
	queue_forget(link);
	ride_forget(link);
	if (link->kept != NULL && link->intake != NULL) {
		intake_keep(link->intake, NULL);
		if (link->stream == NULL)
			intake_free(&link->intake);
	}
	sm_free(&link->kept);
}

/* It may be there again in time to tell what has arrived. */
static bool link_may_resume(const struct link *link)
{
	if (link->rc != RC_REMOTE_SERVER_TIMEOUT || s2s.is_closed)
		return false;
	return link->rode != NULL ||
	       (link->kept != NULL &&
		   worker_now_ms() - link->cut_ms < (int64_t)link->kept->max_seconds * 1000);
}

void link_fail(struct link *link, enum rc rc, const char *why)
{
	log_info(link->log, "link failed", KV("why", why), KV("error", rc_name(rc)),
	    KV("waiting", link->waiting_count));
	link_set_state(link, LINK_RESTING);
	link->failures++;
	link->rc = rc;
	link->why = why;
	link_hang_up(link);
	if (link->stream != NULL) {
		stream_end(link->stream);
		link_keep(link);
	}
	timer_set(link->timer, rest_ms(link));
	if (!link->is_lost)
		news_tell(link->remote, true);
	link->is_lost = true;
	link->is_missed |= link->is_suspect;
	link->is_suspect = false;
	if (!link_may_resume(link))
		link_forget(link);
	queue_bounce(link);
	verifies_end(link, false, rc);
}

/* RFC 6120 section 4.9.3.6 tells of a domain that is not there. */
static enum rc rc_of(const char *why)
{
	return text_equal(why, stream_error_name(STREAM_HOST_UNKNOWN)) ||
	               text_equal(why, stream_error_name(STREAM_HOST_GONE))
	           ? RC_REMOTE_SERVER_NOT_FOUND
	           : RC_REMOTE_SERVER_TIMEOUT;
}

static bool has_lasted(const struct link *link)
{
	return link->state == LINK_UP &&
	       (link->has_advanced || worker_now_ms() - link->up_ms >= LASTING_MS);
}

/* The other end has taken us for who we are, so it may be worth while to call it again at once. */
static bool was_up(const struct link *link)
{
	return link->state == LINK_UP || link->state == LINK_AGREEING;
}

/* What its domain says came by it, so nobody else may tell that the domain is lost (XEP-0288). But
 * it is not called again and again because of that. */
static bool is_missing(const struct link *link)
{
	return link->state == LINK_UP && link->hears && link->failures == 0;
}

void link_broken(struct link *link, const char *why)
{
	bool lasted = has_lasted(link), missing = is_missing(link);

	queue_restore(link);
	if (link->kept == NULL && link->rode == NULL)
		queue_forget(link);
	if (link->state == LINK_RESTING) {
		queue_bounce(link);
		return;
	}
	if (link->state == LINK_GREETING && rc_of(why) == RC_REMOTE_SERVER_TIMEOUT) {
		link_call_next(link, why);
		return;
	}
	log_info(link->log, "link ended", KV("why", why), KV("waiting", link->waiting_count));
	if (!is_proper_end(why))
		link->why = why;
	verifies_end(link, true, RC_REMOTE_SERVER_TIMEOUT);
	if ((lasted || missing || link->is_suspect) && news_is_abrupt(why) && !s2s.is_shutting) {
		link->failures = lasted ? 0 : link->failures + missing;
		link_set_state(link, LINK_IDLE);
		link_suspect(link);
	} else if (!link_is_needed(link)) {
		link->failures = lasted ? 0 : link->failures;
		link_idle(link);
	} else if (lasted || (was_up(link) && link->failures == 0)) {
		link->failures = lasted ? 0 : 1;
		link_set_state(link, LINK_IDLE);
		link_push(link);
	} else {
		link_fail(link, rc_of(why), why);
	}
}
