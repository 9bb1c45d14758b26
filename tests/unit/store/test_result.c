/* test_result.c - reading a result, without a database: cells of a table. */
#include "store/driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "xml/element.h"

static const char *const cells[2][3] = {
	{ "romeo", "-9223372036854775808", "<a xmlns='b'><c/></a>" },
	{ NULL, "42 and more", "<a" },
};

static struct span cell(const struct store_result *result, size_t row, size_t column)
{
	const char *text = cells[row][column];

	return text == NULL ? (struct span){ NULL, 0 } : span_of(text);
}

static const struct store_result table = { .rows = 2, .columns = 3, .changed = 7, .cell = cell };
static const struct store_result empty = { .columns = 3, .cell = cell };

static void test_cells(void **state)
{
	assert_int_equal(store_rows(&table), 2);
	assert_int_equal(store_changed(&table), 7);
	assert_string_equal(store_text(&table, 0, 0), "romeo");
	assert_int_equal(store_blob(&table, 0, 0).length, 5);
	assert_null(store_text(&table, 1, 0));
	assert_int_equal(store_integer(&table, 0, 1), INT64_MIN);
	assert_int_equal(store_integer(&table, 1, 1), 42);
	assert_int_equal(store_integer(&table, 1, 0), 0);
}

/* A row that is not there reads as NULL. */
static void test_beyond(void **state)
{
	assert_null(store_text(&table, 2, 0));
	assert_int_equal(store_integer(&table, 2, 1), 0);
	assert_null(store_text(&empty, 0, 0));
}

static void test_element(void **state)
{
	struct arena *arena = arena_new(0);
	struct element *element = store_element(&table, 2, arena);

	assert_non_null(element);
	assert_true(element_is(element, "b", "a"));
	assert_null(store_element(&table, 0, arena)); /* no XML */
	assert_null(store_element(&empty, 2, arena));
	arena_free(&arena);
}

static void test_conditions(void **state)
{
	struct store_result failed = STORE_RESULT_FAILED(RC_CONFLICT, "there is one");

	assert_int_equal(store_rc(&table), RC_OK);
	assert_int_equal(store_one_row(&table), RC_OK);
	assert_string_equal(store_message(&table), "");
	assert_int_equal(store_rc(&empty), RC_OK);
	assert_int_equal(store_one_row(&empty), RC_ITEM_NOT_FOUND);
	assert_int_equal(store_one_row(&failed), RC_CONFLICT);
	assert_string_equal(store_message(&failed), "there is one");
	assert_int_equal(store_rows(&failed), 0);
}

static void refused(const struct store_result *result, void *state)
{
	assert_int_equal(store_rc(result), RC_FORBIDDEN);
	assert_string_equal(store_message(result), "no");
	++*(unsigned *)state;
}

static void test_refuse(void **state)
{
	unsigned told = 0;

	store_refuse(RC_FORBIDDEN, "no", refused, &told);
	assert_int_equal(told, 1);
	store_refuse(RC_FORBIDDEN, "no", NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cells),
		cmocka_unit_test(test_beyond),
		cmocka_unit_test(test_element),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_refuse),
	};

	return cmocka_run_group_tests_name("result", tests, NULL, NULL);
}
