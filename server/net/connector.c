/* connector.c - one attempt to connect, with a deadline. Whatever comes of it is told from a timer
 * or the descriptor, so that who asks need not reckon with an answer inside the call. */
#define _GNU_SOURCE
#include "net/connector.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/descriptor.h"
#include "loop/timer.h"

/* As with those who connect to us: a silent connection is probed after a while, and a peer that
 * acknowledges nothing is given up. */
enum { KEEPALIVE_AFTER_S = 300, KEEPALIVE_EVERY_S = 60, UNACKNOWLEDGED_MS = 60000 };

struct connector {
	int fd;
	int error; /* of a failure that is to be told */
	struct descriptor *descriptor;
	struct timer *timer;
	void (*done)(void *state, int fd, const char *why);
	void *state;
};

static const char *reason(int error)
{
	const char *text = strerrordesc_np(error);

	return text == NULL ? "unknown error" : text;
}

static void set_option(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

static void set_options(int fd)
{
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_AFTER_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS);
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

static void connector_end(struct connector *connector, int error)
{
	int fd = connector->fd;

	descriptor_free(&connector->descriptor);
	timer_free(&connector->timer);
	if (error != 0 && fd >= 0)
		close(fd);
	connector->fd = -1;
	connector->done(connector->state, error == 0 ? fd : -1, error == 0 ? NULL : reason(error));
}

static void connector_ready(void *state, unsigned what)
{
	struct connector *connector = state;
	int error = 0;
	socklen_t length = sizeof error;

	(void)what;
	if (getsockopt(connector->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
		error = errno;
	connector_end(connector, error);
}

static void connector_late(void *state)
{
	struct connector *connector = state;

	connector_end(connector, connector->error != 0 ? connector->error : ETIMEDOUT);
}

/* 0, or an error to be told. */
static int connector_start(struct connector *connector, const struct sockaddr *address)
{
	socklen_t length = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
	                                                  : sizeof(struct sockaddr_in);

	connector->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connector->fd < 0)
		return errno;
	set_options(connector->fd);
	if (connect(connector->fd, address, length) != 0 && errno != EINPROGRESS)
		return errno;
	connector->descriptor = descriptor_new(connector->fd, connector_ready, connector);
	descriptor_watch(connector->descriptor, READY_WRITE);
	return 0;
}

struct connector *connector_new(const struct sockaddr *address, unsigned timeout_ms,
    void (*done)(void *state, int fd, const char *why), void *state)
{
	struct connector *connector = mem_alloc_zero(sizeof *connector);

	connector->done = done;
	connector->state = state;
	connector->timer = timer_new(connector_late, connector);
	connector->error = connector_start(connector, address);
	timer_set(connector->timer, connector->error != 0 ? 0 : timeout_ms);
	return connector;
}

void connector_free(struct connector **connector)
{
	struct connector *gone = *connector;

	*connector = NULL;
	if (gone == NULL)
		return;
	descriptor_free(&gone->descriptor);
	timer_free(&gone->timer);
	if (gone->fd >= 0)
		close(gone->fd);
	mem_free(gone);
}
