/* sweep.c - every ten minutes, and again at once while there is more to remove, so that no
 * statement takes long. */
#include "admin/sweep.h"

#include <stdbool.h>

#include "base/mem.h"
#include "base/text.h"
#include "loop/timer.h"
#include "store/store.h"

#define SWEEP_MS (600 * 1000)
#define SWEEP_AGAIN_MS 100

struct sweep {
	const struct statement *statement;
	int64_t (*keep_us)(void);
	struct timer *timer; /* NULL: nobody wants it any more */
	bool is_busy;        /* the statement is under way */
};

static store_done rows_removed;

static void sweep_due(void *state)
{
	struct sweep *sweep = state;
	int64_t keep_us = sweep->keep_us();

	if (keep_us == 0) {
		timer_set(sweep->timer, SWEEP_MS);
		return;
	}
	sweep->is_busy = true;
	store_run(
	    sweep->statement, PARAMS(time_now_us() - keep_us, SWEEP_ROWS), rows_removed, sweep);
}

static void rows_removed(const struct store_result *result, void *state)
{
	struct sweep *sweep = state;

	sweep->is_busy = false;
	if (sweep->timer == NULL)
		mem_free(sweep);
	else
		timer_set(sweep->timer, store_changed(result) > 0 ? SWEEP_AGAIN_MS : SWEEP_MS);
}

struct sweep *sweep_new(const struct statement *statement, int64_t (*keep_us)(void))
{
	struct sweep *sweep = mem_alloc_zero(sizeof *sweep);

	sweep->statement = statement;
	sweep->keep_us = keep_us;
	sweep->timer = timer_new(sweep_due, sweep);
	timer_set(sweep->timer, SWEEP_AGAIN_MS);
	return sweep;
}

void sweep_free(struct sweep **sweep_pointer)
{
	struct sweep *sweep = *sweep_pointer;

	*sweep_pointer = NULL;
	if (sweep == NULL)
		return;
	timer_free(&sweep->timer);
	if (!sweep->is_busy)
		mem_free(sweep);
}
