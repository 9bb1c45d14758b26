/* test_tokens.c - the ring of tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/tokens.h"

static char token[2000];

static void test_empty(void **state)
{
	struct tokens tokens = { 0 };

	assert_null(tokens_take(&tokens));
	assert_null(tokens_take_written(&tokens, 5));
	assert_null(tokens_take_covered(&tokens, 5));
	tokens_free(&tokens);
}

static void test_order(void **state)
{
	struct tokens tokens = { 0 };
	uint32_t in = 0, out = 0;

	/* grows and turns round while it does */
	while (in < 2000) {
		for (int i = 0; i < 7 && in < 2000; i++, in++)
			tokens_add(&tokens, &token[in], in + 1, 10);
		for (int i = 0; i < 3; i++)
			assert_ptr_equal(tokens_take(&tokens), &token[out++]);
		assert_int_equal(tokens.count, in - out);
		assert_int_equal(tokens.bytes, (in - out) * 10);
	}
	while (out < in)
		assert_ptr_equal(tokens_take(&tokens), &token[out++]);
	assert_null(tokens.slots);
}

static void test_plain(void **state)
{
	struct tokens tokens = { 0 };

	tokens_add_plain(&tokens, &token[0], 100);
	tokens_add_plain(&tokens, &token[1], 200);
	assert_null(tokens_take_written(&tokens, 99));
	assert_ptr_equal(tokens_take_written(&tokens, 100), &token[0]);
	tokens_add_plain(&tokens, &token[2], 300);
	/* XEP-0198 was enabled */
	tokens_add(&tokens, &token[3], 1, 5);
	assert_ptr_equal(tokens_take_written(&tokens, 299), &token[1]);
	assert_null(tokens_take_written(&tokens, 299));
	assert_int_equal(tokens.plain, 1);
	/* an acknowledgement covers what was sent before it all */
	assert_ptr_equal(tokens_take_covered(&tokens, 0), &token[2]);
	assert_null(tokens_take_covered(&tokens, 0));
	assert_null(tokens_take_written(&tokens, 1000));
	assert_ptr_equal(tokens_take_covered(&tokens, 1), &token[3]);
	assert_null(tokens.slots);
}

/* How many are not, with places that wrap. */
static void test_unwritten(void **state)
{
	struct tokens tokens = { 0 };
	const uint32_t first = UINT32_MAX - 49;

	assert_int_equal(tokens_unwritten(&tokens, first), 0);
	for (uint32_t i = 0; i < 10; i++)
		tokens_add_plain(&tokens, &token[i], first + 10 * i);
	tokens_add(&tokens, &token[10], 1, 5);
	for (uint32_t i = 0; i <= 10; i++)
		assert_int_equal(tokens_unwritten(&tokens, first + 10 * i - 1), 10 - i);
	assert_int_equal(tokens_unwritten(&tokens, first + 2000), 0);
	for (uint32_t i = 0; i < 7; i++)
		assert_ptr_equal(tokens_take_written(&tokens, first + 69), &token[i]);
	assert_null(tokens_take_written(&tokens, first + 69));
	assert_int_equal(tokens_unwritten(&tokens, first + 69), 3);
	tokens_free(&tokens);
}

static void test_covered(void **state)
{
	struct tokens tokens = { 0 };

	/* stanzas without tokens are counted in between; the count wraps */
	tokens_add(&tokens, &token[0], UINT32_MAX - 1, 1);
	tokens_add(&tokens, &token[1], 0, 1);
	tokens_add(&tokens, &token[2], 7, 1);
	assert_null(tokens_take_covered(&tokens, UINT32_MAX - 2));
	assert_ptr_equal(tokens_take_covered(&tokens, UINT32_MAX), &token[0]);
	assert_null(tokens_take_covered(&tokens, UINT32_MAX));
	assert_ptr_equal(tokens_take_covered(&tokens, 6), &token[1]);
	assert_null(tokens_take_covered(&tokens, 6));
	assert_ptr_equal(tokens_take_covered(&tokens, 9), &token[2]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_unwritten),
		cmocka_unit_test(test_covered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
