/* transport.h - a connection: descriptor, TLS, and what waits to be written.
 * Drives SSL directly on the descriptor. Everything queued in one round of the loop leaves at its
 * end as one record and one write. Unsent output is bounded; a reader that lets it grow past the
 * soft bound is not read from any more, and past the hard bound, or a deadline, is cut. A
 * connection may move to another worker with its TLS state. The process has to ignore SIGPIPE. */
#ifndef GODWIT_NET_TRANSPORT_H
#define GODWIT_NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/tls.h"

struct address;
struct arena;
struct resolver_host;
struct text;
struct transport;

struct transport_limits {
	size_t output_soft_bytes;     /* over it: stop reading from this peer (1 MiB) */
	size_t output_hard_bytes;     /* over it: cut (4 MiB) */
	unsigned write_timeout_ms;    /* output that makes no progress for so long: cut (60 s) */
	size_t read_bytes_per_second; /* token bucket on what is read; 0: none (64 KiB/s) */
	size_t read_burst_bytes;      /* its depth (256 KiB) */
};

enum transport_end {
	TRANSPORT_PEER_CLOSED, /* orderly end */
	TRANSPORT_BROKEN,      /* reset, timed out, or cut off in the middle of TLS */
	TRANSPORT_TLS_FAILED,  /* handshake or record error; detail names it */
	TRANSPORT_OVERFLOW,    /* hard output bound */
	TRANSPORT_STALLED      /* write deadline */
};

struct transport_events {
	/* Bytes arrived, decrypted. Lent for the call. transport_free() is allowed inside. */
	void (*received)(void *state, const char *bytes, size_t length);
	/* The TLS handshake is complete. */
	void (*secured)(void *state);
	/* Everything queued so far was handed to the kernel, or, when it takes no more at a time,
	 * a part of it: transport_sent() tells. Never inside transport_output(). */
	void (*written)(void *state);
	/* The connection is no more; nothing else will be called. Free it, now or later. Never
	 * called inside another function of the transport, only from the loop. `detail` says what
	 * happened in words, and is constant text. */
	void (*closed)(void *state, enum transport_end end, const char *detail);
};

/* Takes the connected, non-blocking descriptor. `address` (may be NULL) is the peer's counted
 * address (listener.h), released with the transport. Reads at once. */
struct transport *transport_new(int fd, struct address *address,
    const struct transport_limits *limits, const struct transport_events *events, void *state);
/* Closes at once; what is unsent is lost. Inside any event too. Accepts a pointer to NULL. */
void transport_free(struct transport **transport);
/* Writes what is queued, then shuts TLS and the connection down and waits for the peer a moment;
 * the transport calls nothing any more and frees itself. The owner's pointer becomes NULL. */
void transport_finish(struct transport **transport);

/* Closes at once what transport_finish() left behind on this worker, and gives back the buffers of
 * this thread. Call it on each worker when it ends. */
void transport_abandon_all(void);

/* Server side of TLS: at once for direct TLS; for STARTTLS what is queued leaves in clear first,
 * and received bytes that follow are taken as TLS. `alpn_required` NULL: none; else a client that
 * sends ALPN without this protocol is refused (XEP-0368: "xmpp-client"). `domain`, if not NULL,
 * has its certificate shown to who does not ask for one by SNI. Both are lent until `secured`. */
void transport_start_tls(
    struct transport *transport, struct tls_set *set, const char *alpn, const char *domain);
/* Before that: who connects is asked for a certificate, whatever the domain does about users. */
void transport_ask_certificate(struct transport *transport);
/* Client side of TLS, in the same way: calls `server_name` (SNI), and shows
 * the certificate of `domain` if it is asked for one; `alpn` (may be NULL) is the protocol to
 * offer. The handshake takes any certificate: ask transport_peer_is(). */
void transport_connect_tls(struct transport *transport, struct tls_set *set, const char *alpn,
    const char *domain, const char *server_name);
/* How long its handshake has waited so far because others were before it: no fault of the peer's.
 */
int64_t transport_waited_ms(const struct transport *transport);

/* Where to append output; it is written at the end of this round. Call transport_output() anew for
 * each piece: it is what queues the write. Never NULL; what is appended after a failure is dropped.
 */
