/* stream.h - an XML stream of RFC 6120 on a connection: header, features, STARTTLS, SASL, bind,
 * stanzas, stream management (XEP-0198), errors and end. A client may be at the other end, or a
 * server, which has called us or was called by us; stanzas go one way then (section 4.5), or
 * both if that was agreed upon (XEP-0288), and dialback (XEP-0220) both; or a component (XEP-0114),
 * where a handshake stands for most of this. Does not know who sits on it: it calls back through
 * stream_events. A stream belongs to one worker; after login its owner may move it to another. Only
 * whole, bounded, well-formed elements come out of it; only trees go into it. */
#ifndef GODWIT_STREAM_STREAM_H
#define GODWIT_STREAM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "xml/parser.h"

struct arena;
struct dialback;
struct element;
struct jid;
struct log;
struct scram_keys;
struct sm;
struct stanza;
struct stream;
struct tls_set;
struct transport;

/* RFC 6120 section 4.9.3. */
enum stream_error {
	STREAM_BAD_FORMAT,
	STREAM_BAD_NAMESPACE_PREFIX,
	STREAM_CONFLICT,
	STREAM_CONNECTION_TIMEOUT,
	STREAM_HOST_GONE,
	STREAM_HOST_UNKNOWN,
	STREAM_IMPROPER_ADDRESSING,
	STREAM_INTERNAL_SERVER_ERROR,
	STREAM_INVALID_FROM,
	STREAM_INVALID_NAMESPACE,
	STREAM_INVALID_XML,
	STREAM_NOT_AUTHORIZED,
	STREAM_NOT_WELL_FORMED,
	STREAM_POLICY_VIOLATION,
	STREAM_REMOTE_CONNECTION_FAILED,
	STREAM_RESET,
	STREAM_RESOURCE_CONSTRAINT,
	STREAM_RESTRICTED_XML,
	STREAM_SEE_OTHER_HOST,
	STREAM_SYSTEM_SHUTDOWN,
	STREAM_UNDEFINED_CONDITION,
	STREAM_UNSUPPORTED_ENCODING,
	STREAM_UNSUPPORTED_FEATURE,
	STREAM_UNSUPPORTED_STANZA_TYPE,
	STREAM_UNSUPPORTED_VERSION
};
const char *stream_error_name(enum stream_error error);

/* Who is at the other end. */
enum stream_role {
	STREAM_OF_CLIENT,
	STREAM_OF_SERVER, /* which has called us, and sends us stanzas */
	STREAM_TO_SERVER, /* which we have called */
	STREAM_OF_COMPONENT
};

/* What a stream may and must, from the configuration; lent for the stream's life or until
 * stream_set_settings(). */
struct stream_settings {
	enum stream_role role;       /* with servers there is always TLS first */
	struct tls_set *tls;         /* NULL: no TLS at all (tests) */
	bool tls_required;           /* no SASL before TLS */
	bool both_ways;              /* with servers: offer XEP-0288, and ask for it */
	bool allow_plain;            /* offer PLAIN (inside TLS only) */
	unsigned scram_iterations;   /* of fake keys: what new accounts get */
	unsigned login_timeout_ms;   /* from accept to bound, with servers to stream_admit(),
	                                whatever the peer sends; over it: connection-timeout */
	unsigned tls_timeout_ms;     /* for a handshake; over it: cut */
	unsigned max_login_failures; /* the last of them ends the stream: policy-violation */
	unsigned max_bind_failures;  /* the same */
	struct xml_limits before_login;
	struct xml_limits after_login;
	size_t max_unwritten; /* stanzas with tokens that may wait to be written, without XEP-0198;
	                         over it: resource-constraint */
	/* XEP-0198: stanzas with tokens, and their bytes, that a client may leave unacknowledged.
	 * Over either for ten seconds after it was asked, or over twice of either:
	 * resource-constraint. */
	size_t max_unacked;
	size_t max_unacked_bytes;
	/* With servers: for so long a stream that was cut may be resumed, if both ends want it. 0:
	 * not at all. */
	unsigned resume_seconds;
};

/* What the owner of a stream is asked and told. All run on the stream's worker. Except where said,
 * the owner may call stream_fail() or stream_end() in them, but not stream_free(). */
