/* Listening, accepting, handing over; limits, and running out of descriptors. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/listener.h"
#include "peer.h"

static struct arena *arena;
static const struct address_limits wide = { 1000, 1000, 1000, 0 };

static int set_up(void **state)
{
	office_open();
	arena = arena_new(0);
	log_set_level(LOG_ERROR);
	return 0;
}

static int tear_down(void **state)
{
	arena_free(&arena);
	office_close();
	return 0;
}

static int dial(const char *host, unsigned port)
{
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	bool is_ipv6 = inet_pton(AF_INET6, host, &ipv6.sin6_addr) == 1;
	int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, host, &ipv4.sin_addr);
	if (is_ipv6 ? connect(fd, (void *)&ipv6, sizeof(ipv6))
		    : connect(fd, (void *)&ipv4, sizeof(ipv4))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* What was accepted. */
struct hall {
	int fds[300];
	struct address *addresses[300];
	unsigned count;
};

static void hall_accepted(void *state, int fd, struct address *address)
{
	struct hall *hall = state;

	hall->fds[hall->count] = fd;
	hall->addresses[hall->count++] = address;
}

static void hall_clear(struct hall *hall)
{
	while (hall->count > 0) {
		hall->count--;
		close(hall->fds[hall->count]);
		address_release(&hall->addresses[hall->count]);
	}
}

static struct listener *open_hall(struct hall *hall, const char *host)
{
	const char *error = NULL;
	struct listener *listener = listener_new(host, 0, arena, &error);

	assert_null(error);
	assert_true(listener_port(listener) > 0);
	address_set_limits(&wide);
	listener_start(listener, &office, 1, hall_accepted, hall);
	return listener;
}

static int option(int fd, int level, int name)
{
	int value = 0;
	socklen_t length = sizeof(value);

	getsockopt(fd, level, name, &value, &length);
	return value;
}

