/* features.c - what is offered after a stream header (RFC 6120 section 4.3.2). */
#include "base/log.h"
#include "net/transport.h"
#include "stream/external.h"
#include "stream/sasl.h"
#include "stream/stream-private.h"
#include "xml/element.h"
#include "xml/parser.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

/* Whether there are any. */
static bool add_mechanisms(struct arena *arena, struct element *features, const struct sasl *sasl)
{
	struct element *list = NULL;
	const char *name;
	size_t cursor = 0;

	while ((name = sasl_offered(sasl, &cursor)) != NULL) {
		if (list == NULL)
			list = element_add_new(arena, features, NS_SASL, "mechanisms");
		element_add_text_child(arena, list, NULL, "mechanism", name);
	}
	return list != NULL;
}

/* XEP-0440. */
static void add_bindings(struct arena *arena, struct element *features, const struct sasl *sasl)
{
	struct element *list = NULL;
	const char *name;
	size_t cursor = 0;

	while ((name = sasl_offered_binding(sasl, &cursor)) != NULL) {
		if (list == NULL)
			list = element_add_new(arena, features, NS_SASL_CB, "sasl-channel-binding");
		element_set(
		    arena, element_add_new(arena, list, NULL, "channel-binding"), "type", name);
	}
}

static size_t binding_of(void *state, enum binding binding, unsigned char *out)
{
	return transport_binding(state, binding, out);
}

/* Who the client is by its certificate, if it has shown one that counts. */
static struct external *external_for(const struct stream *stream, struct arena *arena)
{
	struct external *external = NULL;
	const char *why;
	const char *const *addresses =
	    transport_peer_addresses(stream->transport, stream->domain, arena, &why);

	if (addresses != NULL) {
		external = external_new(addresses, stream->domain);
		why = external == NULL ? "it names no user of this domain" : NULL;
	}
	if (why != NULL)
		log_info(stream->log, "certificate of the client does not count", KV("why", why));
	return external;
}

/* The same for a server (XEP-0178 section 3). */
static struct external *external_for_server(const struct stream *stream)
{
	const char *peer = stream->login->claim;

	return peer != NULL && transport_is_secure(stream->transport) &&
	               stream->events->proves(stream->state, peer)
	           ? external_new_server(peer)
	           : NULL;
}

static struct sasl *sasl_for_server(const struct stream *stream)
{
	struct sasl_channel channel = {
		.domain = stream->domain,
		.is_server = true,
		.secure = transport_is_secure(stream->transport),
		.tls_required = true,
		.external = external_for_server(stream),
	};

	return sasl_new(&channel);
}

static struct sasl *sasl_for(const struct stream *stream, struct arena *arena)
{
	struct sasl_channel channel = {
		.domain = stream->domain,
		.secure = transport_is_secure(stream->transport),
		.tls_required = stream->settings->tls_required,
		.allow_plain = stream->settings->allow_plain,
		.iterations = stream->settings->scram_iterations,
		.external = external_for(stream, arena),
		.binding = binding_of,
		.state = stream->transport,
	};

	return sasl_new(&channel);
}

/* XEP-0478. Idle streams are not cut: no idle-seconds. */
static void add_limits(struct arena *arena, struct element *features, size_t max_bytes)
{
	struct element *limits = element_add_new(arena, features, NS_LIMITS, "limits");

	element_add_text_child(
	    arena, limits, NULL, "max-bytes", arena_printf(arena, "%zu", max_bytes));
}

/* XEP-0288, to a server that can prove by EXTERNAL who it is. */
static void add_both_ways(struct stream *stream, struct arena *arena, struct element *features)
{
	stream->login->offers_both_ways = stream->settings->both_ways;
	if (stream->login->offers_both_ways)
		element_add_new(arena, features, NS_BIDI_FEATURE, "bidi");
}

static void add_before_login(struct stream *stream, struct arena *arena, struct element *features)
{
	const struct stream_settings *settings = stream->settings;
	bool secure = transport_is_secure(stream->transport);

	if (!secure && settings->tls != NULL) {
		struct element *starttls = element_add_new(arena, features, NS_TLS, "starttls");

		if (settings->tls_required)
			element_add_new(arena, starttls, NULL, "required");
	}
	sasl_free(&stream->login->sasl);
	stream->login->sasl =
	    is_with_server(stream) ? sasl_for_server(stream) : sasl_for(stream, arena);
	if (add_mechanisms(arena, features, stream->login->sasl) && is_with_server(stream))
		add_both_ways(stream, arena, features);
	if (secure && !is_with_server(stream))
		add_bindings(arena, features, stream->login->sasl);
	/* RFC 6120 section 5.3.1: where TLS is required there is nothing beside it. */
	if (secure || !settings->tls_required) {
		add_limits(arena, features, settings->before_login.max_bytes);
		stream->events->features(stream->state, arena, features, false);
	}
	stream->stage = STAGE_LOGIN;
}

/* RFC 6120 section 7.4; RFC 3921 section 3, which old clients still ask for; XEP-0198. */
static void add_after_login(struct stream *stream, struct arena *arena, struct element *features)
{
	struct element *bind = element_add_new(arena, features, NS_BIND, "bind");
	struct element *session = element_add_new(arena, features, NS_SESSION, "session");

	element_add_new(arena, bind, NULL, "required");
	element_add_new(arena, session, NULL, "optional");
	element_add_new(arena, features, NS_SM, "sm");
	element_add_new(arena, features, NS_SM2, "sm");
	add_limits(arena, features, stream->settings->after_login.max_bytes);
	stream->events->features(stream->state, arena, features, true);
	stream->stage = STAGE_BIND;
}

/* A server has nothing to bind. */
static void add_after_proof(struct stream *stream, struct arena *arena, struct element *features)
{
	element_add_new(arena, features, NS_SM, "sm");
	add_limits(arena, features, stream->settings->after_login.max_bytes);
	stream->events->features(stream->state, arena, features, true);
	stream_admit(stream);
}

void features_send(struct stream *stream)
{
	struct arena *arena = arena_new(0);
	struct element *features = element_new_lent(arena, NS_STREAM, "features");
	struct text *out;

	if (stream->login->username == NULL)
		add_before_login(stream, arena, features);
	else if (is_with_server(stream))
		add_after_proof(stream, arena, features);
	else
		add_after_login(stream, arena, features);
	/* Clients look for the prefix, which the writer would not use. */
	if (stream->stage < STAGE_OVER) {
		out = stream_output(stream);
		text_puts(out, "<stream:features>");
		xml_write_children(out, features, NS_CLIENT);
		text_puts(out, "</stream:features>");
	}
	if (stream->stage == STAGE_BOUND && stream_goes_both_ways(stream))
		stream->events->opened(stream->state, features, true);
	arena_free(&arena);
}
