/* listener.c - accepts connections and hands them to workers in turn.
 * What is set on the listening socket (no delay, keepalive, deadlines of TCP) Linux hands down to
 * every connection, which saves four system calls for each. */
#define _GNU_SOURCE
#include "net/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/descriptor.h"
#include "loop/timer.h"
#include "loop/worker.h"
#include "net/address-private.h"

/* So many connections are accepted before others get their turn; so long is the pause when there
 * are no descriptors left; so often a refusal is logged. */
enum { ACCEPTS_MAX = 64, PAUSE_MS = 100, LOG_EVERY_MS = 60000 };
/* A silent connection is probed after a while, and a peer that acknowledges nothing is given up. */
enum { KEEPALIVE_AFTER_S = 300, KEEPALIVE_EVERY_S = 60, UNACKNOWLEDGED_MS = 60000 };

struct listener {
	int fd;
	unsigned port;
	struct descriptor *descriptor;
	struct timer *pause;
	struct worker *const *workers;
	size_t worker_count;
	size_t next;
	listener_accepted *accepted;
	void *state;
	struct log_crowd refused;
};

/* Of the first worker. */
static bool (*peer_is_refused)(const struct sockaddr *peer);

/* A connection on its way to its worker. */
struct handover {
	struct mail mail;
	listener_accepted *accepted;
	void *state;
	struct address *address;
	int fd;
};

static void set_option(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

static void set_options(int fd)
{
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_AFTER_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS);
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

/* A bound and listening socket, or -1 with errno. */
static int socket_listen(const struct sockaddr *address, socklen_t length, bool ipv6_only)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -1;
	set_options(fd);
	if (address->sa_family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, ipv6_only);
	if (bind(fd, address, length) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int listen_everywhere(unsigned port)
{
	const struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port) };
	const struct sockaddr_in ipv4 = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	int fd = socket_listen((const void *)&ipv6, sizeof(ipv6), false);

	if (fd >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
		return fd;
	return socket_listen((const void *)&ipv4, sizeof(ipv4), false);
}

static const char *cure_of(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "another program listens there (ss -ltnp shows which): stop it or choose "
		       "another port";
	case EACCES:
	case EPERM:
		return "ports below 1024 need root or CAP_NET_BIND_SERVICE: grant it or choose "
		       "another port";
	case EADDRNOTAVAIL:
		return "no interface of this machine has the address: correct it or bring the "
		       "interface up";
	case EMFILE:
	case ENFILE:
		return "raise the limit of open files (LimitNOFILE, ulimit -n)";
	default:
		return "check the address and the port";
	}
}

/* -1 and a text if it cannot be. */
static int listen_at(const char *host, unsigned port, struct arena *arena, const char **error_out)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	int result, fd;

	result = getaddrinfo(host, arena_printf(arena, "%u", port), &hints, &found);
	if (result != 0) {
		*error_out = arena_printf(arena,
		    "cannot listen on \"%s\": %s; give an address of this machine", host,
		    gai_strerror(result));
		return -1;
	}
	fd = socket_listen(found->ai_addr, found->ai_addrlen, true);
	result = errno;
	freeaddrinfo(found);
	errno = result;
	return fd;
}

static unsigned port_of(int fd)
{
	struct sockaddr_in6 bound = { 0 };
	socklen_t length = sizeof(bound);

	/* The port is at the same place in both families. */
	getsockname(fd, (void *)&bound, &length);
	return ntohs(bound.sin6_port);
}

struct listener *listener_new(
    const char *host, unsigned port, struct arena *arena, const char **error_out)
{
	struct listener *listener;
	int fd;

	if (port > 65535) {
		*error_out =
		    arena_printf(arena, "there is no port %u; choose one up to 65535", port);
		return NULL;
	}
	*error_out = NULL;
	fd = host == NULL ? listen_everywhere(port) : listen_at(host, port, arena, error_out);
	if (fd < 0) {
		if (*error_out == NULL)
			*error_out = arena_printf(arena, "cannot listen on %s port %u: %s; %s",
			    host == NULL ? "all addresses," : host, port, strerror(errno),
			    cure_of(errno));
		return NULL;
	}
	listener = mem_alloc_zero(sizeof(*listener));
	listener->fd = fd;
	listener->port = port_of(fd);
	return listener;
}

