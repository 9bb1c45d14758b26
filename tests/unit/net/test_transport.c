/* The life of a transport: ends inside events, finishing, moving between workers. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/mem.h"
#include "meeting.h"

static unsigned descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

static void free_it(struct owner *owner)
{
	transport_free(&owner->transport);
}

static void finish_it(struct owner *owner)
{
	text_puts(transport_output(owner->transport), "</stream>");
	transport_finish(&owner->transport);
}

static void test_free_in_received(void **state)
{
	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct owner owner = { .on_received = free_it };
		struct peer *peer = meet(&owner, &wide_limits, ways[w]);
		char bytes[100000] = { 0 };

		peer_send(peer, bytes, sizeof(bytes));
		WAIT(peer->hung_up || peer->cut);
		assert_int_equal(owner.calls, 1);
		assert_int_equal(owner.closed, 0);
		assert_null(owner.transport);
		owner_close(&owner);
		peer_free(&peer);
	}
}

static void free_when_closed(void *state, enum transport_end end, const char *detail)
{
	struct owner *owner = state;

	owner->closed++;
	transport_free(&owner->transport);
}

static void free_when_secured(void *state)
{
	struct owner *owner = state;

	owner->secured++;
	transport_free(&owner->transport);
}

static void test_free_in_other_events(void **state)
{
	struct transport_events events = owner_events;
	struct owner owner = { 0 };
	struct peer *peer = meet(&owner, &wide_limits, 0);
	int fd;

	events.closed = free_when_closed;
	events.secured = free_when_secured;
	transport_set_events(owner.transport, &events, &owner);
	peer_free(&peer);
	WAIT(owner.closed);
	assert_null(owner.transport);

	peer = peer_new(&fd);
	owner_open(&owner, fd, &wide_limits);
	transport_set_events(owner.transport, &events, &owner);
	transport_start_tls(owner.transport, set, NULL, NULL);
	peer_secure(peer, 0, NULL, NULL);
	WAIT(owner.secured);
	assert_null(owner.transport);
	peer_free(&peer);
}

/* The reply reaches the peer, then the end, and nothing the peer still says is delivered. */
static void test_finish_in_received(void **state)
{
	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct owner owner = { .on_received = finish_it };
		unsigned before = descriptors();
		struct peer *peer = meet(&owner, &wide_limits, ways[w]);
		char bytes[100000] = { 0 };

		peer_send(peer, bytes, sizeof(bytes));
		WAIT(peer->ended);
		assert_true(text_is(&peer->received, "</stream>"));
		assert_false(peer->cut);
		assert_int_equal(owner.calls, 1);
		assert_null(owner.transport);
		assert_int_equal(descriptors(), before + 2);
		peer_end(peer);
		WAIT(descriptors() == before + 1);
		office_settle();
		assert_int_equal(owner.closed, 0);
		assert_int_equal(owner.written, 0);
		owner_close(&owner);
		peer_free(&peer);
	}
}

static void test_finish_after_their_end(void **state)
{
	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct owner owner = { .on_received = finish_it };
		unsigned before = descriptors();
		struct peer *peer = meet(&owner, &wide_limits, ways[w]);

		peer_puts(peer, "</stream>");
		peer_end(peer);
		WAIT(peer->ended);
		assert_true(text_is(&peer->received, "</stream>"));
		WAIT(descriptors() == before + 1);
		assert_int_equal(owner.closed, 0);
		owner_close(&owner);
		peer_free(&peer);
	}
}

static void test_finish_to_slow_reader(void **state)
{
	unsigned before = descriptors();

	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct owner owner = { 0 };
		struct peer *peer = meet(&owner, &wide_limits, ways[w]);

		peer_listen(peer, false);
		put(&owner, 2000000);
		transport_finish(&owner.transport);
		assert_null(owner.transport);
		office_settle();
		peer_listen(peer, true);
		WAIT(peer->ended);
		assert_int_equal(peer->received.length, 2000000);
		owner_close(&owner);
		peer_free(&peer);
		WAIT(descriptors() == before);
	}
}

/* Who does not close is closed on after two seconds, however much is sent. */
static void test_finish_to_deaf_peer(void **state)
{
	struct owner owner = { 0 };
	unsigned before = descriptors();
	struct peer *peer = meet(&owner, &wide_limits, TLS1_3_VERSION);
	int64_t began = worker_now_ms();
	char bytes[1000] = { 0 };

	transport_finish(&owner.transport);
	do {
		if (peer->sending.length == 0)
			peer_send(peer, bytes, sizeof(bytes));
		office_round();
	} while (descriptors() > before + 1);
	assert_true(worker_now_ms() - began >= 1900);
	assert_true(worker_now_ms() - began < 4000);
	peer_free(&peer);
}

static void test_finish_in_handshake(void **state)
{
	int64_t began = worker_now_ms();
	struct owner owner = { 0 };
	int fd;
	struct peer *peer = peer_new(&fd);

	owner_open(&owner, fd, &wide_limits);
	transport_start_tls(owner.transport, set, NULL, NULL);
	transport_finish(&owner.transport);
	assert_null(owner.transport);
	WAIT(peer->hung_up);
	assert_true(worker_now_ms() - began < 1000);
	peer_free(&peer);
	transport_finish(&owner.transport);
}

