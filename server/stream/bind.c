/* bind.c - resource binding (RFC 6120 section 7), and the session request that old clients make
 * after it (RFC 3921 section 3). */
#include <string.h>

#include "stream/stream-private.h"
#include "xml/element.h"
#include "xmpp/jid.h"
#include "xmpp/ns.h"
#include "xmpp/stanza.h"

/* A result or an error, to be filled. */
static struct element *answer_new(struct arena *arena, const char *type, const char *id)
{
	struct element *answer = element_new_lent(arena, NS_CLIENT, "iq");

	element_set(arena, answer, "type", type);
	element_set(arena, answer, "id", id);
	return answer;
}

static void send_result(struct stream *stream, const char *id)
{
	struct arena *arena = arena_new(0);

	stanzas_send_element(stream, answer_new(arena, "result", id));
	arena_free(&arena);
}

static void send_error(struct stream *stream, const char *id, enum rc rc)
{
	struct arena *arena = arena_new(0);
	struct element *answer = answer_new(arena, "error", id);

	element_add(answer, stanza_error_element(arena, rc, NULL));
	stanzas_send_element(stream, answer);
	arena_free(&arena);
}

static bool is_set_of(const struct element *iq, const char *ns, const char *name)
{
	return element_is(iq, NS_CLIENT, "iq") && element_attribute(iq, "id") != NULL &&
	       text_equal(element_attribute(iq, "type"), "set") &&
	       element_child(iq, ns, name) != NULL;
}

/* Some address these requests to the domain, most to nobody. */
static bool is_for_server(const struct stream *stream, const struct element *iq)
{
	const char *to = element_attribute(iq, "to");
	struct arena *arena;
	const struct jid *jid;
	bool is;

	if (to == NULL)
		return true;
	arena = arena_new(0);
	jid = jid_parse(arena, to);
	is = jid != NULL && (jid_is_domain(jid) ? jid_has_domain(jid, stream->domain)
						: stream->jid != NULL && jid_is_bare(jid) &&
						      jid_equal_bare(jid, stream->jid));
	arena_free(&arena);
	return is;
}

/* Section 7.7.3: after too many, the end. */
static void refuse(struct stream *stream, const char *id, enum rc rc)
{
	send_error(stream, id, rc);
	stream->login->bind_failures++;
	if (stream->login->bind_failures >= stream->settings->max_bind_failures)
		stream_fail(stream, STREAM_POLICY_VIOLATION, "too many resources refused");
}

/* Section 7.7: a resource that cannot be prepared is a bad-request; an empty one is none. Takes the
 * arena. */
static void bind_request(struct stream *stream, struct arena *arena, const struct element *iq)
{
	const char *id = element_attribute(iq, "id");
	const struct element *bind = element_child(iq, NS_BIND, "bind");
	const char *wanted = element_child_text(arena, bind, NS_BIND, "resource");
	const char *resource = NULL;

	if (wanted != NULL && *wanted != '\0') {
		resource = jid_prepare_resource(arena, wanted);
		if (resource == NULL) {
			refuse(stream, id, RC_BAD_REQUEST);
			arena_free(&arena);
			return;
		}
	}
	stream->login->bind_arena = arena;
	stream->login->bind_id = id;
	stream_wait(stream);
	stream->events->bind(stream->state, resource);
}

static bool is_binding(const struct stream *stream)
{
	return stream->stage == STAGE_BIND && stream->login->bind_arena != NULL;
}

void stream_bound(struct stream *stream, const struct jid *jid)
{
	struct arena *arena;
	struct element *answer, *bind;

	if (!is_binding(stream))
		return;
	arena = stream->login->bind_arena;
	answer = answer_new(arena, "result", stream->login->bind_id);
	bind = element_add_new(arena, answer, NS_BIND, "bind");
	element_add_text_child(arena, bind, NULL, "jid", jid_text(jid));
	stanzas_send_element(stream, answer);
	stream->jid = jid_copy_heap(jid);
	stream->stage = STAGE_BOUND;
	login_free(stream);
	stream_go_on(stream);
}

void stream_bind_failed(struct stream *stream, enum rc rc)
{
	if (!is_binding(stream))
		return;
	refuse(stream, stream->login->bind_id, rc);
	arena_free(&stream->login->bind_arena);
	stream_go_on(stream);
}

/* Section 7.1: nothing but bind until there is an address. */
void bind_element(struct stream *stream, struct arena *arena, struct element *element)
{
	if (is_set_of(element, NS_BIND, "bind") && is_for_server(stream, element)) {
		bind_request(stream, arena, element);
		return;
	}
	if (is_stanza(element))
		stream_fail(stream, STREAM_NOT_AUTHORIZED, "bind a resource first");
	else if (is_sm(element))
		acks_element(stream, element);
	else if (element_is(element, NS_STREAM, "error"))
		stream_peer_failed(stream, element);
	else
		stream_refuse_element(stream, element);
	arena_free(&arena);
}

bool bind_answers(struct stream *stream, const struct element *iq)
{
	const char *id = element_attribute(iq, "id");

	if (is_set_of(iq, NS_SESSION, "session") && is_for_server(stream, iq)) {
		send_result(stream, id);
		return true;
	}
	/* One resource for each stream. */
	if (is_set_of(iq, NS_BIND, "bind") && is_for_server(stream, iq)) {
		send_error(stream, id, RC_NOT_ALLOWED);
		return true;
	}
	return false;
}
