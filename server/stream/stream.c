/* stream.c - the life of a stream: what its connection tells it, what its parser tells it, and the
 * end of the round, where the owner is told what must not come inside other calls. */
#include "stream/stream-private.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "net/transport.h"
#include "xml/element.h"
#include "xmpp/jid.h"

/* What may wait at a time, as a multiple of what one element may have on the wire. */
#define WAITING_MAX 4

static void stream_round(struct later *later);

void stream_ask_round(struct stream *stream)
{
	worker_later(&stream->later, stream_round);
}

struct text *stream_output(struct stream *stream)
{
	/* First ours, then the transport's: what acks_round() adds leaves in the same write. */
	if (stream->sm != NULL)
		stream_ask_round(stream);
	return transport_output(stream->transport);
}

/* ---- waiting for the owner */

static void stream_halt(struct stream *stream)
{
	stream->halted = true;
	transport_pause(stream->transport);
}

void stream_wait(struct stream *stream)
{
	stream->busy = true;
	stream_halt(stream);
}

/* Goes on at the end of the round: not inside the owner's call. */
void stream_go_on(struct stream *stream)
{
	if (!stream->busy)
		return;
	stream->busy = false;
	if (stream->stage < STAGE_OVER)
		stream_ask_round(stream);
}

void stream_drop_waiting(struct stream *stream)
{
	struct waiting *waiting;

	while ((waiting = STAILQ_FIRST(&stream->waiting)) != NULL) {
		struct arena *arena = waiting->arena;

		STAILQ_REMOVE_HEAD(&stream->waiting, next);
		arena_free(&arena);
	}
	stream->waiting_bytes = 0;
	stream->peer_ended = false;
	stream->busy = false;
	stream->halted = false;
}

/* Hands a first-level child to the stage's function, which takes the arena. */
static void element_handle(struct stream *stream, struct arena *arena, struct element *element)
{
	switch ((enum stage)stream->stage) {
	case STAGE_LOGIN:
		if (is_of_component(stream))
			handshake_element(stream, arena, element);
		else
			login_element(stream, arena, element);
		return;
	case STAGE_OFFERED:
		initiate_element(stream, arena, element);
		return;
	case STAGE_BIND:
		bind_element(stream, arena, element);
		return;
	case STAGE_BOUND:
		stanzas_element(stream, arena, element);
		return;
	case STAGE_HEADER:
	case STAGE_SECURING:
	case STAGE_ADMITTED:
	case STAGE_OVER:
	case STAGE_TOLD:
		break;
	}
	arena_free(&arena);
}

static bool has_turn(const struct stream *stream)
{
	return !stream->busy && (stream->stage == STAGE_LOGIN || stream->stage == STAGE_OFFERED ||
				    stream->stage == STAGE_BIND || stream->stage == STAGE_BOUND);
}

/* So much is unread that the peer is not listened to: what it asks for would be added. Where
 * stanzas go both ways both ends might wait for each other, and the owner bounds what it adds. */
static bool is_full(const struct stream *stream)
{
	return stream->stage == STAGE_BOUND && transport_is_full(stream->transport) &&
	       !stream_goes_both_ways(stream);
}

