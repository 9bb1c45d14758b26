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

static bool is_deaf(const struct xml_parser *parser)
{
	return parser->error != XML_OK || parser->stopped;
}

void reader_refuse(struct xml_parser *parser, enum xml_error error)
{
	if (is_deaf(parser))
		return;
	parser->error = error;
	XML_StopParser(parser->expat, XML_FALSE);
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
	header = reader_tag(parser, name, attributes);
	if (header != NULL && event_end(parser) > parser->limits.max_bytes)
		reader_refuse(parser, XML_LIMIT);
	if (text_equal(parser->content_ns, NAMESPACE_SERVER) ||
	    text_equal(parser->content_ns, NAMESPACE_COMPONENT))
		parser->mapped = namespace_known(parser->content_ns, strlen(parser->content_ns));
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

void reader_begin(struct xml_parser *parser)
{
	parser->arena = arena_new(0);
	parser->elements = 0;
	parser->ns_bytes = 0;
}

bool reader_descend(struct xml_parser *parser)
{
	return ++parser->depth <= parser->limits.max_depth &&
	       ++parser->elements <= parser->limits.max_elements;
}

void reader_enter(struct xml_parser *parser, struct element *element)
{
	if (parser->current == NULL)
		parser->root = element;
	else
		element_add(parser->current, element);
	parser->current = element;
}

void reader_leave(struct xml_parser *parser)
{
	parser->current = parser->current->parent;
	parser->depth--;
}

void reader_report(struct xml_parser *parser)
{
	struct arena *arena = parser->arena;
	struct element *root = parser->root;

	parser->arena = NULL;
	parser->root = NULL;
	parser->events->element(parser->state, arena, root);
}

static void child_begin(struct xml_parser *parser)
{
	reader_begin(parser);
	parser->unit_at = (size_t)XML_GetCurrentByteIndex(parser->expat);
}

static void child_complete(struct xml_parser *parser)
{
	if (event_end(parser) - parser->unit_at > parser->limits.max_bytes) {
		reader_refuse(parser, XML_LIMIT);
		return;
	}
	if (parser->text.capacity > TEXT_KEEP_BYTES)
		text_free(&parser->text);
	reader_report(parser);
}

/* Whether the element that begins is dropped, with all that is in it. */
static bool is_skipped(struct xml_parser *parser)
{
	if (parser->skipped == 0)
		return false;
	if (++parser->skipped > parser->limits.max_depth)
		reader_refuse(parser, XML_LIMIT);
	return true;
}

/* Between stanzas of a document: true if the start tag is one to be read on from. */
static bool document_goes_on(
    struct xml_parser *parser, const XML_Char *name, const XML_Char **attributes)
{
	struct element *start;

	if (parser->events->choose == NULL || parser->depth > 0)
		return false;
	child_begin(parser);
	start = reader_tag(parser, name, attributes);
	switch (start == NULL ? XML_SKIP : parser->events->choose(parser->state, start)) {
	case XML_TAKE:
		return false;
	case XML_ENTER:
		parser->entered++;
		break;
	case XML_SKIP:
		parser->skipped = 1;
		break;
	}
	arena_free(&parser->arena);
	return true;
}

static void element_opened(
    struct xml_parser *parser, const XML_Char *name, const XML_Char **attributes)
{
	struct element *element;

	if (is_skipped(parser) || document_goes_on(parser, name, attributes) || is_deaf(parser))
		return;
	if (parser->arena == NULL)
		child_begin(parser);
	text_flush(parser);
	if (!reader_descend(parser)) {
		reader_refuse(parser, XML_LIMIT);
		return;
	}
	element = reader_tag(parser, name, attributes);
	if (element != NULL)
		reader_enter(parser, element);
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
	if (parser->skipped > 0) {
		parser->skipped--;
		return;
	}
	if (parser->depth == 0 && parser->entered > 0) {
		parser->entered--;
		parser->events->left(parser->state);
		return;
	}
	if (parser->depth == 0) {
		parser->stage = STAGE_CLOSED;
		parser->events->closed(parser->state);
		return;
	}
	text_flush(parser);
	reader_leave(parser);
	if (parser->depth == 0)
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
	for (int i = 0; parser->skipped == 0 && i < length; i++)
		if (strchr(" \t\r\n", bytes[i]) == NULL)
			reader_refuse(parser, XML_NOT_WELL_FORMED);
}

/* Between stanzas even an empty one: a rest would forget that it was opened. */
static void XMLCALL cdata_opened(void *state)
{
	struct xml_parser *parser = state;

	if (parser->depth == 0 && parser->skipped == 0)
		reader_refuse(parser, XML_NOT_WELL_FORMED);
}

/* RFC 6120 section 11.1. */
static void XMLCALL doctype_seen(void *state, const XML_Char *name, const XML_Char *system_id,
    const XML_Char *public_id, int has_internal_subset)
{
	reader_refuse(state, XML_RESTRICTED);
}

/* In a document they do no harm. */
static void remark_seen(struct xml_parser *parser)
{
	if (parser->events->choose == NULL)
		reader_refuse(parser, XML_RESTRICTED);
}

static void XMLCALL comment_seen(void *state, const XML_Char *text)
{
	remark_seen(state);
}

static void XMLCALL instruction_seen(void *state, const XML_Char *target, const XML_Char *data)
{
	remark_seen(state);
}

static void XMLCALL entity_skipped(void *state, const XML_Char *name, int is_parameter)
{
	reader_refuse(state, XML_RESTRICTED);
}

/* Sections 11.5 and 11.6. The bytes are read as UTF-8 whatever this says. */
static void XMLCALL declaration_seen(
    void *state, const XML_Char *version, const XML_Char *encoding, int standalone)
{
	if (encoding != NULL && strcasecmp(encoding, "UTF-8") != 0)
		reader_refuse(state, XML_UNSUPPORTED_ENCODING);
	else if (version != NULL && strcmp(version, "1.0") != 0)
		reader_refuse(state, XML_INVALID_XML_VERSION);
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
