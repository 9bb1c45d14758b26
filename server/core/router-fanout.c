/* router-fanout.c - stanzas on their way to other homes, and one stanza to many at once: one parcel
 * for each worker, expanded there in slices. */
#include <sys/queue.h>

#include "base/arena.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/home.h"
#include "core/receipt.h"
#include "core/remote.h"
#include "core/router-private.h"
#include "core/router.h"
#include "loop/worker.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

/* Receivers of a fan-out that are served before it is another's turn, and what all fan-outs get of
 * a round of the loop; what they have written but not sent waits for a part of later rounds, and
 * they wait while that is much. */
#define FANOUT_SLICE 64
#define FANOUT_TURNS_US 150
#define FANOUT_UNSENT_MAX 2000

/* A stanza on its way to another worker or waiting its turn: for one addressee (count is 0: its
 * `to`), or for many. What a sender sends while its fan-out is under way here waits behind that, so
 * that nobody sees things out of order. */
struct parcel {
	struct mail mail;
	TAILQ_ENTRY(parcel) next;
	struct stanza *stanza;
	struct receipt *receipt;
	TAILQ_HEAD(parcel_list, parcel) behind;
	bool is_for_online; /* who has no sessions does without */
	size_t count, done;
	struct jid *to[];
};

/* Fan-outs under way on this worker, each of another sender, served in turn. */
static _Thread_local struct parcel_list fanouts;
static _Thread_local struct mail fanout_mail;
static _Thread_local bool fanout_posted;

/* ---- parcels ---- */

static struct parcel *parcel_new(const struct stanza *stanza, struct receipt *receipt, size_t count)
{
	struct parcel *parcel = mem_alloc_zero(sizeof *parcel + count * sizeof parcel->to[0]);

	parcel->stanza = stanza_ref(stanza);
	parcel->receipt = receipt_hold(receipt);
	TAILQ_INIT(&parcel->behind);
	return parcel;
}

static void parcel_add(struct parcel *parcel, const struct jid *to)
{
	parcel->to[parcel->count++] = jid_copy_heap(to);
}

static void parcel_free(struct parcel *parcel)
{
	for (size_t i = 0; i < parcel->count; i++)
		jid_free(&parcel->to[i]);
	stanza_unref(&parcel->stanza);
	receipt_release(&parcel->receipt);
	mem_free(parcel);
}

/* The fan-out of this sender that is under way here; nearly always there is none. */
static struct parcel *fanout_of(const struct stanza *stanza)
{
	const struct jid *sender = stanza_from(stanza);
	struct parcel *fanout;

	if (sender == NULL)
		return NULL;
	TAILQ_FOREACH (fanout, &fanouts, next)
		if (stanza_from(fanout->stanza) != NULL &&
		    jid_equal_bare(stanza_from(fanout->stanza), sender))
			return fanout;
	return NULL;
}

static void fanout_turns(struct mail *mail);

static void fanout_schedule(void)
{
	if (TAILQ_EMPTY(&fanouts) || fanout_posted)
		return;
	fanout_posted = true;
	worker_post(worker_current(), &fanout_mail, fanout_turns);
}

/* Serves one slice; whether that was the last. */
static bool fanout_slice(struct parcel *parcel)
{
	size_t end = parcel->done + FANOUT_SLICE;
	bool was_patient;

	if (end > parcel->count)
		end = parcel->count;
	was_patient = worker_set_patient(true);
	for (; parcel->done < end; parcel->done++)
		if (parcel->is_for_online)
			online_arrive(parcel->stanza, parcel->to[parcel->done]);
		else
			account_arrive(parcel->stanza, parcel->to[parcel->done], NULL);
	worker_set_patient(was_patient);
	return parcel->done == parcel->count;
}

/* It is here and nothing of its sender is under way. Takes it. */
static void parcel_open(struct parcel *parcel)
{
	struct parcel *before = fanout_of(parcel->stanza);

	if (before != NULL) {
		TAILQ_INSERT_TAIL(&before->behind, parcel, next);
		return;
	}
	if (parcel->count == 0) {
		account_arrive(parcel->stanza, stanza_to(parcel->stanza), parcel->receipt);
		parcel_free(parcel);
		return;
	}
	if (fanout_slice(parcel)) {
		parcel_free(parcel);
		return;
	}
	TAILQ_INSERT_TAIL(&fanouts, parcel, next);
	fanout_schedule();
}

/* Everyone has it: what waited behind it goes on, in order, and may be a fan-out itself. */
static void fanout_finish(struct parcel *fanout)
{
	struct parcel *parcel;

	while ((parcel = TAILQ_FIRST(&fanout->behind)) != NULL) {
		TAILQ_REMOVE(&fanout->behind, parcel, next);
		parcel_open(parcel);
	}
	parcel_free(fanout);
}

