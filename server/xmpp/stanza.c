/* stanza.c - what a stanza is, and how it is made, shared and read; see stanza.h. Errors and other
 * pieces that stanzas are built of are in stanza-error.c, bytes in stanza-write.c. */
#include "xmpp/stanza-private.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "xml/element.h"
#include "xmpp/jid.h"
#include "xmpp/ns.h"

static const char *const kind_names[] = {
	[STANZA_MESSAGE] = "message",
	[STANZA_PRESENCE] = "presence",
	[STANZA_IQ] = "iq",
};

/* What the attribute says; NULL: it is not written. */
static const struct {
	enum stanza_kind kind;
	const char *name;
} types[] = {
	[MESSAGE_NORMAL] = { STANZA_MESSAGE, NULL },
	[MESSAGE_CHAT] = { STANZA_MESSAGE, "chat" },
	[MESSAGE_GROUPCHAT] = { STANZA_MESSAGE, "groupchat" },
	[MESSAGE_HEADLINE] = { STANZA_MESSAGE, "headline" },
	[MESSAGE_ERROR] = { STANZA_MESSAGE, "error" },
	[PRESENCE_AVAILABLE] = { STANZA_PRESENCE, NULL },
	[PRESENCE_UNAVAILABLE] = { STANZA_PRESENCE, "unavailable" },
	[PRESENCE_PROBE] = { STANZA_PRESENCE, "probe" },
	[PRESENCE_SUBSCRIBE] = { STANZA_PRESENCE, "subscribe" },
	[PRESENCE_SUBSCRIBED] = { STANZA_PRESENCE, "subscribed" },
	[PRESENCE_UNSUBSCRIBE] = { STANZA_PRESENCE, "unsubscribe" },
	[PRESENCE_UNSUBSCRIBED] = { STANZA_PRESENCE, "unsubscribed" },
	[PRESENCE_ERROR] = { STANZA_PRESENCE, "error" },
	[IQ_TYPE_GET] = { STANZA_IQ, "get" },
	[IQ_TYPE_SET] = { STANZA_IQ, "set" },
	[IQ_TYPE_RESULT] = { STANZA_IQ, "result" },
	[IQ_TYPE_ERROR] = { STANZA_IQ, "error" },
};

const char *stanza_kind_name(enum stanza_kind kind)
{
	return kind_names[kind];
}

const char *stanza_type_name(enum stanza_type type)
{
	return types[type].name;
}

static bool kind_find(const struct element *element, enum stanza_kind *kind_out)
{
	for (size_t kind = 0; kind < COUNT_OF(kind_names); kind++) {
		*kind_out = (enum stanza_kind)kind;
		if (element_is(element, NS_CLIENT, kind_names[kind]))
			return true;
	}
	return false;
}

/* Finds the type for the value of the attribute (NULL: none); false if there is no such type. */
static bool type_find(enum stanza_kind kind, const char *name, enum stanza_type *type_out)
{
	for (size_t type = 0; type < COUNT_OF(types); type++) {
		*type_out = (enum stanza_type)type;
		if (types[type].kind == kind && text_equal(types[type].name, name))
			return true;
	}
	*type_out = MESSAGE_NORMAL;
	return kind == STANZA_MESSAGE;
}

/* RFC 6120 section 8.2.3: a request has one payload, a result at most one. */
static bool has_good_payload(const struct element *element, enum stanza_type type)
{
	const struct element *first = element_child(element, NULL, NULL);
	bool is_single = first != NULL && element_next(first, NULL, NULL) == NULL;

	switch (type) {
	case IQ_TYPE_GET:
	case IQ_TYPE_SET:
		return is_single;
	case IQ_TYPE_RESULT:
		return first == NULL || is_single;
	default:
		return true;
	}
}

static enum rc read_kind_and_type(struct stanza *stanza, const struct element *element)
{
	if (!kind_find(element, &stanza->kind))
		return RC_FEATURE_NOT_IMPLEMENTED;
	stanza->id = element_attribute(element, "id");
	if (!type_find(stanza->kind, element_attribute(element, "type"), &stanza->type))
		return RC_BAD_REQUEST;
	if (stanza->kind == STANZA_IQ && stanza->id == NULL)
		return RC_BAD_REQUEST;
	return has_good_payload(element, stanza->type) ? RC_OK : RC_BAD_REQUEST;
}

/* The address to use: the one given, or that of the attribute. */
static bool read_address(struct arena *arena, const struct element *element, const char *name,
    const struct jid *given, const struct jid **jid_out)
{
	const char *text = element_attribute(element, name);

	*jid_out = NULL;
	if (given != NULL)
		*jid_out = jid_copy(arena, given);
	else if (text != NULL)
		*jid_out = jid_parse(arena, text);
	return *jid_out != NULL || text == NULL;
}

static struct stanza *stanza_alloc(struct arena *arena)
{
	struct stanza *stanza = arena_alloc_zero(arena, sizeof(*stanza));

	stanza->arena = arena;
	atomic_init(&stanza->references, 1);
	return stanza;
}

