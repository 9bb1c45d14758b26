/* Writing: when it leaves, and what happens to who does not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/mem.h"
#include "meeting.h"

/* Fills what the kernel takes from us until something stays. */
static void fill(struct owner *owner)
{
	do {
		put(owner, 50000);
		office_settle();
	} while (transport_unsent(owner->transport) == 0);
}

/* Everything of a round leaves at its end, as one record. */
static void test_one_write(void **state)
{
	struct owner owner = { 0 };
	struct peer *peer = meet(&owner, &wide_limits, TLS1_3_VERSION);
	char bytes[1000];

	peer_listen(peer, false);
	for (int i = 0; i < 30; i++)
		put(&owner, 10);
	assert_int_equal(transport_unsent(owner.transport), 300);
	assert_int_equal(owner.written, 0);
	WAIT(owner.written);
	assert_int_equal(transport_unsent(owner.transport), 0);
	assert_int_equal(SSL_read(peer->ssl, bytes, sizeof(bytes)), 300);
	office_settle();
	assert_int_equal(owner.written, 1);
	owner_close(&owner);
	peer_free(&peer);
}

static void test_slow_reader(void **state)
{
	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct owner owner = { 0 };
		struct peer *peer = meet(&owner, &wide_limits, ways[w]);
		size_t total = 0;

		peer_listen(peer, false);
		for (int i = 0; i < 300; i++) {
			put(&owner, 10000);
			total += 10000;
			office_round();
		}
		office_settle();
		assert_true(transport_unsent(owner.transport) > 0);
		assert_true(transport_unsent(owner.transport) < total);
		assert_true(owner.written > 0);
		assert_int_equal(transport_queued(owner.transport), total);
		assert_int_equal(
		    transport_sent(owner.transport), total - transport_unsent(owner.transport));
		owner.written = 0;
		peer_listen(peer, true);
		WAIT(peer->received.length == total);
		office_settle();
		assert_int_equal(transport_unsent(owner.transport), 0);
		assert_true(owner.written >= 1);
		assert_int_equal(transport_sent(owner.transport), total);
		assert_int_equal(owner.closed, 0);
		owner_close(&owner);
		peer_free(&peer);
	}
}

/* A reader who is always a little behind makes no buffer grow. */
static void test_steady_reader(void **state)
{
	struct owner owner = { 0 };
	struct peer *peer = meet(&owner, &wide_limits, 0);
	char bytes[100000];

	peer_listen(peer, false);
	put(&owner, 1000000);
	for (int i = 0; i < 500; i++) {
		put(&owner, 50000);
		office_round();
		while (transport_unsent(owner.transport) > 500000) {
			recv(peer->fd, bytes, sizeof(bytes), 0);
			office_round();
		}
		assert_true(transport_unsent(owner.transport) > 0);
	}
	assert_true(transport_output(owner.transport)->capacity <= 2 << 20);
	owner_close(&owner);
	peer_free(&peer);
}

/* At the soft bound the peer is read from; one byte beyond it is not, until half is gone. */
static void test_soft_bound(void **state)
{
	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct transport_limits limits = wide_limits;
		struct owner owner = { 0 };
		struct peer *peer;

		limits.output_soft_bytes = 300000;
		peer = meet(&owner, &limits, ways[w]);
		peer_listen(peer, false);
		fill(&owner);
		put(&owner, 300000 - transport_unsent(owner.transport));
		office_settle();
		assert_int_equal(transport_unsent(owner.transport), 300000);
		peer_puts(peer, "read");
		WAIT(text_is(&owner.received, "read"));

		put(&owner, 1);
		office_settle();
		assert_int_equal(transport_unsent(owner.transport), 300001);
		peer_puts(peer, "unread");
		office_settle();
		assert_true(text_is(&owner.received, "read"));

		peer_listen(peer, true);
		WAIT(text_is(&owner.received, "readunread"));
		assert_int_equal(owner.closed, 0);
		owner_close(&owner);
		peer_free(&peer);
	}
}

