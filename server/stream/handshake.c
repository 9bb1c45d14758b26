/* handshake.c - the stream of a component (XEP-0114): behind the header comes a handshake, by which
 * it shows that it knows a secret, and behind that nothing but stanzas. There are no features, and
 * no TLS: what is not on the same host comes through a tunnel. */
#include "stream/stream-private.h"

#include "xml/element.h"
#include "xmpp/ns.h"

void handshake_await(struct stream *stream)
{
	stream->stage = STAGE_LOGIN;
}

static void handshake_receive(
    struct stream *stream, struct arena *arena, const struct element *element)
{
	if (stream->events->handshake(stream->state, element_text(arena, element))) {
		stream_admit(stream);
		text_puts(stream_output(stream), "<handshake/>");
	} else if (stream->stage == STAGE_LOGIN) {
		stream_wait(stream);
	}
}

void handshake_element(struct stream *stream, struct arena *arena, struct element *element)
{
	bool is_admitted = stream->stage == STAGE_BOUND;

	if (is_admitted && is_stanza(element)) {
		peering_stanza(stream, arena, element);
		return;
	}
	/* The content of a stream is NS_CLIENT to us, whatever it is on the wire. */
	if (!is_admitted && element_is(element, NS_CLIENT, "handshake"))
		handshake_receive(stream, arena, element);
	else if (element_is(element, NS_STREAM, "error"))
		stream_peer_failed(stream, element);
	else if (!is_admitted)
		stream_fail(stream, STREAM_NOT_AUTHORIZED, "the handshake comes first");
	else
		stream_refuse_element(stream, element);
	arena_free(&arena);
}
