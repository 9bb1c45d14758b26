/* test_descriptor.c - readiness of descriptors, with a pair of connected sockets. */
#include "loop/descriptor.h"

#include "base/mem.h"
#include "loop/timer.h"
#include "loop/worker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct worker *worker;
static int ends[2];

/* What a descriptor was told. */
struct probe {
	struct descriptor *descriptor;
	int calls;
	unsigned what;
};

static void probe_ready(void *state, unsigned what)
{
	struct probe *probe = state;

	probe->calls++;
	probe->what |= what;
}

static void done_set(void *state)
{
	*(bool *)state = true;
}

/* Lets the loop look at the descriptors a few times. */
static void run_rounds(void)
{
	bool is_done = false;
	struct timer *timer = timer_new(done_set, &is_done);

	for (int i = 0; i < 3; i++) {
		is_done = false;
		timer_set(timer, 0);
		worker_run_until(worker, &is_done);
	}
	timer_free(&timer);
}

/* What is watched for, whether there are bytes to read, and what is told. */
static const struct {
	unsigned watched;
	bool has_bytes;
	unsigned told;
} cases[] = {
	{ 0, false, 0 },
	{ 0, true, 0 },
	{ READY_READ, false, 0 },
	{ READY_READ, true, READY_READ },
	{ READY_WRITE, false, READY_WRITE },
	{ READY_WRITE, true, READY_WRITE },
	{ READY_READ | READY_WRITE, false, READY_WRITE },
	{ READY_READ | READY_WRITE, true, READY_READ | READY_WRITE },
};

/* From each to each, on one descriptor. */
static void test_watch(void **state)
{
	struct probe probe = { 0 };
	char bytes[10];

	probe.descriptor = descriptor_new(ends[0], probe_ready, &probe);
	for (size_t from = 0; from < COUNT_OF(cases); from++) {
		for (size_t to = 0; to < COUNT_OF(cases); to++) {
			descriptor_watch(probe.descriptor, cases[from].watched);
			run_rounds();
			if (cases[to].has_bytes)
				assert_int_equal(write(ends[1], "x", 1), 1);
			descriptor_watch(probe.descriptor, cases[to].watched);
			descriptor_watch(probe.descriptor, cases[to].watched);
			probe.what = 0;
			probe.calls = 0;
			run_rounds();
			assert_int_equal(probe.what, cases[to].told);
			/* Level-triggered: it is told again in each round. */
			assert_true(cases[to].told == 0 ? probe.calls == 0 : probe.calls >= 2);
			if (cases[to].has_bytes)
				assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 1);
		}
	}
	descriptor_free(&probe.descriptor);
	assert_null(probe.descriptor);
	descriptor_free(&probe.descriptor);
}

static int kernel_watches(void)
{
	return event_base_get_num_events(worker_base(worker), EVENT_BASE_COUNT_ADDED);
}

/* Who pauses and goes on before anything arrives costs no system call; who is still pausing when
 * something does is woken up for it only once. */
static void test_pause(void **state)
{
	struct probe probe = { 0 };
	int before = kernel_watches();
	char byte;

	probe.descriptor = descriptor_new(ends[0], probe_ready, &probe);
	descriptor_watch(probe.descriptor, READY_READ);
	descriptor_watch(probe.descriptor, 0);
	run_rounds();
	assert_int_equal(kernel_watches(), before + 1);
	assert_int_equal(write(ends[1], "x", 1), 1);
	run_rounds();
	assert_int_equal(kernel_watches(), before);
	assert_int_equal(probe.calls, 0);
	descriptor_watch(probe.descriptor, READY_READ);
	run_rounds();
	assert_int_equal(probe.what, READY_READ);
	/* Writing would wake up at once: that is never left on. */
	descriptor_watch(probe.descriptor, READY_WRITE);
	descriptor_watch(probe.descriptor, 0);
	assert_int_equal(kernel_watches(), before);
	descriptor_free(&probe.descriptor);
	assert_int_equal(kernel_watches(), before);
	assert_int_equal(read(ends[0], &byte, 1), 1);
}

/* The end of the other side is readable. */
static void test_hang_up(void **state)
{
	struct probe probe = { 0 };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	probe.descriptor = descriptor_new(pair[0], probe_ready, &probe);
	descriptor_watch(probe.descriptor, READY_READ);
	close(pair[1]);
	run_rounds();
	assert_int_equal(probe.what, READY_READ);
	descriptor_free(&probe.descriptor);
	close(pair[0]);
}

/* Inside `ready`: change what is watched for, then free. */
static void changing_ready(void *state, unsigned what)
{
	struct probe *probe = state;

	probe->what |= what;
	if (++probe->calls == 1) {
		descriptor_watch(probe->descriptor, READY_READ | READY_WRITE);
		return;
	}
	descriptor_free(&probe->descriptor);
}

static void test_inside_ready(void **state)
{
	struct probe probe = { 0 };
	char byte;

	probe.descriptor = descriptor_new(ends[0], changing_ready, &probe);
	descriptor_watch(probe.descriptor, READY_READ);
	assert_int_equal(write(ends[1], "x", 1), 1);
	run_rounds();
	assert_int_equal(probe.calls, 2);
	assert_int_equal(probe.what, READY_READ | READY_WRITE);
	assert_null(probe.descriptor);
	assert_int_equal(read(ends[0], &byte, 1), 1);
}

/* Of two that are ready in one round the first frees the other. */
static struct probe pair_probes[2];

static void freeing_ready(void *state, unsigned what)
{
	struct probe *probe = state;

	probe->calls++;
	descriptor_free(&pair_probes[0].descriptor);
	descriptor_free(&pair_probes[1].descriptor);
}

static void test_free_other(void **state)
{
	for (int i = 0; i < 2; i++) {
		pair_probes[i].descriptor = descriptor_new(ends[i], freeing_ready, &pair_probes[i]);
		descriptor_watch(pair_probes[i].descriptor, READY_WRITE);
	}
	run_rounds();
	assert_int_equal(pair_probes[0].calls + pair_probes[1].calls, 1);
}

/* The number of a closed descriptor comes again, and is watched anew. */
static void test_same_number(void **state)
{
	struct probe probe = { 0 };
	int pair[2], number = -1;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		assert_true(number == -1 || pair[0] == number);
		number = pair[0];
		probe.what = 0;
		probe.descriptor = descriptor_new(pair[0], probe_ready, &probe);
		descriptor_watch(probe.descriptor, READY_READ);
		assert_int_equal(write(pair[1], "x", 1), 1);
		if (i > 0)
			run_rounds();
		assert_int_equal(probe.what, i > 0 ? READY_READ : 0);
		descriptor_free(&probe.descriptor);
		close(pair[0]);
		close(pair[1]);
	}
}

static int sockets_make(void **state)
{
	worker = worker_new(0);
	worker_enter(worker);
	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}

static int sockets_close(void **state)
{
	close(ends[0]);
	close(ends[1]);
	worker_free(&worker);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_hang_up),
		cmocka_unit_test(test_inside_ready),
		cmocka_unit_test(test_free_other),
		cmocka_unit_test(test_same_number),
	};

	return cmocka_run_group_tests(tests, sockets_make, sockets_close);
}