/* Where both ends might wait for each other, one goes on reading above it. */
static void test_soft_bound_both_ways(void **state)
{
	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct transport_limits limits = wide_limits;
		struct owner owner = { 0 };
		struct peer *peer;

		limits.output_soft_bytes = 300000;
		peer = meet(&owner, &limits, ways[w]);
		transport_keep_reading(owner.transport);
		peer_listen(peer, false);
		fill(&owner);
		put(&owner, 300000);
		office_settle();
		assert_true(transport_is_full(owner.transport));
		peer_puts(peer, "read");
		WAIT(text_is(&owner.received, "read"));
		assert_true(transport_is_full(owner.transport));
		owner_close(&owner);
		peer_free(&peer);
	}
}

static void answer_much(struct owner *owner)
{
	put(owner, 100000);
	transport_output(owner->transport);
}

/* Cheap questions with dear answers: reading stops as soon as too much waits, within one round. */
static void test_soft_bound_in_round(void **state)
{
	struct transport_limits limits = wide_limits;
	struct owner owner = { .on_received = answer_much };
	struct peer *peer;
	char bytes[60000] = { 0 };

	limits.output_soft_bytes = 99999;
	limits.output_hard_bytes = 400000;
	peer = meet(&owner, &limits, TLS1_3_VERSION);
	peer_listen(peer, false);
	fill(&owner);
	peer_send(peer, bytes, sizeof(bytes));
	WAIT(owner.calls > 0);
	office_settle();
	assert_int_equal(owner.calls, 1);
	peer_listen(peer, true);
	WAIT(owner.received.length == sizeof(bytes));
	assert_int_equal(owner.closed, 0);
	owner_close(&owner);
	peer_free(&peer);
}

/* At the hard bound it holds; one byte beyond it is cut. */
static void test_hard_bound(void **state)
{
	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct transport_limits limits = wide_limits;
		struct owner owner = { 0 };
		struct peer *peer;

		limits.output_soft_bytes = 300000;
		limits.output_hard_bytes = 600000;
		peer = meet(&owner, &limits, ways[w]);
		peer_listen(peer, false);
		fill(&owner);
		put(&owner, 600000 - transport_unsent(owner.transport));
		office_settle();
		assert_int_equal(transport_unsent(owner.transport), 600000);
		assert_int_equal(owner.closed, 0);

		put(&owner, 1);
		assert_int_equal(owner.closed, 0);
		WAIT(owner.closed);
		assert_int_equal(owner.end, TRANSPORT_OVERFLOW);
		/* What is appended now goes nowhere. */
		put(&owner, 1000);
		put(&owner, 1000);
		office_settle();
		assert_true(transport_unsent(owner.transport) <= 1000);
		assert_int_equal(owner.closed, 1);
		owner_close(&owner);
		peer_free(&peer);
	}
}

/* The same within one round, before anything could leave. */
static void test_hard_bound_in_round(void **state)
{
	struct transport_limits limits = wide_limits;
	struct owner owner = { 0 };
	struct peer *peer;

	limits.output_hard_bytes = 100000;
	peer = meet(&owner, &limits, TLS1_3_VERSION);
	put(&owner, 100000);
	transport_output(owner.transport);
	WAIT(owner.written);
	put(&owner, 100001);
	transport_output(owner.transport);
	assert_int_equal(owner.closed, 0);
	WAIT(owner.closed);
	assert_int_equal(owner.end, TRANSPORT_OVERFLOW);
	owner_close(&owner);
	peer_free(&peer);
}

/* What the kernel takes in the midst of a round is not unread: only a peer that does not read is
 * cut for what it did not. */
