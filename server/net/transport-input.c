/* transport-input.c - reading: into one buffer of the thread, so that a connection owns none.
 * A readiness is served for one small piece: a few kB of stanzas may be work for milliseconds. Who
 * has more, or has it in TLS, of which the descriptor does not tell, waits in a queue, piece by
 * piece in turn with others. The queue gets so much time in a round and no more, so that crowds who
 * send as fast as they can slow down each other, while who sends little is read from at once. A
 * token bucket bounds what a peer may send for long; it is refilled by looking at the clock, and
 * only an empty one costs a timer. */
#include "net/transport-private.h"

#include <errno.h>
#include <sys/socket.h>

#include "loop/timer.h"

/* What is read at a time. */
enum { PIECE_BYTES = 2048 };
/* What the queue gets of a round. */
enum { TURNS_US = 4000 };
/* What is dropped at a time, of a peer that is not listened to any more. */
enum { DROPS_MAX = 16 };
/* An empty bucket is waited for until it holds what comes in in so many ms. */
enum { REFILL_MS = 50 };

static _Thread_local char scratch[PIECE_BYTES];

/* Transports that have more to read. */
static _Thread_local struct {
	TAILQ_HEAD(eager_list, transport) queue;
	struct mail mail;
	bool is_made;
	bool is_posted;
} eager;

static void eager_turns(struct mail *mail);

static void eager_ask(void)
{
	if (eager.is_posted || TAILQ_EMPTY(&eager.queue))
		return;
	eager.is_posted = true;
	worker_post(worker_current(), &eager.mail, eager_turns);
}

/* It reads when its turn comes, not before. */
static void eager_join(struct transport *transport)
{
	if (transport->is_eager || transport->descriptor == NULL)
		return;
	if (!eager.is_made)
		TAILQ_INIT(&eager.queue);
	eager.is_made = true;
	transport->is_eager = true;
	TAILQ_INSERT_TAIL(&eager.queue, transport, eager);
	eager_ask();
}

void input_forget(struct transport *transport)
{
	if (transport->is_eager)
		TAILQ_REMOVE(&eager.queue, transport, eager);
	transport->is_eager = false;
}

void input_abandon(void)
{
	eager.is_posted = false;
}

/* As mail, it comes after the readiness of all others. */
static void eager_turns(struct mail *mail)
{
	int64_t until_us = worker_clock_us() + TURNS_US;
	struct transport *transport;

	(void)mail;
	eager.is_posted = false;
	do {
		transport = TAILQ_FIRST(&eager.queue);
		if (transport == NULL)
			return;
		input_forget(transport);
		input_read(transport);
	} while (worker_clock_us() < until_us);
	eager_ask();
}

static int64_t bucket_depth(const struct transport *transport)
{
	const struct transport_limits *limits = &transport->limits;

	return (int64_t)(limits->read_burst_bytes > 0 ? limits->read_burst_bytes
						      : limits->read_bytes_per_second);
}

/* Whole bytes only; the time of a fraction stays for the next look. */
static void bucket_refill(struct transport *transport)
{
	int64_t rate = (int64_t)transport->limits.read_bytes_per_second;
	int64_t depth = bucket_depth(transport);
	int64_t now = worker_now_ms();
	int64_t passed_ms = now - transport->refilled_at_ms;
	int64_t added;

	if (passed_ms > (depth - transport->tokens) * 1000 / rate) {
		transport->tokens = depth;
		transport->refilled_at_ms = now;
		return;
	}
	added = passed_ms * rate / 1000;
	transport->tokens += added;
	transport->refilled_at_ms += added * 1000 / rate;
}

static int64_t bucket_wait_ms(const struct transport *transport)
{
	int64_t rate = (int64_t)transport->limits.read_bytes_per_second;
	int64_t goal = rate * REFILL_MS / 1000;

	if (goal > bucket_depth(transport))
		goal = bucket_depth(transport);
	return ((goal < 1 ? 1 : goal) - transport->tokens) * 1000 / rate + 1;
}

static void bucket_filled(void *state);

static void bucket_wait(struct transport *transport)
{
	if (transport->refill == NULL)
		transport->refill = timer_new(bucket_filled, transport);
	timer_set(transport->refill, (unsigned)bucket_wait_ms(transport));
	transport->throttled = true;
}

