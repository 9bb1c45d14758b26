/* test_work.c - held at the bound, and not before; let go at half of it. */
#include "core/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_bounds(void **state)
{
	struct work work = { 0 };

	(void)state;
	assert_false(work_begins(&work, 3, 4));
	assert_true(work_begins(&work, 1, 4));
	assert_false(work_begins(&work, 2, 4));
	assert_int_equal(work.amount, 6);
	assert_false(work_ends(&work, 3, 4));
	assert_true(work.is_held);
	assert_true(work_ends(&work, 1, 4));
	assert_false(work_ends(&work, 2, 4));
	assert_int_equal(work.amount, 0);
	assert_true(work_begins(&work, 9, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_bounds) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
