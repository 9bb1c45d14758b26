/* test_race.c - several addresses: who wins, who is called when, and who is called at all. */
#include "net/race.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/timer.h"
#include "net/resolver.h"
#include "peer.h"

enum { CROWD = 8, LONG_MS = 600000 };

static struct {
	struct race *race;
	unsigned calls;
	int fd;
	const struct resolver_host *host;
	const char *why;
	bool frees;
} result;

/* ---- places */

/* Sockets of a test, closed by teardown(). */
static int sockets[64];
static size_t socket_count;

static int socket_make(void)
{
	assert_true(socket_count < COUNT_OF(sockets));
	sockets[socket_count] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	return sockets[socket_count++];
}

/* `backlog` negative: nobody listens. */
static union resolver_address place(int backlog)
{
	union resolver_address address = { .ipv4 = { .sin_family = AF_INET,
					       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof address.ipv4;
	int fd = socket_make();

	assert_int_equal(bind(fd, &address.any, length), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	getsockname(fd, &address.any, &length);
	return address;
}

static union resolver_address refusing(void)
{
	return place(-1);
}

static union resolver_address taking(void)
{
	return place(16);
}

/* Nobody answers once the queue of those who wait to be accepted is full. */
static union resolver_address black_hole(void)
{
	union resolver_address address = place(0);

