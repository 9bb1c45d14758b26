/* stanza-error.c - answers, errors and stamps: what stanzas of our own are built of. */
#include "xmpp/stanza-private.h"

#include "base/mem.h"
#include "base/text.h"
#include "xml/element.h"
#include "xmpp/ns.h"

static enum stanza_type error_type(enum stanza_kind kind)
{
	switch (kind) {
	case STANZA_MESSAGE:
		return MESSAGE_ERROR;
	case STANZA_PRESENCE:
		return PRESENCE_ERROR;
	default:
		return IQ_TYPE_ERROR;
	}
}

struct stanza *stanza_reply(const struct stanza *request)
{
	enum stanza_type type =
	    request->kind == STANZA_IQ ? IQ_TYPE_RESULT : error_type(request->kind);

	return stanza_new(type, request->to, request->from, request->id);
}

/* RFC 6120 section 8.3.1, rule 4, and section 8.2.3: neither an error nor a result is answered. */
static bool may_be_answered(const struct stanza *request)
{
	return request->type != error_type(request->kind) && request->type != IQ_TYPE_RESULT;
}

struct stanza *stanza_error(const struct stanza *request, enum rc rc, const char *text)
{
	struct stanza *error;

	if (!may_be_answered(request))
		return NULL;
	error = stanza_new(error_type(request->kind), request->to, request->from, request->id);
	element_add(error->element, stanza_error_element(error->arena, rc, text));
	return error;
}

static enum stanza_kind kind_named(const char *name)
{
	if (text_equal(name, "iq"))
		return STANZA_IQ;
	return text_equal(name, "presence") ? STANZA_PRESENCE : STANZA_MESSAGE;
}

struct stanza *stanza_refusal(
    const struct element *element, const struct jid *from, const struct jid *to, enum rc rc)
{
	const char *type = element_attribute(element, "type");
	const char *id = element_attribute(element, "id");
	enum stanza_kind kind = kind_named(element_name(element));
	struct stanza *error;

	if (text_equal(type, "error") || text_equal(type, "result"))
		return NULL;
	error = stanza_new(error_type(kind), to, from, id == NULL && kind == STANZA_IQ ? "" : id);
	element_add(error->element, stanza_error_element(error->arena, rc, NULL));
	return error;
}

struct element *stanza_error_element(struct arena *arena, enum rc rc, const char *text)
{
	struct element *error = element_new_lent(arena, NS_CLIENT, "error");
	struct element *told;

	ASSERT(rc != RC_OK);
	element_set(arena, error, "type", rc_type(rc));
	element_add_new(arena, error, NS_STANZA_ERROR, rc_name(rc));
	if (text != NULL) {
		told = element_add_text_child(arena, error, NS_STANZA_ERROR, "text", text);
		element_set_lang(arena, told, "en");
	}
	return error;
}

void stanza_add_delay(struct stanza *stanza, const char *from, const char *stamp)
{
	struct element *delay = element_add_new(stanza->arena, stanza->element, NS_DELAY, "delay");

	element_set(stanza->arena, delay, "from", from);
	element_set(stanza->arena, delay, "stamp", stamp);
}
