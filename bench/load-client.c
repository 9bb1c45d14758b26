/* load-client.c - see load-client.h. */
#define _GNU_SOURCE
#include "load-client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "descriptors.h"
#include "load-login.h"
#include "load-measure.h"

#define EVENTS_A_TURN 256
#define READ_BYTES 4096
#define STANZA_MAX_BYTES 4096
#define FIRST_SOURCE 0x7f00000au /* 127.0.0.10 */

static struct {
	const struct client_settings *settings;
	char *domain; /* as OpenSSL wants it */
	SSL_CTX *tls;
	int epoll;
	uint32_t next_source;
	int listener;
	void (*came)(int fd);
} loop;

/* ---- the loop ---- */

/* Every handshake is a full one, as after a restart of the server. */
static SSL_CTX *tls_make(void)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	ASSERT(tls != NULL);
	SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(tls, 1);
	SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS);
	return tls;
}

void clients_begin(const struct client_settings *settings)
{
	descriptors_raise();
	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to broken connections, too */
	loop.settings = settings;
	loop.domain = mem_strdup(settings->domain);
	loop.tls = tls_make();
	loop.epoll = epoll_create1(EPOLL_CLOEXEC);
	ASSERT(loop.epoll >= 0);
}

const struct client_settings *client_settings(void)
{
	return loop.settings;
}

static void watch(struct client *client, int operation, bool wants_write)
{
	struct epoll_event event = { .events = (client->is_deaf ? 0 : EPOLLIN) |
		                               (wants_write ? EPOLLOUT : 0),
		.data.ptr = client };

	client->waits_to_write = wants_write;
	epoll_ctl(loop.epoll, operation, client->fd, &event);
}

static void watch_writing(struct client *client, bool wants_write)
{
	if (client->waits_to_write != wants_write)
		watch(client, EPOLL_CTL_MOD, wants_write);
}

/* ---- life ---- */

static bool source_choose(int fd)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int on = 1;

	if (loop.settings->sources == 0)
		return true;
	address.sin_addr.s_addr =
	    htonl(FIRST_SOURCE + loop.next_source++ % (uint32_t)loop.settings->sources);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	return bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static bool connect_to_server(int fd, size_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int on = 1;

	inet_pton(AF_INET, loop.settings->host, &address.sin_addr);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ||
	       errno == EINPROGRESS;
}

void client_open(struct client *client, void (*receive)(struct client *, struct span))
{
	client->receive = receive;
	client->is_connecting = true;
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0) {
		client_fail(client, "no descriptor left");
		return;
	}
	if (!source_choose(client->fd))
		client_fail(client, "no such source address");
	else if (!connect_to_server(
		     client->fd, client->port == 0 ? loop.settings->port : client->port))
		client_fail(client, "cannot connect");
	else
		watch(client, EPOLL_CTL_ADD, true);
}

bool clients_listen(size_t port, void (*came)(int fd))
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	int on = 1;

	loop.came = came;
	if (loop.listener > 0)
		return true;
	loop.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(loop.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	return bind(loop.listener, (struct sockaddr *)&address, sizeof address) == 0 &&
	       listen(loop.listener, SOMAXCONN) == 0 &&
	       epoll_ctl(loop.epoll, EPOLL_CTL_ADD, loop.listener, &event) == 0;
}

