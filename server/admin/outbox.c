/* outbox.c - rows of the table outbox, in portions. The first worker reads what waits, makes
 * messages of it and gives each to the home of its addressee (core/deposit.h), where the row is
 * marked as sent; only so many are under way at a time. A pass goes through the table once, by
 * number; a row that appears behind it, since numbers are given before the commit, is found by the
 * next pass, which every change of the table begins. What cannot be sent for the moment goes on
 * waiting, with all behind it that is for the same account, and is tried again. */
#include "admin/outbox-private.h"

#include <inttypes.h>
#include <string.h>

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
/* What somebody has locked is tried again another time. */
#define FAIL "UPDATE outbox SET state = 'failed', error = $2, sent_at = $3 WHERE "
#define FAILABLE "id = $1 AND state <> 'failed'"
static const struct statement outbox_fail = STATEMENT_EACH(FAIL
    "id = (SELECT id FROM outbox WHERE " FAILABLE " FOR NO KEY UPDATE SKIP LOCKED)",
    FAIL FAILABLE);
/* One row to a group at a time, with the rows of its members. */
static const struct statement outbox_sweep =
    STATEMENT("DELETE FROM outbox WHERE id IN (SELECT id FROM outbox"
	      " WHERE state <> 'waiting' AND sent_at < $1 AND (to_group IS NULL OR id ="
	      " (SELECT min(id) FROM outbox WHERE state <> 'waiting' AND sent_at < $1"
	      " AND to_group IS NOT NULL)) ORDER BY sent_at LIMIT $2)");

/* Of the first worker. */
static struct {
	bool is_open;
	bool again;             /* a pass is to begin */
	bool passing;           /* one is under way */
	bool reading;           /* a portion, or a page of members, is being read */
	int64_t last;           /* the number that the pass has come to */
	struct outgoing *group; /* to whose members it goes before anything else; or NULL */
	struct hash *under_way;
	size_t stuck; /* of these */
	struct timer *retry, *patience;
	struct sweep *sweep;
} outbox;

static store_done portion_read, broadcast_claimed, failure_written;

static void outbox_go_on(void);

/* ---- a row's end ---- */

static const char *outgoing_key(struct arena *arena, int64_t id, const char *member)
{
	return arena_printf(arena, "%" PRId64 " %s", id, member);
}

struct outgoing *outgoing_find(int64_t id, const char *member)
{
	struct arena *arena = arena_new(0);
	const char *key = outgoing_key(arena, id, member);
	struct outgoing *outgoing = hash_get(outbox.under_way, key, strlen(key));

	arena_free(&arena);
	return outgoing;
}

struct outgoing *outgoing_new(int64_t id, const char *member)
{
	struct outgoing *outgoing = mem_alloc_zero(sizeof *outgoing);
	struct arena *arena = arena_new(0);

	outgoing->id = id;
	outgoing->key = mem_strdup(outgoing_key(arena, id, member));
	outgoing->since_ms = worker_now_ms();
	hash_put(outbox.under_way, outgoing->key, strlen(outgoing->key), outgoing);
	arena_free(&arena);
	return outgoing;
}

void outgoing_free(struct outgoing *outgoing)
{
	struct outgoing *group = outgoing->group;

	hash_remove(outbox.under_way, outgoing->key, strlen(outgoing->key));
	outbox.stuck -= outgoing->is_stuck;
	/* What was held back behind it goes on, now or with the next trial. */
	if (lane_leave(&outgoing->lane) && outbox.is_open)
		outbox.again |= !timer_is_set(outbox.retry);
	stanza_unref(&outgoing->message);
	outbox_group_free(outgoing);
	mem_free(outgoing->error);
	mem_free(outgoing->key);
	mem_free(outgoing);
	if (group != NULL)
		outbox_group_leave(group);
	outbox_go_on();
}

void outbox_retry(void)
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
	if (outgoing->group != NULL)
		outbox_group_fail(outgoing, text.at);
	else
		store_run(&outbox_fail, PARAMS(outgoing->id, (const char *)text.at, time_now_us()),
		    failure_written, outgoing);
	text_free(&text);
}

static void failure_written(const struct store_result *result, void *state)
{
	if (store_rc(result) != RC_OK || store_changed(result) == 0)
		outbox_retry();
	outgoing_free(state);
}

