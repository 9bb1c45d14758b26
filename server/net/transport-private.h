/* transport-private.h - the inside of a transport, shared by the files that make it up: transport.c
 * (life and moving), transport-input.c, transport-output.c and transport-tls.c. */
#ifndef GODWIT_NET_TRANSPORT_PRIVATE_H
#define GODWIT_NET_TRANSPORT_PRIVATE_H

#include <netinet/in.h>
#include <sys/queue.h>

#include "base/text.h"
#include "loop/worker.h"
#include "net/tls-private.h"
#include "net/transport.h"

struct descriptor;
struct timer;

enum transport_phase {
	PHASE_CLEAR,     /* no TLS */
	PHASE_LEAVING,   /* TLS is asked for; what was queued before leaves in clear */
	PHASE_HANDSHAKE, /* the TLS handshake */
	PHASE_SECURE,
	PHASE_LINGERING, /* finished and shut down; waits for the peer's end */
	PHASE_OVER       /* failed or ended; the owner is told at the end of the round, or was */
};

/* What is left for the end of the round. */
enum transport_todo { TODO_WRITE = 1, TODO_TELL = 2 };

struct transport {
	struct later later;
	const struct transport_events *events;
	void *state;
	struct descriptor *descriptor; /* NULL while it belongs to no worker */
	struct address *address;
	SSL *ssl;
	struct tls_set *tls;
	const char *alpn;
	const char *domain; /* whose certificate, unless SNI says; lent, or NULL */
	const char *detail;

	struct text output;
	size_t sent;           /* of `output`, already handed to the kernel */
	uint32_t written;      /* bytes handed to the kernel so far, */
	uint32_t written_told; /* as far as the owner knows */
	size_t clear_left;     /* of what is unsent, to leave in clear before TLS */
	struct timer *stall;   /* write deadline; of a finished transport, its end */
	int64_t stalled_at_ms;

	TAILQ_ENTRY(transport) eager;    /* or, before that, in the queue for the handshake */
	int64_t queued_at_ms, waited_ms; /* in the latter */
	struct timer *refill;            /* until the bucket holds something again */
	int64_t tokens;
	int64_t refilled_at_ms;
	uint64_t charged; /* bytes TLS took from the socket, as far as paid for */

	struct transport_limits limits;
	LIST_ENTRY(transport) finished;

	int fd;
	uint8_t phase;
	uint8_t end;
	uint8_t todo;
	uint8_t handshake_wants; /* READY_READ or READY_WRITE, or 0 */
	bool is_queued;          /* for the handshake */
	bool is_eager;           /* waits for its turn to read on */
	bool paused;             /* by the owner */
	bool choked;             /* more output waits than the soft bound allows */
	bool keeps_reading;      /* it may never be choked */
	bool throttled;          /* the bucket is empty */
	bool blocked;            /* the kernel takes no more output for now */
	bool read_wants_write;   /* TLS has to write before it can read on */
	bool write_wants_read;
	bool ended;     /* nothing more can be read; why is in `end` and `detail` */
	bool telling;   /* an event is being delivered */
	bool freed;     /* inside that event: memory goes when it returns */
	bool finishing; /* nobody is told any more */
	bool asks_certificate; /* a server's, see transport_ask_certificate() */
	bool owes_written;
	bool told_end;

	uint16_t peer_port;
	char peer[INET6_ADDRSTRLEN];
};

/* The end of one way through the files below is often the end of the transport: functions returning
 * bool give false when it is over, gone or finished, and must not be touched any more. */

/* transport.c */

/* Asks for `todo` at the end of this round. */
void transport_ask(struct transport *transport, enum transport_todo todo);
/* Sets what the descriptor is watched for by the state of everything. */
void transport_watch(struct transport *transport);
/* Around each call of the owner's. */
void transport_tell_begin(struct transport *transport);
bool transport_tell_end(struct transport *transport);
/* Notes why nothing more can be read; transport_end() acts on it, once what was read before is
 * delivered. `detail` is constant text. */
void transport_note_end(struct transport *transport, enum transport_end end, const char *detail);
/* The same, by errno after a system call. */
void transport_note_errno(struct transport *transport);
/* Acts on what was noted: the owner hears of it at the end of the round. After an orderly end what
 * is queued still leaves, as far as the kernel takes it at once. */
void transport_end(struct transport *transport);
/* Both in one. */
void transport_fail(struct transport *transport, enum transport_end end, const char *detail);
/* Whether a finished transport has said everything: shuts down and waits for the peer. */
void transport_linger(struct transport *transport);

/* transport-input.c */

/* Reads and delivers a piece of what there is; for more it waits its turn. */
bool input_read(struct transport *transport);
/* Whether it is wanted to read now. */
bool input_wanted(const struct transport *transport);
/* Goes on after a pause of any kind: also what TLS holds already, for which no readiness will come.
 */
void input_continue(struct transport *transport);
/* Gives up its turn. */
void input_forget(struct transport *transport);
void input_set_limits(struct transport *transport, bool had_bound);
/* The timer and the turn go when the transport leaves its worker; what it knows stays. */
void input_detach(struct transport *transport);
void input_attach(struct transport *transport);
/* Forgets this thread's turns. */
void input_abandon(void);
/* Reads and drops; for lingering. False when the peer has ended, too. */
bool input_drop(struct transport *transport);

/* transport-output.c */

/* Writes what is queued, as far as the kernel takes it. */
bool output_flush(struct transport *transport);
void output_free(struct transport *transport);
void output_detach(struct transport *transport);
void output_attach(struct transport *transport);
/* Sets the deadline of a finished transport. */
void output_deadline(struct transport *transport, unsigned after_ms);
/* Gives back the spare buffers of this thread. */
void output_abandon(void);

/* transport-handshake.c */

/* Clear output has left, or there was none: TLS from here on. */
void secure_begin(struct transport *transport);
/* A step of the handshake; the first one if this round has time for it, else it waits its turn. */
bool secure_handshake(struct transport *transport);
/* Gives up its turn. */
void handshake_forget(struct transport *transport);
/* Forgets this thread's part in it. */
void secure_abandon(void);

/* transport-tls.c */

/* Notes why libssl gave up. `error` is from SSL_get_error(), errno from the call before. */
void secure_note_error(struct transport *transport, int error);
/* Both return what was moved, or 0 after having noted what they wait for, or why it is the end. */
size_t secure_read(struct transport *transport, char *bytes, size_t size);
size_t secure_write(struct transport *transport, const char *bytes, size_t length);
/* Whether TLS holds bytes that the descriptor does not show. */
bool secure_holds(const struct transport *transport);
/* Bytes taken from the socket so far. */
uint64_t secure_taken(const struct transport *transport);

static inline bool transport_is_open(const struct transport *transport)
{
	return transport->phase < PHASE_LINGERING;
}

#endif
