/* parser.c - feeding expat, and the bounds on bytes; see parser.h. What expat reports becomes trees
 * in reader.c; what plain.c can read is not fed to it.
 *
 * Expat scans an unfinished tag again from its beginning with every piece that arrives, which costs
 * the square of its length if it comes byte by byte (CVE-2023-52425). Expat's own cure waits for
 * more bytes and so delays complete stanzas; it is off here. Instead the bytes of a long tag are
 * held back as long as no '>' is among them, for no tag ends without one, and a tag that keeps us
 * trying in vain is refused. */
#include "build-config.h"

#include "xml/parser-private.h"

#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/mem.h"

/* So much goes to expat at once, that its buffer stays small. */
#define PIECE_BYTES 16384
/* From this length on an unfinished tag is a long one. */
#define LONG_TAG_BYTES 4096
/* So often expat may look at a long tag in vain. */
#define MAX_RETRIES 64

static const XML_Memory_Handling_Suite allocator = { mem_alloc, mem_realloc, mem_free };

struct xml_parser *xml_parser_new(
    const struct xml_limits *limits, const struct xml_events *events, void *state)
{
	struct xml_parser *parser = mem_alloc_zero(sizeof(*parser));

	parser->limits = *limits;
	parser->events = events;
	parser->state = state;
	return parser;
}

struct xml_parser *xml_parser_new_headless(
    const struct xml_limits *limits, const struct xml_events *events, void *state)
{
	struct xml_parser *parser = xml_parser_new(limits, events, state);

	parser->stage = STAGE_STREAM;
	text_puts(&parser->replay, "<x>");
	return parser;
}

static void expat_free(struct xml_parser *parser)
{
	if (parser->expat != NULL)
		XML_ParserFree(parser->expat);
	parser->expat = NULL;
	text_free(&parser->text);
	text_free(&parser->held);
}

void xml_parser_free(struct xml_parser **parser_in)
{
	struct xml_parser *parser = *parser_in;

	if (parser == NULL)
		return;
	ASSERT(!parser->busy);
	*parser_in = NULL;
	reader_drop(parser);
	expat_free(parser);
	text_free(&parser->raw);
	text_free(&parser->replay);
	mem_free(parser->content_ns);
	mem_free(parser);
}

void xml_parser_set_limits(struct xml_parser *parser, const struct xml_limits *limits)
{
	parser->limits = *limits;
}

static void expat_make(struct xml_parser *parser)
{
	static const XML_Char separator[] = { NAME_SEPARATOR, '\0' };

	parser->expat = XML_ParserCreate_MM("UTF-8", &allocator, separator);
	ASSERT(parser->expat != NULL);
	/* One salt for the process: expat would ask the system for a new one each time. */
	XML_SetHashSalt(parser->expat, hash_bytes("expat", 5) | 1);
#if HAVE_DECL_XML_SETREPARSEDEFERRALENABLED
	XML_SetReparseDeferralEnabled(parser->expat, XML_FALSE);
#endif
	reader_attach(parser);
	parser->fed = 0;
	parser->retries = 0;
}

static enum xml_error error_of(enum XML_Error code)
{
	switch (code) {
	case XML_ERROR_UNBOUND_PREFIX:
		return XML_BAD_NAMESPACE_PREFIX;
	case XML_ERROR_UNDEFINED_ENTITY:
	case XML_ERROR_RECURSIVE_ENTITY_REF:
	case XML_ERROR_BINARY_ENTITY_REF:
	case XML_ERROR_ATTRIBUTE_EXTERNAL_ENTITY_REF:
		return XML_RESTRICTED;
	default:
		return XML_NOT_WELL_FORMED;
	}
}

/* Gives bytes to expat, which calls back into reader.c. */
static void expat_feed(struct xml_parser *parser, const char *bytes, size_t length)
{
	enum XML_Status status;

	parser->fed += length;
	parser->busy = true;
	status = XML_Parse(parser->expat, bytes, (int)length, XML_FALSE);
	parser->busy = false;
	if (status == XML_STATUS_ERROR && parser->error == XML_OK && !parser->stopped)
		parser->error = error_of(XML_GetErrorCode(parser->expat));
}

/* After a rest: another expat, at the place where the old one was. */
static void expat_replay(struct xml_parser *parser)
{
	if (spare_take(parser))
		return;
	expat_make(parser);
	parser->replaying = true;
	if (parser->usual != NULL)
		expat_feed(parser, parser->usual, strlen(parser->usual));
	else
		expat_feed(parser, parser->replay.at, parser->replay.length);
	parser->replaying = false;
}

/* Where the token that expat has not finished began. */
static size_t token_at(const struct xml_parser *parser)
{
	return parser->fed == 0 ? 0 : (size_t)XML_GetCurrentByteIndex(parser->expat);
}

size_t xml_parser_pending(const struct xml_parser *parser)
{
	size_t from;

	if (parser->expat == NULL || parser->error != XML_OK || parser->stopped)
		return 0;
	if (parser->stage == STAGE_HEADER)
		from = 0;
	else if (parser->arena != NULL)
		from = parser->unit_at;
	else
		from = token_at(parser);
	return parser->fed + parser->held.length - from;
}