struct stream_events {
	/* The first header names this domain (prepared): do we serve it? */
	bool (*serves)(void *state, const char *domain);
	/* Add features of higher floors: before login (registration) or after it (bind and session
	 * and sm are the stream's own). */
	void (*features)(
	    void *state, struct arena *arena, struct element *features, bool logged_in);
	/* Of a server that has called us: does its certificate prove that it is the server of that
	 * domain, as its header says? Then it is offered EXTERNAL. */
	bool (*proves)(void *state, const char *peer);
	/* Of a server that we have called: TLS is made. May be NULL. */
	void (*secured)(void *state);
	/* Of a server that we have called: TLS is made, and SASL if it has offered EXTERNAL
	 * (`is_authenticated`: it was content). These are its features. From now on all can be
	 * sent, but it must have proved who it is before stanzas are, and take us for whom we are.
	 * Of a server that has called us, if stanzas are to go both ways: it is authenticated, and
	 * all can be sent from now on; the features are ours.
	 */
	void (*opened)(void *state, const struct element *features, bool is_authenticated);
	/* XEP-0220, with a server: lent for the call. */
	void (*dialback)(void *state, const struct dialback *dialback);
	/* Of a component (XEP-0114): does it know the secret of the domain that its header named?
	 * `digest` is what it says that the SHA-1 of stream_header_id() and the secret is. True: it
	 * is admitted. False: the owner ends the stream, now or later; until then nothing is read.
	 */
	bool (*handshake)(void *state, const char *digest);
	/* Keys of an account for SASL are wanted; answer with stream_credentials(), now or later.
	 */
	void (*credentials)(void *state, const char *domain, const char *username);
	/* <success/> is queued. Nothing is read until stream_restart(), which the owner calls on
	 * the worker where the stream shall live from now on. Called from the end of the round, so
	 * that stream_detach() is allowed in it. Of a server `username` is its domain. */
	void (*authenticated)(void *state, const char *domain, const char *username);
	/* SASL failed for this name (may be NULL); for the log. Where we have called, the server
	 * has refused us (may be NULL then). */
	void (*refused)(void *state, const char *username, const char *mechanism, const char *why);
	/* An iq before login (XEP-0077): take it (true), or let the stream refuse it. Owns the
	 * arena if it takes it. */
	bool (*early_iq)(void *state, struct arena *arena, struct element *iq);
	/* Resource binding (RFC 6120 section 7), `resource` prepared or NULL: make one. Answer with
	 * stream_bound() or stream_bind_failed(), now or later. */
	void (*bind)(void *state, const char *resource);
	/* A stanza of a bound stream (message, presence, iq; the owner checks the rest), or from a
	 * server, once there is TLS. Arena and element are the owner's. `sequence` counts handled
	 * stanzas with XEP-0198, from 1; 0 when it is not enabled: settle it with stream_settled().
	 */
	void (*stanza)(
	    void *state, struct arena *arena, struct element *element, uint32_t sequence);
	/* Of a server that has called us: it wants to go on with the stream of that id, which has
	 * ended, or has not noticed that it was cut. Answer with stream_resumed() or
	 * stream_resume_failed(), now or later; nothing is read until then. Whose the id is, is the
	 * owner's to judge. */
	void (*resume)(void *state, const char *id);
	/* Answers stream_manage(): stanzas may be sent. Of those that were lost with the stream
	 * before, the first `arrived` have arrived after all. Of a server that has called us: it
	 * has enabled management. */
	void (*managed)(void *state, uint32_t arrived);
	/* A stanza that was sent with this token has been acknowledged (XEP-0198), or written to
	 * the socket where that is not enabled. Once for each token, in order. */
	void (*delivered)(void *state, void *token);
	/* The stream is over; called once, last, from the loop. Tokens that were not delivered come
	 * first, in order, each by `lost`. Afterwards the owner frees the stream: allowed in here.
	 */
	void (*lost)(void *state, void *token);
	void (*closed)(void *state, const char *why);
};

/* Takes the transport. `direct_tls`: TLS comes first (XEP-0368). The log gets the field stream=...
 */
struct stream *stream_new(struct transport *transport, bool direct_tls,
    const struct stream_settings *settings, const struct stream_events *events, void *state);
/* Of the role STREAM_TO_SERVER: begins a stream from a domain of ours to another (both prepared).
 */
struct stream *stream_initiate(struct transport *transport, bool direct_tls,
    const struct stream_settings *settings, const struct stream_events *events, void *state,
    const char *from, const char *to);
/* Frees it; what was not delivered is not reported any more. Accepts a pointer to NULL. */
void stream_free(struct stream **stream);
void stream_set_settings(struct stream *stream, const struct stream_settings *settings);

/* Answers `credentials`: rc RC_OK with keys (either may be NULL where the account has none), or
 * RC_ITEM_NOT_FOUND (unknown: told apart from a wrong password by nothing, not even by time),
 * RC_NOT_ALLOWED (disabled: with keys, only who knows the password learns that; without,
 * everybody), or anything else: temporary-auth-failure. */
