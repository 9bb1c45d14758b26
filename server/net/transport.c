/* transport.c - the life of a connection: beginning, events, moving, end.
 * Everything that cannot be done inside a call of the owner's (writing, telling of the end) is
 * asked for and done at the end of the round, in that one place. An event may free or finish the
 * transport: its insides go at once, its memory when the event returns. */
#define _GNU_SOURCE
#include "net/transport-private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/mem.h"
#include "loop/descriptor.h"
#include "loop/timer.h"
#include "net/listener.h"

/* How long a finished transport may take to write what is queued, and then wait for the peer's end.
 */
enum { FINISH_MS = 10000, LINGER_MS = 2000 };

static void transport_ready(void *state, unsigned what);

/* What transport_finish() left on this worker. */
static _Thread_local LIST_HEAD(, transport) finished_here;

static void peer_set_ipv4(struct transport *transport, const void *address)
{
	inet_ntop(AF_INET, address, transport->peer, sizeof(transport->peer));
}

/* Taken at the start: after a reset nobody can tell any more. */
static void peer_set(struct transport *transport)
{
	struct sockaddr_storage storage = { 0 };
	const struct sockaddr_in *ipv4 = (const void *)&storage;
	const struct sockaddr_in6 *ipv6 = (const void *)&storage;
	socklen_t length = sizeof(storage);

	if (getpeername(transport->fd, (void *)&storage, &length) != 0)
		return;
	if (storage.ss_family == AF_INET) {
		peer_set_ipv4(transport, &ipv4->sin_addr);
		transport->peer_port = ntohs(ipv4->sin_port);
	} else if (storage.ss_family == AF_INET6) {
		if (IN6_IS_ADDR_V4MAPPED(&ipv6->sin6_addr))
			peer_set_ipv4(transport, &ipv6->sin6_addr.s6_addr[12]);
		else
			inet_ntop(
			    AF_INET6, &ipv6->sin6_addr, transport->peer, sizeof(transport->peer));
		transport->peer_port = ntohs(ipv6->sin6_port);
	}
}

struct transport *transport_new(int fd, struct address *address,
    const struct transport_limits *limits, const struct transport_events *events, void *state)
{
	struct transport *transport = mem_alloc_zero(sizeof(*transport));

	transport->fd = fd;
	transport->address = address;
	transport->limits = *limits;
	transport->events = events;
	transport->state = state;
	input_set_limits(transport, false);
	peer_set(transport);
	transport->descriptor = descriptor_new(fd, transport_ready, transport);
	transport_watch(transport);
	return transport;
}

void transport_free(struct transport **transport)
{
	struct transport *gone = *transport;

	*transport = NULL;
	if (gone == NULL)
		return;
	later_cancel(&gone->later);
	input_forget(gone);
	handshake_forget(gone);
	timer_free(&gone->stall);
	timer_free(&gone->refill);
	descriptor_free(&gone->descriptor);
	SSL_free(gone->ssl);
	close(gone->fd);
	output_free(gone);
	address_release(&gone->address);
	tls_set_unref(&gone->tls);
	if (gone->finishing)
		LIST_REMOVE(gone, finished);
	gone->freed = true;
	if (!gone->telling)
		mem_free(gone);
}

void transport_tell_begin(struct transport *transport)
{
	transport->telling = true;
}

bool transport_tell_end(struct transport *transport)
{
	transport->telling = false;
	if (transport->freed) {
		mem_free(transport);
		return false;
	}
	return !transport->finishing;
}

static void tell_closed(struct transport *transport)
{
	/* A finished one that has heard the peer's end still has to write. */
	if (transport->finishing && transport->phase != PHASE_OVER)
		return;
	if (transport->finishing) {
		transport_free(&transport);
		return;
	}
	transport->phase = PHASE_OVER;
	if (transport->told_end)
		return;
	transport->told_end = true;
	transport_tell_begin(transport);
	transport->events->closed(
	    transport->state, (enum transport_end)transport->end, transport->detail);
	transport_tell_end(transport);
}

static void transport_round(struct later *later)
{
	struct transport *transport = CONTAINER_OF(later, struct transport, later);
	unsigned todo = transport->todo;

	transport->todo = 0;
	if ((todo & TODO_WRITE) != 0 && !output_flush(transport))
		return;
	todo |= transport->todo & TODO_TELL;
	if ((todo & TODO_TELL) != 0)
		tell_closed(transport);
}

void transport_ask(struct transport *transport, enum transport_todo todo)
{
	transport->todo |= (uint8_t)todo;
	if (transport->descriptor != NULL)
		worker_later(&transport->later, transport_round);
}

static unsigned wanted_readiness(const struct transport *transport)
{
	unsigned what = 0;

	switch ((enum transport_phase)transport->phase) {
	case PHASE_HANDSHAKE:
		return transport->handshake_wants;
	case PHASE_LINGERING:
		return READY_READ;
	case PHASE_OVER:
		return 0;
	case PHASE_CLEAR:
	case PHASE_LEAVING:
	case PHASE_SECURE:
		break;
	}
	if ((input_wanted(transport) && !transport->is_eager) || transport->write_wants_read)
		what |= READY_READ;
	if ((transport->blocked && !transport->write_wants_read) || transport->read_wants_write)
		what |= READY_WRITE;
	return what;
}