	for (int i = 0; i < CROWD; i++)
		connect(socket_make(), &address.any, sizeof address.ipv4);
	return address;
}

static struct resolver_host host(
    const union resolver_address *addresses, size_t count, unsigned priority)
{
	return (struct resolver_host){ .name = "host.example",
		.port = 5269,
		.priority = priority,
		.addresses = addresses,
		.address_count = count };
}

/* ---- racing */

static void done(void *state, int fd, const struct resolver_host *at, const char *why)
{
	assert_ptr_equal(state, &result);
	result.calls++;
	result.fd = fd;
	result.host = at;
	result.why = why;
	if (result.frees)
		race_free(&result.race);
}

/* The answer has other hosts than it was made with. */
static void prepare(const struct resolver_host *hosts, size_t count, unsigned timeout_ms)
{
	const union resolver_address none = { .ipv4 = { .sin_family = AF_INET } };
	const struct resolver_answer *answer = resolver_answer_new("host.example", &none, false);
	struct resolver_answer *changed = (struct resolver_answer *)(uintptr_t)answer;

	changed->hosts = hosts;
	changed->host_count = count;
	memset(&result, 0, sizeof result);
	result.fd = -1;
	result.race = race_new(answer, timeout_ms, NULL, done, &result);
	resolver_answer_unref(&answer);
}

static void run(void)
{
	unsigned before = result.calls;

	race_run(result.race);
	assert_int_equal(result.calls, before);
	WAIT(result.calls > before);
	office_settle();
	assert_int_equal(result.calls, before + 1);
}

static void assert_won_by(const struct resolver_host *winner)
{
	assert_true(result.fd >= 0);
	assert_ptr_equal(result.host, winner);
	assert_null(result.why);
	close(result.fd);
	result.fd = -1;
}

static void assert_nobody(const char *why)
{
	assert_int_equal(result.fd, -1);
	assert_null(result.host);
	assert_string_equal(result.why, why);
}

static void test_first(void **state)
{
	const union resolver_address addresses[] = { taking(), taking() };
	const struct resolver_host hosts[] = { host(addresses, 2, 0) };

	(void)state;
	prepare(hosts, 1, LONG_MS);
	assert_int_equal(race_left(result.race), 2);
	run();
	assert_won_by(&hosts[0]);
	assert_int_equal(race_left(result.race), 1);
}

static void test_refused(void **state)
{
	const union resolver_address addresses[] = { refusing(), refusing(), taking() };
	const struct resolver_host hosts[] = { host(addresses, 2, 0), host(addresses + 2, 1, 7) };

	(void)state;
	prepare(hosts, 2, LONG_MS);
	run();
	assert_won_by(&hosts[1]);
	assert_int_equal(race_left(result.race), 0);
}

/* Who waits for the black hole to end waits longer than this test may take. */
static void test_black_hole(void **state)
{
	const union resolver_address addresses[] = { black_hole(), taking() };
	const struct resolver_host hosts[] = { host(addresses, 2, 0) };

	(void)state;
	prepare(hosts, 1, LONG_MS);
	run();
	assert_won_by(&hosts[0]);
	/* It did not fail. */
	assert_int_equal(race_left(result.race), 1);
}

/* The same where it is the next priority. */
static void test_black_hole_before_others(void **state)
{
	const union resolver_address addresses[] = { black_hole(), refusing(), taking() };
	const struct resolver_host hosts[] = { host(addresses, 2, 1), host(addresses + 2, 1, 2) };

	(void)state;
	prepare(hosts, 2, LONG_MS);
	run();
	assert_won_by(&hosts[1]);
	assert_int_equal(race_left(result.race), 1);
}

static void test_nobody(void **state)
{
	const union resolver_address addresses[] = { refusing(), refusing() };
	const struct resolver_host hosts[] = { host(addresses, 1, 0), host(addresses + 1, 1, 0) };

	(void)state;
	prepare(hosts, 2, LONG_MS);
	run();
	assert_nobody("Connection refused");
	assert_int_equal(race_left(result.race), 0);
}

static void test_silence(void **state)
{
	const union resolver_address addresses[] = { black_hole(), black_hole() };
	const struct resolver_host hosts[] = { host(addresses, 2, 0) };

	(void)state;
	prepare(hosts, 1, 50);
	run();
	assert_nobody("Connection timed out");
}

/* Who was of no use is not called again, who did not get to say anything is. */
static void test_again(void **state)
{
	const union resolver_address addresses[] = { black_hole(), taking(), taking() };
	const struct resolver_host hosts[] = { host(addresses, 1, 0), host(addresses + 1, 1, 0),
		host(addresses + 2, 1, 0) };

	(void)state;
	prepare(hosts, 3, LONG_MS);
	run();
	assert_won_by(&hosts[1]);
	run();
	assert_won_by(&hosts[2]);
	assert_int_equal(race_left(result.race), 1);
}

static void time_is_over(void *state)
{
	*(bool *)state = true;
}

/* Long after the next one would have begun. */
static void test_over(void **state)
{
	const union resolver_address addresses[] = { taking(), taking() };
	const struct resolver_host hosts[] = { host(addresses, 2, 0) };
	bool is_over = false;
	struct timer *timer;

	(void)state;
	prepare(hosts, 1, LONG_MS);
	run();
	timer = timer_new(time_is_over, &is_over);
	timer_set(timer, 600);
	WAIT(is_over);
	timer_free(&timer);
	assert_int_equal(result.calls, 1);
	assert_won_by(&hosts[0]);
}

static void test_bounds(void **state)
{
	union resolver_address addresses[RACE_HOST_MAX + 1];
	struct resolver_host hosts[RACE_MAX / RACE_HOST_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(addresses); i++)
		addresses[i] = refusing();
	for (size_t i = 0; i < COUNT_OF(hosts); i++)
		hosts[i] = host(addresses, COUNT_OF(addresses), (unsigned)i);
	prepare(hosts, 1, LONG_MS);
	assert_int_equal(race_left(result.race), RACE_HOST_MAX);
	race_free(&result.race);
	prepare(hosts, COUNT_OF(hosts), LONG_MS);
	assert_int_equal(race_left(result.race), RACE_MAX);
	run();
	assert_nobody("Connection refused");
}

static void test_freed_inside(void **state)
{
	const union resolver_address addresses[] = { taking(), refusing() };
	const struct resolver_host hosts[] = { host(addresses, 1, 0), host(addresses + 1, 1, 0) };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		prepare(hosts + i, 1, LONG_MS);
		result.frees = true;
		run();
		assert_null(result.race);
		if (result.fd >= 0)
			close(result.fd);
	}
}

static void test_given_up(void **state)
{
	const union resolver_address addresses[] = { black_hole(), taking() };
	const struct resolver_host hosts[] = { host(addresses, 2, 0) };

	(void)state;
	prepare(hosts, 1, LONG_MS);
	race_run(result.race);
	race_free(&result.race);
	race_free(&result.race);
	office_settle();
	assert_int_equal(result.calls, 0);
}

static int setup(void **state)
{
	(void)state;
	office_open();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	race_free(&result.race);
	while (socket_count > 0)
		close(sockets[--socket_count]);
	office_close();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_black_hole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_black_hole_before_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_freed_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_given_up, setup, teardown),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
