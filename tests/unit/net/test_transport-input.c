/* Reading: pieces, pauses, fairness, the token bucket. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/mem.h"
#include "meeting.h"

static void test_echo(void **state)
{
	static const size_t sizes[] = { 1, 16383, 16384, 16385, 65536, 65537, 1000000 };

	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct owner owner = { .echo = true };
		struct peer *peer = meet(&owner, &wide_limits, ways[w]);

		for (size_t i = 0; i < COUNT_OF(sizes); i++) {
			char *bytes = bytes_new(sizes[i]);

			peer_send(peer, bytes, sizes[i]);
			WAIT(peer->received.length >= sizes[i]);
			assert_int_equal(peer->received.length, sizes[i]);
			assert_memory_equal(peer->received.at, bytes, sizes[i]);
			text_clear(&peer->received);
			mem_free(bytes);
		}
		assert_int_equal(owner.closed, 0);
		owner_close(&owner);
		peer_free(&peer);
	}
}

/* Many small records that have gathered come out as one piece. */
static void test_gather(void **state)
{
	struct owner owner = { 0 };
	struct peer *peer = meet(&owner, &wide_limits, TLS1_3_VERSION);

	for (int i = 0; i < 100; i++)
		assert_int_equal(SSL_write(peer->ssl, "0123456789", 10), 10);
	WAIT(owner.received.length == 1000);
	assert_int_equal(owner.calls, 1);
	owner_close(&owner);
	peer_free(&peer);
}

static void pause_at_once(struct owner *owner)
{
	transport_pause(owner->transport);
}

/* What TLS holds while reading pauses is delivered on resuming, though nothing more arrives. */
static void test_pause(void **state)
{
	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct owner owner = { .on_received = pause_at_once };
		struct peer *peer = meet(&owner, &wide_limits, ways[w]);
		size_t length = 50000;
		char *bytes = bytes_new(length);

		peer_send(peer, bytes, length);
		WAIT(owner.calls == 1);
		office_settle();
		assert_int_equal(owner.calls, 1);
		while (owner.received.length < length) {
			unsigned calls = owner.calls;

			transport_resume(owner.transport);
			assert_int_equal(owner.calls, calls);
			WAIT(owner.calls > calls);
			office_settle();
			assert_int_equal(owner.calls, calls + 1);
		}
		assert_memory_equal(owner.received.at, bytes, length);
		mem_free(bytes);
		owner_close(&owner);
		peer_free(&peer);
	}
}

/* The same, with nothing left for the descriptor to tell of. */
static void test_pause_holds(void **state)
{
	struct owner owner = { .on_received = pause_at_once };
	struct peer *peer = meet(&owner, &wide_limits, TLS1_3_VERSION);
	char bytes[1000] = { 0 };

	for (int i = 0; i < 2; i++)
		assert_int_equal(SSL_write(peer->ssl, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(SSL_write(peer->ssl, bytes, 500), 500);
	WAIT(owner.calls == 1);
	assert_int_equal(owner.received.length, 2048);
	office_settle();
	transport_resume(owner.transport);
	WAIT(owner.received.length == 2500);
	owner_close(&owner);
	peer_free(&peer);
}

static void test_pause_does_not_nest(void **state)
{
	struct owner owner = { 0 };
	struct peer *peer = meet(&owner, &wide_limits, 0);

	transport_pause(owner.transport);
	transport_pause(owner.transport);
	peer_puts(peer, "hello");
	office_settle();
	assert_int_equal(owner.calls, 0);
	transport_resume(owner.transport);
	WAIT(owner.calls == 1);
	owner_close(&owner);
	peer_free(&peer);
}

static void work_a_millisecond(struct owner *owner)
{
	int64_t until_us = worker_clock_us() + 1000;

	while (worker_clock_us() < until_us)
		;
}

/* Peers who give a lot of work do not keep the loop to themselves, and are served in turn. */
static void test_fairness(void **state)
{
	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct owner busy[5] = { 0 }, other = { 0 };
		struct peer *busy_peer[5], *other_peer;
		unsigned before = 0, after = 0, least = UINT_MAX;
		char *bytes = bytes_new(100000);

		for (int i = 0; i < 5; i++) {
			busy[i].on_received = work_a_millisecond;
			busy_peer[i] = meet(&busy[i], &wide_limits, ways[w]);
		}
		other_peer = meet(&other, &wide_limits, ways[w]);
		for (int i = 0; i < 5; i++)
			peer_send(busy_peer[i], bytes, 100000);
		WAIT(busy[4].calls > 1);
		for (int i = 0; i < 5; i++)
			before += busy[i].calls;
		peer_puts(other_peer, "hello");
		WAIT(text_is(&other.received, "hello"));
		for (int i = 0; i < 5; i++) {
			after += busy[i].calls;
			least = busy[i].calls < least ? busy[i].calls : least;
		}
		/* two rounds at most */
		assert_true(after - before <= 10);
		for (int i = 0; i < 5; i++)
			assert_true(busy[i].calls <= least + 5);
		for (int i = 0; i < 5; i++) {
			WAIT(busy[i].received.length == 100000);
			assert_memory_equal(busy[i].received.at, bytes, 100000);
			owner_close(&busy[i]);
			peer_free(&busy_peer[i]);
		}
		mem_free(bytes);
		owner_close(&other);
		peer_free(&other_peer);
	}
}

/* The burst passes at once; what is over it waits for the rate. */
static void test_bucket(void **state)
{
	struct transport_limits limits = wide_limits;

	limits.read_bytes_per_second = 100000;
	limits.read_burst_bytes = 30000;
	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct owner owner = { 0 };
		struct peer *peer = meet(&owner, &limits, ways[w]);
		int64_t began = worker_now_ms(), took;
		size_t length = 90000;
		char *bytes = bytes_new(length);

		peer_send(peer, bytes, length);
		WAIT(owner.received.length >= 30000);
		WAIT(owner.received.length == length);
		assert_memory_equal(owner.received.at, bytes, length);
		took = worker_now_ms() - began;
		/* 60000 bytes over the burst, at most one reading of 16 KiB in advance. */
		assert_true(took >= 400);
		mem_free(bytes);
		owner_close(&owner);
		peer_free(&peer);
	}
}

