/* transport-handshake.c - the TLS handshake, and the queue for it.
 * A handshake costs as much as hundreds of stanzas. When many clients come at once (a network is
 * back, a server was restarted), a few of those who have said their ClientHello are taken in each
 * round, in the order in which they came: who is online is not held up, who was taken is logged in
 * soon, and who waits costs nothing, not even the memory of TLS. Taking all of them at once would
 * make all of them late. */
#define _GNU_SOURCE
#include "net/transport-private.h"

#include <errno.h>

#include <openssl/err.h>

#include "loop/descriptor.h"

/* That begin in a round. */
enum { HANDSHAKES_MAX = 8 };

static _Thread_local struct {
	TAILQ_HEAD(handshake_list, transport) queue;
	struct mail mail;
	struct later later;
	unsigned count; /* begun in this round */
	bool is_made;
	bool is_posted;
} handshakes;

static void turns_give(struct mail *mail);

/* What was queued before leaves in clear. */
static void clear_leave(struct transport *transport)
{
	transport->clear_left = transport_unsent(transport);
	if (transport->clear_left == 0) {
		secure_begin(transport);
		return;
	}
	transport->phase = PHASE_LEAVING;
	transport_watch(transport);
}

void transport_start_tls(
    struct transport *transport, struct tls_set *set, const char *alpn, const char *domain)
{
	if (transport->phase != PHASE_CLEAR || transport->ended)
		return;
	transport->tls = tls_set_ref(set);
	transport->alpn = alpn;
	transport->domain = domain;
	clear_leave(transport);
}

void transport_ask_certificate(struct transport *transport)
{
	transport->asks_certificate = true;
}

/* What is of our own making waits for nobody's turn. */
void transport_connect_tls(struct transport *transport, struct tls_set *set, const char *alpn,
    const char *domain, const char *server_name)
{
	if (transport->phase != PHASE_CLEAR || transport->ended)
		return;
	transport->tls = tls_set_ref(set);
	ERR_clear_error();
	transport->ssl = tls_connect(set, transport->fd, alpn, domain, server_name);
	if (transport->ssl == NULL) {
		transport_fail(transport, TRANSPORT_TLS_FAILED, tls_reason());
		return;
	}
	clear_leave(transport);
}

/* Who calls has the first word. */
void secure_begin(struct transport *transport)
{
	transport->phase = PHASE_HANDSHAKE;
	transport->handshake_wants = transport->ssl == NULL ? READY_READ : READY_WRITE;
	transport_watch(transport);
}

/* ---- turns */

static void handshakes_reset(struct later *later)
{
	(void)later;
	handshakes.count = 0;
}

/* Whether this round has time for one more. */
static bool handshake_may(void)
{
	if (handshakes.count >= HANDSHAKES_MAX)
		return false;
	handshakes.count++;
	worker_later(&handshakes.later, handshakes_reset);
	return true;
}

static void turns_ask(void)
{
	if (handshakes.is_posted || TAILQ_EMPTY(&handshakes.queue))
		return;
	handshakes.is_posted = true;
	worker_post(worker_current(), &handshakes.mail, turns_give);
}

/* Until then its descriptor is not watched: it stays ready, and would keep the loop busy. */
static void turn_wait(struct transport *transport)
{
	transport->is_queued = true;
	transport->queued_at_ms = worker_now_ms();
	transport->handshake_wants = 0;
	TAILQ_INSERT_TAIL(&handshakes.queue, transport, eager);
	transport_watch(transport);
	turns_ask();
}

void handshake_forget(struct transport *transport)
{
	if (!transport->is_queued)
		return;
	TAILQ_REMOVE(&handshakes.queue, transport, eager);
	transport->is_queued = false;
	transport->waited_ms += worker_now_ms() - transport->queued_at_ms;
}

int64_t transport_waited_ms(const struct transport *transport)
{
	int64_t now_ms = transport->is_queued ? worker_now_ms() : transport->queued_at_ms;

	return transport->waited_ms + now_ms - transport->queued_at_ms;
}

void secure_abandon(void)
{
	later_cancel(&handshakes.later);
	handshakes.count = 0;
	handshakes.is_posted = false;
}

/* ---- steps */

static bool handshake_done(struct transport *transport)
{
	transport->phase = PHASE_SECURE;
	transport->charged = secure_taken(transport);
	if (transport_unsent(transport) > 0)
		transport_ask(transport, TODO_WRITE);
	transport_tell_begin(transport);
	transport->events->secured(transport->state);
	if (!transport_tell_end(transport))
		return false;
	input_continue(transport);
	return true;
}

static bool handshake_step(struct transport *transport)
{
	int result, error;

	ERR_clear_error();
	errno = 0;
	result = SSL_do_handshake(transport->ssl);
	if (result == 1)
		return handshake_done(transport);
	error = SSL_get_error(transport->ssl, result);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		transport->handshake_wants =
		    error == SSL_ERROR_WANT_READ ? READY_READ : READY_WRITE;
		transport_watch(transport);
		return true;
	}
	secure_note_error(transport, error);
	transport_end(transport);
	return true;
}

/* The peer has said something. */
static bool handshake_first(struct transport *transport)
{
	ERR_clear_error();
	transport->ssl = tls_accept(transport->tls, transport->fd, &transport->alpn,
	    transport->domain, transport->asks_certificate);
	if (transport->ssl != NULL)
		return handshake_step(transport);
	transport_fail(transport, TRANSPORT_TLS_FAILED, tls_reason());
	return true;
}

bool secure_handshake(struct transport *transport)
{
	if (!handshakes.is_made)
		TAILQ_INIT(&handshakes.queue);
	handshakes.is_made = true;
	if (transport->ssl != NULL)
		return handshake_step(transport);
	if (TAILQ_EMPTY(&handshakes.queue) && handshake_may())
		return handshake_first(transport);
	if (!transport->is_queued)
		turn_wait(transport);
	return true;
}

/* As mail, it comes after the readiness of those who have begun. */
static void turns_give(struct mail *mail)
{
	struct transport *transport;

	(void)mail;
	handshakes.is_posted = false;
	while ((transport = TAILQ_FIRST(&handshakes.queue)) != NULL && handshake_may()) {
		handshake_forget(transport);
		transport->handshake_wants = READY_READ;
		transport_watch(transport);
		handshake_first(transport);
	}
	turns_ask();
}