static void test_accepts(void **state)
{
	static const struct {
		const char *host, *from, *counted;
	} cases[] = {
		{ "127.0.0.1", "127.0.0.1", "127.0.0.1" },
		{ NULL, "127.0.0.1", "127.0.0.1" },
		{ NULL, "::1", "::/64" },
		{ "::1", "::1", "::/64" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct hall hall = { 0 };
		struct listener *listener = open_hall(&hall, cases[i].host);
		int fd = dial(cases[i].from, listener_port(listener));

		assert_true(fd >= 0);
		WAIT(hall.count == 1);
		assert_string_equal(address_text(hall.addresses[0]), cases[i].counted);
		assert_true((fcntl(hall.fds[0], F_GETFL) & O_NONBLOCK) != 0);
		assert_true((fcntl(hall.fds[0], F_GETFD) & FD_CLOEXEC) != 0);
		assert_int_not_equal(option(hall.fds[0], IPPROTO_TCP, TCP_NODELAY), 0);
		assert_int_not_equal(option(hall.fds[0], SOL_SOCKET, SO_KEEPALIVE), 0);
		assert_int_equal(option(hall.fds[0], IPPROTO_TCP, TCP_USER_TIMEOUT), 60000);
		assert_int_equal(option(hall.fds[0], IPPROTO_TCP, TCP_KEEPIDLE), 300);
		close(fd);
		hall_clear(&hall);
		listener_free(&listener);
		assert_null(listener);
		listener_free(&listener);
	}
}

static void test_errors(void **state)
{
	const char *error = NULL;
	struct listener *listener = listener_new("127.0.0.1", 0, arena, &error);
	unsigned port = listener_port(listener);

	assert_null(listener_new("127.0.0.1", port, arena, &error));
	assert_non_null(strstr(error, "127.0.0.1"));
	assert_non_null(strstr(error, "Address already in use"));
	assert_non_null(strstr(error, "another program"));
	assert_null(listener_new(NULL, port, arena, &error));
	assert_non_null(strstr(error, "another program"));
	listener_free(&listener);

	assert_null(listener_new("127.0.0.1", 65536, arena, &error));
	assert_non_null(strstr(error, "65535"));
	assert_null(listener_new("192.0.2.1", 0, arena, &error));
	assert_non_null(strstr(error, "no interface"));
	assert_null(listener_new("not an address", 0, arena, &error));
	assert_non_null(strstr(error, "not an address"));

	/* Free again at once, though connections of before may linger. */
	listener = listener_new("127.0.0.1", port, arena, &error);
	assert_non_null(listener);
	listener_free(&listener);
}

static bool hung_up(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void test_limit(void **state)
{
	const struct address_limits limits = { 3, 1000, 1000, 0 };
	struct hall hall = { 0 };
	struct listener *listener = open_hall(&hall, "127.0.0.1");
	int fds[5];

	address_set_limits(&limits);
	for (size_t i = 0; i < 4; i++)
		fds[i] = dial("127.0.0.1", listener_port(listener));
	WAIT(hung_up(fds[3]));
	assert_int_equal(hall.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_false(hung_up(fds[i]));
	/* Of whom one is authenticated, one more may come. */
	address_authenticated(hall.addresses[1]);
	fds[4] = dial("127.0.0.1", listener_port(listener));
	WAIT(hall.count == 4);
	for (size_t i = 0; i < 5; i++)
		close(fds[i]);
	hall_clear(&hall);
	listener_free(&listener);
}

/* More than are taken in one go. */
static void test_many(void **state)
{
	struct hall hall = { 0 };
	struct listener *listener = open_hall(&hall, "127.0.0.1");
	int fds[200];

	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fds[i] = dial("127.0.0.1", listener_port(listener));
	WAIT(hall.count > 0);
	assert_int_equal(hall.count, 64);
	WAIT(hall.count == COUNT_OF(fds));
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		close(fds[i]);
	hall_clear(&hall);
	listener_free(&listener);
}

/* Out of descriptors it waits a moment, and goes on when there are some. */
static void test_descriptors(void **state)
{
	struct hall hall = { 0 };
	struct listener *listener = open_hall(&hall, "127.0.0.1");
	int fd = dial("127.0.0.1", listener_port(listener));
	struct rlimit before, tight;
	int64_t began;

	log_set_level(LOG_ERROR + 1);
	getrlimit(RLIMIT_NOFILE, &before);
	tight = before;
	tight.rlim_cur = (rlim_t)fd + 1;
	setrlimit(RLIMIT_NOFILE, &tight);
	office_settle();
	began = worker_now_ms();
	assert_int_equal(hall.count, 0);
	setrlimit(RLIMIT_NOFILE, &before);
	office_settle();
	/* It does not look all the time. */
	if (worker_now_ms() - began < 50)
		assert_int_equal(hall.count, 0);
	WAIT(hall.count == 1);
	assert_false(hung_up(fd));
	log_set_level(LOG_ERROR);
	close(fd);
	hall_clear(&hall);
	listener_free(&listener);
}

/* --- in turn --- */

static atomic_uint got[3];

static void worker_accepted(void *state, int fd, struct address *address)
{
	close(fd);
	address_release(&address);
	atomic_fetch_add(&got[worker_index(worker_current())], 1);
}

static void test_in_turn(void **state)
{
	const char *error = NULL;
	struct listener *listener = listener_new("127.0.0.1", 0, arena, &error);
	struct worker *workers[3] = { office, worker_new(1), worker_new(2) };
	int fds[30];

	worker_start(workers[1], NULL, NULL, NULL);
	worker_start(workers[2], NULL, NULL, NULL);
	address_set_limits(&wide);
	listener_start(listener, workers, 3, worker_accepted, NULL);
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fds[i] = dial("127.0.0.1", listener_port(listener));
	WAIT(
	    atomic_load(&got[0]) == 10 && atomic_load(&got[1]) == 10 && atomic_load(&got[2]) == 10);
	listener_free(&listener);
	for (size_t i = 1; i < 3; i++) {
		worker_stop(workers[i]);
		worker_join(workers[i]);
		worker_free(&workers[i]);
	}
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		close(fds[i]);
}

/* The transport gives the address back when it goes. */
static void test_released_with_transport(void **state)
{
	const struct address_limits limits = { 1, 1, 1, 1 };
	struct hall hall = { 0 };
	struct listener *listener = open_hall(&hall, "127.0.0.1");

	address_set_limits(&limits);
	for (int i = 0; i < 3; i++) {
		struct transport *transport;
		int fd = dial("127.0.0.1", listener_port(listener));

		WAIT(hall.count == 1);
		transport = transport_new(
		    hall.fds[0], hall.addresses[0], &wide_limits, &owner_events, NULL);
		assert_ptr_equal(transport_address(transport), hall.addresses[0]);
		assert_string_equal(transport_peer(transport), "127.0.0.1");
		if (i == 1)
			address_authenticated(transport_address(transport));
		transport_free(&transport);
		hall.count = 0;
		close(fd);
	}
	listener_free(&listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_in_turn),
		cmocka_unit_test(test_released_with_transport),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