static void test_bucket_edge(void **state)
{
	struct transport_limits limits = wide_limits;
	struct owner owner = { 0 };
	struct peer *peer;
	char bytes[1000] = { 0 };

	limits.read_bytes_per_second = 1;
	limits.read_burst_bytes = 1000;
	peer = meet(&owner, &limits, 0);
	/* One short of it: reads on. */
	peer_send(peer, bytes, 999);
	WAIT(owner.received.length == 999);
	peer_send(peer, bytes, 1);
	WAIT(owner.received.length == 1000);
	/* It is empty. */
	peer_send(peer, bytes, 1);
	office_settle();
	assert_int_equal(owner.received.length, 1000);
	/* It is no fuller for being given once more. */
	transport_set_limits(owner.transport, &limits);
	office_settle();
	assert_int_equal(owner.received.length, 1000);
	/* Without a limit what waits is read. */
	limits.read_bytes_per_second = 0;
	transport_set_limits(owner.transport, &limits);
	WAIT(owner.received.length == 1001);
	peer_send(peer, bytes, 1000);
	peer_send(peer, bytes, 1000);
	WAIT(owner.received.length == 3001);
	owner_close(&owner);
	peer_free(&peer);
}

/* The bucket fills again while nothing is read, without a timer, and never above its depth. */
static void test_bucket_refills(void **state)
{
	struct transport_limits limits = wide_limits;
	struct owner owner = { 0 };
	struct peer *peer;
	char bytes[2000] = { 0 };
	int64_t until;

	limits.read_bytes_per_second = 10000;
	limits.read_burst_bytes = 500;
	peer = meet(&owner, &limits, 0);
	for (int i = 0; i < 5; i++) {
		peer_send(peer, bytes, 400);
		WAIT(owner.received.length == (size_t)(i + 1) * 400);
		until = worker_now_ms() + 60;
		WAIT(worker_now_ms() >= until);
	}
	peer_send(peer, bytes, 2000);
	WAIT(owner.received.length == 4000);
	peer_send(peer, bytes, 1);
	office_settle();
	assert_int_equal(owner.received.length, 4000);
	WAIT(owner.received.length == 4001);
	owner_close(&owner);
	peer_free(&peer);
}

/* Key updates take from the bucket, too. */
static void test_bucket_key_updates(void **state)
{
	struct transport_limits limits = wide_limits;
	struct owner owner = { 0 };
	struct peer *peer;

	limits.read_bytes_per_second = 1;
	limits.read_burst_bytes = 2000;
	peer = meet(&owner, &limits, TLS1_3_VERSION);
	for (int i = 0; i < 200; i++) {
		SSL_key_update(peer->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
		SSL_do_handshake(peer->ssl);
	}
	office_settle();
	peer_puts(peer, "after");
	office_settle();
	assert_int_equal(owner.calls, 0);
	limits.read_bytes_per_second = 0;
	transport_set_limits(owner.transport, &limits);
	WAIT(text_is(&owner.received, "after"));
	owner_close(&owner);
	peer_free(&peer);
}

static void test_ends_in_clear(void **state)
{
	struct owner owner = { .echo = true };
	struct peer *peer = meet(&owner, &wide_limits, 0);

	/* What is answered to the last words still leaves. */
	peer_puts(peer, "last words");
	peer_end(peer);
	WAIT(owner.closed);
	assert_int_equal(owner.end, TRANSPORT_PEER_CLOSED);
	assert_true(text_is(&owner.received, "last words"));
	WAIT(text_is(&peer->received, "last words"));
	office_settle();
	assert_int_equal(owner.closed, 1);
	owner_close(&owner);
	peer_free(&peer);
}

static void test_reset(void **state)
{
	struct owner owner = { 0 };
	int fd;
	struct peer *peer = peer_new_tcp(&fd);
	const struct linger now = { 1, 0 };

	owner_open(&owner, fd, &wide_limits);
	assert_string_equal(transport_peer(owner.transport), "127.0.0.1");
	assert_true(transport_peer_port(owner.transport) > 0);
	setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	peer_free(&peer);
	WAIT(owner.closed);
	assert_int_equal(owner.end, TRANSPORT_BROKEN);
	assert_string_equal(owner.detail, "Connection reset by peer");
	assert_string_equal(transport_peer(owner.transport), "127.0.0.1");
	owner_close(&owner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_gather),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_pause_holds),
		cmocka_unit_test(test_pause_does_not_nest),
		cmocka_unit_test(test_fairness),
		cmocka_unit_test(test_bucket),
		cmocka_unit_test(test_bucket_edge),
		cmocka_unit_test(test_bucket_refills),
		cmocka_unit_test(test_bucket_key_updates),
		cmocka_unit_test(test_ends_in_clear),
		cmocka_unit_test(test_reset),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