static void calls_take(void)
{
	int fd;

	while ((fd = accept4(loop.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		loop.came(fd);
}

void client_adopt(struct client *client, int fd, void (*receive)(struct client *, struct span))
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	client->fd = fd;
	client->receive = receive;
	watch(client, EPOLL_CTL_ADD, false);
}

void client_deafen(struct client *client)
{
	struct epoll_event event = { .events = 0, .data.ptr = client };

	epoll_ctl(loop.epoll, EPOLL_CTL_MOD, client->fd, &event);
	client->is_deaf = true;
}

void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	SSL_free(client->ssl);
	client->ssl = NULL;
	text_free(&client->in);
	text_free(&client->out);
	login_forget(client);
	client->is_connecting = client->is_shaking_hands = client->waits_to_write = false;
	client->is_deaf = false;
}

void client_leave(struct client *client)
{
	static const char end[] = "</stream:stream>";

	if (client->fd >= 0)
		client_send(client, end, sizeof end - 1);
	if (client->ssl != NULL)
		SSL_shutdown(client->ssl);
	client_close(client);
}

void client_fail(struct client *client, const char *why)
{
	client_close(client);
	client->events->ended(client, why);
}

/* ---- output ---- */

/* Returns the bytes taken, 0 if it would block, -1 if the connection is broken. */
static long bytes_write(struct client *client, const char *bytes, size_t length)
{
	long written;

	if (client->ssl == NULL) {
		written = send(client->fd, bytes, length, MSG_NOSIGNAL);
		return written >= 0 ? written : errno == EAGAIN ? 0 : -1;
	}
	written = SSL_write(client->ssl, bytes, (int)length);
	if (written > 0)
		return written;
	return SSL_get_error(client->ssl, (int)written) == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void client_flush(struct client *client)
{
	while (client->out.length > 0) {
		long written = bytes_write(client, client->out.at, client->out.length);

		if (written < 0) {
			client_fail(client, "connection lost in writing");
			return;
		}
		if (written == 0)
			break;
		text_consume(&client->out, (size_t)written);
	}
	watch_writing(client, client->out.length > 0);
	if (client->out.length == 0)
		text_free(&client->out);
}

void client_send(struct client *client, const char *bytes, size_t length)
{
	long written = 0;

	if (client->fd < 0)
		return;
	/* A broken connection is found when it is read from, outside of the caller. */
	if (client->out.length == 0)
		written = bytes_write(client, bytes, length);
	if (written < 0 || (size_t)written == length)
		return;
	text_append(&client->out, bytes + written, length - (size_t)written);
	watch_writing(client, true);
}

void client_printf(struct client *client, const char *format, ...)
{
	char stanza[STANZA_MAX_BYTES];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(stanza, sizeof stanza, format, arguments);
	va_end(arguments);
	ASSERT(length >= 0 && (size_t)length < sizeof stanza);
	client_send(client, stanza, (size_t)length);
}

/* A pair is a group; what is said there comes as it stands, in no stream. */
static void group_enter(struct client *client)
{
	client->scanner.depth = 1;
	client_printf(client, "%zu\n", client->number / 2);
}

void client_open_stream(struct client *client)
{
	client->streams++;
	client->scanner = (struct scanner){ 0 };
	text_free(&client->in);
	if (client->is_called)
		return;
	if (client->greet != NULL) {
		client->greet(client);
		return;
	}
	if (loop.settings->is_raw) {
		group_enter(client);
		return;
	}
	client_printf(client,
	    "<?xml version='1.0'?><stream:stream to='%s' version='1.0' xmlns='jabber:client' "
	    "xmlns:stream='http://etherx.jabber.org/streams'>",
	    loop.settings->domain);
}

/* ---- input ---- */

static void shake_hands(struct client *client)
{
	int done = SSL_do_handshake(client->ssl);
	int error = SSL_get_error(client->ssl, done);

	if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ &&
	    error != SSL_ERROR_WANT_WRITE) {
		ERR_clear_error();
		client_fail(client, "TLS handshake failed");
		return;
	}
	watch_writing(client, error == SSL_ERROR_WANT_WRITE);
	client->is_shaking_hands = done != 1;
	if (done == 1)
		client_open_stream(client);
}

void client_start_tls(struct client *client)
{
	client->streams++; /* the one in clear has ended */
	text_free(&client->in);
	client->ssl = SSL_new(client->tls == NULL ? loop.tls : client->tls);
	ASSERT(client->ssl != NULL);
	SSL_set_fd(client->ssl, client->fd);
	SSL_set_tlsext_host_name(client->ssl, loop.domain);
	if (client->is_called)
		SSL_set_accept_state(client->ssl);
	else
		SSL_set_connect_state(client->ssl);
	client->is_shaking_hands = true;
	shake_hands(client);
}

/* Returns the bytes read, 0 if there are none now, -1 if the connection is broken. */
static long bytes_read(struct client *client, char *bytes, size_t room)
{
	long length;
	int error;

	if (client->ssl == NULL) {
		length = recv(client->fd, bytes, room, 0);
		return length > 0 ? length : length < 0 && errno == EAGAIN ? 0 : -1;
	}
	length = SSL_read(client->ssl, bytes, (int)room);
	if (length > 0)
		return length;
	error = SSL_get_error(client->ssl, (int)length);
	ERR_clear_error();
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* The next thing that is complete. */
static enum scanned client_take(struct client *client)
{
	struct span span;
	enum scanned found = scan_next(&client->scanner, &client->in, &span);

	if (found == SCAN_STANZA)
		client->receive(client, span);
	else if (found == SCAN_HEADER && client->greeted != NULL)
		client->greeted(client, span);
	return found;
}

/* Hands out what is complete. A stanza may end the connection, or its stream. */
static void stanzas_receive(struct client *client)
{
	unsigned streams = client->streams;
	enum scanned found = SCAN_HEADER;

	while (client->fd >= 0 && client->streams == streams &&
	       (found == SCAN_HEADER || found == SCAN_STANZA))
		found = client_take(client);
	if (client->fd < 0 || client->streams != streams)
		return;
	if (found == SCAN_END)
		client_fail(client, "stream ended by the server");
	else
		scan_consume(&client->scanner, &client->in);
}

static void client_read(struct client *client)
{
	do {
		char *room = text_reserve(&client->in, READ_BYTES);
		long length = bytes_read(client, room, READ_BYTES);

		if (length < 0) {
			client_fail(client, "connection lost");
			return;
		}
		client->in.length += (size_t)length;
		stanzas_receive(client);
	} while (client->ssl != NULL && !client->is_shaking_hands && SSL_has_pending(client->ssl));
}

static void client_connected(struct client *client)
{
	int error = 0;
	socklen_t length = sizeof error;

	getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error != 0) {
		client_fail(client, "cannot connect");
		return;
	}
	client->is_connecting = false;
	watch_writing(client, false);
	if (loop.settings->is_raw)
		client_start_tls(client);
	else
		client_open_stream(client);
}

static void client_event(struct client *client, uint32_t events)
{
	if (client->fd >= 0 && client->is_connecting) {
		client_connected(client);
		return;
	}
	if (client->fd >= 0 && client->is_shaking_hands)
		shake_hands(client);
	if (client->fd >= 0 && !client->is_shaking_hands && events & EPOLLOUT)
		client_flush(client);
	if (client->fd >= 0 && !client->is_shaking_hands && events & ~(uint32_t)EPOLLOUT)
		client_read(client);
}

void clients_turn(int64_t timeout_ns)
{
	struct epoll_event events[EVENTS_A_TURN];
	struct timespec timeout = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
	int count = epoll_pwait2(loop.epoll, events, EVENTS_A_TURN, &timeout, NULL);

	for (int i = 0; i < count; i++)
		if (events[i].data.ptr == NULL)
			calls_take();
		else
			client_event(events[i].data.ptr, events[i].events);
}