void transport_watch(struct transport *transport)
{
	if (transport->descriptor != NULL)
		descriptor_watch(transport->descriptor, wanted_readiness(transport));
}

static void transport_ready(void *state, unsigned what)
{
	struct transport *transport = state;

	if (transport->phase == PHASE_HANDSHAKE) {
		secure_handshake(transport);
		return;
	}
	if (transport->phase == PHASE_LINGERING) {
		if (!input_drop(transport))
			transport_free(&transport);
		return;
	}
	/* What TLS waits for in one direction may come from the other. */
	if (transport->write_wants_read || transport->read_wants_write)
		what = READY_READ | READY_WRITE;
	if ((what & READY_WRITE) != 0) {
		transport->blocked = false;
		if (!output_flush(transport))
			return;
	}
	if ((what & READY_READ) != 0)
		input_read(transport);
}

void transport_note_end(struct transport *transport, enum transport_end end, const char *detail)
{
	if (transport->ended)
		return;
	transport->ended = true;
	transport->end = (uint8_t)end;
	transport->detail = detail;
}

void transport_note_errno(struct transport *transport)
{
	const char *detail = strerrordesc_np(errno);

	transport_note_end(transport, TRANSPORT_BROKEN, detail == NULL ? "unknown error" : detail);
}

void transport_end(struct transport *transport)
{
	if (transport->phase == PHASE_OVER)
		return;
	handshake_forget(transport);
	if (transport->end != TRANSPORT_PEER_CLOSED) {
		transport->phase = PHASE_OVER;
		transport->blocked = false;
		timer_free(&transport->stall);
		timer_free(&transport->refill);
		output_free(transport);
	}
	transport_ask(transport, TODO_TELL);
	transport_watch(transport);
}

void transport_fail(struct transport *transport, enum transport_end end, const char *detail)
{
	transport_note_end(transport, end, detail);
	transport_end(transport);
}

void transport_finish(struct transport **transport)
{
	struct transport *finished = *transport;

	if (finished == NULL)
		return;
	/* In the middle of a handshake nothing can be said. */
	if (finished->phase >= PHASE_HANDSHAKE && finished->phase != PHASE_SECURE) {
		transport_free(transport);
		return;
	}
	*transport = NULL;
	if (finished->descriptor == NULL) {
		transport_free(&finished);
		return;
	}
	finished->finishing = true;
	LIST_INSERT_HEAD(&finished_here, finished, finished);
	output_deadline(finished, FINISH_MS);
	transport_ask(finished, TODO_WRITE);
	transport_watch(finished);
}

/* TLS ends with a close_notify (RFC 8446 section 6.1), the connection with our half of it; the
 * peer's half tells that it has read everything. Closing before that could destroy what is on its
 * way. */
void transport_linger(struct transport *transport)
{
	if (transport->phase == PHASE_SECURE) {
		ERR_clear_error();
		SSL_shutdown(transport->ssl);
	}
	if (shutdown(transport->fd, SHUT_WR) != 0) {
		transport_free(&transport);
		return;
	}
	transport->phase = PHASE_LINGERING;
	output_deadline(transport, LINGER_MS);
	transport_watch(transport);
}

void transport_abandon_all(void)
{
	struct transport *transport;

	while ((transport = LIST_FIRST(&finished_here)) != NULL)
		transport_free(&transport);
	input_abandon();
	output_abandon();
	secure_abandon();
}

void transport_detach(struct transport *transport)
{
	ASSERT(!transport->telling && !transport->finishing);
	later_cancel(&transport->later);
	input_detach(transport);
	output_detach(transport);
	descriptor_free(&transport->descriptor);
}

/* What was asked for meanwhile is done now. What TLS holds raises no readiness: it is read once
 * without waiting for it. */
void transport_attach(struct transport *transport)
{
	transport->descriptor = descriptor_new(transport->fd, transport_ready, transport);
	input_attach(transport);
	output_attach(transport);
	if (transport->todo != 0)
		transport_ask(transport, (enum transport_todo)transport->todo);
	transport_watch(transport);
}

void transport_set_limits(struct transport *transport, const struct transport_limits *limits)
{
	bool had_bound = transport->limits.read_bytes_per_second > 0;

	transport->limits = *limits;
	input_set_limits(transport, had_bound);
}

void transport_set_events(
    struct transport *transport, const struct transport_events *events, void *state)
{
	transport->events = events;
	transport->state = state;
}

const char *transport_peer(const struct transport *transport)
{
	return transport->peer;
}

unsigned transport_peer_port(const struct transport *transport)
{
	return transport->peer_port;
}

struct address *transport_address(const struct transport *transport)
{
	return transport->address;
}