static void test_early(void **state)
{
	struct transport_limits limits = wide_limits;
	struct owner owner = { 0 };
	struct peer *peer;

	limits.output_soft_bytes = 99999;
	limits.output_hard_bytes = 400000;
	peer = meet(&owner, &limits, TLS1_3_VERSION);
	for (int i = 0; i < 3; i++)
		put(&owner, 150000);
	transport_output(owner.transport);
	WAIT(owner.written);
	assert_int_equal(owner.closed, 0);
	owner_close(&owner);
	peer_free(&peer);
}

static void test_deadline(void **state)
{
	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct transport_limits limits = wide_limits;
		struct owner owner = { 0 };
		struct peer *peer;
		int64_t began;

		limits.write_timeout_ms = 100;
		peer = meet(&owner, &limits, ways[w]);
		peer_listen(peer, false);
		fill(&owner);
		began = worker_now_ms();
		/* More output is no progress. */
		WAIT((put(&owner, 1), owner.closed));
		assert_int_equal(owner.end, TRANSPORT_STALLED);
		assert_true(worker_now_ms() - began >= 50);
		owner_close(&owner);
		peer_free(&peer);
	}
}

/* A reader that is slow but reads is not cut. */
static void test_deadline_moves(void **state)
{
	struct transport_limits limits = wide_limits;
	struct owner owner = { 0 };
	struct peer *peer;
	int64_t until;

	limits.write_timeout_ms = 120;
	limits.output_soft_bytes = 8 << 20;
	limits.output_hard_bytes = 8 << 20;
	peer = meet(&owner, &limits, TLS1_3_VERSION);
	peer_listen(peer, false);
	put(&owner, 8000000);
	for (int i = 0; i < 8; i++) {
		char bytes[16384];
		int records = 0;

		until = worker_now_ms() + 40;
		WAIT(worker_now_ms() >= until);
		while (SSL_read(peer->ssl, bytes, sizeof(bytes)) > 0)
			records++;
		assert_true(records > 0);
	}
	office_round();
	assert_int_equal(owner.closed, 0);
	assert_true(transport_unsent(owner.transport) > 0);
	WAIT(owner.closed);
	assert_int_equal(owner.end, TRANSPORT_STALLED);
	owner_close(&owner);
	peer_free(&peer);
}

static void put_again(struct owner *owner)
{
	if (owner->written < 5)
		put(owner, 10);
}

static void test_written_writes(void **state)
{
	struct owner owner = { .on_written = put_again };
	struct peer *peer = meet(&owner, &wide_limits, TLS1_3_VERSION);

	put(&owner, 10);
	WAIT(peer->received.length == 50);
	office_settle();
	assert_int_equal(owner.written, 5);
	owner_close(&owner);
	peer_free(&peer);
}

static void free_it(struct owner *owner)
{
	transport_free(&owner->transport);
}

static void test_written_frees(void **state)
{
	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct owner owner = { .on_written = free_it };
		struct peer *peer = meet(&owner, &wide_limits, ways[w]);

		put(&owner, 10);
		WAIT(owner.written);
		assert_null(owner.transport);
		WAIT(peer->hung_up || peer->cut);
		assert_int_equal(peer->received.length, 10);
		owner_close(&owner);
		peer_free(&peer);
	}
}

static void test_broken(void **state)
{
	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct owner owner = { 0 };
		struct peer *peer = meet(&owner, &wide_limits, ways[w]);

		transport_pause(owner.transport);
		peer_free(&peer);
		put(&owner, 10);
		assert_int_equal(owner.closed, 0);
		WAIT(owner.closed);
		assert_int_equal(owner.end, TRANSPORT_BROKEN);
		assert_int_equal(owner.written, 0);
		owner_close(&owner);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_write),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_steady_reader),
		cmocka_unit_test(test_soft_bound),
		cmocka_unit_test(test_soft_bound_both_ways),
		cmocka_unit_test(test_soft_bound_in_round),
		cmocka_unit_test(test_hard_bound),
		cmocka_unit_test(test_hard_bound_in_round),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_deadline_moves),
		cmocka_unit_test(test_written_writes),
		cmocka_unit_test(test_written_frees),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
