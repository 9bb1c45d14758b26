/* link-queue.c - what waits for a link, and what its stream has and may still lose. Bounded, and in
 * order: what the stream has not delivered takes its old place again when the stream ends. Where it
 * was cut and may be resumed, that is unsure: it may have arrived. It waits until that is known,
 * and does not go back meanwhile. */
#include "base/mem.h"
#include "core/receipt.h"
#include "core/router.h"
#include "s2s/s2s-private.h"
#include "xmpp/stanza.h"

/* ---- cargo ---- */

void cargo_free(struct cargo *cargo)
{
	stanza_unref(&cargo->stanza);
	receipt_release(&cargo->receipt);
	mem_free(cargo);
}

void cargo_bounce(struct cargo *cargo, enum rc rc, const char *text)
{
	router_bounce(cargo->stanza, rc, text);
	cargo_free(cargo);
}

void queue_add(struct link *link, struct cargo *cargo)
{
	cargo->link = link;
	TAILQ_INSERT_TAIL(&link->waiting, cargo, next);
	link->waiting_count++;
	link->waiting_bytes += cargo->bytes;
}

/* Presence is counted by its bytes alone: who comes online asks all his contacts at once, and after
 * our start all do. */
bool queue_has_room(const struct link *link, const struct cargo *cargo)
{
	bool is_counted = stanza_kind(cargo->stanza) != STANZA_PRESENCE;

	return (!is_counted || link->waiting_count < s2s_config()->queue_stanzas) &&
	       link->waiting_bytes + cargo->bytes <= s2s_config()->queue_bytes;
}

/* Who is asked, or told, about a subscription is called again: nobody else may tell that it is
 * back.
 */
void queue_return(struct link *link, struct cargo *cargo)
{
	if (link->rc == RC_REMOTE_SERVER_TIMEOUT && notice_is(cargo->stanza)) {
		notice_keep(link, cargo->stanza);
		link->is_missed = true;
	}
	cargo_bounce(cargo, link->rc, link->why);
}

static void queue_remove(struct link *link, struct cargo *cargo)
{
	TAILQ_REMOVE(&link->waiting, cargo, next);
	link->waiting_count--;
	link->waiting_bytes -= cargo->bytes;
}

/* An iq or presence that may have arrived goes back all the same: for a server that is away it
 * shall keep nobody waiting. */
static bool may_wait(const struct cargo *cargo)
{
	return cargo->place > 0 && stanza_kind(cargo->stanza) == STANZA_MESSAGE;
}

void queue_bounce(struct link *link)
{
	struct cargo *cargo, *next;

	for (cargo = TAILQ_FIRST(&link->waiting); cargo != NULL; cargo = next) {
		next = TAILQ_NEXT(cargo, next);
		if (may_wait(cargo))
			continue;
		queue_remove(link, cargo);
		queue_return(link, cargo);
	}
}

bool queue_is_unsure(const struct link *link)
{
	const struct cargo *first = TAILQ_FIRST(&link->waiting);

	return first != NULL && first->place > 0;
}

void queue_arrived(struct link *link, uint32_t count)
{
	struct cargo *cargo;

	while (queue_is_unsure(link) && TAILQ_FIRST(&link->waiting)->place <= count) {
		cargo = TAILQ_FIRST(&link->waiting);
		queue_remove(link, cargo);
		cargo_free(cargo);
	}
}

/* They are the first, all of them. */
void queue_forget(struct link *link)
{
	struct cargo *cargo;

	TAILQ_FOREACH (cargo, &link->waiting, next) {
		if (cargo->place == 0)
			return;
		cargo->place = 0;
	}
}

struct cargo *queue_next(struct link *link)
{
	struct cargo *cargo = TAILQ_FIRST(&link->waiting);

	if (cargo == NULL)
		return NULL;
	queue_remove(link, cargo);
	TAILQ_INSERT_TAIL(&link->sent, cargo, next);
	return cargo;
}

void queue_delivered(struct link *link, struct cargo *cargo)
{
	TAILQ_REMOVE(&link->sent, cargo, next);
	cargo_free(cargo);
}

void queue_restore(struct link *link)
{
	struct cargo *cargo;

	while ((cargo = TAILQ_LAST(&link->sent, cargo_list)) != NULL) {
		TAILQ_REMOVE(&link->sent, cargo, next);
		TAILQ_INSERT_HEAD(&link->waiting, cargo, next);
		link->waiting_count++;
		link->waiting_bytes += cargo->bytes;
	}
}

void queue_drop(struct link *link)
{
	struct cargo *cargo;

	queue_restore(link);
	while ((cargo = TAILQ_FIRST(&link->waiting)) != NULL) {
		TAILQ_REMOVE(&link->waiting, cargo, next);
		cargo_free(cargo);
	}
}