void outgoing_end(struct outgoing *outgoing)
{
	if (outgoing->rc != RC_OK && !rc_is_temporary(outgoing->rc)) {
		failure_write(outgoing);
		return;
	}
	if (outgoing->rc != RC_OK) {
		lane_hold(outgoing->lane);
		outbox_retry();
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

	deposit_message(outgoing->message, outgoing->id,
	    outgoing->group == NULL ? ROW_OF_ONE : ROW_OF_GROUP, outgoing_deposited, outgoing);
}

/* ---- to all who are online ---- */

static void broadcast_claimed(const struct store_result *result, void *state)
{
	struct outgoing *outgoing = state;

	if (store_rc(result) == RC_OK && store_changed(result) > 0) {
		outbox_broadcast(outgoing);
		return;
	}
	outgoing->rc = store_rc(result) == RC_OK ? RC_RESOURCE_CONSTRAINT : store_rc(result);
	outgoing_end(outgoing);
}

/* ---- portions ---- */

void outgoing_post(struct outgoing *outgoing)
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
	struct outgoing *outgoing = outgoing_new(store_integer(rows, row, OUTBOX_ID), "");
	struct arena *arena = arena_new(0);
	const char *error;
	enum rc rc;

	outgoing->message = outbox_message(rows, row, arena, &rc, &error);
	if (outgoing->message == NULL) {
		outgoing_fail(outgoing, rc, error);
		outgoing_end(outgoing);
	} else if (store_text(rows, row, OUTBOX_TO_ONLINE) != NULL) {
		deposit_claim(outgoing->id, broadcast_claimed, outgoing);
	} else if (store_text(rows, row, OUTBOX_TO_GROUP) != NULL) {
		outbox_group_start(outgoing, store_text(rows, row, OUTBOX_TO_GROUP));
		outbox.group = outgoing;
	} else {
		outgoing_post(outgoing);
	}
	arena_free(&arena);
}

/* One that is under way for a group may have left out members whose lane was held. */
static void row_start_again(struct outgoing *outgoing)
{
	if (outgoing->tour == NULL)
		return;
	outbox_group_again(outgoing);
	outbox.group = outgoing;
}

/* What is behind a row to a group is read again, after its members. Returns whether there is more
 * to read. */
static bool portion_start(const struct store_result *rows)
{
	for (size_t row = 0; row < store_rows(rows) && outbox.group == NULL; row++) {
		struct outgoing *outgoing;

		outbox.last = store_integer(rows, row, OUTBOX_ID);
		outgoing = outgoing_find(outbox.last, "");
		if (outgoing == NULL)
			row_start(rows, row);
		else
			row_start_again(outgoing);
	}
	return outbox.group != NULL || store_rows(rows) == OUTBOX_PORTION;
}

static void portion_read(const struct store_result *result, void *state)
{
	(void)state;
	if (!outbox.is_open) {
		outbox.reading = false;
		return;
	}
	if (store_rc(result) != RC_OK) {
		outbox_retry();
		outbox.passing = false;
	} else {
		outbox.passing = portion_start(result);
	}
	outbox.reading = false;
	outbox_go_on();
}

static void tour_end(void)
{
	struct outgoing *group = outbox.group;

	outbox.group = NULL;
	if (group != NULL)
		outbox_group_leave(group);
}

static void page_over(enum rc rc, bool is_last)
{
	outbox.reading = false;
	if (rc != RC_OK) {
		outbox_retry();
		outbox.passing = false;
	}
	if (is_last || !outbox.is_open)
		tour_end();
	outbox_go_on();
}

/* Whether there is room for another portion; if not, somebody looks in a while who takes it up. */
static bool has_room(void)
{
	if (hash_count(outbox.under_way) - outbox.stuck <= OUTBOX_PORTION)
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
	if (outbox.group != NULL)
		outbox_group_read(outbox.group, page_over);
	else
		store_run(&outbox_select, PARAMS(outbox.last, OUTBOX_PORTION), portion_read, NULL);
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
	outbox.group = NULL;
	outbox.is_open = true;
	outbox.sweep = sweep_new(&outbox_sweep, outbox_keep_us);
	outbox_wake();
}

void outbox_close(void)
{
	if (!outbox.is_open)
		return;
	outbox.is_open = false;
	if (!outbox.reading)
		tour_end();
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
