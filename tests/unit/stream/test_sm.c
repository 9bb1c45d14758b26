/* test_sm.c - the counters of XEP-0198: out of turn, in crowds, around 2^32. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/mem.h"
#include "stream/sm.h"

static void test_in_turn(void **state)
{
	struct sm *sm = sm_new("sm");

	assert_int_equal(sm->handled, 0);
	assert_int_equal(sm_receive(sm), 1);
	assert_int_equal(sm_receive(sm), 2);
	assert_int_equal(sm->handled, 0);
	sm_settle(sm, 1);
	assert_int_equal(sm->handled, 1);
	sm_settle(sm, 2);
	assert_int_equal(sm->handled, 2);
	sm_free(&sm);
	assert_null(sm);
	sm_free(&sm);
}

static void test_out_of_turn(void **state)
{
	struct sm *sm = sm_new("sm");

	for (int i = 0; i < 4; i++)
		sm_receive(sm);
	sm_settle(sm, 3);
	sm_settle(sm, 2);
	assert_int_equal(sm->handled, 0);
	sm_settle(sm, 1);
	assert_int_equal(sm->handled, 3);
	/* again, before, beyond: nothing */
	sm_settle(sm, 1);
	sm_settle(sm, 3);
	sm_settle(sm, 0);
	sm_settle(sm, 5);
	assert_int_equal(sm->handled, 3);
	sm_settle(sm, 4);
	assert_int_equal(sm->handled, 4);
	sm_free(&sm);
}

/* Any order at all gives the same end, and h is always the length of the settled beginning. */
static void test_shuffled(void **state)
{
	enum { COUNT = 1000 };
	static const uint32_t starts[] = { 0, 1, 63, 64, UINT32_MAX - 500, UINT32_MAX };
	struct sm *sm;

	srandom(4711);
	for (size_t s = 0; s < COUNT_OF(starts); s++) {
		uint32_t sequences[COUNT];
		bool settled[COUNT] = { false };
		uint32_t prefix = 0;

		sm = sm_new("sm");
		sm->received = sm->handled = starts[s];
		for (uint32_t i = 0; i < COUNT; i++) {
			sequences[i] = sm_receive(sm);
			assert_int_equal(sequences[i], starts[s] + 1 + i);
			if (sequences[i] == 0)
				settled[i] = true;
		}
		for (uint32_t i = COUNT; i > 1; i--) {
			uint32_t j = (uint32_t)random() % i, swap = sequences[i - 1];

			sequences[i - 1] = sequences[j];
			sequences[j] = swap;
		}
		for (uint32_t i = 0; i < COUNT; i++) {
			if (sequences[i] != 0)
				sm_settle(sm, sequences[i]);
			settled[sequences[i] - starts[s] - 1] = true;
			while (prefix < COUNT && settled[prefix])
				prefix++;
			assert_int_equal(sm->handled, starts[s] + prefix);
		}
		assert_int_equal(sm->handled, sm->received);
		assert_null(sm->bits);
		sm_free(&sm);
	}
}

/* Sequence 0 stands for none, so the one stanza in 2^32 that has it needs no settling. */
static void test_wrap(void **state)
{
	struct sm *sm = sm_new("sm");

	sm->received = sm->handled = UINT32_MAX - 1;
	assert_int_equal(sm_receive(sm), UINT32_MAX);
	assert_int_equal(sm_receive(sm), 0);
	assert_int_equal(sm_receive(sm), 1);
	assert_int_equal(sm->handled, UINT32_MAX - 1);
	sm_settle(sm, UINT32_MAX);
	assert_int_equal(sm->handled, 0);
	sm_settle(sm, 1);
	assert_int_equal(sm->handled, 1);
	sm_free(&sm);
}

static void test_asked(void **state)
{
	struct sm *sm = sm_new("sm");

	sm_receive(sm);
	sm_receive(sm);
	sm_settle(sm, 1);
	assert_false(sm->tell);
	sm_asked(sm);
	assert_true(sm->owes);
	assert_false(sm->tell);
	sm_receive(sm);
	sm_settle(sm, 3);
	assert_false(sm->tell);
	sm_settle(sm, 2);
	assert_true(sm->tell);
	sm_told(sm);
	assert_false(sm->tell);
	/* what came after the question is not owed */
	assert_false(sm->owes);
	sm_receive(sm);
	sm_settle(sm, 4);
	assert_false(sm->tell);
	sm_asked(sm);
	assert_false(sm->owes);
	sm_free(&sm);
}

static void test_acknowledge(void **state)
{
	static const struct {
		uint32_t sent, acked;
		uint64_t acked_total;
		uint32_t h;
		enum sm_news news;
	} cases[] = {
		{ 0, 0, 0, 0, SM_NO_NEWS },
		{ 0, 0, 0, 1, SM_TOO_HIGH },
		{ 0, 0, 0, UINT32_MAX, SM_TOO_HIGH },
		{ 5, 0, 0, 5, SM_NEWS },
		{ 5, 0, 0, 6, SM_TOO_HIGH },
		{ 5, 3, 3, 3, SM_NO_NEWS },
		{ 5, 3, 3, 4, SM_NEWS },
		{ 5, 3, 3, 5, SM_NEWS },
		{ 5, 3, 3, 2, SM_NO_NEWS },
		{ 5, 3, 3, 0, SM_NO_NEWS },
		{ 5, 3, 3, UINT32_MAX, SM_TOO_HIGH },
		{ 5, 3, 3, 6, SM_TOO_HIGH },
		/* passed 2^32 already */
		{ 5, 3, UINT64_C(0x100000003), UINT32_MAX, SM_NO_NEWS },
		{ 5, 3, UINT64_C(0x100000003), 6, SM_TOO_HIGH },
		{ 2, UINT32_MAX - 1, UINT32_MAX - 1, 1, SM_NEWS },
		{ 2, UINT32_MAX - 1, UINT32_MAX - 1, UINT32_MAX, SM_NEWS },
		{ 2, UINT32_MAX - 1, UINT32_MAX - 1, UINT32_MAX - 2, SM_NO_NEWS },
		{ 2, UINT32_MAX - 1, UINT32_MAX - 1, 3, SM_TOO_HIGH },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct sm *sm = sm_new("sm");

		sm->sent = cases[i].sent;
		sm->acked = cases[i].acked;
		sm->acked_total = cases[i].acked_total;
		sm->requested = true;
		assert_int_equal(sm_acknowledge(sm, cases[i].h), cases[i].news);
		assert_int_equal(sm->acked, cases[i].news == SM_NEWS ? cases[i].h : cases[i].acked);
		assert_int_equal(sm->requested, cases[i].news == SM_TOO_HIGH);
		sm_free(&sm);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_turn),
		cmocka_unit_test(test_out_of_turn),
		cmocka_unit_test(test_shuffled),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_acknowledge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