static void test_finish_broken(void **state)
{
	unsigned before = descriptors();

	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		struct owner owner = { 0 };
		struct peer *peer = meet(&owner, &wide_limits, ways[w]);

		peer_free(&peer);
		put(&owner, 1000);
		transport_finish(&owner.transport);
		WAIT(descriptors() == before);
		assert_int_equal(owner.closed, 0);
	}
}

static void test_abandon(void **state)
{
	struct owner owners[4] = { 0 };
	struct peer *peers[4];
	unsigned before = descriptors();

	for (size_t i = 0; i < 4; i++) {
		peers[i] = meet(&owners[i], &wide_limits, TLS1_3_VERSION);
		peer_listen(peers[i], false);
		put(&owners[i], i < 2 ? 10 : 4000000);
		transport_finish(&owners[i].transport);
	}
	office_settle();
	assert_int_equal(descriptors(), before + 8);
	transport_abandon_all();
	assert_int_equal(descriptors(), before + 4);
	for (size_t i = 0; i < 4; i++)
		peer_free(&peers[i]);
	office_settle();
}

static void pause_at_once(struct owner *owner)
{
	transport_pause(owner->transport);
}

/* What TLS holds raises no readiness on the new worker. */
static void test_attach_reads(void **state)
{
	struct owner owner = { .on_received = pause_at_once };
	struct peer *peer = meet(&owner, &wide_limits, TLS1_3_VERSION);

	/* Read ahead in one go: more records than are delivered at once. */
	for (int i = 0; i < 2; i++) {
		char bytes[10000] = { 0 };

		assert_int_equal(SSL_write(peer->ssl, bytes, sizeof(bytes)), sizeof(bytes));
	}
	WAIT(owner.calls == 1);
	assert_true(owner.received.length < 20000);
	owner.on_received = NULL;
	transport_detach(owner.transport);
	transport_resume(owner.transport);
	office_settle();
	assert_int_equal(owner.calls, 1);
	transport_attach(owner.transport);
	assert_int_equal(owner.calls, 1);
	WAIT(owner.received.length == 20000);
	owner_close(&owner);
	peer_free(&peer);
}

/* Unsent output, its deadline and an empty bucket move along. */
static void test_attach_carries(void **state)
{
	struct transport_limits limits = wide_limits;
	struct owner owner = { 0 };
	struct peer *peer;
	int64_t began;

	limits.write_timeout_ms = 150;
	limits.output_soft_bytes = 4 << 20;
	limits.read_bytes_per_second = 1;
	limits.read_burst_bytes = 10;
	peer = meet(&owner, &limits, TLS1_3_VERSION);
	peer_listen(peer, false);
	put(&owner, 2000000);
	peer_puts(peer, "more than ten bytes");
	began = worker_now_ms();
	WAIT(owner.calls == 1);
	/* Moving all the time does not put the deadline off. */
	while (!owner.closed && worker_now_ms() - began < 1000) {
		int64_t until = worker_now_ms() + 20;

		assert_true(transport_unsent(owner.transport) > 0);
		WAIT(owner.closed || worker_now_ms() >= until);
		if (owner.closed)
			break;
		transport_detach(owner.transport);
		transport_attach(owner.transport);
	}
	assert_int_equal(owner.end, TRANSPORT_STALLED);
	assert_int_equal(owner.calls, 1);
	assert_true(worker_now_ms() - began < 1000);
	owner_close(&owner);
	peer_free(&peer);
}

/* Who waits for the bucket waits on after the move, and not for ever. */
static void test_attach_waits(void **state)
{
	struct transport_limits limits = wide_limits;
	struct owner owner = { 0 };
	struct peer *peer;
	char bytes[200] = { 0 };

	limits.read_bytes_per_second = 1000;
	limits.read_burst_bytes = 100;
	peer = meet(&owner, &limits, 0);
	peer_send(peer, bytes, sizeof(bytes));
	WAIT(owner.received.length == 200);
	transport_detach(owner.transport);
	transport_attach(owner.transport);
	peer_send(peer, bytes, 1);
	office_settle();
	assert_int_equal(owner.received.length, 200);
	WAIT(owner.received.length == 201);
	owner_close(&owner);
	peer_free(&peer);
}

/* It breaks while it belongs to nobody; who attaches it is told. */
static void test_attach_tells(void **state)
{
	struct transport_limits limits = wide_limits;
	struct owner owner = { 0 };
	struct peer *peer;

	limits.output_hard_bytes = 1000;
	peer = meet(&owner, &limits, TLS1_3_VERSION);
	transport_detach(owner.transport);
	put(&owner, 1001);
	transport_output(owner.transport);
	office_settle();
	assert_int_equal(owner.closed, 0);
	transport_attach(owner.transport);
	WAIT(owner.closed);
	assert_int_equal(owner.end, TRANSPORT_OVERFLOW);
	owner_close(&owner);

	owner = (struct owner){ 0 };
	peer_free(&peer);
	peer = meet(&owner, &wide_limits, TLS1_3_VERSION);
	transport_detach(owner.transport);
	put(&owner, 100);
	transport_attach(owner.transport);
	WAIT(peer->received.length == 100);
	transport_detach(owner.transport);
	owner_close(&owner);
	peer_free(&peer);
}

