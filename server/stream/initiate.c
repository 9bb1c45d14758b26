/* initiate.c - a stream that we begin with another server (RFC 6120 sections 4.3 and 5.4): its
 * features are looked at, TLS is begun, then SASL EXTERNAL where it is offered. Where EXTERNAL is
 * not offered, or refused, the owner goes on with dialback. */
#include <string.h>

#include "base/log.h"
#include "net/transport.h"
#include "stream/stream-private.h"
#include "xml/element.h"
#include "xmpp/ns.h"

static void open_up(struct stream *stream, const struct element *features)
{
	stream->stage = STAGE_BOUND;
	stream->login->has_sm = element_child(features, NS_SM, "sm") != NULL;
	stream->events->opened(stream->state, features, stream->login->username != NULL);
}

/* XEP-0178 section 3: by name, since some servers want it. XEP-0288 comes before it. The features
 * are kept, in case it is refused. Takes the arena. */
static void external_begin(struct stream *stream, struct arena *arena, struct element *features)
{
	const char *name = stream->domain;

	stream->login->offered_arena = arena;
	stream->login->offered = features;
	stream->login->awaited = AWAITS_SUCCESS;
	if (stream->settings->both_ways &&
	    element_child(features, NS_BIDI_FEATURE, "bidi") != NULL) {
		text_puts(stream_output(stream), "<bidi xmlns='" NS_BIDI "'/>");
		peering_go_both_ways(stream);
	}
	text_printf(stream_output(stream),
	    "<auth xmlns='" NS_SASL "' mechanism='EXTERNAL'>%s</auth>",
	    base64_encode(arena, name, strlen(name)));
}

static bool offers_external(const struct element *features)
{
	const struct element *list = element_child(features, NS_SASL, "mechanisms"), *mechanism;
	struct arena *arena = arena_new(0);
	bool found = false;

	if (list != NULL)
		for (mechanism = element_child(list, NS_SASL, "mechanism");
		     mechanism != NULL && !found;
		     mechanism = element_next(mechanism, NS_SASL, "mechanism"))
			found = text_equal(element_text(arena, mechanism), "EXTERNAL");
	arena_free(&arena);
	return found;
}

/* Takes the arena. */
static void features_receive(struct stream *stream, struct arena *arena, struct element *features)
{
	bool is_logged_in = stream->login->username != NULL;

	if (!transport_is_secure(stream->transport)) {
		if (element_child(features, NS_TLS, "starttls") == NULL) {
			stream_fail_for(stream, STREAM_POLICY_VIOLATION, "TLS is not offered");
		} else {
			stream->login->awaited = AWAITS_PROCEED;
			text_puts(stream_output(stream), "<starttls xmlns='" NS_TLS "'/>");
		}
	} else if (!is_logged_in && offers_external(features)) {
		external_begin(stream, arena, features);
		return;
	} else {
		open_up(stream, features);
	}
	arena_free(&arena);
}

/* Section 6.4.6: another stream on the same connection. */
static void success_receive(struct stream *stream)
{
	struct login *login = stream->login;

	arena_free(&login->offered_arena);
	login->username = mem_strdup(login->claim);
	stream_stop_parser(stream);
	stream_drop_waiting(stream);
	stream->stage = STAGE_HEADER;
	stream->header_sent = false;
	header_initiate(stream);
}

/* Section 6.4.5. */
static void failure_receive(struct stream *stream, const struct element *failure)
{
	struct arena *arena = stream->login->offered_arena;
	const struct element *condition = element_child(failure, NS_SASL, NULL);

	log_info(stream->log, "EXTERNAL refused",
	    KV("condition", condition == NULL ? "" : element_name(condition)));
	if (stream->events->refused != NULL)
		stream->events->refused(stream->state, stream->domain, "EXTERNAL",
		    condition == NULL ? "" : element_name(condition));
	stream->login->offered_arena = NULL;
	open_up(stream, stream->login->offered);
	arena_free(&arena);
}

void initiate_element(struct stream *stream, struct arena *arena, struct element *element)
{
	enum awaited awaited = (enum awaited)stream->login->awaited;

	if (awaited == AWAITS_FEATURES && element_is(element, NS_STREAM, "features")) {
		features_receive(stream, arena, element);
		return;
	}
	if (awaited == AWAITS_PROCEED && element_is(element, NS_TLS, "proceed"))
		login_secure(stream);
	else if (awaited == AWAITS_SUCCESS && element_is(element, NS_SASL, "success"))
		success_receive(stream);
	else if (awaited == AWAITS_SUCCESS && element_is(element, NS_SASL, "failure"))
		failure_receive(stream, element);
	else if (element_is(element, NS_TLS, "failure"))
		stream_fail_for(stream, STREAM_POLICY_VIOLATION, "TLS is refused");
	else if (element_is(element, NS_STREAM, "error"))
		stream_peer_failed(stream, element);
	else
		stream_refuse_element(stream, element);
	arena_free(&arena);
}