/* Whether these bytes cannot finish the long tag that is being read. */
static bool can_wait(const struct xml_parser *parser, const char *bytes, size_t length)
{
	size_t waiting = parser->fed + parser->held.length - token_at(parser);

	return waiting >= LONG_TAG_BYTES && memchr(bytes, '>', length) == NULL;
}

/* Feeds what was held back, if any, and then these bytes. */
static void feed_all(struct xml_parser *parser, const char *bytes, size_t length)
{
	size_t before = token_at(parser);

	if (parser->held.length > 0) {
		text_append(&parser->held, bytes, length);
		expat_feed(parser, parser->held.at, parser->held.length);
		text_free(&parser->held);
	} else {
		expat_feed(parser, bytes, length);
	}
	if (token_at(parser) != before || parser->fed - before < LONG_TAG_BYTES)
		parser->retries = 0;
	else if (++parser->retries > MAX_RETRIES && parser->error == XML_OK)
		parser->error = XML_LIMIT;
}

/* Expat takes UTF-16 by its first two bytes, whatever encoding it is told to force. And U+FEFF at
 * the beginning is text, not a byte order mark (RFC 6120 section 11.6). */
static bool begins_well(const struct text *raw)
{
	return memchr("< \t\r\n", raw->at[0], 5) != NULL && (raw->length < 2 || raw->at[1] != '\0');
}

/* Feeds a part of the bytes, and returns how many. Never more than one byte beyond what the unit
 * that is being read may still have: nothing is buffered that will be refused. */
static size_t feed_piece(struct xml_parser *parser, const char *bytes, size_t length)
{
	size_t room = parser->limits.max_bytes - xml_parser_pending(parser);

	if (length > PIECE_BYTES)
		length = PIECE_BYTES;
	if (length > room)
		length = room + 1;
	if (parser->stage == STAGE_HEADER) {
		text_append(&parser->raw, bytes, length);
		if (!begins_well(&parser->raw)) {
			parser->error = XML_NOT_WELL_FORMED;
			return length;
		}
	}
	if (can_wait(parser, bytes, length))
		text_append(&parser->held, bytes, length);
	else
		feed_all(parser, bytes, length);
	if (xml_parser_pending(parser) > parser->limits.max_bytes)
		parser->error = XML_LIMIT;
	return length;
}

/* White space between stanzas is no reason to end a rest. */
static size_t blank_length(const char *bytes, size_t length)
{
	size_t blank = 0;

	while (blank < length && memchr(" \t\r\n", bytes[blank], 4) != NULL)
		blank++;
	return blank;
}

/* Between stanzas of a stream, with nothing pending. */
static bool can_rest(const struct xml_parser *parser)
{
	return !parser->busy && parser->stage == STAGE_STREAM && parser->error == XML_OK &&
	       !parser->stopped && parser->events->choose == NULL &&
	       xml_parser_pending(parser) == 0;
}

/* What can be read without expat; returns how many bytes. */
static size_t read_without_expat(struct xml_parser *parser, const char *bytes, size_t length)
{
	size_t blank;

	if (!can_rest(parser))
		return 0;
	blank = blank_length(bytes, length);
	return blank > 0 ? blank : plain_read(parser, bytes, length);
}

/* A part of the bytes, by expat. */
static size_t read_by_expat(struct xml_parser *parser, const char *bytes, size_t length)
{
	if (parser->expat == NULL && parser->stage == STAGE_HEADER)
		expat_make(parser);
	else if (parser->expat == NULL)
		expat_replay(parser);
	return feed_piece(parser, bytes, length);
}

enum xml_error xml_parser_feed(struct xml_parser *parser, const char *bytes, size_t length)
{
	ASSERT(!parser->busy);
	if (length == 0 || parser->error != XML_OK || parser->stopped)
		return parser->error;
	if (xml_parser_pending(parser) > parser->limits.max_bytes)
		parser->error = XML_LIMIT;
	while (length > 0 && parser->error == XML_OK && !parser->stopped) {
		size_t done = read_without_expat(parser, bytes, length);

		if (done == 0)
			done = read_by_expat(parser, bytes, length);
		bytes += done;
		length -= done;
	}
	if (parser->error != XML_OK)
		reader_drop(parser);
	return parser->error;
}

void xml_parser_stop(struct xml_parser *parser)
{
	parser->stopped = true;
	if (parser->busy && parser->expat != NULL)
		XML_StopParser(parser->expat, XML_FALSE);
}

bool xml_parser_is_stopped(const struct xml_parser *parser)
{
	return parser->stopped;
}

void xml_parser_rest(struct xml_parser *parser)
{
	if (parser->expat != NULL && can_rest(parser) && !spare_give(parser))
		expat_free(parser);
}

bool xml_parser_share(struct xml_parser *parser)
{
	if (parser->usual == NULL || !can_rest(parser))
		return false;
	xml_parser_rest(parser);
	return true;
}

size_t xml_parser_line(const struct xml_parser *parser)
{
	return parser->expat == NULL ? 0 : (size_t)XML_GetCurrentLineNumber(parser->expat);
}

const char *xml_parser_content_ns(const struct xml_parser *parser)
{
	return parser->content_ns == NULL ? "" : parser->content_ns;
}

const char *xml_parser_library(void)
{
	return XML_ExpatVersion();
}