void stream_credentials(struct stream *stream, enum rc rc, const struct scram_keys *sha1,
    const struct scram_keys *sha256);
/* Moving to another worker, between `authenticated` and stream_restart(). */
void stream_detach(struct stream *stream);
void stream_restart(struct stream *stream);
/* A server is who it says to be, for at least one pair of domains: there is no deadline any more,
 * and the bounds are those after login. */
void stream_admit(struct stream *stream);
void stream_bound(struct stream *stream, const struct jid *jid);
void stream_bind_failed(struct stream *stream, enum rc rc);

/* Sends a stanza; refs it if it must. `to` NULL: the stanza's own. A token (may be NULL) is given
 * back by exactly one of `delivered` and `lost`. Bytes leave at the end of the round. */
void stream_send(
    struct stream *stream, const struct stanza *stanza, const struct jid *to, void *token);
/* Sends an element of dialback to a server, once there is TLS. */
void stream_send_dialback(struct stream *stream, const struct dialback *dialback);
/* Sends a blank, which means nothing, to see whether the peer is there (RFC 6120 section 4.6.1),
 * and asks again for what it has not acknowledged. */
void stream_send_blank(struct stream *stream);
/* Everything the stanza `sequence` led to is durable: the h of <a/> may pass it, once all before
 * are settled too. An unsolicited <a/> tells a client that had asked before. */
void stream_settled(struct stream *stream, uint32_t sequence);
/* With a server that we have called and both ends know who is there: asks for management, if it
 * offers that. True: `managed` follows, and no stanza may be sent before. `kept`, if it points to
 * something, is of the stream before, which is to go on in this one; it is taken in any case. */
bool stream_manage(struct stream *stream, struct sm **kept);
/* In `closed`: what another stream needs to go on with this one, for the owner to keep; settle
 * there with sm_settle() what was not settled yet. NULL: it may not be resumed, because both ends
 * have not agreed to that, or because it has not been cut, but ended. */
struct sm *stream_keep(struct stream *stream);
/* Ends it with a stream error, but it may be resumed. */
void stream_yield(struct stream *stream, enum stream_error error);
/* Answers `resume`: all that the stream before had read is settled, and this one goes on with what
 * was kept of it, which is taken unless the stream is over. How many of the stanzas that were lost
 * with it have arrived after all; the owner sends the others again, first. */
uint32_t stream_resumed(struct stream *stream, struct sm **kept);
void stream_resume_failed(struct stream *stream, enum rc rc);
/* By which it may be resumed; NULL: it may not. Lent. */
const char *stream_sm_id(const struct stream *stream);
/* Whether an owner who can wait may send more now: neither is too much unwritten nor
 * unacknowledged. */
bool stream_takes_more(const struct stream *stream);
/* The peer has not answered for ten seconds what it has acknowledged. */
bool stream_is_silent(const struct stream *stream);
/* Of a bound stream: no more stanzas are handed over, nor read, until it is resumed. A stream does
 * the same by itself while its peer leaves too much unread. */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);
/* Ends with a stream error; `closed` follows from the loop. `text` may be NULL. */
void stream_fail(struct stream *stream, enum stream_error error, const char *text);
/* Ends properly, </stream:stream>. */
void stream_end(struct stream *stream);

/* What has come and gone on a stream with a server or a component: stanzas, and bytes on the wire,
 * in TLS. */
struct stream_traffic {
	uint64_t stanzas_in, stanzas_out, bytes_in, bytes_out;
};
struct stream_traffic stream_traffic(const struct stream *stream);
/* The domain its header named (prepared), or NULL before that; of ours in any case. Lent. */
const char *stream_domain(const struct stream *stream);
/* Of a stream with a server: the domain that the server says to be, or that we have called
 * (prepared); NULL if it says none. Lent. */
const char *stream_peer(const struct stream *stream);
/* Of a stream with a server: the id that the present header of the called end has given it, which
 * goes into the keys of dialback; NULL before that. Lent. */
const char *stream_header_id(const struct stream *stream);
bool stream_is_secure(const struct stream *stream);
bool stream_has_sm(const struct stream *stream);
/* Of a stream with a server: who has called has asked for stanzas both ways, as the other end had
 * offered (XEP-0288). */
bool stream_goes_both_ways(const struct stream *stream);
/* Whether it has ended, in whatever way: `closed` was called or follows. */
bool stream_is_over(const struct stream *stream);
/* Never NULL. */
struct transport *stream_transport(const struct stream *stream);
/* The log object of the stream (fields stream=, address=). Lent. */
struct log *stream_log(const struct stream *stream);
/* "c2s-4711", "s2s-in-4711", "s2s-out-4711": unique in this process. */
const char *stream_id(const struct stream *stream);

#endif
