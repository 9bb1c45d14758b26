/* stanza.h - messages, presences and iqs (RFC 6120 section 8).
 * A stanza is immutable once made, reference-counted, and may be read by any thread. To change one
 * is to make another: stanza_readdress() shares the children. Inside, the content namespace is
 * always jabber:client; the stream's writer puts the one of its stream (jabber:server on s2s), so
 * children in it need no declaration on either. Its serialised children are made once and shared by
 * all who get it; only the opening tag differs. */
#ifndef GODWIT_XMPP_STANZA_H
#define GODWIT_XMPP_STANZA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"

struct arena;
struct element;
struct jid;
struct stanza;
struct text;

enum stanza_kind { STANZA_MESSAGE, STANZA_PRESENCE, STANZA_IQ };

enum stanza_type {
	/* message (RFC 6121 section 5.2.2); an unknown type is taken as normal */
	MESSAGE_NORMAL,
	MESSAGE_CHAT,
	MESSAGE_GROUPCHAT,
	MESSAGE_HEADLINE,
	MESSAGE_ERROR,
	/* presence (RFC 6121 section 4.7.1) */
	PRESENCE_AVAILABLE,
	PRESENCE_UNAVAILABLE,
	PRESENCE_PROBE,
	PRESENCE_SUBSCRIBE,
	PRESENCE_SUBSCRIBED,
	PRESENCE_UNSUBSCRIBE,
	PRESENCE_UNSUBSCRIBED,
	PRESENCE_ERROR,
	/* iq (RFC 6120 section 8.2.3) */
	IQ_TYPE_GET,
	IQ_TYPE_SET,
	IQ_TYPE_RESULT,
	IQ_TYPE_ERROR
};

/* Makes a stanza of a received element; takes the arena, which holds the element, whether it
 * succeeds or not. `from` and `to` override the element's own attributes where not NULL (a server
 * stamps `from`: RFC 6120 section 8.1.2.1); they are copied. Returns NULL and the reason in
 * `rc_out`: RC_JID_MALFORMED     `to` or `from` is no JID RC_BAD_REQUEST       an iq without id,
 * with a bad type, or not exactly one child where section 8.2.3 wants one; a presence of unknown
 * type RC_FEATURE_NOT_IMPLEMENTED  not a stanza at all (caller: unsupported-stanza-type) On failure
 * the arena is NOT freed, so the caller can answer with the element in hand. */
struct stanza *stanza_from_element(struct arena *arena, struct element *element,
    const struct jid *from, const struct jid *to, enum rc *rc_out);

/* Starts a stanza of our own in an arena of its own. Addresses and id are copied and may be NULL.
 * Add to stanza_element() until it is first sent. The caller owns one reference. */
struct stanza *stanza_new(
    enum stanza_type type, const struct jid *from, const struct jid *to, const char *id);
/* Result or error for an iq, error for a message or presence: addresses swapped, id kept
 * (RFC 6120 sections 8.2.3 and 8.3). */
struct stanza *stanza_reply(const struct stanza *request);
/* An error with the condition of `rc` and, where not NULL, a human text. Returns NULL where none is
 * due: the request is itself an error or a result. */
struct stanza *stanza_error(const struct stanza *request, enum rc rc, const char *text);
/* The error for an element that stanza_from_element() has refused, to `from`, and from `to`, if that
 * is an address at all (may be NULL). An iq's always has an id (RFC 6120 section 8.1.3). Returns NULL
 * where none is due, as above. */
struct stanza *stanza_refusal(const struct element *element, const struct jid *from,
    const struct jid *to, enum rc rc);
/* The same stanza with other addresses (NULL: none); shares the children. */
struct stanza *stanza_readdress(
    const struct stanza *stanza, const struct jid *from, const struct jid *to);
/* A copy with a tree of its own in an arena of its own, to be changed before it is sent. */
struct stanza *stanza_copy(const struct stanza *stanza);
/* A copy that takes no more memory than it needs, for what is kept for long. */
struct stanza *stanza_compact(const struct stanza *stanza);
/* Reads back what stanza_to_text() wrote; NULL if it cannot. */
struct stanza *stanza_parse(const char *bytes, size_t length);

struct stanza *stanza_ref(const struct stanza *stanza);
/* Accepts a pointer to NULL, leaves NULL. */
void stanza_unref(struct stanza **stanza);

enum stanza_kind stanza_kind(const struct stanza *stanza);
enum stanza_type stanza_type(const struct stanza *stanza);
bool stanza_is_request(const struct stanza *stanza);        /* iq get or set */
const struct jid *stanza_from(const struct stanza *stanza); /* or NULL */
const struct jid *stanza_to(const struct stanza *stanza);   /* or NULL */
const char *stanza_id(const struct stanza *stanza);         /* or NULL */
/* The arena a stanza of our own is being built in. */
struct arena *stanza_arena(const struct stanza *stanza);
/* The whole element; its address attributes may be stale: ask the functions above. */
struct element *stanza_element(const struct stanza *stanza);
/* The first child element of any namespace, or NULL: the payload of an iq. */
struct element *stanza_payload(const struct stanza *stanza);
/* The first child of this namespace and name, or NULL. */
struct element *stanza_child(const struct stanza *stanza, const char *ns, const char *name);

/* Appends the stanza as XML for a stream whose content namespace is declared by its header.
 * Children are serialised on the first call and shared after. */
void stanza_write(struct text *out, const struct stanza *stanza);
/* The same with another recipient in the opening tag: for fan-out without readdressing. */
void stanza_write_to(struct text *out, const struct stanza *stanza, const struct jid *to);
/* The stanza as one XML document, for storing. */
char *stanza_to_text(struct arena *arena, const struct stanza *stanza);
/* Bytes this stanza keeps in memory, about; for accounting queues. */
size_t stanza_size(const struct stanza *stanza);

/* Adds <delay/> (XEP-0203) to a stanza that is being built. */
void stanza_add_delay(struct stanza *stanza, const char *from, const char *stamp);
/* Builds <error type=... ><condition/><text/></error> (RFC 6120 section 8.3). */
struct element *stanza_error_element(struct arena *arena, enum rc rc, const char *text);

#endif
