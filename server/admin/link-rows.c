/* link-rows.c - the table links, as each worker writes it of those that live there.
 * When one has changed, all are looked at some moments later, and of those that are not as the
 * table has them a row is written, with one statement of each kind, one flush after the other; what
 * came and went meanwhile was never there. Every ten seconds traffic counts as well. Rows that an
 * administrator has under lock are passed over and written later: a statement never waits. When a
 * row is not as it should be (PostgreSQL empties the table when it crashes), all of the worker's
 * are written again. */
#include "admin/link-rows.h"

#include <stdbool.h>

#include "admin/link-row.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/home.h"
#include "core/links.h"
#include "loop/timer.h"
#include "loop/worker.h"
#include "store/store.h"

#define FLUSH_MS 100
#define RETRY_MS 1000
#define SWEEP_MS 10000
/* Looks at all links take one part in so many of the time, however many there are. */
#define LOOK_SHARE 20
/* Rows written at a time. */
#define CHUNK 500

/* What is known of a row. */
struct link_row {
	int64_t id;
	enum { ROW_ABSENT, ROW_PRESENT, ROW_DOUBTFUL } known;
	uint64_t facts, traffic; /* prints of what was written */
	unsigned look;           /* the last one that has found the link */
	bool is_going;           /* it is being removed */
};

static _Thread_local struct {
	const struct link_source *source;
	struct hash *by_id;          /* NULL: stopped, or never started */
	struct timer *flush, *sweep; /* the second is set while there are rows */
	unsigned look;
	unsigned pause_ms;  /* until the next flush, at least */
	unsigned under_way; /* statements; the next flush comes behind them */
	size_t updating;    /* rows of the one among them */
	bool is_asked;      /* there is something to be written */
	bool is_emptied;    /* what was left behind is gone */
	bool is_sweeping;   /* traffic counts, be it the blank of a link that is kept up */
	bool is_in_doubt;   /* the table may lack something */
} rows;

/* One flush. */
struct batch {
	struct text inserts, updates, leaving;
	struct text facts, traffic; /* of the row at hand */
	size_t written, removed;
	bool is_cut; /* there was more than a chunk */
};

static store_done emptied, inserted, updated, departed;

/* ---- when ---- */

static void flush_ask(unsigned after_ms)
{
	if (!rows.is_asked || rows.by_id == NULL || !rows.is_emptied || rows.under_way > 0 ||
	    timer_is_set(rows.flush))
		return;
	timer_set(rows.flush, after_ms > rows.pause_ms ? after_ms : rows.pause_ms);
}

static void statement_over(unsigned next_ms)
{
	rows.under_way--;
	flush_ask(next_ms);
}

static void links_changed(void)
{
	rows.is_asked = true;
	flush_ask(FLUSH_MS);
}

/* ---- the beginning ---- */

static void rows_make_empty(store_done *on_done)
{
	store_run(&link_rows_empty, PARAMS(worker_index(worker_current()), (int64_t)homes_count()),
	    on_done, NULL);
}

/* Somebody may hold some of them locked. */
static void emptied(const struct store_result *result, void *state)
{
	(void)state;
	rows.is_emptied = store_rc(result) == RC_OK;
	if (rows.is_emptied)
		flush_ask(FLUSH_MS);
	else if (rows.by_id != NULL)
		timer_set(rows.flush, RETRY_MS);
}

/* ---- a row ---- */

static struct link_row *row_find(int64_t id)
{
	return hash_get(rows.by_id, (const char *)&id, sizeof id);
}

static struct link_row *row_get(int64_t id)
{
	struct link_row *row = row_find(id);

	if (row != NULL)
		return row;
	row = mem_alloc_zero(sizeof *row);
	row->id = id;
	hash_put(rows.by_id, (const char *)&row->id, sizeof row->id, row);
	return row;
}

/* Also of the one that hash_next() has just told. */
static void row_free(struct link_row *row)
{
	hash_remove(rows.by_id, (const char *)&row->id, sizeof row->id);
	mem_free(row);
}