/* Those that waited, in order, up to the next one that makes the stream wait. */
static void waiting_handle(struct stream *stream)
{
	struct waiting *waiting;

	while (has_turn(stream) && !is_full(stream) &&
	       (waiting = STAILQ_FIRST(&stream->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&stream->waiting, next);
		stream->waiting_bytes -= arena_size(waiting->arena);
		element_handle(stream, waiting->arena, waiting->element);
	}
	if (stream->busy || !stream->halted || !STAILQ_EMPTY(&stream->waiting))
		return;
	if (stream->peer_ended) {
		stream_answer_end(stream);
		return;
	}
	stream->halted = false;
	transport_resume(stream->transport);
}

/* ---- the parser's events */

static const struct xml_limits *limits_now(const struct stream *stream)
{
	return is_stranger(stream) ? &stream->settings->before_login
	                           : &stream->settings->after_login;
}

static void parser_opened(void *state, const struct element *header)
{
	if (role_of(state) == STREAM_TO_SERVER)
		header_accept(state, header);
	else
		header_receive(state, header);
}

/* Small elements take many times their bytes: a read full of them must not. Takes the arena. */
static void element_wait(struct stream *stream, struct arena *arena, struct element *element)
{
	struct waiting *waiting = arena_alloc(arena, sizeof(*waiting));

	waiting->arena = arena;
	waiting->element = element;
	STAILQ_INSERT_TAIL(&stream->waiting, waiting, next);
	stream->waiting_bytes += arena_size(arena);
	if (stream->waiting_bytes > WAITING_MAX * limits_now(stream)->max_bytes)
		stream_fail(stream, STREAM_POLICY_VIOLATION, "too much without waiting");
}

static void parser_element(void *state, struct arena *arena, struct element *element)
{
	struct stream *stream = state;

	if (!stream->halted && is_full(stream))
		stream_halt(stream);
	if (stream->halted)
		element_wait(stream, arena, element);
	else
		element_handle(stream, arena, element);
}

static void parser_closed(void *state)
{
	struct stream *stream = state;

	if (stream->halted)
		stream->peer_ended = true;
	else
		stream_answer_end(stream);
}

static const struct xml_events parser_events = { parser_opened, parser_element, parser_closed };

void stream_stop_parser(struct stream *stream)
{
	rest_forget(stream);
	if (stream->parser == NULL)
		return;
	if (stream->feeding)
		xml_parser_stop(stream->parser);
	else
		xml_parser_free(&stream->parser);
}

static void parser_failed(struct stream *stream, enum xml_error error)
{
	static const enum stream_error errors[] = {
		[XML_NOT_WELL_FORMED] = STREAM_NOT_WELL_FORMED,
		[XML_RESTRICTED] = STREAM_RESTRICTED_XML,
		[XML_UNSUPPORTED_ENCODING] = STREAM_UNSUPPORTED_ENCODING,
		[XML_BAD_NAMESPACE_PREFIX] = STREAM_BAD_NAMESPACE_PREFIX,
		[XML_LIMIT] = STREAM_POLICY_VIOLATION,
		[XML_INVALID_XML_VERSION] = STREAM_NOT_WELL_FORMED,
	};

	stream_fail(stream, errors[error], error == XML_LIMIT ? "over a limit on XML" : NULL);
}

/* ---- the transport's events */

static void transport_received(void *state, const char *bytes, size_t length)
{
	struct stream *stream = state;
	enum xml_error error;

	if (stream->stage >= STAGE_OVER || stream->stage == STAGE_SECURING ||
	    stream->stage == STAGE_ADMITTED)
		return;
	if (stream->parser == NULL)
		stream->parser = xml_parser_new(limits_now(stream), &parser_events, stream);
	stream->feeding = true;
	error = xml_parser_feed(stream->parser, bytes, length);
	stream->feeding = false;
	if (error != XML_OK)
		parser_failed(stream, error);
	if (stream->parser == NULL)
		return;
	if (xml_parser_is_stopped(stream->parser))
		xml_parser_free(&stream->parser);
	else
		rest_note(stream);
}

/* A new stream, on TLS (RFC 6120 section 5.4.3.3). */
static void transport_secured(void *state)
{
	struct stream *stream = state;

	if (stream->stage != STAGE_SECURING)
		return;
	stream->stage = STAGE_HEADER;
	stream->header_sent = false;
	login_forget(stream);
	login_resume_deadline(stream);
	if (role_of(stream) != STREAM_TO_SERVER)
		return;
	if (stream->events->secured != NULL)
		stream->events->secured(stream->state);
	if (stream->stage == STAGE_HEADER)
		header_initiate(stream);
}

static void transport_written(void *state)
{
	struct stream *stream = state;

	stanzas_written(stream);
	if (stream->halted)
		stream_ask_round(stream);
}

/* Who had a session is logged when that ends; who only tried TLS, here. */
static void transport_closed(void *state, enum transport_end end, const char *detail)
{
	struct stream *stream = state;

	if (stream->stage == STAGE_SECURING ||
	    (end == TRANSPORT_TLS_FAILED && stream->stage < STAGE_BOUND))
		log_info(stream->log, "TLS failed", KV("why", detail));
	stream->is_cut = stream->stage < STAGE_OVER;
	stream_over(stream, detail);
}

static const struct transport_events transport_events = { transport_received, transport_secured,
	transport_written, transport_closed };

/* ---- the end of the round */

static void tell_closed(struct stream *stream)
{
	void *token;

	stream->stage = STAGE_TOLD;
	if (stream->sm != NULL)
		stream->sm->uncounted = stream->tokens.plain;
	while ((token = tokens_take(&stream->tokens)) != NULL)
		stream->events->lost(stream->state, token);
	stream->events->closed(stream->state, stream->why);
}

/* In the call the owner may send the stream to another worker, which may be at work on it before
 * the call returns. */
static void tell_admitted(struct stream *stream)
{
	if (stream->admitted_told)
		return;
	stream->admitted_told = true;
	stream->events->authenticated(stream->state, stream->domain, stream->login->username);
}

static void stream_round(struct later *later)
{
	struct stream *stream = CONTAINER_OF(later, struct stream, later);

	switch ((enum stage)stream->stage) {
	case STAGE_OVER:
		tell_closed(stream);
		return;
	case STAGE_ADMITTED:
		tell_admitted(stream);
		return;
	case STAGE_LOGIN:
	case STAGE_OFFERED:
	case STAGE_BIND:
	case STAGE_BOUND:
		if (stream->halted)
			waiting_handle(stream);
		acks_round(stream);
		return;
	case STAGE_HEADER:
	case STAGE_SECURING:
	case STAGE_TOLD:
		return;
	}
}

/* ---- life */

static uint64_t next_number(void)
{
	static _Atomic uint64_t last;

	return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

/* Without its beginning. */
static struct stream *stream_make(struct transport *transport,
    const struct stream_settings *settings, const struct stream_events *events, void *state)
{
	static const struct {
		const char *id, *log;
	} names[] = {
		[STREAM_OF_CLIENT] = { "c2s", "c2s" },
		[STREAM_OF_SERVER] = { "s2s-in", "s2s" },
		[STREAM_TO_SERVER] = { "s2s-out", "s2s" },
		[STREAM_OF_COMPONENT] = { "component", "component" },
	};
	char id[32];
	size_t length = (size_t)snprintf(
	    id, sizeof(id), "%s-%" PRIu64, names[settings->role].id, next_number());
	struct stream *stream = mem_alloc_zero(sizeof(*stream) + length + 1);

	memcpy(stream->id, id, length + 1);
	stream->transport = transport;
	stream->settings = settings;
	stream->events = events;
	stream->state = state;
	STAILQ_INIT(&stream->waiting);
	stream->log = log_new(NULL, names[settings->role].log,
	    LOG_FIELDS(KV("stream", stream->id), KV("address", transport_peer(transport))));
	transport_set_events(transport, &transport_events, stream);
	login_start(stream);
	log_debug(stream->log, "stream opened");
	return stream;
}

struct stream *stream_new(struct transport *transport, bool direct_tls,
    const struct stream_settings *settings, const struct stream_events *events, void *state)
{
	struct stream *stream = stream_make(transport, settings, events, state);

	if (direct_tls)
		login_secure(stream);
	return stream;
}

struct stream *stream_initiate(struct transport *transport, bool direct_tls,
    const struct stream_settings *settings, const struct stream_events *events, void *state,
    const char *from, const char *to)
{
	struct stream *stream = stream_make(transport, settings, events, state);

	stream->domain = mem_strdup(from);
	stream->login->claim = mem_strdup(to);
	stream->login->is_direct = direct_tls;
	if (direct_tls)
		login_secure(stream);
	else
		header_initiate(stream);
	return stream;
}

void stream_free(struct stream **stream)
{
	struct stream *dead = *stream;

	if (dead == NULL)
		return;
	*stream = NULL;
	ASSERT(!dead->feeding);
	later_cancel(&dead->later);
	stream_stop_parser(dead);
	stream_drop_waiting(dead);
	login_free(dead);
	sm_free(&dead->sm);
	tokens_free(&dead->tokens);
	/* What was said last shall still arrive. */
	if (dead->stage >= STAGE_OVER)
		transport_finish(&dead->transport);
	else
		transport_free(&dead->transport);
	log_free(&dead->log);
	jid_free(&dead->jid);
	mem_free(dead->domain);
	mem_free(dead->lang);
	mem_free(dead);
}

void stream_set_settings(struct stream *stream, const struct stream_settings *settings)
{
	stream->settings = settings;
	if (stream->parser != NULL)
		xml_parser_set_limits(stream->parser, limits_now(stream));
}

void stream_detach(struct stream *stream)
{
	if (stream->stage != STAGE_ADMITTED)
		return;
	later_cancel(&stream->later);
	login_stop(stream);
	transport_detach(stream->transport);
	stream->detached = true;
}

/* RFC 6120 section 6.4.6: a new stream on the same connection. */
void stream_restart(struct stream *stream)
{
	if (stream->stage != STAGE_ADMITTED)
		return;
	if (stream->detached)
		transport_attach(stream->transport);
	stream->detached = false;
	stream->stage = STAGE_HEADER;
	stream->header_sent = false;
	login_resume_deadline(stream);
	transport_resume(stream->transport);
}

void stream_pause(struct stream *stream)
{
	if (stream->stage == STAGE_BOUND)
		stream_wait(stream);
}

void stream_resume(struct stream *stream)
{
	if (stream->stage == STAGE_BOUND)
		stream_go_on(stream);
}

const char *stream_peer(const struct stream *stream)
{
	return stream->login == NULL ? NULL : stream->login->claim;
}

const char *stream_header_id(const struct stream *stream)
{
	return stream->login == NULL ? NULL : stream->login->header_id;
}

const char *stream_domain(const struct stream *stream)
{
	return stream->domain;
}

bool stream_is_secure(const struct stream *stream)
{
	return transport_is_secure(stream->transport);
}

bool stream_has_sm(const struct stream *stream)
{
	return stream->sm != NULL && !awaits_sm(stream);
}

bool stream_goes_both_ways(const struct stream *stream)
{
	return stream->login != NULL && stream->login->goes_both_ways;
}

bool stream_is_over(const struct stream *stream)
{
	return stream->stage >= STAGE_OVER;
}

struct transport *stream_transport(const struct stream *stream)
{
	return stream->transport;
}

struct log *stream_log(const struct stream *stream)
{
	return stream->log;
}

const char *stream_id(const struct stream *stream)
{
	return stream->id;
}
