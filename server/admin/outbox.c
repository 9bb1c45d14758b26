/* outbox.c - rows of the table outbox, in portions. The first worker reads what waits, makes
 * messages of it and gives each to the home of its addressee (core/deposit.h), where the row is
 * marked as sent; only so many are under way at a time. A pass goes through the table once, by
 * number; a row that appears behind it, since numbers are given before the commit, is found by the
 * next pass, which every change of the table begins. What cannot be sent for the moment goes on
 * waiting, with all behind it that is for the same account, and is tried again. */
#include "admin/outbox-private.h"
#include "admin/sweep.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/deposit.h"
#include "core/home.h"
#include "loop/timer.h"
#include "store/store.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

/* Rows read at a time, and rows under way while more are read. */
#define PORTION 50
/* What takes longer than this does not count among those, up to a bound. */
#define STUCK_MS 500
#define STUCK_MAX 1000
/* Until what could not be sent is tried again. */
#define RETRY_MS 1000
/* Done rows are looked for so often, and removed when they are that old, so many at a time. */
#define KEEP_US (INT64_C(7) * 86400 * 1000000)

static const struct statement outbox_select =
    STATEMENT("SELECT " OUTBOX_COLUMNS " FROM outbox WHERE state = 'waiting' AND id > $1"
	      " ORDER BY id LIMIT $2");
static const struct statement outbox_fail =
    STATEMENT("UPDATE outbox SET state = 'failed', error = $2, sent_at = $3"
	      " WHERE id = $1 AND state <> 'failed'");
static const struct statement outbox_sweep =
    STATEMENT("DELETE FROM outbox WHERE id IN (SELECT id FROM outbox"
	      " WHERE state <> 'waiting' AND sent_at < $1 ORDER BY sent_at LIMIT $2)");

/* Of the first worker. */
static struct {
	bool is_open;
	bool again;   /* a pass is to begin */
	bool passing; /* one is under way */
	bool reading; /* a portion is being read */
	int64_t last; /* the number that the pass has come to */
	struct hash *under_way;
	size_t stuck; /* of these */
	struct timer *retry, *patience;
	struct sweep *sweep;
} outbox;

static store_done portion_read, broadcast_claimed, failure_written;

static void outbox_go_on(void);

/* ---- a row's end ---- */

static void outgoing_free(struct outgoing *outgoing)
{
	hash_remove(outbox.under_way, (const char *)&outgoing->id, sizeof outgoing->id);
	outbox.stuck -= outgoing->is_stuck;
	/* What was held back behind it goes on, now or with the next trial. */
	if (lane_leave(&outgoing->lane) && outbox.is_open)
		outbox.again |= !timer_is_set(outbox.retry);
	stanza_unref(&outgoing->message);
	mem_free(outgoing->error);
	mem_free(outgoing);
	outbox_go_on();
}

static void retry_soon(void)
{
	if (outbox.is_open && !timer_is_set(outbox.retry))
		timer_set(outbox.retry, RETRY_MS);
}

static void failure_write(struct outgoing *outgoing)
{
	struct text text = { 0 };

	text_puts(&text, rc_name(outgoing->rc));
	if (outgoing->error != NULL)
		text_printf(&text, ": %s", outgoing->error);
	log_info(NULL, "a message of the outbox cannot be sent", KV("id", outgoing->id),
	    KV("reason", text.at));
	store_run(&outbox_fail, PARAMS(outgoing->id, (const char *)text.at, time_now_us()),
	    failure_written, outgoing);
	text_free(&text);
}

static void failure_written(const struct store_result *result, void *state)
{
	if (store_rc(result) != RC_OK)
		retry_soon();
	outgoing_free(state);
}

void outgoing_end(struct outgoing *outgoing)
{
	if (outgoing->rc != RC_OK && !deposit_is_temporary(outgoing->rc)) {
		failure_write(outgoing);
		return;
	}
	if (outgoing->rc != RC_OK) {
		lane_hold(outgoing->lane);
		retry_soon();
	}
	outgoing_free(outgoing);
}

void outgoing_fail(struct outgoing *outgoing, enum rc rc, const char *error)
{
	outgoing->rc = rc;
	outgoing->error = error == NULL ? NULL : mem_strdup(error);
}

/* ---- to one account ---- */

static void outgoing_came_back(struct mail *mail)
{
	outgoing_end(CONTAINER_OF(mail, struct outgoing, mail));
}

static void outgoing_deposited(void *state, enum rc rc, const char *text)
{
	struct outgoing *outgoing = state;

	outgoing_fail(outgoing, rc, text);
	worker_post(homes_worker(0), &outgoing->mail, outgoing_came_back);
}

/* At the home of the addressee. */
static void outgoing_arrived(struct mail *mail)
{
	struct outgoing *outgoing = CONTAINER_OF(mail, struct outgoing, mail);

	deposit_message(outgoing->message, outgoing->id, outgoing_deposited, outgoing);
}

/* ---- to all who are online ---- */

