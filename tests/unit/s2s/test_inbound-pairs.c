/* test_inbound-pairs.c - the list of pairs of domains that a connection may carry. What leads to
 * them is tests/blackbox/xep-0220.t. */
#include "s2s/s2s-private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "loop/worker.h"

static struct worker *office;

static int begin(void **state)
{
	(void)state;
	office = worker_new(0);
	worker_enter(office);
	return 0;
}

static int end(void **state)
{
	(void)state;
	worker_free(&office);
	return 0;
}

/* A pair is found by both its domains, and there once. */
static void test_find(void **state)
{
	struct inbound inbound = { 0 };
	struct pair *pair;

	(void)state;
	assert_null(pair_find(&inbound, "a.example", "x.example"));
	pair = pair_add(&inbound, "a.example", "x.example");
	assert_ptr_equal(pair_add(&inbound, "a.example", "x.example"), pair);
	assert_ptr_equal(pair_find(&inbound, "a.example", "x.example"), pair);
	assert_null(pair_find(&inbound, "x.example", "a.example"));
	assert_null(pair_find(&inbound, "a.example", "y.example"));
	assert_null(pair_find(&inbound, "b.example", "x.example"));
	assert_ptr_not_equal(pair_add(&inbound, "a.example", "y.example"), pair);
	assert_int_equal(inbound.pair_count, 2);
	pair_remove(&inbound, pair);
	assert_null(pair_find(&inbound, "a.example", "x.example"));
	assert_non_null(pair_find(&inbound, "a.example", "y.example"));
	pair_remove(&inbound, LIST_FIRST(&inbound.pairs));
	assert_int_equal(inbound.pair_count, 0);
}

/* Only what was proved, and each pair for itself. */
static void test_covers(void **state)
{
	struct inbound inbound = { 0 };
	struct pair *pair = pair_add(&inbound, "a.example", "x.example");

	(void)state;
	s2s.peers = hash_new();
	assert_false(pair_covers(&inbound, "a.example", "x.example"));
	pair->state = PAIR_ASKED;
	assert_false(pair_covers(&inbound, "a.example", "x.example"));
	pair->state = PAIR_PROVED;
	peer_join("a.example");
	assert_true(pair_covers(&inbound, "a.example", "x.example"));
	assert_false(pair_covers(&inbound, "a.example", "y.example"));
	assert_false(pair_covers(&inbound, "sub.a.example", "x.example"));
	assert_false(pair_covers(&inbound, "x.example", "a.example"));
	pair_remove(&inbound, pair);
	assert_false(pair_covers(&inbound, "a.example", "x.example"));
	assert_int_equal(hash_count(s2s.peers), 0);
	hash_free(&s2s.peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_find, begin, end),
		cmocka_unit_test_setup_teardown(test_covers, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
