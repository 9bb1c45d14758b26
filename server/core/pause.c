/* pause.c - an account that is blocked for a second at most. */
#include "core/pause.h"

#include "core/account.h"
#include "loop/timer.h"

#define PAUSE_MAX_MS 1000

struct pause {
	struct account *account; /* referenced */
	struct timer *timer;     /* NULL: it is over */
};

static void pause_stop(struct pause *pause)
{
	timer_free(&pause->timer);
	account_unblock(pause->account);
}

static void pause_fired(void *state)
{
	pause_stop(state);
}

struct pause *pause_new(struct account *account)
{
	struct pause *pause = mem_alloc(sizeof *pause);

	pause->account = account_ref(account);
	pause->timer = timer_new(pause_fired, pause);
	timer_set(pause->timer, PAUSE_MAX_MS);
	account_block(account);
	return pause;
}

bool pause_is_over(const struct pause *pause)
{
	return pause->timer == NULL;
}

void pause_free(struct pause **pause_pointer)
{
	struct pause *pause = *pause_pointer;

	*pause_pointer = NULL;
	if (pause == NULL)
		return;
	if (pause->timer != NULL)
		pause_stop(pause);
	account_unref(pause->account);
	mem_free(pause);
}