static void row_append(struct text *out, const struct batch *batch)
{
	text_putc(out, out->length == 0 ? '[' : ',');
	text_putc(out, '[');
	text_append(out, batch->facts.at, batch->facts.length);
	text_append(out, batch->traffic.at, batch->traffic.length);
	text_putc(out, ']');
}

/* ---- looking ---- */

static bool is_as_written(const struct link_row *row, uint64_t facts, uint64_t traffic)
{
	return row->known == ROW_PRESENT && row->facts == facts &&
	       (row->traffic == traffic || !rows.is_sweeping);
}

static void row_put(struct batch *batch, struct link_row *row)
{
	if (row->known != ROW_PRESENT)
		row_append(&batch->inserts, batch);
	if (row->known != ROW_ABSENT) {
		row_append(&batch->updates, batch);
		rows.updating++;
	}
	row->known = ROW_PRESENT;
	batch->written++;
}

static void link_told(void *state, const struct link_fact *fact)
{
	struct batch *batch = state;
	struct link_row *row = row_get(fact->id);
	uint64_t facts, traffic;

	row->look = rows.look;
	text_clear(&batch->facts);
	text_clear(&batch->traffic);
	link_row_facts(&batch->facts, fact);
	link_row_traffic(&batch->traffic, fact);
	facts = hash_bytes(batch->facts.at, batch->facts.length);
	traffic = hash_bytes(batch->traffic.at, batch->traffic.length);
	if (is_as_written(row, facts, traffic))
		return;
	if (batch->written == CHUNK) {
		batch->is_cut = true;
		return;
	}
	row->facts = facts;
	row->traffic = traffic;
	row_put(batch, row);
}

/* Those of links that were not found any more. */
static void leaving_find(struct batch *batch)
{
	struct link_row *row;
	size_t cursor = 0;

	while ((row = hash_next(rows.by_id, &cursor)) != NULL) {
		if (row->look == rows.look)
			continue;
		if (row->known == ROW_ABSENT) {
			row_free(row);
		} else if (batch->removed == CHUNK) {
			batch->is_cut = true;
		} else {
			row->is_going = true;
			text_printf(&batch->leaving, "%c%lld", batch->removed == 0 ? '[' : ',',
			    (long long)row->id);
			batch->removed++;
		}
	}
}

/* ---- writing ---- */

static void list_run(const struct statement *statement, struct text *list, store_done *on_done)
{
	rows.under_way++;
	store_run(statement, PARAMS((const char *)list->at), on_done, NULL);
}

static void batch_write(struct batch *batch)
{
	if (batch->inserts.length > 0) {
		text_putc(&batch->inserts, ']');
		list_run(&link_rows_insert, &batch->inserts, inserted);
	}
	if (batch->updates.length > 0) {
		text_putc(&batch->updates, ']');
		list_run(&link_rows_update, &batch->updates, updated);
	}
	if (batch->leaving.length > 0) {
		text_putc(&batch->leaving, ']');
		store_run(&link_rows_delete, PARAMS((const char *)batch->leaving.at), NULL, NULL);
		list_run(&link_rows_remaining, &batch->leaving, departed);
	}
}

static void batch_free(struct batch *batch)
{
	text_free(&batch->inserts);
	text_free(&batch->updates);
	text_free(&batch->leaving);
	text_free(&batch->facts);
	text_free(&batch->traffic);
}

static void links_look(void)
{
	struct batch batch = { 0 };
	int64_t begun_us = worker_clock_us();

	rows.look++;
	rows.updating = 0;
	rows.source->describe(link_told, &batch);
	leaving_find(&batch);
	rows.is_asked = batch.is_cut;
	rows.is_sweeping = rows.is_sweeping && batch.is_cut;
	rows.pause_ms = (unsigned)((worker_clock_us() - begun_us) * LOOK_SHARE / 1000);
	batch_write(&batch);
	batch_free(&batch);
	if (hash_count(rows.by_id) > 0 && !timer_is_set(rows.sweep))
		timer_set(rows.sweep, SWEEP_MS);
}