static void bucket_filled(void *state)
{
	struct transport *transport = state;

	bucket_refill(transport);
	if (transport->tokens <= 0) {
		bucket_wait(transport);
		return;
	}
	timer_free(&transport->refill);
	transport->throttled = false;
	eager_join(transport);
}

/* Takes out what was read; what TLS itself used up counts as well. */
static void bucket_charge(struct transport *transport, size_t bytes)
{
	if (transport->ssl != NULL) {
		uint64_t taken = secure_taken(transport);

		bytes = (size_t)(taken - transport->charged);
		transport->charged = taken;
	}
	if (transport->limits.read_bytes_per_second == 0 || bytes == 0)
		return;
	bucket_refill(transport);
	transport->tokens -= (int64_t)bytes;
	if (transport->tokens <= 0)
		bucket_wait(transport);
}

/* What was used up of a bucket stays so: nobody gains by being given the same limits once more. */
void input_set_limits(struct transport *transport, bool had_bound)
{
	timer_free(&transport->refill);
	transport->throttled = false;
	if (!had_bound || transport->tokens > bucket_depth(transport))
		transport->tokens = bucket_depth(transport);
	transport->refilled_at_ms = worker_now_ms();
	if (transport->limits.read_bytes_per_second > 0 && transport->tokens <= 0)
		bucket_wait(transport);
	input_continue(transport);
}

void input_detach(struct transport *transport)
{
	input_forget(transport);
	timer_free(&transport->refill);
}

void input_attach(struct transport *transport)
{
	if (transport->throttled)
		bucket_wait(transport);
	else
		eager_join(transport);
}

bool input_wanted(const struct transport *transport)
{
	return (transport->phase == PHASE_CLEAR || transport->phase == PHASE_SECURE) &&
	       !transport->paused && !transport->choked && !transport->throttled &&
	       !transport->ended && !transport->finishing;
}

void input_continue(struct transport *transport)
{
	if (input_wanted(transport) && secure_holds(transport))
		eager_join(transport);
	transport_watch(transport);
}

static size_t clear_read(struct transport *transport, char *bytes, size_t size)
{
	ssize_t count = recv(transport->fd, bytes, size, 0);

	if (count > 0)
		return (size_t)count;
	if (count == 0)
		transport_note_end(transport, TRANSPORT_PEER_CLOSED, "closed by the peer");
	else if (errno != EAGAIN && errno != EINTR)
		transport_note_errno(transport);
	return 0;
}

/* Many small records are delivered as one piece. */
static size_t secure_gather(struct transport *transport)
{
	size_t length = 0, count;

	do {
		count = secure_read(transport, scratch + length, sizeof(scratch) - length);
		length += count;
	} while (count > 0 && length < sizeof(scratch) && secure_holds(transport));
	return length;
}

static size_t input_gather(struct transport *transport)
{
	size_t length = transport->phase == PHASE_SECURE
	                    ? secure_gather(transport)
	                    : clear_read(transport, scratch, sizeof(scratch));

	bucket_charge(transport, length);
	return length;
}

bool input_read(struct transport *transport)
{
	size_t length;

	if (!input_wanted(transport)) {
		transport_watch(transport);
		return true;
	}
	length = input_gather(transport);
	if (length > 0) {
		transport_tell_begin(transport);
		transport->events->received(transport->state, scratch, length);
		if (!transport_tell_end(transport))
			return false;
	}
	if (transport->ended) {
		transport_end(transport);
		return true;
	}
	/* A full piece: there is or may be more. */
	if (length == sizeof(scratch) && input_wanted(transport))
		eager_join(transport);
	transport_watch(transport);
	return true;
}

bool input_drop(struct transport *transport)
{
	for (unsigned reading = 0; reading < DROPS_MAX; reading++) {
		ssize_t count = recv(transport->fd, scratch, sizeof(scratch), 0);

		if (count <= 0)
			return count < 0 && (errno == EAGAIN || errno == EINTR);
	}
	return true;
}

void transport_pause(struct transport *transport)
{
	transport->paused = true;
	transport_watch(transport);
}

void transport_keep_reading(struct transport *transport)
{
	transport->keeps_reading = true;
}

void transport_resume(struct transport *transport)
{
	transport->paused = false;
	input_continue(transport);
}
