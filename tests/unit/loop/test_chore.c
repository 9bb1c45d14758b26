/* test_chore.c - the thread for chores: turns, the bound, and what happens without it. */
#include "loop/chore.h"

#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

static struct worker *worker;
/* What was worked on, in order, and how much of it is done. */
static char worked[CHORES_MAX + 8];
static size_t worked_count, done_count, done_wanted;
static bool all_done;

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t at_gate;

struct note {
	struct chore chore;
	char name;
	pthread_t thread;
};

static void note_work(struct chore *chore)
{
	struct note *note = CONTAINER_OF(chore, struct note, chore);

	worked[worked_count++] = note->name;
	note->thread = pthread_self();
}

/* The first one: the thread stands still until everything else has been given. */
static void gate_work(struct chore *chore)
{
	pthread_barrier_wait(&at_gate);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	note_work(chore);
}

static void note_done(struct chore *chore)
{
	assert_ptr_equal(worker_current(), worker);
	done_count++;
	all_done = done_count == done_wanted;
}

static int begin(void **state)
{
	worker = worker_new(0);
	worker_enter(worker);
	memset(worked, 0, sizeof worked);
	worked_count = done_count = 0;
	all_done = false;
	return 0;
}

static int end(void **state)
{
	chores_stop();
	worker_free(&worker);
	return 0;
}

static void gate_shut(struct note *first)
{
	chores_start();
	pthread_mutex_lock(&gate);
	assert_true(chore_give(&first->chore, 7, gate_work, note_done));
	pthread_barrier_wait(&at_gate);
}

static void gate_open(size_t wanted)
{
	done_wanted = wanted;
	pthread_mutex_unlock(&gate);
	worker_run_until(worker, &all_done);
	assert_int_equal(worked_count, wanted);
}

/* Of many chores of one party and few of others, the few do not wait for the many. */
static void test_turns(void **state)
{
	static const struct {
		char name;
		uintptr_t party;
	} given[] = { { 'a', 1 }, { 'a', 1 }, { 'a', 1 }, { 'a', 1 }, { 'b', 2 }, { 'b', 2 },
		{ 'c', 3 } };
	struct note first = { .name = '.' }, notes[COUNT_OF(given)];

	gate_shut(&first);
	for (size_t i = 0; i < COUNT_OF(given); i++) {
		notes[i].name = given[i].name;
		assert_true(chore_give(&notes[i].chore, given[i].party, note_work, note_done));
	}
	assert_int_equal(done_count, 0);
	gate_open(COUNT_OF(given) + 1);
	assert_string_equal(worked, ".abcabaa");
	assert_false(pthread_equal(notes[0].thread, pthread_self()));
}

static void test_bound(void **state)
{
	struct note first = { .name = '.' };
	struct note *notes = mem_alloc_zero((CHORES_MAX + 1) * sizeof *notes);

	gate_shut(&first);
	for (size_t i = 0; i < CHORES_MAX; i++) {
		notes[i].name = 'a';
		assert_true(chore_give(&notes[i].chore, i, note_work, note_done));
	}
	assert_false(chore_give(&notes[CHORES_MAX].chore, 1, note_work, note_done));
	gate_open(CHORES_MAX + 1);
	all_done = false;
	done_wanted++;
	assert_true(chore_give(&notes[0].chore, 1, note_work, note_done));
	worker_run_until(worker, &all_done);
	mem_free(notes);
}

/* What waits is worked off by the stop; afterwards, as before the start, everything is done at
 * once. */
static void test_stop(void **state)
{
	struct note first = { .name = '.' }, second = { .name = 'a' }, third = { .name = 'b' };

	assert_true(chore_give(&third.chore, 1, note_work, note_done));
	assert_true(pthread_equal(third.thread, pthread_self()));
	assert_int_equal(done_count, 1);
	gate_shut(&first);
	assert_true(chore_give(&second.chore, 1, note_work, note_done));
	pthread_mutex_unlock(&gate);
	chores_stop();
	assert_string_equal(worked, "b.a");
	assert_true(chore_give(&third.chore, 1, note_work, note_done));
	assert_string_equal(worked, "b.ab");
	assert_int_equal(done_count, 2);
	done_wanted = 4;
	worker_run_until(worker, &all_done);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_turns, begin, end),
		cmocka_unit_test_setup_teardown(test_bound, begin, end),
		cmocka_unit_test_setup_teardown(test_stop, begin, end),
	};

	pthread_barrier_init(&at_gate, NULL, 2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
