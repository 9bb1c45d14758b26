/* transport-output.c - writing: everything queued in a round leaves at its end.
 * A connection owns a buffer only while something is queued; empty ones go from connection to
 * connection within a thread. What the kernel does not take stays, is bounded, and has a deadline.
 */
#include "net/transport-private.h"

#include <errno.h>
#include <sys/socket.h>

#include "loop/timer.h"

/* Buffers kept for the next connection that writes: so many in each thread, none larger. */
enum { SPARES_MAX = 64, SPARE_MAX_BYTES = 8192, SPARE_BYTES = 1024 };

static _Thread_local struct {
	struct text texts[SPARES_MAX];
	unsigned count;
} spares;

static void buffer_take(struct text *text)
{
	if (spares.count > 0)
		*text = spares.texts[--spares.count];
	else
		text_reserve(text, SPARE_BYTES);
}

static void buffer_give(struct text *text)
{
	if (text->at != NULL && text->capacity <= SPARE_MAX_BYTES && spares.count < SPARES_MAX) {
		text_clear(text);
		spares.texts[spares.count++] = *text;
		*text = (struct text){ 0 };
		return;
	}
	text_free(text);
}

void output_abandon(void)
{
	while (spares.count > 0)
		text_free(&spares.texts[--spares.count]);
}

void output_free(struct transport *transport)
{
	buffer_give(&transport->output);
	transport->sent = 0;
}

size_t transport_unsent(const struct transport *transport)
{
	return transport->output.length - transport->sent;
}

bool transport_is_full(const struct transport *transport)
{
	return transport_unsent(transport) > transport->limits.output_soft_bytes;
}

uint32_t transport_sent(const struct transport *transport)
{
	return transport->written;
}

uint32_t transport_queued(const struct transport *transport)
{
	return transport->written + (uint32_t)transport_unsent(transport);
}

static bool write_all(struct transport *transport);

void transport_push(struct transport *transport)
{
	if (!transport->blocked && !transport->ended &&
	    (transport->phase == PHASE_CLEAR || transport->phase == PHASE_SECURE))
		write_all(transport);
}

struct text *transport_output(struct transport *transport)
{
	struct text *output = &transport->output;
	size_t unsent;

	/* A round may be long: only what the kernel does not take is unread. */
	if (transport_is_full(transport))
		transport_push(transport);
	unsent = transport_unsent(transport);
	if (unsent > transport->limits.output_hard_bytes)
		transport_fail(transport, TRANSPORT_OVERFLOW, "more unsent output than allowed");
	if (transport->phase == PHASE_OVER) {
		text_clear(output);
		return output;
	}
	/* The reading in progress ends with what is being delivered. */
	if (transport_is_full(transport) && !transport->keeps_reading)
		transport->choked = true;
	if (output->at == NULL)
		buffer_take(output);
	if (transport->sent > output->length / 2) {
		text_consume(output, transport->sent);
		transport->sent = 0;
	}
	transport->owes_written = true;
	transport_ask(transport, TODO_WRITE);
	return output;
}

static void stall_fired(void *state)
{
	struct transport *transport = state;
	int64_t left_ms;

	if (transport->finishing) {
		transport_free(&transport);
		return;
	}
	left_ms = transport->stalled_at_ms + transport->limits.write_timeout_ms - worker_now_ms();
	if (left_ms > 0)
		timer_set(transport->stall, (unsigned)left_ms);
	else
		transport_fail(transport, TRANSPORT_STALLED, "the peer does not read");
}

void output_deadline(struct transport *transport, unsigned after_ms)
{
	if (transport->stall == NULL)
		transport->stall = timer_new(stall_fired, transport);
	timer_set(transport->stall, after_ms);
}

/* Progress only moves the time; the timer looks at it when it fires. */
static void stall_note(struct transport *transport, bool progress)
{
	if (progress || transport->stall == NULL)
		transport->stalled_at_ms = worker_now_ms();
	if (transport->stall == NULL && transport->limits.write_timeout_ms > 0)
		output_deadline(transport, transport->limits.write_timeout_ms);
}

