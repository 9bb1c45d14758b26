/* inbound-kept.c - connections from other servers that were cut (XEP-0198 section 5). The counters
 * of the stream are kept, and what is still at work, until the same domain asks on another
 * connection to go on with it, or too much time has passed. What has been read is dealt with first:
 * then the other end knows exactly what to send again. It tells what has arrived of what links have
 * sent by the one before (ride.c). One that has not noticed that it was cut ends when it is asked
 * for.
 *
 * All that is on the home of the domain, where connections go that EXTERNAL has proved; with
 * dialback there is no resumption. */
#include "base/log.h"
#include "base/text.h"
#include "loop/timer.h"
#include "s2s/s2s-private.h"
#include "stream/sm.h"

/* Who it has logged in as; NULL: it has not. */
static const struct pair *login_of(const struct inbound *inbound)
{
	const struct pair *pair;

	LIST_FOREACH (pair, &inbound->pairs, next)
		if (pair->state >= PAIR_PROVED && text_equal(pair->how, by_external))
			return pair;
	return NULL;
}

static bool is_same_login(const struct pair *a, const struct pair *b)
{
	return a != NULL && b != NULL && text_equal(a->from, b->from) && text_equal(a->to, b->to);
}

/* ---- keeping ---- */

static void kept_forget(struct inbound *inbound)
{
	timer_free(&inbound->timer);
	LIST_REMOVE(inbound, sibling);
	s2s.kept_count--;
	intake_keep(inbound->intake, NULL);
	sm_free(&inbound->kept);
	rides_forget(inbound);
	inbound_forget(inbound);
}

static void kept_expired(void *state)
{
	const struct pair *login = login_of(state);

	log_info(NULL, "connection of a server can be resumed no more", KV("from", login->from),
	    KV("to", login->to));
	kept_forget(state);
}

/* The oldest of that domain, or of all. */
static struct inbound *kept_oldest(const char *from, size_t *count_out)
{
	struct inbound *inbound, *oldest = NULL;

	*count_out = 0;
	LIST_FOREACH (inbound, &s2s.kept, sibling)
		if (from == NULL || text_equal(login_of(inbound)->from, from)) {
			oldest = inbound;
			++*count_out;
		}
	return oldest;
}

static void room_make(const char *from)
{
	size_t count;
	struct inbound *oldest = kept_oldest(from, &count);

	if (count >= s2s_config()->connections_per_domain) {
		kept_forget(oldest);
		return;
	}
	if (s2s.kept_count >= s2s_config()->resumable)
		kept_forget(kept_oldest(NULL, &count));
}

void inbound_keep(struct inbound *inbound)
{
	inbound->kept = stream_keep(inbound->stream);
	if (login_of(inbound) == NULL || s2s.is_closed)
		sm_free(&inbound->kept);
}

void kept_add(struct inbound *inbound)
{
	room_make(login_of(inbound)->from);
	pairs_keep(inbound);
	inbound->cut_ms = worker_now_ms();
	inbound_delist(inbound);
	intake_set_stream(inbound->intake, NULL);
	intake_keep(inbound->intake, inbound->kept);
	stream_free(&inbound->stream);
	inbound->timer = timer_new(kept_expired, inbound);
	timer_set(inbound->timer, inbound->kept->max_seconds * 1000);
	LIST_INSERT_HEAD(&s2s.kept, inbound, sibling);
	s2s.kept_count++;
	kept_hand_over(inbound);
}

void kept_forget_all(void)
{
	while (!LIST_EMPTY(&s2s.kept))
		kept_forget(LIST_FIRST(&s2s.kept));
}

/* ---- going on ---- */

/* What was proved on the one before by the same login goes along, unless it is just being proved
 * again. */
static void pairs_move(struct inbound *from, struct inbound *to)
{
	struct pair *pair;

	while ((pair = LIST_FIRST(&from->pairs)) != NULL) {
		if (pair->state == PAIR_KEPT && pair_find(to, pair->from, pair->to) == NULL)
			pair_prove(to, pair_add(to, pair->from, pair->to), pair->how);
		pair_remove(from, pair);
	}
}

void kept_hand_over(struct inbound *inbound)
{
	struct inbound *heir = inbound->heir;
	uint32_t arrived;

	if (inbound->kept == NULL || heir == NULL || stream_is_over(heir->stream) ||
	    !sm_is_settled(inbound->kept))
		return;
	inbound->heir = heir->elder = NULL;
	arrived = stream_resumed(heir->stream, &inbound->kept);
	pairs_move(inbound, heir);
	inbound_check(heir);
	rides_resume(inbound, arrived);
	inbound_open(heir);
	kept_forget(inbound);
}

/* Neither waits for the other any more. */
void kept_part(struct inbound *inbound)
{
	if (inbound->heir != NULL) {
		stream_resume_failed(inbound->heir->stream, RC_ITEM_NOT_FOUND);
		inbound->heir->elder = NULL;
		inbound->heir = NULL;
	}
	if (inbound->elder != NULL) {
		inbound->elder->heir = NULL;
		inbound->elder = NULL;
	}
}

static const char *id_of(const struct inbound *inbound)
{
	return inbound->kept != NULL ? inbound->kept->id : stream_sm_id(inbound->stream);
}

static struct inbound *kept_find(const struct inbound *heir, const char *id)
{
	struct inbound *inbound;

	LIST_FOREACH (inbound, &s2s.kept, sibling)
		if (text_equal(id_of(inbound), id))
			return inbound;
	LIST_FOREACH (inbound, &s2s.inbound, sibling)
		if (inbound != heir && text_equal(id_of(inbound), id))
			return inbound;
	return NULL;
}

void inbound_resume(void *state, const char *id)
{
	struct inbound *inbound = state, *elder = kept_find(inbound, id);

	if (elder == NULL || !is_same_login(login_of(inbound), login_of(elder))) {
		stream_resume_failed(inbound->stream, RC_ITEM_NOT_FOUND);
		return;
	}
	/* The other end has tried before, and was cut again. */
	if (elder->heir != NULL) {
		stream_fail(elder->heir->stream, STREAM_CONFLICT, NULL);
		elder->heir->elder = NULL;
	}
	elder->heir = inbound;
	inbound->elder = elder;
	if (elder->stream != NULL)
		stream_yield(elder->stream, STREAM_CONFLICT);
	else
		kept_hand_over(elder);
}
