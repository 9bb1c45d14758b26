/* reader.c - expat's events to trees: the handlers behind parser.c.
 * Nodes are made directly in the arena of the first-level child that they belong to. Whatever is
 * refused stops expat at once; expat may still finish the tag it is in, so each handler first asks
 * whether anybody listens. */
#include "xml/parser-private.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/mem.h"
#include "xml/element-private.h"
#include "xml/namespace.h"
#include "xml/writer.h"

/* Room for joining text that is kept from one child to the next. */
#define TEXT_KEEP_BYTES 4096

/* A name as expat reports it, taken apart. */
struct name {
	const char *ns; /* not NUL-terminated */
	size_t ns_length;
	const char *local;
	size_t local_length;
};

static bool is_deaf(const struct xml_parser *parser)
{
	return parser->error != XML_OK || parser->stopped;
}

static void refuse(struct xml_parser *parser, enum xml_error error)
{
	if (is_deaf(parser))
		return;
	parser->error = error;
	XML_StopParser(parser->expat, XML_FALSE);
}

static struct name name_split(const char *reported)
{
	size_t length = strlen(reported);
	const char *separator = memchr(reported, NAME_SEPARATOR, length);
	struct name name = { .local = reported, .local_length = length };

	if (separator != NULL) {
		name.ns = reported;
		name.ns_length = (size_t)(separator - reported);
		name.local = separator + 1;
		name.local_length = length - name.ns_length - 1;
	}
	return name;
}

static bool name_is_too_long(const struct xml_parser *parser, const struct name *name)
{
	return name->ns_length > parser->limits.max_name_bytes ||
	       name->local_length > parser->limits.max_name_bytes;
}

/* The namespace as a string that lives as long as the tree: mostly no copy is made. Below the root,
 * where it is not the parent's, the writer has to name it, and that counts. */
static const char *ns_intern(struct xml_parser *parser, const struct name *name)
{
	const char *parent_ns = parser->current == NULL ? NULL : parser->current->ns;
	const char *known;

	if (name->ns_length == 0)
		return "";
	if (parent_ns != NULL && strncmp(parent_ns, name->ns, name->ns_length) == 0 &&
	    parent_ns[name->ns_length] == '\0')
		return parent_ns;
	if (parent_ns != NULL)
		parser->ns_bytes += name->ns_length;
	known = namespace_known(name->ns, name->ns_length);
	if (known == NULL)
		return arena_strndup(parser->arena, name->ns, name->ns_length);
	if (parser->maps_server && strcmp(known, NAMESPACE_SERVER) == 0)
		return NAMESPACE_CLIENT;
	return known;
}

static struct element *element_build(struct xml_parser *parser, const struct name *name)
{
	struct element *element =
	    arena_alloc(parser->arena, sizeof(*element) + name->local_length + 1);
	char *local = (char *)(element + 1);

	memcpy(local, name->local, name->local_length + 1);
	*element = (struct element){ .name = local, .ns = ns_intern(parser, name) };
	return element;
}

static struct attribute *attribute_build(
    struct xml_parser *parser, const struct name *name, const char *value)
{
	size_t value_size = strlen(value) + 1, name_size = name->local_length + 1;
	struct attribute *attribute =
	    arena_alloc(parser->arena, sizeof(*attribute) + name_size + value_size);
	char *bytes = (char *)(attribute + 1);

	memcpy(bytes, name->local, name_size);
	memcpy(bytes + name_size, value, value_size);
	*attribute = (struct attribute){ .name = bytes, .value = bytes + name_size };
	if (name->ns_length == 0)
		return attribute;
	attribute->ns = namespace_known(name->ns, name->ns_length);
	if (attribute->ns == NULL)
		attribute->ns = arena_strndup(parser->arena, name->ns, name->ns_length);
	if (strcmp(attribute->ns, XML_NS) != 0)
		parser->ns_bytes += name->ns_length;
	return attribute;
}

/* Adds the attributes; false if there are too many, one has too long a name, or the namespaces of
 * the child are more bytes than it may have: a prefix lets a short name stand for a long one, in
 * each of thousands of elements, and a receiver would be sent, and have to take, many times what
 * came in. */
static bool attributes_build(
    struct xml_parser *parser, struct element *element, const XML_Char **reported)
{
	struct attribute **at = &element->attributes;
	size_t count = parser->declarations;

	if (count > parser->limits.max_attributes)
		return false;
	for (; *reported != NULL; reported += 2) {
		struct name name = name_split(reported[0]);

		if (++count > parser->limits.max_attributes || name_is_too_long(parser, &name))
			return false;
		*at = attribute_build(parser, &name, reported[1]);
		at = &(*at)->next;
	}
	return parser->ns_bytes <= parser->limits.max_bytes;
}