void output_detach(struct transport *transport)
{
	timer_free(&transport->stall);
}

void output_attach(struct transport *transport)
{
	int64_t left_ms;

	if (transport_unsent(transport) > 0)
		transport_ask(transport, TODO_WRITE);
	if (!transport->blocked || transport->limits.write_timeout_ms == 0)
		return;
	left_ms = transport->stalled_at_ms + transport->limits.write_timeout_ms - worker_now_ms();
	output_deadline(transport, left_ms > 0 ? (unsigned)left_ms : 0);
}

static size_t clear_write(struct transport *transport, const char *bytes, size_t length)
{
	ssize_t count = send(transport->fd, bytes, length, MSG_NOSIGNAL);

	if (count >= 0)
		return (size_t)count;
	if (errno == EAGAIN || errno == EINTR)
		transport->blocked = true;
	else
		transport_note_errno(transport);
	return 0;
}

/* Writes a piece: in clear no more than what was queued before TLS was asked for. */
static size_t write_piece(struct transport *transport)
{
	const char *bytes = transport->output.at + transport->sent;
	size_t count;

	if (transport->phase == PHASE_SECURE)
		return secure_write(transport, bytes, transport_unsent(transport));
	if (transport->phase == PHASE_CLEAR)
		return clear_write(transport, bytes, transport_unsent(transport));
	count = clear_write(transport, bytes, transport->clear_left);
	transport->clear_left -= count;
	return count;
}

static bool nothing_left(const struct transport *transport)
{
	return transport_unsent(transport) == 0 ||
	       (transport->phase == PHASE_LEAVING && transport->clear_left == 0);
}

/* Returns whether anything left. */
static bool write_all(struct transport *transport)
{
	bool progress = false;

	while (!nothing_left(transport)) {
		size_t count = write_piece(transport);

		if (count == 0)
			break;
		transport->sent += count;
		transport->written += (uint32_t)count;
		progress = true;
	}
	return progress;
}

/* Reading stops above the soft bound and goes on below half of it. */
static void choke(struct transport *transport)
{
	size_t soft = transport->limits.output_soft_bytes;
	size_t unsent = transport_unsent(transport);
	bool was = transport->choked;

	transport->choked =
	    !transport->keeps_reading && (unsent > soft || (was && unsent > soft / 2));
	if (was && !transport->choked)
		input_continue(transport);
	else
		transport_watch(transport);
}

static bool tell_written(struct transport *transport)
{
	transport->written_told = transport->written;
	transport_tell_begin(transport);
	transport->events->written(transport->state);
	return transport_tell_end(transport);
}

static bool output_drained(struct transport *transport)
{
	output_free(transport);
	if (transport->finishing) {
		transport_linger(transport);
		return false;
	}
	timer_free(&transport->stall);
	choke(transport);
	if (!transport->owes_written)
		return true;
	transport->owes_written = false;
	return tell_written(transport);
}

bool output_flush(struct transport *transport)
{
	bool progress = false;

	if (transport->phase == PHASE_HANDSHAKE || transport->phase >= PHASE_LINGERING)
		return true;
	if (!transport->blocked)
		progress = write_all(transport);
	if (transport->ended && transport->end != TRANSPORT_PEER_CLOSED) {
		transport_end(transport);
		return true;
	}
	if (transport->phase == PHASE_LEAVING && transport->clear_left == 0 &&
	    !transport->finishing)
		secure_begin(transport);
	if (transport_unsent(transport) == 0)
		return output_drained(transport);
	if (transport_unsent(transport) > transport->limits.output_hard_bytes) {
		transport_fail(transport, TRANSPORT_OVERFLOW, "more unsent output than allowed");
		return true;
	}
	if (transport->blocked && !transport->finishing)
		stall_note(transport, progress);
	choke(transport);
	if (!transport->blocked || transport->finishing ||
	    transport->written == transport->written_told)
		return true;
	return tell_written(transport);
}