struct text *transport_output(struct transport *transport);
/* Bytes queued and not yet handed to the kernel. */
size_t transport_unsent(const struct transport *transport);
/* Whether that is over the soft bound. */
bool transport_is_full(const struct transport *transport);
/* All bytes ever queued, and those of them that were handed to the kernel. Both wrap: a byte was
 * written if the difference of its place and the second is not positive. */
uint32_t transport_queued(const struct transport *transport);
uint32_t transport_sent(const struct transport *transport);
/* Hands over what the kernel takes right now, before the end of the round. `written` is told at
 * that end. */
void transport_push(struct transport *transport);
/* Stops and restarts reading. Nested calls do not count. Resume may deliver bytes that TLS already
 * holds, from the loop, not inside the call. */
void transport_pause(struct transport *transport);
void transport_resume(struct transport *transport);
/* From now on it is read whatever waits to be written: its peer may be one that does not read until
 * we do. The hard bound stays. */
void transport_keep_reading(struct transport *transport);
void transport_set_limits(struct transport *transport, const struct transport_limits *limits);
/* Changes who is told. */
void transport_set_events(
    struct transport *transport, const struct transport_events *events, void *state);

/* Moving between workers: after detach() nothing is called and the transport belongs to no loop; it
 * may then be handed to another thread, which attaches it and gets what was already read. Unsent
 * output is carried along. Call detach only from a worker_later(), never inside an event. */
void transport_detach(struct transport *transport);
void transport_attach(struct transport *transport);

bool transport_is_secure(const struct transport *transport);
/* "TLSv1.3"; NULL without TLS. */
const char *transport_tls_version(const struct transport *transport);
const char *transport_tls_cipher(const struct transport *transport);
/* Bytes of TLS so far, as they are on the wire; 0 without TLS. */
uint64_t transport_tls_read(const struct transport *transport);
uint64_t transport_tls_written(const struct transport *transport);
/* The name the client sent (SNI), or NULL. */
const char *transport_server_name(const struct transport *transport);
/* Channel binding data: bytes written to `out` (BINDING_MAX_BYTES), 0 if this connection has none.
 * tls-exporter and tls-unique: on 1.3, or 1.2 with extended master secret; end point: on both,
 * unless the certificate's signature has no hash (Ed25519). With `out` NULL only how many there
 * would be, which costs nothing. */
size_t transport_binding(
    const struct transport *transport, enum binding binding, unsigned char *out);
/* What the certificate of a client says it is (XmppAddr, RFC 6120 section 13.7.1.4): the addresses
 * as they stand there, ended by NULL, in the arena. NULL if it has shown none, or if `why_out` is
 * set (constant text): none that who issues certificates to users of `domain` stands for. */
const char *const *transport_peer_addresses(const struct transport *transport, const char *domain,
    struct arena *arena, const char **why_out);
/* Whether the peer's certificate proves that it is the server of this domain (prepared): it comes
 * from who is trusted, is valid now, and names the domain by DNS-ID, SRV-ID or XmppAddr. False and
 * why not, constant text. */
bool transport_peer_is(const struct transport *transport, const struct tls_trust *trust,
    const char *domain, const char **why_out);
/* What its certificate says, made in the arena; names are ASCII, whatever it has. False: it has
 * shown none. */
bool transport_peer_facts(const struct transport *transport, const char *domain,
    struct arena *arena, struct tls_facts *facts_out);
/* The same by the TLSA records of the host that was called on behalf of the domain (RFC 7673): by
 * those of them that can be used, if there are any. Why not, constant text. */
enum tls_dane transport_peer_dane(const struct transport *transport, const struct tls_trust *trust,
    const char *domain, const struct resolver_host *host, const char **why_out);
/* Until when its certificate is valid, us since 1970; 0: it has shown none. */
int64_t transport_peer_expires(const struct transport *transport);
/* The peer's address as text, "192.0.2.1" or "2001:db8::1", and port. Lent. */
const char *transport_peer(const struct transport *transport);
unsigned transport_peer_port(const struct transport *transport);
struct address *transport_address(const struct transport *transport);

#endif