/* What an earlier process has left is gone before anything is written. */
static void flush_due(void *state)
{
	(void)state;
	if (rows.is_emptied)
		links_look();
	else
		rows_make_empty(emptied);
}

static void inserted(const struct store_result *result, void *state)
{
	(void)state;
	rows.is_in_doubt |= store_rc(result) != RC_OK;
	statement_over(FLUSH_MS);
}

static void updated(const struct store_result *result, void *state)
{
	(void)state;
	rows.is_in_doubt |=
	    store_rc(result) != RC_OK || store_changed(result) != (int64_t)rows.updating;
	statement_over(FLUSH_MS);
}

/* Those of this list, or all on their way, stay for another try. */
static void going_keep(const struct store_result *result)
{
	struct link_row *row;
	size_t cursor = 0;

	if (store_rc(result) != RC_OK)
		while ((row = hash_next(rows.by_id, &cursor)) != NULL)
			row->is_going = false;
	for (size_t i = 0; store_rc(result) == RC_OK && i < store_rows(result); i++)
		if ((row = row_find(store_integer(result, i, 0))) != NULL)
			row->is_going = false;
}

/* An administrator may have removed some, or holds them locked. */
static void departed(const struct store_result *result, void *state)
{
	struct link_row *row;
	size_t cursor = 0;
	bool is_done = store_rc(result) == RC_OK && store_rows(result) == 0;

	(void)state;
	if (rows.by_id == NULL)
		return;
	going_keep(result);
	while ((row = hash_next(rows.by_id, &cursor)) != NULL)
		if (row->is_going)
			row_free(row);
	rows.is_asked |= !is_done;
	statement_over(is_done ? FLUSH_MS : RETRY_MS);
}

/* ---- every ten seconds ---- */

static void rows_doubt(void)
{
	struct link_row *row;
	size_t cursor = 0;

	while ((row = hash_next(rows.by_id, &cursor)) != NULL)
		if (row->known == ROW_PRESENT)
			row->known = ROW_DOUBTFUL;
}

static void sweep_due(void *state)
{
	(void)state;
	if (rows.is_in_doubt)
		rows_doubt();
	rows.is_in_doubt = false;
	rows.is_sweeping = true;
	links_changed();
}

/* ---- rows that somebody has deleted ---- */

struct deletion {
	struct mail mail;
	int64_t id;
};

static void deletion_came(struct mail *mail)
{
	struct deletion *deletion = CONTAINER_OF(mail, struct deletion, mail);
	struct link_row *row = rows.by_id == NULL ? NULL : row_find(deletion->id);

	if (row != NULL) {
		row->known = ROW_ABSENT;
		rows.source->end_one(deletion->id);
		links_changed();
	}
	mem_free(deletion);
}

void link_rows_deleted(int64_t id, int64_t worker)
{
	struct deletion *deletion;

	if (worker < 0 || worker >= (int64_t)homes_count())
		return;
	deletion = mem_alloc_zero(sizeof *deletion);
	deletion->id = id;
	worker_post(homes_worker((size_t)worker), &deletion->mail, deletion_came);
}

/* ---- from start to stop ---- */

void link_rows_start(void)
{
	rows.source = links_source();
	if (rows.source == NULL)
		return;
	rows.by_id = hash_new();
	rows.flush = timer_new(flush_due, NULL);
	rows.sweep = timer_new(sweep_due, NULL);
	rows.source->watch(links_changed);
	rows_make_empty(emptied);
}

void link_rows_stop(void)
{
	struct link_row *row;
	size_t cursor = 0;
	bool has_rows;

	if (rows.by_id == NULL)
		return;
	has_rows = hash_count(rows.by_id) > 0;
	rows.source->watch(NULL);
	timer_free(&rows.flush);
	timer_free(&rows.sweep);
	while ((row = hash_next(rows.by_id, &cursor)) != NULL)
		row_free(row);
	hash_free(&rows.by_id);
	if (has_rows)
		rows_make_empty(NULL);
}
