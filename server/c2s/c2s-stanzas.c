/* c2s-stanzas.c - between a stream and a session: stanzas there and back, and what is told of their
 * fate. */
#include "c2s/c2s-private.h"
#include "core/delivery.h"
#include "core/receipt.h"
#include "core/session.h"
#include "net/transport.h"
#include "stream/stream.h"

/* So many iqs of a client are at work at a time: of each that comes back from the database there
 * may be a large answer, and all of them shall fit between the soft and the hard bound of what a
 * client leaves unread. A presence may be for a thousand contacts, and those who get it are listed
 * until they have it: it counts as many. */
#define AT_WORK_MAX 32
#define REQUEST_WEIGHT 1
#define BROADCAST_WEIGHT 8

/* ---- from the client ---- */

/* RFC 6120 section 8.1.2.1: a client may leave `from` out, or say its own address. */
static bool from_is_own(struct arena *arena, const struct element *element, const struct jid *own)
{
	const char *text = element_attribute(element, "from");
	const struct jid *from;

	if (text == NULL)
		return true;
	from = jid_parse(arena, text);
	return from != NULL && jid_equal_bare(from, own) &&
	       (jid_is_bare(from) || jid_equal(from, own));
}

/* A stanza that is none: bad address, bad iq. */
static void c2s_refuse(
    struct c2s *c2s, struct arena *arena, const struct element *element, enum rc rc)
{
	const char *to = element_attribute(element, "to");
	struct stanza *error = stanza_refusal(
	    element, c2s->session->jid, to == NULL ? NULL : jid_parse(arena, to), rc);

	if (error != NULL)
		stream_send(c2s->stream, error, NULL, NULL);
	stanza_unref(&error);
}

static void c2s_settled(void *state, uint32_t sequence)
{
	struct c2s *c2s = state;

	if (c2s->stream != NULL)
		stream_settled(c2s->stream, sequence);
	c2s_unref(c2s);
}

/* ---- what is at work for it */

static void c2s_work_begins(struct c2s *c2s, unsigned weight)
{
	if (work_begins(&c2s->work, weight, AT_WORK_MAX))
		stream_pause(c2s->stream);
}

static void c2s_work_ends(struct c2s *c2s, unsigned weight)
{
	if (work_ends(&c2s->work, weight, AT_WORK_MAX) && c2s->stream != NULL)
		stream_resume(c2s->stream);
}

static void c2s_request_settled(void *state, uint32_t sequence)
{
	c2s_work_ends(state, REQUEST_WEIGHT);
	c2s_settled(state, sequence);
}

static void c2s_broadcast_settled(void *state, uint32_t sequence)
{
	c2s_work_ends(state, BROADCAST_WEIGHT);
	c2s_settled(state, sequence);
}

static bool is_broadcast(const struct stanza *stanza)
{
	return stanza_kind(stanza) == STANZA_PRESENCE && stanza_to(stanza) == NULL;
}

/* Tells when a stanza has been dealt with: a client that acknowledges, and us of what may be much
 * work. */
static struct receipt *c2s_receipt(struct c2s *c2s, const struct stanza *stanza, uint32_t sequence)
{
	void (*settled)(void *, uint32_t) = c2s_settled;

	if (stanza != NULL && stanza_is_request(stanza)) {
		settled = c2s_request_settled;
		c2s_work_begins(c2s, REQUEST_WEIGHT);
	} else if (stanza != NULL && is_broadcast(stanza)) {
		settled = c2s_broadcast_settled;
		c2s_work_begins(c2s, BROADCAST_WEIGHT);
	} else if (sequence == 0) {
		return NULL;
	}
	c2s->references++;
	return receipt_new(settled, c2s, sequence);
}

void c2s_stanza(void *state, struct arena *arena, struct element *element, uint32_t sequence)
{
	struct c2s *c2s = state;
	struct receipt *receipt;
	struct stanza *stanza;
	enum rc rc;

	if (c2s->session == NULL || c2s->session->left) {
		arena_free(&arena);
		return;
	}
	if (!from_is_own(arena, element, c2s->session->jid)) {
		stream_fail(c2s->stream, STREAM_INVALID_FROM, NULL);
		arena_free(&arena);
		return;
	}
	stanza = stanza_from_element(arena, element, c2s->session->jid, NULL, &rc);
	receipt = c2s_receipt(c2s, stanza, sequence);
	if (stanza != NULL) {
		session_receive(c2s->session, stanza, receipt);
		stanza_unref(&stanza);
	} else {
		if (rc == RC_FEATURE_NOT_IMPLEMENTED)
			stream_fail(c2s->stream, STREAM_UNSUPPORTED_STANZA_TYPE, NULL);
		else
			c2s_refuse(c2s, arena, element, rc);
		arena_free(&arena);
	}
	receipt_release(&receipt);
}

void c2s_delivered(void *state, void *token)
{
	(void)state;
	delivery_confirmed(token);
}

/* The connection is gone with this in hand. First the session leaves, so that it is not chosen
 * again. */
void c2s_lost(void *state, void *token)
{
	struct c2s *c2s = state;

	if (c2s->session != NULL)
		session_leave(c2s->session);
	delivery_lost(token);
}

/* ---- what the session asks for ---- */

static void c2s_send(
    void *state, const struct stanza *stanza, const struct jid *to, struct delivery *delivery)
{
	struct c2s *c2s = state;

	stream_send(c2s->stream, stanza, to, delivery);
}

static void c2s_end(void *state, enum session_end end)
{
	static const enum stream_error errors[] = {
		[SESSION_REPLACED] = STREAM_CONFLICT,
		[SESSION_KICKED] = STREAM_POLICY_VIOLATION,
		[SESSION_SHUTDOWN] = STREAM_SYSTEM_SHUTDOWN,
		[SESSION_HOST_GONE] = STREAM_HOST_GONE,
		[SESSION_NOT_AUTHORIZED] = STREAM_NOT_AUTHORIZED,
	};
	struct c2s *c2s = state;

	stream_fail(c2s->stream, errors[end], NULL);
}

static bool c2s_acknowledges(void *state)
{
	struct c2s *c2s = state;

	return stream_has_sm(c2s->stream);
}

static const char *c2s_peer(void *state)
{
	struct c2s *c2s = state;

	return transport_peer(stream_transport(c2s->stream));
}

static const char *c2s_tls(void *state)
{
	struct c2s *c2s = state;

	return transport_tls_version(stream_transport(c2s->stream));
}

const struct session_events c2s_session_events = {
	.send = c2s_send,
	.end = c2s_end,
	.acknowledges = c2s_acknowledges,
	.peer = c2s_peer,
	.tls = c2s_tls,
};
