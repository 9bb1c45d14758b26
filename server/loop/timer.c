/* timer.c - do something later.
 * A timer is one event of libevent's. Durations of whole seconds are those that thousands of
 * connections share; libevent keeps such timers in one list for each duration, where setting and
 * clearing costs the same however many there are. All others go to its heap. */
#include "loop/timer.h"

#include "base/mem.h"
#include "loop/worker-private.h"

struct timer {
	struct event event;
	void (*fired)(void *state);
	void *state;
};

static void timer_ready(evutil_socket_t fd, short what, void *state)
{
	struct timer *timer = state;

	timer->fired(timer->state);
}

struct timer *timer_new(void (*fired)(void *state), void *state)
{
	struct timer *timer = mem_alloc(sizeof(*timer));

	ASSERT(worker_current() != NULL);
	timer->fired = fired;
	timer->state = state;
	evtimer_assign(&timer->event, worker_current()->base, timer_ready, timer);
	return timer;
}

/* The handle of a shared duration, or NULL when there are too many of them to be shared much. */
static const struct timeval *common_timeout_get(struct worker *worker, unsigned seconds)
{
	const struct timeval duration = { .tv_sec = seconds };
	struct common_timeout *common;

	for (unsigned i = 0; i < worker->common_timeout_count; i++) {
		if (worker->common_timeouts[i].seconds == seconds)
			return worker->common_timeouts[i].handle;
	}
	if (worker->common_timeout_count == COMMON_TIMEOUTS_MAX)
		return NULL;
	common = &worker->common_timeouts[worker->common_timeout_count++];
	common->seconds = seconds;
	common->handle = event_base_init_common_timeout(worker->base, &duration);
	return common->handle;
}

void timer_set(struct timer *timer, unsigned after_ms)
{
	struct timeval duration = { .tv_sec = after_ms / 1000, .tv_usec = after_ms % 1000 * 1000 };
	const struct timeval *handle = NULL;

	timer_clear(timer);
	if (after_ms >= 1000 && after_ms % 1000 == 0)
		handle = common_timeout_get(worker_current(), after_ms / 1000);
	ASSERT(event_add(&timer->event, handle == NULL ? &duration : handle) == 0);
}

void timer_clear(struct timer *timer)
{
	event_del(&timer->event);
}

bool timer_is_set(const struct timer *timer)
{
	return evtimer_pending(&timer->event, NULL);
}

void timer_free(struct timer **timer)
{
	if (*timer == NULL)
		return;
	timer_clear(*timer);
	mem_free(*timer);
	*timer = NULL;
}