/* Makes the element of a start tag; NULL after refusing it. */
static struct element *tag_build(
    struct xml_parser *parser, const XML_Char *reported, const XML_Char **attributes)
{
	struct name name = name_split(reported);
	struct element *element;

	if (name_is_too_long(parser, &name)) {
		refuse(parser, XML_LIMIT);
		return NULL;
	}
	/* An xml:element could not be written without a prefix, and means nothing to anybody. */
	if (name.ns_length == strlen(XML_NS) && memcmp(name.ns, XML_NS, name.ns_length) == 0) {
		refuse(parser, XML_BAD_NAMESPACE_PREFIX);
		return NULL;
	}
	element = element_build(parser, &name);
	if (!attributes_build(parser, element, attributes)) {
		refuse(parser, XML_LIMIT);
		return NULL;
	}
	return element;
}

/* Where the event that is being reported ends, in bytes fed. */
static size_t event_end(const struct xml_parser *parser)
{
	return (size_t)XML_GetCurrentByteIndex(parser->expat) +
	       (size_t)XML_GetCurrentByteCount(parser->expat);
}

/* A start tag for the expat that comes after a rest: the name as the peer spelt it, for the end tag
 * must match, and the declarations. */
static void replay_begin(struct xml_parser *parser)
{
	const char *tag = parser->raw.at + XML_GetCurrentByteIndex(parser->expat);

	if (parser->replay.length == 0)
		text_append(&parser->replay, tag, strcspn(tag, " \t\r\n/>"));
}

static void replay_declare(struct xml_parser *parser, const char *prefix, const char *uri)
{
	replay_begin(parser);
	text_puts(&parser->replay, prefix == NULL ? " xmlns" : " xmlns:");
	text_puts(&parser->replay, prefix == NULL ? "" : prefix);
	text_append(&parser->replay, "='", 2);
	xml_write_value(&parser->replay, uri, strlen(uri));
	text_putc(&parser->replay, '\'');
}

static void XMLCALL ns_declared(void *state, const XML_Char *prefix, const XML_Char *uri)
{
	struct xml_parser *parser = state;

	parser->declarations++;
	if (is_deaf(parser) || parser->stage != STAGE_HEADER)
		return;
	if (uri == NULL)
		uri = "";
	replay_declare(parser, prefix, uri);
	if (prefix == NULL)
		parser->content_ns = mem_strdup(uri);
}

/* A session at rest need not keep what is the same for all. */
static void replay_finish(struct xml_parser *parser)
{
	static const char *const usual[] = {
		"<stream:stream xmlns='" NAMESPACE_CLIENT "' xmlns:stream='" NAMESPACE_STREAM "'>",
		"<stream:stream xmlns:stream='" NAMESPACE_STREAM "' xmlns='" NAMESPACE_CLIENT "'>",
	};

	replay_begin(parser);
	text_putc(&parser->replay, '>');
	for (size_t i = 0; i < COUNT_OF(usual); i++)
		if (text_equal(parser->replay.at, usual[i]))
			parser->usual = usual[i];
	if (parser->usual != NULL)
		text_free(&parser->replay);
}

static void header_opened(
    struct xml_parser *parser, const XML_Char *name, const XML_Char **attributes)
{
	struct element *header;

	replay_finish(parser);
	parser->stage = STAGE_STREAM;
	parser->arena = arena_new(0);
	header = tag_build(parser, name, attributes);
	if (header != NULL && event_end(parser) > parser->limits.max_bytes)
		refuse(parser, XML_LIMIT);
	parser->maps_server = text_equal(parser->content_ns, NAMESPACE_SERVER);
	if (!is_deaf(parser))
		parser->events->opened(parser->state, header);
	arena_free(&parser->arena);
	text_free(&parser->raw);
}

/* Character data comes in pieces; they become one node at the next tag. */
static void text_flush(struct xml_parser *parser)
{
	if (parser->text.length == 0)
		return;
	element_add_bytes(parser->arena, parser->current, parser->text.at, parser->text.length);
	text_clear(&parser->text);
}

static void child_begin(struct xml_parser *parser)
{
	parser->arena = arena_new(0);
	parser->unit_at = (size_t)XML_GetCurrentByteIndex(parser->expat);
	parser->elements = 0;
	parser->ns_bytes = 0;
}

