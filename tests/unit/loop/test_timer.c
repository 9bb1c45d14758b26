/* test_timer.c - timers fire once, in order, not early, and can be moved, cleared and freed. */
#include "loop/timer.h"

#include "base/mem.h"
#include "loop/worker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CROWD 1000

static struct worker *worker;

static int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A timer, and what became of it. */
struct probe {
	struct timer *timer;
	int fired;
	int64_t fired_ms;
	bool done;
};

static void probe_fired(void *state)
{
	struct probe *probe = state;

	ASSERT(!timer_is_set(probe->timer));
	probe->fired++;
	probe->fired_ms = clock_ms();
	probe->done = true;
}

static void probe_make(struct probe *probe)
{
	*probe = (struct probe){ .timer = timer_new(probe_fired, probe) };
}

/* Runs the loop for that long. */
static void run_for(unsigned ms)
{
	struct probe end;

	probe_make(&end);
	timer_set(end.timer, ms);
	worker_run_until(worker, &end.done);
	timer_free(&end.timer);
}

static void test_once(void **state)
{
	struct probe probe;
	int64_t before = clock_ms();

	probe_make(&probe);
	assert_false(timer_is_set(probe.timer));
	timer_set(probe.timer, 10);
	assert_true(timer_is_set(probe.timer));
	worker_run_until(worker, &probe.done);
	assert_in_range(probe.fired_ms, before + 10, before + 2000);
	assert_false(timer_is_set(probe.timer));
	run_for(20);
	assert_int_equal(probe.fired, 1);
	timer_free(&probe.timer);
	assert_null(probe.timer);
	timer_free(&probe.timer);
}

static void test_zero(void **state)
{
	struct probe probe;

	probe_make(&probe);
	timer_set(probe.timer, 0);
	assert_int_equal(probe.fired, 0);
	worker_run_until(worker, &probe.done);
	assert_int_equal(probe.fired, 1);
	timer_free(&probe.timer);
}

static void test_move_and_clear(void **state)
{
	struct probe moved, cleared;
	int64_t before = clock_ms();

	probe_make(&moved);
	probe_make(&cleared);
	timer_set(moved.timer, 5);
	timer_set(moved.timer, 30);
	timer_set(cleared.timer, 5);
	timer_clear(cleared.timer);
	timer_clear(cleared.timer);
	assert_false(timer_is_set(cleared.timer));
	worker_run_until(worker, &moved.done);
	assert_true(moved.fired_ms >= before + 30);
	assert_int_equal(cleared.fired, 0);
	/* From a whole second, which shares a list, to less and back. */
	for (int i = 0; i < 3; i++) {
		timer_set(moved.timer, 1000);
		timer_set(moved.timer, 1500);
		timer_set(moved.timer, 2000);
	}
	timer_set(moved.timer, 5);
	moved.done = false;
	worker_run_until(worker, &moved.done);
	assert_int_equal(moved.fired, 2);
	timer_free(&moved.timer);
	timer_free(&cleared.timer);
}

/* Sets itself again a few times, and then frees itself. */
static struct timer *own;
static int own_fired;
static bool is_own_freed;

static void own_run(void *state)
{
	if (++own_fired < 3) {
		timer_set(own, 1);
		return;
	}
	timer_free(&own);
	is_own_freed = true;
}

static void test_inside_fired(void **state)
{
	own = timer_new(own_run, NULL);
	timer_set(own, 1);
	worker_run_until(worker, &is_own_freed);
	assert_int_equal(own_fired, 3);
	assert_null(own);
}

/* Two that are due together: the first to fire frees the other. */
static struct timer *pair[2];
static int pair_fired;

static void pair_run(void *state)
{
	pair_fired++;
	timer_free(&pair[0]);
	timer_free(&pair[1]);
}

static void test_free_other(void **state)
{
	for (int i = 0; i < 2; i++) {
		pair[i] = timer_new(pair_run, NULL);
		timer_set(pair[i], 3);
	}
	run_for(20);
	assert_int_equal(pair_fired, 1);
}

/* A crowd with one deadline of a second: a part is moved closer, a part cleared, a part freed. The
 * rest fires, not early, together with those of other durations. */
static void test_crowd(void **state)
{
	static struct probe crowd[CROWD];
	int64_t before = clock_ms();

	for (int i = 0; i < CROWD; i++) {
		probe_make(&crowd[i]);
		timer_set(crowd[i].timer, 1000);
	}
	for (int i = 0; i < CROWD; i += 4) {
		timer_set(crowd[i].timer, 20);
		timer_clear(crowd[i + 1].timer);
		timer_free(&crowd[i + 2].timer);
	}
	run_for(1500);
	for (int i = 0; i < CROWD; i++) {
		bool is_expected = i % 4 == 0 || i % 4 == 3;
		/* The loop's clock is coarse: it may be a few ms behind ours. */
		int64_t soonest = before + (i % 4 == 0 ? 20 : 1000) - 10;

		assert_int_equal(crowd[i].fired, is_expected);
		if (is_expected)
			assert_true(crowd[i].fired_ms >= soonest);
		timer_free(&crowd[i].timer);
	}
}

/* More different durations of whole seconds than are kept in lists of their own. */
static void test_many_durations(void **state)
{
	static struct probe probes[400];
	struct probe first;

	for (unsigned i = 0; i < COUNT_OF(probes); i++) {
		probe_make(&probes[i]);
		timer_set(probes[i].timer, (i + 10) * 1000);
		assert_true(timer_is_set(probes[i].timer));
	}
	probe_make(&first);
	timer_set(first.timer, 5);
	worker_run_until(worker, &first.done);
	timer_free(&first.timer);
	for (unsigned i = 0; i < COUNT_OF(probes); i++) {
		assert_int_equal(probes[i].fired, 0);
		timer_free(&probes[i].timer);
	}
}

static int worker_make(void **state)
{
	worker = worker_new(0);
	worker_enter(worker);
	return 0;
}

static int worker_end(void **state)
{
	worker_free(&worker);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_zero),
		cmocka_unit_test(test_move_and_clear),
		cmocka_unit_test(test_inside_fired),
		cmocka_unit_test(test_free_other),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_many_durations),
	};

	return cmocka_run_group_tests(tests, worker_make, worker_end);
}
