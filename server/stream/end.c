/* end.c - how streams end: our errors (RFC 6120 section 4.9), proper ends (section 4.4), and
 * without a word. Whatever the way, the owner hears of it at the end of the round. */
#include "stream/stream-private.h"

#include <string.h>

#include "base/log.h"
#include "net/transport.h"
#include "xml/element.h"
#include "xml/parser.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

static const char *const error_names[] = {
	[STREAM_BAD_FORMAT] = "bad-format",
	[STREAM_BAD_NAMESPACE_PREFIX] = "bad-namespace-prefix",
	[STREAM_CONFLICT] = "conflict",
	[STREAM_CONNECTION_TIMEOUT] = "connection-timeout",
	[STREAM_HOST_GONE] = "host-gone",
	[STREAM_HOST_UNKNOWN] = "host-unknown",
	[STREAM_IMPROPER_ADDRESSING] = "improper-addressing",
	[STREAM_INTERNAL_SERVER_ERROR] = "internal-server-error",
	[STREAM_INVALID_FROM] = "invalid-from",
	[STREAM_INVALID_NAMESPACE] = "invalid-namespace",
	[STREAM_INVALID_XML] = "invalid-xml",
	[STREAM_NOT_AUTHORIZED] = "not-authorized",
	[STREAM_NOT_WELL_FORMED] = "not-well-formed",
	[STREAM_POLICY_VIOLATION] = "policy-violation",
	[STREAM_REMOTE_CONNECTION_FAILED] = "remote-connection-failed",
	[STREAM_RESET] = "reset",
	[STREAM_RESOURCE_CONSTRAINT] = "resource-constraint",
	[STREAM_RESTRICTED_XML] = "restricted-xml",
	[STREAM_SEE_OTHER_HOST] = "see-other-host",
	[STREAM_SYSTEM_SHUTDOWN] = "system-shutdown",
	[STREAM_UNDEFINED_CONDITION] = "undefined-condition",
	[STREAM_UNSUPPORTED_ENCODING] = "unsupported-encoding",
	[STREAM_UNSUPPORTED_FEATURE] = "unsupported-feature",
	[STREAM_UNSUPPORTED_STANZA_TYPE] = "unsupported-stanza-type",
	[STREAM_UNSUPPORTED_VERSION] = "unsupported-version",
};

const char *stream_error_name(enum stream_error error)
{
	return error_names[error];
}

void stream_over(struct stream *stream, const char *why)
{
	if (stream->stage >= STAGE_OVER)
		return;
	stream->stage = STAGE_OVER;
	stream->why = why;
	stream_stop_parser(stream);
	stream_drop_waiting(stream);
	login_stop(stream);
	transport_pause(stream->transport);
	stream_ask_round(stream);
}

/* In the middle of a TLS handshake nothing can be said. */
static bool can_speak(const struct stream *stream)
{
	return stream->stage < STAGE_OVER && stream->stage != STAGE_SECURING && !stream->detached;
}

static void end_tag_send(struct stream *stream)
{
	text_puts(transport_output(stream->transport), "</stream:stream>");
}

void stream_fail_with(
    struct stream *stream, enum stream_error error, const char *text, const char *more)
{
	const char *name = error_names[error];
	struct text *out;

	if (stream->stage >= STAGE_OVER)
		return;
	if (text == NULL)
		log_info(stream->log, "stream error sent", KV("condition", name));
	else
		log_info(stream->log, "stream error sent", KV("condition", name), KV("text", text));
	if (can_speak(stream)) {
		header_send_anyway(stream);
		acks_finish(stream);
		out = transport_output(stream->transport);
		text_printf(out, "<stream:error><%s xmlns='" NS_STREAM_ERROR "'/>", name);
		if (text != NULL) {
			text_puts(out, "<text xmlns='" NS_STREAM_ERROR "' xml:lang='en'>");
			xml_write_text(out, text, strlen(text));
			text_puts(out, "</text>");
		}
		text_puts(out, more == NULL ? "" : more);
		text_puts(out, "</stream:error>");
		end_tag_send(stream);
	}
	stream_over(stream, name);
}

void stream_fail(struct stream *stream, enum stream_error error, const char *text)
{
	stream_fail_with(stream, error, text, NULL);
}

void stream_fail_for(struct stream *stream, enum stream_error error, const char *why)
{
	if (stream->stage >= STAGE_OVER)
		return;
	stream_fail(stream, error, why);
	stream->why = why;
}

void stream_end(struct stream *stream)
{
	if (can_speak(stream)) {
		header_send_anyway(stream);
		acks_finish(stream);
		end_tag_send(stream);
	}
	stream_over(stream, "ended by the server");
}

void stream_answer_end(struct stream *stream)
{
	if (can_speak(stream)) {
		acks_finish(stream);
		end_tag_send(stream);
	}
	stream_over(stream, "ended by the peer");
}

void stream_refuse_element(struct stream *stream, const struct element *element)
{
	bool is_server = element_is(element, NS_SERVER, NULL);

	stream_fail(
	    stream, is_server ? STREAM_INVALID_NAMESPACE : STREAM_UNSUPPORTED_STANZA_TYPE, NULL);
}

/* Constant text. */
static const char *known_condition(const struct element *condition)
{
	for (size_t i = 0; condition != NULL && i < COUNT_OF(error_names); i++)
		if (strcmp(element_name(condition), error_names[i]) == 0)
			return error_names[i];
	return "stream error received";
}

/* Section 4.9.1.1: both ends close. */
void stream_peer_failed(struct stream *stream, const struct element *element)
{
	const struct element *condition = element_child(element, NS_STREAM_ERROR, NULL);

	log_info(stream->log, "stream error received",
	    KV("condition", condition == NULL ? "" : element_name(condition)));
	if (can_speak(stream))
		end_tag_send(stream);
	stream_over(
	    stream, is_with_server(stream) ? known_condition(condition) : "stream error received");
}