static void broadcast_claimed(const struct store_result *result, void *state)
{
	struct outgoing *outgoing = state;

	if (store_rc(result) == RC_OK && store_changed(result) > 0) {
		outbox_broadcast(outgoing);
		return;
	}
	outgoing->rc = store_rc(result);
	outgoing_end(outgoing);
}

/* ---- portions ---- */

static void outgoing_post(struct outgoing *outgoing)
{
	const struct jid *to = stanza_to(outgoing->message);

	outgoing->lane = lane_enter(to);
	if (outgoing->lane == NULL)
		outgoing_free(outgoing);
	else
		worker_post(home_of(to), &outgoing->mail, outgoing_arrived);
}

static void row_start(const struct store_result *rows, size_t row)
{
	struct outgoing *outgoing = mem_alloc_zero(sizeof *outgoing);
	struct arena *arena = arena_new(0);
	const char *error;
	enum rc rc;

	outgoing->id = store_integer(rows, row, OUTBOX_ID);
	outgoing->since_ms = worker_now_ms();
	hash_put(outbox.under_way, (const char *)&outgoing->id, sizeof outgoing->id, outgoing);
	outgoing->message = outbox_message(rows, row, arena, &rc, &error);
	if (outgoing->message == NULL) {
		outgoing_fail(outgoing, rc, error);
		outgoing_end(outgoing);
	} else if (store_text(rows, row, OUTBOX_TO_ONLINE) != NULL) {
		deposit_claim(outgoing->id, broadcast_claimed, outgoing);
	} else {
		outgoing_post(outgoing);
	}
	arena_free(&arena);
}

static void portion_start(const struct store_result *rows)
{
	for (size_t row = 0; row < store_rows(rows); row++) {
		outbox.last = store_integer(rows, row, OUTBOX_ID);
		if (hash_get(outbox.under_way, (const char *)&outbox.last, sizeof outbox.last) ==
		    NULL)
			row_start(rows, row);
	}
}

static void portion_read(const struct store_result *result, void *state)
{
	(void)state;
	if (!outbox.is_open) {
		outbox.reading = false;
		return;
	}
	if (store_rc(result) != RC_OK) {
		retry_soon();
		outbox.passing = false;
	} else {
		portion_start(result);
		outbox.passing = store_rows(result) == PORTION;
	}
	outbox.reading = false;
	outbox_go_on();
}

/* Whether there is room for another portion; if not, somebody looks in a while who takes it up. */
static bool has_room(void)
{
	if (hash_count(outbox.under_way) - outbox.stuck <= PORTION)
		return true;
	if (!timer_is_set(outbox.patience))
		timer_set(outbox.patience, STUCK_MS);
	return false;
}

/* The accounts of those that take long wait by themselves, and their room is for others. */
static void patience_over(void *state)
{
	struct outgoing *outgoing;
	size_t cursor = 0;

	(void)state;
	while (
	    outbox.stuck < STUCK_MAX && (outgoing = hash_next(outbox.under_way, &cursor)) != NULL) {
		if (outgoing->is_stuck || worker_now_ms() - outgoing->since_ms < STUCK_MS)
			continue;
		outgoing->is_stuck = true;
		outbox.stuck++;
		lane_hold(outgoing->lane);
	}
	outbox_go_on();
}

/* Reads the next portion if there is one, and room for it. */
static void outbox_go_on(void)
{
	if (!outbox.is_open || outbox.reading || !(outbox.passing || outbox.again) || !has_room())
		return;
	if (!outbox.passing) {
		outbox.again = false;
		outbox.passing = true;
		outbox.last = 0;
		lanes_open();
	}
	outbox.reading = true;
	store_run(&outbox_select, PARAMS(outbox.last, PORTION), portion_read, NULL);
}

void outbox_wake(void)
{
	outbox.again = true;
	outbox_go_on();
}

static void retry_due(void *state)
{
	(void)state;
	outbox_wake();
}

/* ---- old rows ---- */

static int64_t outbox_keep_us(void)
{
	return KEEP_US;
}

/* ---- from start to stop ---- */

void outbox_start(void)
{
	outbox.under_way = hash_new();
	outbox.stuck = 0;
	lanes_start();
	outbox.retry = timer_new(retry_due, NULL);
	outbox.patience = timer_new(patience_over, NULL);
	outbox.passing = outbox.reading = false;
	outbox.is_open = true;
	outbox.sweep = sweep_new(&outbox_sweep, outbox_keep_us);
	outbox_wake();
}

void outbox_close(void)
{
	if (!outbox.is_open)
		return;
	outbox.is_open = false;
	timer_free(&outbox.retry);
	timer_free(&outbox.patience);
	sweep_free(&outbox.sweep);
}

size_t outbox_busy(void)
{
	return outbox.under_way == NULL ? 0 : hash_count(outbox.under_way);
}

void outbox_stop(void)
{
	outbox_close();
	/* What is still under way belongs to a home that does not answer any more. */
	if (outbox.under_way == NULL || outbox_busy() > 0)
		return;
	hash_free(&outbox.under_way);
	lanes_stop();
}