unsigned listener_port(const struct listener *listener)
{
	return listener->port;
}

/* How many a line would be about; 0: none is due. */
static int64_t refusals_due(struct listener *listener)
{
	return log_crowd_due(&listener->refused, worker_now_ms(), LOG_EVERY_MS);
}

static void refuse(struct listener *listener, int fd, const char *limit, const char *address)
{
	int64_t refused = refusals_due(listener);

	close(fd);
	if (refused > 0)
		log_warning(NULL, "connection refused, limit reached", KV("limit", limit),
		    KV("address", address), KV("port", listener->port), KV("refused", refused));
}

static void refuse_banned(struct listener *listener, int fd)
{
	int64_t refused = refusals_due(listener);

	close(fd);
	if (refused > 0)
		log_info(NULL, "connection refused, its address is banned",
		    KV("port", listener->port), KV("refused", refused));
}

static void handover_run(struct mail *mail)
{
	struct handover *handover = CONTAINER_OF(mail, struct handover, mail);

	handover->accepted(handover->state, handover->fd, handover->address);
	mem_free(handover);
}

static void hand_over(struct listener *listener, int fd, struct address *address)
{
	struct worker *worker = listener->workers[listener->next];
	struct handover *handover;

	listener->next = (listener->next + 1) % listener->worker_count;
	if (worker == worker_current()) {
		listener->accepted(listener->state, fd, address);
		return;
	}
	handover = mem_alloc_zero(sizeof(*handover));
	handover->accepted = listener->accepted;
	handover->state = listener->state;
	handover->fd = fd;
	handover->address = address;
	worker_post(worker, &handover->mail, handover_run);
}

static void pause_over(void *state)
{
	struct listener *listener = state;

	timer_free(&listener->pause);
	descriptor_watch(listener->descriptor, READY_READ);
}

/* The connection stays in the queue and keeps the socket ready: looking again at once would spin.
 */
static void pause_accepting(struct listener *listener, int error)
{
	descriptor_watch(listener->descriptor, 0);
	listener->pause = timer_new(pause_over, listener);
	timer_set(listener->pause, PAUSE_MS);
	if (refusals_due(listener) > 0)
		log_error(NULL, "cannot accept connections, out of resources",
		    KV("error", strerror(error)), KV("port", listener->port),
		    KV("cure", cure_of(error)));
}

/* Takes one connection; false when there are no more for now. */
static bool accept_one(struct listener *listener)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t length = sizeof(peer);
	char text[ADDRESS_TEXT_BYTES];
	struct address *address;
	const char *limit;
	int fd = accept4(listener->fd, (void *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
		pause_accepting(listener, errno);
	/* What else goes wrong is the trouble of that one connection (accept(2)). */
	if (fd < 0)
		return errno != EAGAIN && listener->pause == NULL;
	if (peer_is_refused != NULL && peer_is_refused((const void *)&peer)) {
		refuse_banned(listener, fd);
		return true;
	}
	address = address_admit((const void *)&peer, &limit, text);
	if (address == NULL)
		refuse(listener, fd, limit, text);
	else
		hand_over(listener, fd, address);
	return true;
}

static void listener_ready(void *state, unsigned what)
{
	struct listener *listener = state;

	for (unsigned i = 0; i < ACCEPTS_MAX; i++)
		if (!accept_one(listener))
			break;
}

void listener_start(struct listener *listener, struct worker *const *workers, size_t worker_count,
    listener_accepted *accepted, void *state)
{
	ASSERT(listener->descriptor == NULL && worker_count > 0);
	listener->workers = workers;
	listener->worker_count = worker_count;
	listener->accepted = accepted;
	listener->state = state;
	address_table_open();
	listener->descriptor = descriptor_new(listener->fd, listener_ready, listener);
	descriptor_watch(listener->descriptor, READY_READ);
}

void listeners_refuse(bool (*is_refused)(const struct sockaddr *peer))
{
	peer_is_refused = is_refused;
}

void listener_free(struct listener **listener)
{
	struct listener *gone = *listener;

	*listener = NULL;
	if (gone == NULL)
		return;
	if (gone->descriptor != NULL)
		address_table_close();
	timer_free(&gone->pause);
	descriptor_free(&gone->descriptor);
	close(gone->fd);
	mem_free(gone);
}