static void child_complete(struct xml_parser *parser)
{
	size_t end = event_end(parser);
	struct arena *arena = parser->arena;
	struct element *root = parser->root;

	if (end - parser->unit_at > parser->limits.max_bytes) {
		refuse(parser, XML_LIMIT);
		return;
	}
	parser->arena = NULL;
	parser->root = NULL;
	if (parser->text.capacity > TEXT_KEEP_BYTES)
		text_free(&parser->text);
	parser->events->element(parser->state, arena, root);
}

static void element_opened(
    struct xml_parser *parser, const XML_Char *name, const XML_Char **attributes)
{
	struct element *element;

	if (parser->arena == NULL)
		child_begin(parser);
	text_flush(parser);
	if (++parser->depth > parser->limits.max_depth ||
	    ++parser->elements > parser->limits.max_elements) {
		refuse(parser, XML_LIMIT);
		return;
	}
	element = tag_build(parser, name, attributes);
	if (element == NULL)
		return;
	if (parser->current == NULL)
		parser->root = element;
	else
		element_add(parser->current, element);
	parser->current = element;
}

static void XMLCALL tag_opened(void *state, const XML_Char *name, const XML_Char **attributes)
{
	struct xml_parser *parser = state;

	if (is_deaf(parser))
		return;
	if (parser->stage == STAGE_HEADER)
		header_opened(parser, name, attributes);
	else if (!parser->replaying)
		element_opened(parser, name, attributes);
	parser->declarations = 0;
}

static void XMLCALL tag_closed(void *state, const XML_Char *name)
{
	struct xml_parser *parser = state;

	if (is_deaf(parser))
		return;
	if (parser->depth == 0) {
		parser->stage = STAGE_CLOSED;
		parser->events->closed(parser->state);
		return;
	}
	text_flush(parser);
	parser->current = parser->current->parent;
	if (--parser->depth == 0)
		child_complete(parser);
}

/* White space between stanzas keeps a connection alive; anything else there is an error. */
static void XMLCALL text_seen(void *state, const XML_Char *bytes, int length)
{
	struct xml_parser *parser = state;

	if (is_deaf(parser))
		return;
	if (parser->depth > 0) {
		text_append(&parser->text, bytes, (size_t)length);
		return;
	}
	for (int i = 0; i < length; i++)
		if (strchr(" \t\r\n", bytes[i]) == NULL)
			refuse(parser, XML_NOT_WELL_FORMED);
}

/* Between stanzas even an empty one: a rest would forget that it was opened. */
static void XMLCALL cdata_opened(void *state)
{
	struct xml_parser *parser = state;

	if (parser->depth == 0)
		refuse(parser, XML_NOT_WELL_FORMED);
}

/* RFC 6120 section 11.1. */
static void XMLCALL doctype_seen(void *state, const XML_Char *name, const XML_Char *system_id,
    const XML_Char *public_id, int has_internal_subset)
{
	refuse(state, XML_RESTRICTED);
}

static void XMLCALL comment_seen(void *state, const XML_Char *text)
{
	refuse(state, XML_RESTRICTED);
}

static void XMLCALL instruction_seen(void *state, const XML_Char *target, const XML_Char *data)
{
	refuse(state, XML_RESTRICTED);
}

static void XMLCALL entity_skipped(void *state, const XML_Char *name, int is_parameter)
{
	refuse(state, XML_RESTRICTED);
}

/* Sections 11.5 and 11.6. The bytes are read as UTF-8 whatever this says. */
static void XMLCALL declaration_seen(
    void *state, const XML_Char *version, const XML_Char *encoding, int standalone)
{
	if (encoding != NULL && strcasecmp(encoding, "UTF-8") != 0)
		refuse(state, XML_UNSUPPORTED_ENCODING);
	else if (version != NULL && strcmp(version, "1.0") != 0)
		refuse(state, XML_INVALID_XML_VERSION);
}

void reader_attach(struct xml_parser *parser)
{
	XML_SetUserData(parser->expat, parser);
	XML_SetElementHandler(parser->expat, tag_opened, tag_closed);
	XML_SetCharacterDataHandler(parser->expat, text_seen);
	XML_SetStartCdataSectionHandler(parser->expat, cdata_opened);
	XML_SetStartNamespaceDeclHandler(parser->expat, ns_declared);
	XML_SetStartDoctypeDeclHandler(parser->expat, doctype_seen);
	XML_SetCommentHandler(parser->expat, comment_seen);
	XML_SetProcessingInstructionHandler(parser->expat, instruction_seen);
	XML_SetSkippedEntityHandler(parser->expat, entity_skipped);
	XML_SetXmlDeclHandler(parser->expat, declaration_seen);
}

void reader_drop(struct xml_parser *parser)
{
	arena_free(&parser->arena);
	parser->root = parser->current = NULL;
	parser->depth = 0;
	text_free(&parser->text);
}
