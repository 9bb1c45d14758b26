/* changes.c - reading on in the log of changes. One worker does it.
 * PostgreSQL numbers rows before their commit, so a lower number may appear after a higher one: the
 * position is a snapshot, and what is new is what it had not seen. SQLite has one writer at a time,
 * and the position is a number. The position is kept in the database some seconds after it was
 * reached, when what follows from it is long done. */
#include "store/changes.h"

#include "base/mem.h"
#include "base/text.h"
#include "loop/timer.h"
#include "store/driver.h"

/* Rows read at a time. */
#define PAGE 1000
#define KEEP_MS 5000
/* Until what was not answered is asked again. */
#define RETRY_MS 1000
#define READER "server"

static const struct statement position_select =
    STATEMENT("SELECT position FROM change_readers WHERE reader = '" READER "'");
static const struct statement position_keep =
    STATEMENT("INSERT INTO change_readers (reader, position) VALUES ('" READER "', $1)"
	      " ON CONFLICT (reader) DO UPDATE SET position = excluded.position");

static _Thread_local struct {
	const struct change_events *events; /* NULL: nobody follows */
	const struct change_log *log;
	struct connection *connection;
	char *position; /* all before it was told; NULL: not known yet */
	char *goal;     /* where the reading under way ends */
	int64_t last;   /* the row told last on the way there */
	bool reading;   /* queries are under way */
	bool again;     /* somebody woke us meanwhile */
	struct timer *keep, *retry;
	char *kept;
} follower;

static store_done listening, position_loaded, goal_loaded, page_loaded;

static void text_replace(char **text, const char *by)
{
	char *copy = by == NULL ? NULL : mem_strdup(by);

	mem_free(*text);
	*text = copy;
}

/* ---- one reading ---- */

static void reading_start(void)
{
	if (follower.events == NULL || follower.reading) {
		follower.again = true;
		return;
	}
	follower.again = false;
	follower.reading = true;
	if (follower.position == NULL)
		store_run(&position_select, NO_PARAMS, position_loaded, NULL);
	else
		store_run(follower.log->goal, NO_PARAMS, goal_loaded, NULL);
}

static void reading_end(void)
{
	follower.reading = false;
	if (follower.again)
		reading_start();
}

/* The database is away, or too much waits for it; or nobody follows any more. */
static void retry_later(void)
{
	if (follower.events != NULL)
		timer_set(follower.retry, RETRY_MS);
}

static void reading_put_off(void)
{
	retry_later();
	reading_end();
}

static void position_loaded(const struct store_result *result, void *state)
{
	(void)state;
	if (follower.events == NULL || store_rc(result) != RC_OK) {
		reading_put_off();
		return;
	}
	text_replace(&follower.position,
	    store_rows(result) == 0 ? follower.log->beginning : store_text(result, 0, 0));
	text_replace(&follower.kept, follower.position);
	store_run(follower.log->goal, NO_PARAMS, goal_loaded, NULL);
}

static void page_ask(void)
{
	store_run(follower.log->page,
	    PARAMS(
		(const char *)follower.position, (const char *)follower.goal, follower.last, PAGE),
	    page_loaded, NULL);
}

static void goal_reached(void)
{
	text_replace(&follower.position, follower.goal);
	if (!timer_is_set(follower.keep))
		timer_set(follower.keep, KEEP_MS);
	follower.events->caught_up();
	reading_end();
}

static void goal_loaded(const struct store_result *result, void *state)
{
	(void)state;
	if (follower.events == NULL || store_one_row(result) != RC_OK) {
		reading_put_off();
		return;
	}
	text_replace(&follower.goal, store_text(result, 0, 0));
	follower.last = 0;
	page_ask();
}

static void page_loaded(const struct store_result *result, void *state)
{
	size_t rows = store_rows(result);

	(void)state;
	if (follower.events == NULL || store_rc(result) != RC_OK) {
		reading_put_off();
		return;
	}
	for (size_t row = 0; row < rows; row++) {
		struct change change = { store_integer(result, row, 0), store_text(result, row, 1),
			store_text(result, row, 2), store_text(result, row, 3),
			store_text(result, row, 4), store_text(result, row, 5),
			store_text(result, row, 6) };

		follower.last = change.id;
		follower.events->changed(&change);
	}
	if (rows == PAGE)
		page_ask();
	else
		goal_reached();
}

/* ---- the position, kept ---- */

static void position_write(void)
{
	if (follower.position == NULL || text_equal(follower.kept, follower.position))
		return;
	text_replace(&follower.kept, follower.position);
	store_run(&position_keep, PARAMS((const char *)follower.position), NULL, NULL);
}

static void keep_due(void *state)
{
	(void)state;
	position_write();
}

/* ---- being woken ---- */

/* After connecting, too: PostgreSQL forgets who listens. */
static void connected(void)
{
	if (follower.log->listen != NULL)
		store_run(follower.log->listen, NO_PARAMS, listening, NULL);
	else
		reading_start();
}

static void listening(const struct store_result *result, void *state)
{
	(void)state;
	if (store_rc(result) == RC_OK)
		reading_start();
	else
		retry_later();
}

static void retry_due(void *state)
{
	(void)state;
	connected();
}

static void woken(struct connection *connection, enum wake wake)
{
	(void)connection;
	if (wake == WAKE_CONNECTED)
		connected();
	else
		reading_start();
}

void changes_follow(const struct change_events *events)
{
	struct connection *connection = connection_current();

	ASSERT(follower.events == NULL);
	follower.events = events;
	follower.log = connection->store->driver->change_log;
	follower.connection = connection;
	follower.keep = timer_new(keep_due, NULL);
	follower.retry = timer_new(retry_due, NULL);
	connection->woken = woken;
	connection->store->driver->watch(connection);
	connected();
}

void changes_ignore(void)
{
	if (follower.events == NULL)
		return;
	position_write();
	follower.events = NULL;
	follower.connection->woken = NULL;
	timer_free(&follower.keep);
	timer_free(&follower.retry);
	text_replace(&follower.position, NULL);
	text_replace(&follower.goal, NULL);
	text_replace(&follower.kept, NULL);
}
