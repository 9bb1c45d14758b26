/* floor.c - what a message costs without XMPP: a relay that ends TLS and copies bytes.
 * A connection names its group by a number on its first line and is answered "<ok/>"; from then on
 * what it sends goes, record by record, to all others of the group. No XML, no routing, no limits:
 * a server that is to be compared with it does all that besides. Also for `load --raw`. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "descriptors.h"

#define GROUPS 1000000
#define EVENTS_A_TURN 256
#define RECORD_BYTES 16384

struct member {
	int fd;
	bool has_group, waits_to_write;
	SSL *ssl;
	struct text out; /* what the socket did not take */
	struct group *group;
	LIST_ENTRY(member) others;
};

LIST_HEAD(group, member);

static struct {
	int epoll, listener;
	SSL_CTX *tls;
	struct group *groups;
} relay;

static void member_free(struct member *member)
{
	if (member->has_group)
		LIST_REMOVE(member, others);
	SSL_free(member->ssl);
	close(member->fd);
	text_free(&member->out);
	mem_free(member);
}

static void watch(struct member *member, int operation)
{
	struct epoll_event event = { .events = EPOLLIN | (member->waits_to_write ? EPOLLOUT : 0),
		.data.ptr = member };

	epoll_ctl(relay.epoll, operation, member->fd, &event);
}

/* ---- output ---- */

static void watch_writing(struct member *member, bool waits)
{
	if (member->waits_to_write == waits)
		return;
	member->waits_to_write = waits;
	watch(member, EPOLL_CTL_MOD);
}

/* A broken connection is found when it is read from. */
static size_t bytes_write(struct member *member, const char *bytes, size_t length)
{
	size_t written = 0;

	if (SSL_write_ex(member->ssl, bytes, length, &written) != 1)
		ERR_clear_error();
	return written;
}

static void member_send(struct member *member, const char *bytes, size_t length)
{
	size_t written = 0;

	if (member->out.length == 0)
		written = bytes_write(member, bytes, length);
	if (written == length)
		return;
	text_append(&member->out, bytes + written, length - written);
	watch_writing(member, true);
}

static void member_flush(struct member *member)
{
	text_consume(&member->out, bytes_write(member, member->out.at, member->out.length));
	if (member->out.length > 0)
		return;
	text_free(&member->out);
	watch_writing(member, false);
}

/* ---- input ---- */

static void member_enter(struct member *member, const char *line)
{
	member->group = &relay.groups[strtoul(line, NULL, 10) % GROUPS];
	member->has_group = true;
	LIST_INSERT_HEAD(member->group, member, others);
	member_send(member, "<ok/>", 5);
}

static void member_take(struct member *member, char *bytes, size_t length)
{
	struct member *other;

	if (!member->has_group) {
		bytes[length] = 0;
		member_enter(member, bytes);
		return;
	}
	LIST_FOREACH (other, member->group, others)
		if (other != member)
			member_send(other, bytes, length);
}

static void member_read(struct member *member)
{
	char bytes[RECORD_BYTES + 1];
	size_t length;

	do {
		int done = SSL_read_ex(member->ssl, bytes, RECORD_BYTES, &length);
		int error = SSL_get_error(member->ssl, done);

		if (error != SSL_ERROR_NONE) {
			ERR_clear_error();
			if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
				member_free(member);
			return;
		}
		member_take(member, bytes, length);
	} while (SSL_has_pending(member->ssl));
}

static void member_event(struct member *member, uint32_t events)
{
	if (events & EPOLLOUT && member->out.length > 0)
		member_flush(member);
	member_read(member);
}

/* ---- the relay ---- */

static void members_accept(void)
{
	int fd, on = 1;

	while ((fd = accept4(relay.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct member *member = mem_alloc_zero(sizeof *member);

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		member->fd = fd;
		member->ssl = SSL_new(relay.tls);
		SSL_set_fd(member->ssl, fd);
		SSL_set_accept_state(member->ssl);
		watch(member, EPOLL_CTL_ADD);
	}
}

static bool tls_make(const char *certificate, const char *key)
{
	relay.tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_num_tickets(relay.tls, 0);
	SSL_CTX_set_mode(relay.tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
					SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					SSL_MODE_RELEASE_BUFFERS);
	return SSL_CTX_use_certificate_chain_file(relay.tls, certificate) == 1 &&
	       SSL_CTX_use_PrivateKey_file(relay.tls, key, SSL_FILETYPE_PEM) == 1;
}

static bool port_listen(unsigned long port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event event = { .events = EPOLLIN };
	int on = 1;

	relay.epoll = epoll_create1(EPOLL_CLOEXEC);
	relay.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(relay.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	return bind(relay.listener, (struct sockaddr *)&address, sizeof address) == 0 &&
	       listen(relay.listener, SOMAXCONN) == 0 &&
	       epoll_ctl(relay.epoll, EPOLL_CTL_ADD, relay.listener, &event) == 0;
}

static void relay_turn(void)
{
	struct epoll_event events[EVENTS_A_TURN];
	int count = epoll_wait(relay.epoll, events, EVENTS_A_TURN, -1);

	for (int i = 0; i < count; i++)
		if (events[i].data.ptr == NULL)
			members_accept();
		else
			member_event(events[i].data.ptr, events[i].events);
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fputs("usage: floor PORT CERTIFICATE KEY\n\nA relay on 127.0.0.1 that ends TLS and "
		      "copies bytes, for bench/scale.\n",
		    stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	descriptors_raise();
	relay.groups = mem_alloc_zero(GROUPS * sizeof *relay.groups);
	if (!tls_make(argv[2], argv[3])) {
		ERR_print_errors_fp(stderr);
		return 1;
	}
	if (!port_listen(strtoul(argv[1], NULL, 10))) {
		perror("floor: cannot listen");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (true)
		relay_turn();
}
