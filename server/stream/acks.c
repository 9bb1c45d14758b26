/* acks.c - stream management (XEP-0198): enabling it, <r/> and <a/>.
 * An <r/> is answered at once with what is settled; when more is, another <a/> follows by itself.
 * We ask for an <a/> at the end of a round in which something was sent whose arrival matters, one
 * question at a time; after an answer that brings no news we wait until there is more to ask about,
 * or the two ends would go on for ever. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "net/transport.h"
#include "stream/stream-private.h"
#include "xml/element.h"
#include "xmpp/ns.h"

/* A burst may go over the bounds, if the peer answers so soon. */
#define ANSWER_MS 10000
/* But no further than so many times. */
#define BURST 2

const char *acks_ns(const struct element *element)
{
	return element_is(element, NS_SM2, NULL) ? NS_SM2 : NS_SM;
}

bool is_sm(const struct element *element)
{
	return element_is(element, NS_SM, NULL) || element_is(element, NS_SM2, NULL);
}

/* Section 9: recoverable. */
void acks_refuse(struct stream *stream, const struct element *element, enum rc rc)
{
	text_printf(stream_output(stream),
	    "<failed xmlns='%s'><%s xmlns='" NS_STANZA_ERROR "'/></failed>", acks_ns(element),
	    rc_name(rc));
}

static void send_a(struct stream *stream)
{
	struct sm *sm = stream->sm;

	text_printf(stream_output(stream), "<a xmlns='%s' h='%" PRIu32 "'/>", sm->ns, sm->handled);
	sm_told(sm);
}

/* Section 3: after bind, or once it is known which server has called, and once. */
static void handle_enable(struct stream *stream, const struct element *element)
{
	if (stream->stage != STAGE_BOUND || stream->sm != NULL ||
	    role_of(stream) == STREAM_TO_SERVER) {
		acks_refuse(stream, element, RC_UNEXPECTED_REQUEST);
		return;
	}
	stream->sm = sm_new(acks_ns(element));
	resume_enable(stream, element);
	if (is_with_server(stream))
		stream->events->managed(stream->state, 0);
}

static void handle_r(struct stream *stream)
{
	sm_asked(stream->sm);
	send_a(stream);
}

/* Section 9. */
static void fail_too_high(struct stream *stream, uint32_t h)
{
	struct arena *arena = arena_new(0);
	uint32_t sent = stream->sm->sent;

	stream_fail_with(stream, STREAM_UNDEFINED_CONDITION, NULL,
	    arena_printf(arena,
		"<handled-count-too-high xmlns='%s' h='%" PRIu32 "' send-count='%" PRIu32 "'/>",
		stream->sm->ns, h, sent));
	arena_free(&arena);
}

bool acks_take_h(struct stream *stream, uint32_t h)
{
	if (sm_acknowledge(stream->sm, h) != SM_TOO_HIGH)
		return true;
	if (stream->login != NULL)
		stream->login->awaits_sm = AWAITS_NO_SM;
	fail_too_high(stream, h);
	return false;
}

static void handle_a(struct stream *stream, const struct element *element)
{
	const char *text = element_attribute(element, "h");
	int64_t h;

	if (text == NULL || !number_parse(text, 0, UINT32_MAX, &h)) {
		stream_fail(stream, STREAM_BAD_FORMAT, "'h' has to be a number of 32 bits");
		return;
	}
	switch (sm_acknowledge(stream->sm, (uint32_t)h)) {
	case SM_TOO_HIGH:
		fail_too_high(stream, (uint32_t)h);
		return;
	case SM_NO_NEWS:
		return;
	case SM_NEWS:
		stanzas_acknowledged(stream, (uint32_t)h);
		stream->sm->wants = true;
		stream_ask_round(stream);
		return;
	}
}

void acks_element(struct stream *stream, const struct element *element)
{
	if (element_is(element, NULL, "enable"))
		handle_enable(stream, element);
	else if (element_is(element, NULL, "resume"))
		resume_asked(stream, element);
	else if (resume_answered(stream, element))
		return;
	else if (!element_is(element, NULL, "r") && !element_is(element, NULL, "a"))
		stream_fail(stream, STREAM_UNSUPPORTED_STANZA_TYPE, NULL);
	else if (!stream_has_sm(stream))
		acks_refuse(stream, element, RC_UNEXPECTED_REQUEST);
	else if (element_is(element, NULL, "r"))
		handle_r(stream);
	else
		handle_a(stream, element);
}

void acks_round(struct stream *stream)
{
	struct sm *sm = stream->sm;

	if (sm == NULL || stream->stage != STAGE_BOUND)
		return;
	if (sm->tell)
		send_a(stream);
	if (sm->requested || !sm->wants)
		return;
	sm->wants = false;
	if (stream->tokens.count == stream->tokens.plain)
		return;
	text_printf(stream_output(stream), "<r xmlns='%s'/>", sm->ns);
	sm->requested = true;
	sm->requested_ms = worker_now_ms();
}

void acks_finish(struct stream *stream)
{
	if (stream_has_sm(stream) && stream->sm->told != stream->sm->handled)
		send_a(stream);
}

/* So long without an answer to what was asked. */
static bool is_silent(const struct stream *stream)
{
	const struct sm *sm = stream->sm;

	return sm->requested && worker_now_ms() - sm->requested_ms > ANSWER_MS;
}

bool stream_is_silent(const struct stream *stream)
{
	return stream_has_sm(stream) && is_silent(stream);
}

bool stream_takes_more(const struct stream *stream)
{
	const struct stream_settings *settings = stream->settings;

	if (transport_is_full(stream->transport))
		return false;
	return stream->sm == NULL || (stream->tokens.count < settings->max_unacked &&
					 stream->tokens.bytes < settings->max_unacked_bytes);
}

void acks_check_bounds(struct stream *stream)
{
	const struct stream_settings *settings = stream->settings;
	size_t count = stream->tokens.count - stream->tokens.plain, bytes = stream->tokens.bytes;
	size_t times = is_silent(stream) ? 1 : BURST;

	if (count > settings->max_unacked * times || bytes > settings->max_unacked_bytes * times)
		stream_fail(stream, STREAM_RESOURCE_CONSTRAINT, "too much is unacknowledged");
}
