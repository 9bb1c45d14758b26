/* test_connector.c - one attempt to connect: it works, is refused, or comes to nothing in time. */
#include "net/connector.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "peer.h"

static struct {
	struct connector *connector;
	unsigned calls;
	int fd;
	const char *why;
} attempt;

static void done(void *state, int fd, const char *why)
{
	(void)state;
	attempt.calls++;
	attempt.fd = fd;
	attempt.why = why;
	connector_free(&attempt.connector);
}

static struct sockaddr_in place(int *listening_out, int backlog)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (void *)&address, sizeof address), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	getsockname(fd, (void *)&address, &length);
	*listening_out = fd;
	return address;
}

static void try(const struct sockaddr_in *address, unsigned timeout_ms)
{
	memset(&attempt, 0, sizeof attempt);
	attempt.connector = connector_new((const void *)address, timeout_ms, done, NULL);
	assert_int_equal(attempt.calls, 0);
}

static void test_connects(void **state)
{
	int listening;
	struct sockaddr_in address = place(&listening, 1);

	(void)state;
	try(&address, 10000);
	WAIT(attempt.calls > 0);
	assert_int_equal(attempt.calls, 1);
	assert_true(attempt.fd >= 0);
	assert_null(attempt.why);
	close(attempt.fd);
	close(listening);
}

static void test_refused(void **state)
{
	int bound;
	struct sockaddr_in address = place(&bound, -1);

	(void)state;
	try(&address, 10000);
	WAIT(attempt.calls > 0);
	assert_int_equal(attempt.fd, -1);
	assert_string_equal(attempt.why, "Connection refused");
	close(bound);
}

/* Nobody answers once the queue of those who wait to be accepted is full. */
static void test_late(void **state)
{
	int listening, others[8];
	struct sockaddr_in address = place(&listening, 0);

	(void)state;
	for (int i = 0; i < 8; i++) {
		others[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(others[i], (void *)&address, sizeof address);
	}
	try(&address, 50);
	WAIT(attempt.calls > 0);
	assert_int_equal(attempt.fd, -1);
	assert_string_equal(attempt.why, "Connection timed out");
	for (int i = 0; i < 8; i++)
		close(others[i]);
	close(listening);
}

/* What fails at once is told later, too. */
static void test_impossible(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_BROADCAST) };

	(void)state;
	try(&address, 10000);
	WAIT(attempt.calls > 0);
	assert_int_equal(attempt.fd, -1);
	assert_non_null(attempt.why);
}

static void test_given_up(void **state)
{
	int listening;
	struct sockaddr_in address = place(&listening, 1);

	(void)state;
	try(&address, 10000);
	connector_free(&attempt.connector);
	connector_free(&attempt.connector);
	office_settle();
	assert_int_equal(attempt.calls, 0);
	close(listening);
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
	office_close();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connects),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_given_up),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
