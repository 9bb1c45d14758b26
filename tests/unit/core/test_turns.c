/* test_turns.c - so many at a time, in order, and not for ever. */
#include "core/turns.h"

#include "base/mem.h"
#include "loop/worker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { RUNNING = 2, WAITING = 3 };

/* In the order of what happened to them: 'a' ran, 'A' was refused. */
static char story[32];
static size_t told;
static struct turn turns_of[8];

static void tell(const struct turn *turn, char first)
{
	story[told++] = (char)(first + (turn - turns_of));
	story[told] = '\0';
}

static void ran(struct turn *turn)
{
	tell(turn, 'a');
}

static void refused(struct turn *turn)
{
	tell(turn, 'A');
}

static struct turns turns_made(void)
{
	struct turns turns = { RUNNING, WAITING, TURNS_PATIENCE_MS, ran, refused };

	memset(turns_of, 0, sizeof turns_of);
	told = 0;
	return turns;
}

static void test_order(void **state)
{
	struct turns turns = turns_made();

	turns_init(&turns);
	for (int i = 0; i < RUNNING + WAITING; i++)
		assert_true(turns_take(&turns, &turns_of[i]));
	assert_false(turns_take(&turns, &turns_of[5]));
	assert_string_equal(story, "ab");
	assert_int_equal(turns_count(&turns), RUNNING + WAITING);
	turns_end(&turns, &turns_of[1]);
	assert_string_equal(story, "abc");
	/* Room for one more, behind those who wait. */
	assert_true(turns_take(&turns, &turns_of[5]));
	turns_end(&turns, &turns_of[0]);
	turns_end(&turns, &turns_of[2]);
	turns_end(&turns, &turns_of[3]);
	assert_string_equal(story, "abcdef");
	turns_end(&turns, &turns_of[4]);
	turns_end(&turns, &turns_of[5]);
	assert_int_equal(turns_count(&turns), 0);
	/* It may take another turn. */
	assert_true(turns_take(&turns, &turns_of[0]));
	assert_string_equal(story, "abcdefa");
}

/* One that waits is not wanted any more; nobody's turn comes by that. */
static void test_leave(void **state)
{
	struct turns turns = turns_made();

	turns_init(&turns);
	for (int i = 0; i < 4; i++)
		assert_true(turns_take(&turns, &turns_of[i]));
	turns_end(&turns, &turns_of[2]);
	turns_end(&turns, &turns_of[2]);
	assert_string_equal(story, "ab");
	turns_end(&turns, &turns_of[0]);
	assert_string_equal(story, "abd");
}

/* When the database has not answered for so long, who waits is told. */
static void test_patience(void **state)
{
	struct turns turns = turns_made();

	turns_init(&turns);
	for (int i = 0; i < 5; i++)
		assert_true(turns_take(&turns, &turns_of[i]));
	turns_of[2].since_ms -= 31000;
	turns_of[3].since_ms -= 31000;
	turns_end(&turns, &turns_of[0]);
	assert_string_equal(story, "abCDe");
	assert_int_equal(turns_of[2].state, TURN_NONE);
	assert_int_equal(turns_count(&turns), 2);
}

/* Who has a deadline of his own waits for his turn as long as it takes. */
static void test_no_end_of_patience(void **state)
{
	struct turns turns = turns_made();

	turns.patience_ms = 0;
	turns.refuse = NULL;
	turns_init(&turns);
	for (int i = 0; i < 3; i++)
		assert_true(turns_take(&turns, &turns_of[i]));
	turns_of[2].since_ms -= 3600000;
	turns_end(&turns, &turns_of[0]);
	assert_string_equal(story, "abc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_leave),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_no_end_of_patience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