/* --- moving under load --- */

enum { NOMADS = 4, NOMAD_BYTES = 2000000 };

/* Echoes, and goes to the other worker every few pieces. */
struct nomad {
	struct transport *transport;
	struct worker *const *workers;
	unsigned at;
	unsigned calls;
	unsigned moves;
	bool leaving;
	int fd;
	struct mail mail;
	struct later later;
	atomic_bool gone;
};

static void nomad_arrives(struct mail *mail)
{
	struct nomad *nomad = CONTAINER_OF(mail, struct nomad, mail);

	nomad->leaving = false;
	transport_attach(nomad->transport);
}

static void nomad_leaves(struct later *later)
{
	struct nomad *nomad = CONTAINER_OF(later, struct nomad, later);

	nomad->moves++;
	nomad->at = !nomad->at;
	transport_detach(nomad->transport);
	worker_post(nomad->workers[nomad->at], &nomad->mail, nomad_arrives);
}

static void nomad_received(void *state, const char *bytes, size_t length)
{
	struct nomad *nomad = state;

	text_append(transport_output(nomad->transport), bytes, length);
	if (++nomad->calls % 3 != 0 || nomad->leaving)
		return;
	nomad->leaving = true;
	worker_later(&nomad->later, nomad_leaves);
}

static void nomad_nothing(void *state)
{
}

static void nomad_closed(void *state, enum transport_end end, const char *detail)
{
	struct nomad *nomad = state;

	later_cancel(&nomad->later);
	transport_free(&nomad->transport);
	atomic_store(&nomad->gone, true);
}

static const struct transport_events nomad_events = {
	.received = nomad_received,
	.secured = nomad_nothing,
	.written = nomad_nothing,
	.closed = nomad_closed,
};

static void nomad_born(struct mail *mail)
{
	struct nomad *nomad = CONTAINER_OF(mail, struct nomad, mail);

	nomad->transport = transport_new(nomad->fd, NULL, &wide_limits, &nomad_events, nomad);
	transport_start_tls(nomad->transport, set, NULL, NULL);
}

static void worker_ends(struct worker *worker, void *state)
{
	transport_abandon_all();
}

static bool all_echoed(struct peer *const *peers)
{
	for (size_t i = 0; i < NOMADS; i++)
		if (peers[i]->received.length < NOMAD_BYTES)
			return false;
	return true;
}

static void test_moving_under_load(void **state)
{
	struct worker *workers[2] = { worker_new(1), worker_new(2) };
	struct nomad nomads[NOMADS] = { 0 };
	struct peer *peers[NOMADS];
	char *bytes = bytes_new(NOMAD_BYTES);

	for (size_t i = 0; i < 2; i++)
		worker_start(workers[i], NULL, worker_ends, NULL);
	for (size_t i = 0; i < NOMADS; i++) {
		nomads[i].workers = workers;
		nomads[i].at = i % 2;
		peers[i] = peer_new(&nomads[i].fd);
		worker_post(workers[i % 2], &nomads[i].mail, nomad_born);
		peer_secure(peers[i], i < 2 ? TLS1_3_VERSION : TLS1_2_VERSION, NULL, NULL);
		peer_send(peers[i], bytes, NOMAD_BYTES);
	}
	WAIT(all_echoed(peers));
	for (size_t i = 0; i < NOMADS; i++) {
		assert_int_equal(peers[i]->received.length, NOMAD_BYTES);
		assert_memory_equal(peers[i]->received.at, bytes, NOMAD_BYTES);
		peer_free(&peers[i]);
		WAIT(atomic_load(&nomads[i].gone));
		assert_true(nomads[i].moves > 5);
	}
	for (size_t i = 0; i < 2; i++)
		worker_stop(workers[i]);
	for (size_t i = 0; i < 2; i++)
		worker_join(workers[i]);
	for (size_t i = 0; i < 2; i++)
		worker_free(&workers[i]);
	mem_free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_free_in_received),
		cmocka_unit_test(test_free_in_other_events),
		cmocka_unit_test(test_finish_in_received),
		cmocka_unit_test(test_finish_after_their_end),
		cmocka_unit_test(test_finish_to_slow_reader),
		cmocka_unit_test(test_finish_to_deaf_peer),
		cmocka_unit_test(test_finish_in_handshake),
		cmocka_unit_test(test_finish_broken),
		cmocka_unit_test(test_abandon),
		cmocka_unit_test(test_attach_reads),
		cmocka_unit_test(test_attach_carries),
		cmocka_unit_test(test_attach_waits),
		cmocka_unit_test(test_attach_tells),
		cmocka_unit_test(test_moving_under_load),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
