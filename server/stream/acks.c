/* acks.c - stream management (XEP-0198): enabling it, <r/> and <a/>.
 * An <r/> is answered at once with what is settled; when more is, another <a/> follows by itself.
 * We ask for an <a/> at the end of a round in which something was sent whose arrival matters, one
 * question at a time; after an answer that brings no news we wait until there is more to ask about,
 * or the two ends would go on for ever. There is no resumption yet: `resume` is ignored. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "stream/stream-private.h"
#include "xml/element.h"
#include "xmpp/ns.h"

/* A burst may go over the bounds, if the peer answers so soon. */
#define ANSWER_MS 10000
/* But no further than so many times. */
#define BURST 2

static const char *ns_of(const struct element *element)
{
	return element_is(element, NS_SM2, NULL) ? NS_SM2 : NS_SM;
}

bool is_sm(const struct element *element)
{
	return element_is(element, NS_SM, NULL) || element_is(element, NS_SM2, NULL);
}

/* Section 9: recoverable. */
static void send_failed(struct stream *stream, const struct element *element, enum rc rc)
{
	text_printf(stream_output(stream),
	    "<failed xmlns='%s'><%s xmlns='" NS_STANZA_ERROR "'/></failed>", ns_of(element),
	    rc_name(rc));
}

static void send_a(struct stream *stream)
{
	struct sm *sm = stream->sm;

	text_printf(stream_output(stream), "<a xmlns='%s' h='%" PRIu32 "'/>", sm->ns, sm->handled);
	sm_told(sm);
}

/* Section 3: after bind, and once. */
static void handle_enable(struct stream *stream, const struct element *element)
{
	if (stream->stage != STAGE_BOUND || stream->sm != NULL) {
		send_failed(stream, element, RC_UNEXPECTED_REQUEST);
		return;
	}
	text_printf(stream_output(stream), "<enabled xmlns='%s'/>", ns_of(element));
	stream->sm = sm_new(ns_of(element));
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
		send_failed(stream, element, RC_FEATURE_NOT_IMPLEMENTED);
	else if (!element_is(element, NULL, "r") && !element_is(element, NULL, "a"))
		stream_fail(stream, STREAM_UNSUPPORTED_STANZA_TYPE, NULL);
	else if (stream->sm == NULL)
		send_failed(stream, element, RC_UNEXPECTED_REQUEST);
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

void acks_check_bounds(struct stream *stream)
{
	const struct stream_settings *settings = stream->settings;
	const struct sm *sm = stream->sm;
	size_t count = stream->tokens.count - stream->tokens.plain, bytes = stream->tokens.bytes;
	bool silent = sm->requested && worker_now_ms() - sm->requested_ms > ANSWER_MS;
	size_t times = silent ? 1 : BURST;

	if (count > settings->max_unacked * times || bytes > settings->max_unacked_bytes * times)
		stream_fail(stream, STREAM_RESOURCE_CONSTRAINT, "too much is unacknowledged");
}
