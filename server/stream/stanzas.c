/* stanzas.c - stanzas of a bound stream, in and out. */
#include "stream/stream-private.h"

#include "net/transport.h"
#include "xml/element.h"
#include "xml/writer.h"
#include "xmpp/ns.h"
#include "xmpp/stanza.h"

bool is_stanza(const struct element *element)
{
	return element_is(element, NS_CLIENT, "message") ||
	       element_is(element, NS_CLIENT, "presence") || element_is(element, NS_CLIENT, "iq");
}

/* RFC 6120 section 4.7.4: the language of the stream is that of its stanzas. Takes the arena. */
static void stanza_receive(struct stream *stream, struct arena *arena, struct element *element)
{
	uint32_t sequence = stream->sm == NULL ? 0 : sm_receive(stream->sm);

	if (bind_answers(stream, element)) {
		stream_settled(stream, sequence);
		arena_free(&arena);
		return;
	}
	if (stream->lang != NULL && element_attribute_ns(element, XML_NS, "lang") == NULL)
		element_set_lang(arena, element, stream->lang);
	stream->events->stanza(stream->state, arena, element, sequence);
}

void stanzas_element(struct stream *stream, struct arena *arena, struct element *element)
{
	if (is_of_component(stream)) {
		handshake_element(stream, arena, element);
		return;
	}
	if (is_with_server(stream)) {
		peering_element(stream, arena, element);
		return;
	}
	if (is_stanza(element)) {
		stanza_receive(stream, arena, element);
		return;
	}
	if (is_sm(element))
		acks_element(stream, element);
	else if (element_is(element, NS_STREAM, "error"))
		stream_peer_failed(stream, element);
	else
		stream_refuse_element(stream, element);
	arena_free(&arena);
}

void stream_settled(struct stream *stream, uint32_t sequence)
{
	if (stream->sm == NULL || sequence == 0)
		return;
	sm_settle(stream->sm, sequence);
	if (stream->sm->tell && stream->stage == STAGE_BOUND)
		stream_ask_round(stream);
}

/* ---- out */

/* Without XEP-0198 a client acknowledges by reading. To keep account of a small stanza takes many
 * times its bytes, so what waits is bounded in number too. */
static void stanza_sent_plain(struct stream *stream, void *token)
{
	struct transport *transport = stream->transport;
	size_t max = stream->settings->max_unwritten;

	tokens_add_plain(&stream->tokens, token, transport_queued(transport));
	if (stream->tokens.plain <= max ||
	    tokens_unwritten(&stream->tokens, transport_sent(transport)) <= max)
		return;
	/* A round may be long. */
	transport_push(transport);
	if (tokens_unwritten(&stream->tokens, transport_sent(transport)) > max)
		stream_fail(stream, STREAM_RESOURCE_CONSTRAINT, "too much is unread");
}

/* A stanza of so many bytes was queued. */
static void stanza_sent(struct stream *stream, void *token, size_t bytes)
{
	if (stream->sm == NULL) {
		if (token != NULL)
			stanza_sent_plain(stream, token);
		return;
	}
	stream->sm->sent++;
	if (token == NULL)
		return;
	tokens_add(&stream->tokens, token, stream->sm->sent, bytes);
	stream->sm->wants = true;
	acks_check_bounds(stream);
}

void stanzas_send_element(struct stream *stream, const struct element *element)
{
	xml_write(stream_output(stream), element, NS_CLIENT);
	stanza_sent(stream, NULL, 0);
}

/* What comes when it is too late is lost with the rest. */
static void send_too_late(struct stream *stream, void *token)
{
	if (token == NULL)
		return;
	if (stream->stage == STAGE_TOLD)
		stream->events->lost(stream->state, token);
	else
		tokens_add(
		    &stream->tokens, token, stream->sm == NULL ? 0 : stream->sm->sent + 1, 0);
}

void stream_send(
    struct stream *stream, const struct stanza *stanza, const struct jid *to, void *token)
{
	struct text *out;
	size_t before;

	if (stream->stage >= STAGE_OVER) {
		send_too_late(stream, token);
		return;
	}
	out = stream_output(stream);
	before = out->length;
	if (to == NULL)
		stanza_write(out, stanza);
	else
		stanza_write_to(out, stanza, to);
	/* Of a client there is none by now. */
	if (stream->login != NULL)
		stream->login->stanzas_out++;
	stanza_sent(stream, token, out->length - before);
}

/* Tokens that the owner adds meanwhile are not among those that were written. */
void stanzas_written(struct stream *stream)
{
	uint32_t written = transport_sent(stream->transport);
	void *token;

	while ((token = tokens_take_written(&stream->tokens, written)) != NULL)
		stream->events->delivered(stream->state, token);
}

void stanzas_acknowledged(struct stream *stream, uint32_t h)
{
	void *token;

	while ((token = tokens_take_covered(&stream->tokens, h)) != NULL)
		stream->events->delivered(stream->state, token);
}