struct stanza *stanza_from_element(struct arena *arena, struct element *element,
    const struct jid *from, const struct jid *to, enum rc *rc_out)
{
	struct stanza *stanza = stanza_alloc(arena);

	stanza->element = element;
	*rc_out = read_kind_and_type(stanza, element);
	if (*rc_out == RC_OK && (!read_address(arena, element, "from", from, &stanza->from) ||
				    !read_address(arena, element, "to", to, &stanza->to)))
		*rc_out = RC_JID_MALFORMED;
	return *rc_out == RC_OK ? stanza : NULL;
}

static void set_addresses(struct stanza *stanza, const struct jid *from, const struct jid *to)
{
	stanza->from = from == NULL ? NULL : jid_copy(stanza->arena, from);
	stanza->to = to == NULL ? NULL : jid_copy(stanza->arena, to);
}

struct stanza *stanza_new(
    enum stanza_type type, const struct jid *from, const struct jid *to, const char *id)
{
	struct arena *arena = arena_new(0);
	struct stanza *stanza = stanza_alloc(arena);

	stanza->kind = types[type].kind;
	stanza->type = type;
	stanza->element = element_new_lent(arena, NS_CLIENT, kind_names[stanza->kind]);
	element_set(arena, stanza->element, "id", id);
	element_set(arena, stanza->element, "type", types[type].name);
	stanza->id = element_attribute(stanza->element, "id");
	set_addresses(stanza, from, to);
	return stanza;
}

struct stanza *stanza_readdress(
    const struct stanza *stanza, const struct jid *from, const struct jid *to)
{
	struct stanza *source = stanza_source(stanza);
	struct stanza *other = stanza_alloc(arena_new(READDRESSED_BYTES));

	other->source = stanza_ref(source);
	other->kind = source->kind;
	other->type = source->type;
	other->id = source->id;
	other->element = source->element;
	set_addresses(other, from, to);
	return other;
}

static struct stanza *copy_into(struct arena *arena, const struct stanza *stanza)
{
	struct stanza *copy = stanza_alloc(arena);

	copy->kind = stanza->kind;
	copy->type = stanza->type;
	copy->element = element_copy(arena, stanza->element);
	copy->id = arena_strdup(arena, stanza->id);
	set_addresses(copy, stanza->from, stanza->to);
	return copy;
}

struct stanza *stanza_copy(const struct stanza *stanza)
{
	return copy_into(arena_new(0), stanza);
}

struct stanza *stanza_compact(const struct stanza *stanza)
{
	struct stanza *copy = stanza_copy(stanza);
	struct stanza *compact = copy_into(arena_new(arena_used(copy->arena)), copy);

	stanza_unref(&copy);
	return compact;
}

struct stanza *stanza_parse(const char *bytes, size_t length)
{
	struct arena *arena = arena_new(0);
	struct element *element = element_parse(arena, bytes, length);
	struct stanza *stanza = NULL;
	enum rc rc;

	if (element != NULL)
		stanza = stanza_from_element(arena, element, NULL, NULL, &rc);
	if (stanza == NULL)
		arena_free(&arena);
	return stanza;
}

struct stanza *stanza_ref(const struct stanza *stanza)
{
	struct stanza *shared = (struct stanza *)(uintptr_t)stanza;

	atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
	return shared;
}

void stanza_unref(struct stanza **stanza_in)
{
	struct stanza *stanza = *stanza_in;
	struct stanza *source;
	struct arena *arena;
	struct text *tail;

	*stanza_in = NULL;
	if (stanza == NULL ||
	    atomic_fetch_sub_explicit(&stanza->references, 1, memory_order_acq_rel) > 1)
		return;
	tail = atomic_load_explicit(&stanza->tail, memory_order_relaxed);
	if (tail != NULL) {
		text_free(tail);
		mem_free(tail);
	}
	source = stanza->source;
	arena = stanza->arena;
	arena_free(&arena);
	stanza_unref(&source); /* once: a source has none itself */
}

enum stanza_kind stanza_kind(const struct stanza *stanza)
{
	return stanza->kind;
}

enum stanza_type stanza_type(const struct stanza *stanza)
{
	return stanza->type;
}

bool stanza_is_request(const struct stanza *stanza)
{
	return stanza->type == IQ_TYPE_GET || stanza->type == IQ_TYPE_SET;
}

const struct jid *stanza_from(const struct stanza *stanza)
{
	return stanza->from;
}

const struct jid *stanza_to(const struct stanza *stanza)
{
	return stanza->to;
}

const char *stanza_id(const struct stanza *stanza)
{
	return stanza->id;
}

struct arena *stanza_arena(const struct stanza *stanza)
{
	return stanza->arena;
}

struct element *stanza_element(const struct stanza *stanza)
{
	return stanza->element;
}

struct element *stanza_payload(const struct stanza *stanza)
{
	return element_child(stanza->element, NULL, NULL);
}

struct element *stanza_child(const struct stanza *stanza, const char *ns, const char *name)
{
	return element_child(stanza->element, ns, name);
}

size_t stanza_size(const struct stanza *stanza)
{
	const struct stanza *source = stanza_source(stanza);
	const struct text *tail = atomic_load_explicit(&source->tail, memory_order_acquire);
	size_t size = arena_size(source->arena) + (tail == NULL ? 0 : tail->capacity);

	return source == stanza ? size : size + arena_size(stanza->arena);
}
