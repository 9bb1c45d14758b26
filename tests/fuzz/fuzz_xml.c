/* fuzz_xml.c - the stream parser under arbitrary bytes.
 * The first byte chooses how the rest is cut into pieces, and whether it is a document. However it
 * is cut, the same events must come: what is plain is read without expat if it comes as a whole,
 * and byte by byte expat reads everything. Each tree that is written must read back as the same
 * tree; and so must each stanza. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/text.h"
#include "xml/element.h"
#include "xml/parser.h"
#include "xml/writer.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

/* Longer inputs meet the rules for long tags, which depend on how a tag arrives. */
#define MAX_BYTES 4000

/* In the record of events; no name can make it. */
#define CLOSED "</> "

static void check_round_trip(struct arena *arena, const struct element *element)
{
	const char *text = element_to_text(arena, element);
	const struct element *again = element_parse(arena, text, strlen(text));

	REQUIRE(again != NULL);
	REQUIRE(element_equal(element, again));
}

/* Takes the arena. */
static void check_stanza(struct arena *arena, struct element *element)
{
	enum rc rc;
	struct stanza *stanza = stanza_from_element(arena, element, NULL, NULL, &rc), *again;
	struct arena *texts = arena_new(0);
	const char *text;

	if (stanza == NULL) {
		arena_free(&arena);
		arena_free(&texts);
		return;
	}
	text = stanza_to_text(texts, stanza);
	again = stanza_parse(text, strlen(text));
	REQUIRE(again != NULL);
	REQUIRE(strcmp(stanza_to_text(texts, again), text) == 0);
	REQUIRE(stanza_type(again) == stanza_type(stanza));
	REQUIRE(jid_equal(stanza_to(again), stanza_to(stanza)));
	stanza_unref(&stanza);
	stanza_unref(&again);
	arena_free(&texts);
}

static void seen_opened(void *state, const struct element *header)
{
	struct arena *arena = arena_new(0);

	check_round_trip(arena, header);
	text_puts(state, "open ");
	xml_write(state, header, NULL);
	arena_free(&arena);
}

static void seen_element(void *state, struct arena *arena, struct element *element)
{
	check_round_trip(arena, element);
	text_puts(state, "child ");
	xml_write(state, element, NULL);
	check_stanza(arena, element);
}

static void seen_closed(void *state)
{
	text_puts(state, CLOSED);
}

/* What comes then is no concern of anybody's, and expat may refuse it a byte later. */
static int is_closed(const struct text *log)
{
	return log->length >= strlen(CLOSED) &&
	       strcmp(log->at + log->length - strlen(CLOSED), CLOSED) == 0;
}

/* As names say; all depths of a document are met that way. */
static enum xml_choice seen_start(void *state, const struct element *start)
{
	text_printf(state, "start %s ", element_name(start));
	switch (*element_name(start)) {
	case 's':
		return XML_SKIP;
	case 'e':
		return XML_ENTER;
	default:
		return XML_TAKE;
	}
}

static void seen_left(void *state)
{
	text_puts(state, "left ");
}

/* All at once, but for a declaration and the header, which end with these. */
#define AS_A_WHOLE 0
#define TAGS_APART 2

static size_t piece_length(const char *bytes, size_t left, size_t step, size_t number)
{
	const char *tag_end = memchr(bytes, '>', left);

	if (step == AS_A_WHOLE)
		return number < TAGS_APART && tag_end != NULL ? (size_t)(tag_end - bytes) + 1
		                                              : left;
	return left < step ? left : step;
}

/* Reads the bytes in pieces of `step`, resting between if told to, and returns what came of it. */
static struct text read_pieces(
    const char *bytes, size_t size, size_t step, int rests, int is_document)
{
	static const struct xml_events stream = { seen_opened, seen_element, seen_closed };
	static const struct xml_events document = { seen_opened, seen_element, seen_closed,
		seen_start, seen_left };
	const struct xml_limits limits = { 262144, 16, 8, 64, 256 };
	struct text log = { 0 };
	struct xml_parser *parser =
	    xml_parser_new(&limits, is_document ? &document : &stream, &log);
	enum xml_error error = XML_OK;
	size_t number = 0, length;

	for (size_t done = 0; done < size && !is_closed(&log); done += length) {
		length = piece_length(bytes + done, size - done, step, number++);
		error = xml_parser_feed(parser, bytes + done, length);
		REQUIRE(xml_parser_pending(parser) <= size);
		if (rests)
			xml_parser_rest(parser);
	}
	text_printf(&log, "error %d", is_closed(&log) ? 0 : (int)error);
	xml_parser_free(&parser);
	return log;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text whole, pieces;
	size_t step;

	if (size < 2 || size > MAX_BYTES)
		return 0;
	jid_init();
	whole = read_pieces((const char *)data + 1, size - 1, AS_A_WHOLE, 0, data[0] & 64);
	step = data[0] & 128 ? 1 : 1 + data[0] % 32;
	pieces = read_pieces((const char *)data + 1, size - 1, step, data[0] & 32, data[0] & 64);
	REQUIRE(whole.length == pieces.length);
	REQUIRE(memcmp(whole.at, pieces.at, whole.length) == 0);
	text_free(&whole);
	text_free(&pieces);
	return 0;
}