/* Slices of all in turn, as long as there is time; the next come after other events. */
static void fanout_turns(struct mail *mail)
{
	int64_t until_us = worker_clock_us() + FANOUT_TURNS_US;
	struct parcel *fanout;

	(void)mail;
	fanout_posted = false;
	while (worker_patient_count() < FANOUT_UNSENT_MAX && worker_clock_us() < until_us) {
		fanout = TAILQ_FIRST(&fanouts);
		if (fanout == NULL)
			return;
		TAILQ_REMOVE(&fanouts, fanout, next);
		if (fanout_slice(fanout))
			fanout_finish(fanout);
		else
			TAILQ_INSERT_TAIL(&fanouts, fanout, next);
	}
	fanout_schedule();
}

static void parcel_came(struct mail *mail)
{
	parcel_open(CONTAINER_OF(mail, struct parcel, mail));
}

bool parcel_send(const struct stanza *stanza, struct receipt *receipt)
{
	struct worker *home = home_of(stanza_to(stanza));

	if (home != worker_current())
		worker_post(home, &parcel_new(stanza, receipt, 0)->mail, parcel_came);
	else if (fanout_of(stanza) != NULL)
		parcel_open(parcel_new(stanza, receipt, 0));
	else
		return false;
	return true;
}

/* ---- to many ---- */

/* The receivers that live on one worker. */
static void router_send_share(const struct stanza *stanza, struct receipt *receipt,
    const struct jid *const *to, size_t count, struct worker *home, size_t share,
    bool is_for_online)
{
	bool here = home == worker_current();
	bool at_once = here && share <= FANOUT_SLICE && fanout_of(stanza) == NULL;
	struct parcel *parcel = at_once ? NULL : parcel_new(stanza, receipt, share);

	for (size_t i = 0; i < count; i++) {
		if (!config_serves(home_config(), to[i]) || to[i]->node_length == 0 ||
		    home_of(to[i]) != home)
			continue;
		if (at_once && is_for_online)
			online_arrive(stanza, to[i]);
		else if (at_once)
			account_arrive(stanza, to[i], NULL);
		else
			parcel_add(parcel, to[i]);
	}
	if (at_once)
		return;
	parcel->is_for_online = is_for_online;
	if (here)
		parcel_open(parcel);
	else
		worker_post(home, &parcel->mail, parcel_came);
}

/* To one of many who is not of ours. Where there is no way nobody is told: it would be at each
 * change of presence. RFC 6121 section 4.3.1: probes are from the account there. */
static void router_send_away(const struct stanza *stanza, const struct jid *to)
{
	struct arena *arena = arena_new(0);
	const struct jid *from = stanza_from(stanza);
	struct stanza *readdressed;

	if (stanza_type(stanza) == PRESENCE_PROBE)
		from = jid_bare(arena, from);
	readdressed = stanza_readdress(stanza, from, to);
	remote_send(readdressed, NULL);
	stanza_unref(&readdressed);
	arena_free(&arena);
}

static void router_fan_out(const struct stanza *stanza, struct receipt *receipt,
    const struct jid *const *to, size_t count, bool is_for_online)
{
	size_t *shares;

	if (count == 0)
		return;
	shares = mem_alloc_zero(homes_count() * sizeof *shares);
	for (size_t i = 0; i < count; i++)
		if (!config_serves(home_config(), to[i]))
			router_send_away(stanza, to[i]);
		else if (to[i]->node_length > 0)
			shares[worker_index(home_of(to[i]))]++;
	for (size_t i = 0; i < homes_count(); i++)
		if (shares[i] > 0)
			router_send_share(
			    stanza, receipt, to, count, homes_worker(i), shares[i], is_for_online);
	mem_free(shares);
}

void router_send_many(
    const struct stanza *stanza, struct receipt *receipt, const struct jid *const *to, size_t count)
{
	router_fan_out(stanza, receipt, to, count, false);
}

void router_send_online(
    const struct stanza *stanza, struct receipt *receipt, const struct jid *const *to, size_t count)
{
	router_fan_out(stanza, receipt, to, count, true);
}

void router_start(void)
{
	TAILQ_INIT(&fanouts);
	fanout_posted = false;
}

void router_stop(void)
{
	struct parcel *fanout, *parcel;

	while ((fanout = TAILQ_FIRST(&fanouts)) != NULL) {
		TAILQ_REMOVE(&fanouts, fanout, next);
		while ((parcel = TAILQ_FIRST(&fanout->behind)) != NULL) {
			TAILQ_REMOVE(&fanout->behind, parcel, next);
			parcel_free(parcel);
		}
		parcel_free(fanout);
	}
}
