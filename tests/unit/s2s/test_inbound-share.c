/* test_inbound-share.c - connections of a domain, and what each of them may send. */
#include "s2s/s2s-private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "loop/worker.h"

#define RATE 1000000
#define BURST 4000000

static struct worker *office;
static struct inbound one, two;

/* As far as it goes without a stream. */
static struct pair *prove(struct inbound *inbound, const char *from, const char *to)
{
	struct pair *pair = pair_add(inbound, from, to);

	if (!inbound_has_proved(inbound, from))
		peer_join(from);
	pair->state = PAIR_PROVED;
	return pair;
}

static int begin(void **state)
{
	(void)state;
	office = worker_new(0);
	worker_enter(office);
	s2s.peers = hash_new();
	s2s.limits =
	    (struct transport_limits){ .read_bytes_per_second = RATE, .read_burst_bytes = BURST };
	LIST_INIT(&s2s.inbound);
	one = two = (struct inbound){ 0 };
	LIST_INSERT_HEAD(&s2s.inbound, &one, sibling);
	LIST_INSERT_HEAD(&s2s.inbound, &two, sibling);
	return 0;
}

static int end(void **state)
{
	(void)state;
	while (!LIST_EMPTY(&one.pairs))
		pair_remove(&one, LIST_FIRST(&one.pairs));
	while (!LIST_EMPTY(&two.pairs))
		pair_remove(&two, LIST_FIRST(&two.pairs));
	assert_int_equal(hash_count(s2s.peers), 0);
	hash_free(&s2s.peers);
	worker_free(&office);
	return 0;
}

static void may_send(const struct inbound *inbound, size_t rate, size_t burst)
{
	struct transport_limits limits = inbound_limits(inbound);

	assert_int_equal(limits.read_bytes_per_second, rate);
	assert_int_equal(limits.read_burst_bytes, burst);
}

/* All connections of a domain together as much as one. */
static void test_shares(void **state)
{
	struct pair *pair;

	(void)state;
	may_send(&one, RATE, BURST);
	prove(&one, "a.example", "x.example");
	prove(&one, "a.example", "y.example");
	assert_int_equal(connections_of("a.example"), 1);
	may_send(&one, RATE, BURST);
	pair = prove(&two, "a.example", "x.example");
	prove(&two, "b.example", "x.example");
	assert_int_equal(connections_of("a.example"), 2);
	assert_int_equal(connections_of("b.example"), 1);
	may_send(&one, RATE / 2, BURST / 2);
	may_send(&two, RATE / 2, BURST / 2);
	pair_remove(&two, pair);
	may_send(&one, RATE, BURST);
	may_send(&two, RATE, BURST);
}

/* A domain that was only asked about has no share. */
static void test_asked(void **state)
{
	(void)state;
	prove(&one, "a.example", "x.example");
	pair_add(&two, "a.example", "x.example")->state = PAIR_ASKED;
	two.asked_count = 1;
	assert_int_equal(connections_of("a.example"), 1);
	assert_false(inbound_has_proved(&two, NULL));
	may_send(&one, RATE, BURST);
	pair_remove(&two, LIST_FIRST(&two.pairs));
	assert_int_equal(two.asked_count, 0);
	assert_int_equal(connections_of("a.example"), 1);
}

/* However many there are, a stanza comes through; and no bound is none. */
static void test_bounds(void **state)
{
	(void)state;
	prove(&one, "a.example", "x.example");
	prove(&two, "a.example", "x.example");
	s2s.limits.read_bytes_per_second = 1;
	s2s.limits.read_burst_bytes = 20000;
	may_send(&one, 1, 16384);
	s2s.limits.read_bytes_per_second = 0;
	s2s.limits.read_burst_bytes = 16384;
	may_send(&one, 0, 16384);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shares, begin, end),
		cmocka_unit_test_setup_teardown(test_asked, begin, end),
		cmocka_unit_test_setup_teardown(test_bounds, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
