/* peering.c - what streams with servers have of their own, once there is TLS: stanzas and dialback
 * (XEP-0220), in whatever order, since a stream may carry several pairs of domains. Which pair has
 * been proved is the owner's concern. */
#include "loop/timer.h"
#include "net/listener.h"
#include "net/transport.h"
#include "stream/dialback.h"
#include "stream/sasl.h"
#include "stream/stream-private.h"
#include "xml/element.h"
#include "xml/parser.h"
#include "xmpp/ns.h"

/* Section 4.7.4 of RFC 6120: the language of the stream is that of its stanzas. Takes the arena. */
void peering_stanza(struct stream *stream, struct arena *arena, struct element *element)
{
	uint32_t sequence = stream_has_sm(stream) ? sm_receive(stream->sm) : 0;

	if (stream->login != NULL)
		stream->login->stanzas_in++;
	if (stream->lang != NULL && element_attribute_ns(element, XML_NS, "lang") == NULL)
		element_set_lang(arena, element, stream->lang);
	stream->events->stanza(stream->state, arena, element, sequence);
}

static void dialback_receive(
    struct stream *stream, struct arena *arena, const struct element *element)
{
	struct dialback dialback;

	if (dialback_read(arena, element, &dialback))
		stream->events->dialback(stream->state, &dialback);
	else
		stream_fail(stream, STREAM_IMPROPER_ADDRESSING, "malformed dialback");
}

void peering_element(struct stream *stream, struct arena *arena, struct element *element)
{
	if (is_stanza(element)) {
		peering_stanza(stream, arena, element);
		return;
	}
	if (is_dialback(element))
		dialback_receive(stream, arena, element);
	else if (is_sm(element))
		acks_element(stream, element);
	else if (element_is(element, NS_STREAM, "error"))
		stream_peer_failed(stream, element);
	else
		stream_refuse_element(stream, element);
	arena_free(&arena);
}

void peering_go_both_ways(struct stream *stream)
{
	stream->login->goes_both_ways = true;
	transport_keep_reading(stream->transport);
}

void stream_admit(struct stream *stream)
{
	struct login *login = stream->login;

	/* Before its restart it is admitted anyway. */
	if (stream->stage >= STAGE_OVER || stream->stage == STAGE_ADMITTED)
		return;
	timer_free(&login->timer);
	if (login->username == NULL)
		login->username = mem_strdup(login->claim == NULL ? "" : login->claim);
	if (transport_address(stream->transport) != NULL)
		address_authenticated(transport_address(stream->transport));
	if (stream->parser != NULL)
		xml_parser_set_limits(stream->parser, &stream->settings->after_login);
	/* A refusal that is held back has still to be told. */
	if (login->hold == NULL)
		sasl_free(&login->sasl);
	stream->stage = STAGE_BOUND;
}

void stream_send_dialback(struct stream *stream, const struct dialback *dialback)
{
	bool may_speak = stream->stage == STAGE_LOGIN || stream->stage == STAGE_BOUND;

	/* Between a login and the header of its stream there is nothing to say it on. */
	if (may_speak && stream->header_sent)
		dialback_write(stream_output(stream), dialback);
}

struct stream_traffic stream_traffic(const struct stream *stream)
{
	const struct login *login = stream->login;

	return (struct stream_traffic){
		.stanzas_in = login == NULL ? 0 : login->stanzas_in,
		.stanzas_out = login == NULL ? 0 : login->stanzas_out,
		.bytes_in = transport_tls_read(stream->transport),
		.bytes_out = transport_tls_written(stream->transport),
	};
}

void stream_send_blank(struct stream *stream)
{
	if (stream->stage != STAGE_BOUND)
		return;
	text_putc(stream_output(stream), ' ');
	if (stream_has_sm(stream))
		stream->sm->wants = true;
}
