/* fuzz_dialback.c - elements of dialback (XEP-0220) out of arbitrary bytes.
 * What is understood names two domains, and a key or an outcome; written again it says the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "stream/dialback.h"
#include "xml/element.h"
#include "xml/parser.h"
#include "xmpp/jid.h"
#include "xmpp/ns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) ((condition) ? (void)0 : abort())
#define OPEN \
	"<stream:stream xmlns='" NS_SERVER "' xmlns:stream='" NS_STREAM "' xmlns:db='" NS_DIALBACK \
	"'>"

/* What came of one element, where the next reading finds it. */
struct reading {
	bool again; /* what was read is what was written */
	struct dialback said;
	unsigned elements;
};

static bool is_domain(struct arena *arena, const char *text)
{
	const struct jid *jid = text == NULL ? NULL : jid_parse(arena, text);

	return jid != NULL && jid_is_domain(jid) && strcmp(jid_text(jid), text) == 0;
}

static void check_sense(struct arena *arena, const struct dialback *said)
{
	REQUIRE(is_domain(arena, said->from) && is_domain(arena, said->to));
	REQUIRE((said->key != NULL) == (said->type == DIALBACK_ASKS));
	REQUIRE((said->id != NULL) == said->is_verify);
	REQUIRE(said->key == NULL ||
		(*said->key != '\0' && strcspn(said->key, " \t\r\n") == strlen(said->key)));
}

static void check_same(const struct dialback *a, const struct dialback *b)
{
	REQUIRE(a->is_verify == b->is_verify && a->type == b->type);
	REQUIRE(strcmp(a->from, b->from) == 0 && strcmp(a->to, b->to) == 0);
	REQUIRE(text_equal(a->id, b->id) && text_equal(a->key, b->key));
}

static void read_all(const char *bytes, size_t length, struct reading *reading);

static void check_written(const struct dialback *said)
{
	struct reading again = { .again = true, .said = *said };
	struct text out = { 0 };

	dialback_write(&out, said);
	read_all(out.at, out.length, &again);
	REQUIRE(again.elements == 1);
	text_free(&out);
}

static void seen_opened(void *state, const struct element *header)
{
}

static void seen_element(void *state, struct arena *arena, struct element *element)
{
	struct reading *reading = state;
	struct dialback said;

	if (!is_dialback(element) || !dialback_read(arena, element, &said)) {
		REQUIRE(!reading->again);
		arena_free(&arena);
		return;
	}
	reading->elements++;
	check_sense(arena, &said);
	if (reading->again)
		check_same(&reading->said, &said);
	else
		check_written(&said);
	arena_free(&arena);
}

static void seen_closed(void *state)
{
}

static void read_all(const char *bytes, size_t length, struct reading *reading)
{
	static const struct xml_events events = { seen_opened, seen_element, seen_closed };
	struct xml_parser *parser = xml_parser_new(&XML_LIMITS_DEFAULT, &events, reading);

	REQUIRE(xml_parser_feed(parser, OPEN, strlen(OPEN)) == XML_OK);
	xml_parser_feed(parser, bytes, length);
	xml_parser_free(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool is_prepared;
	struct reading reading = { 0 };

	if (!is_prepared)
		jid_init();
	is_prepared = true;
	read_all((const char *)data, size, &reading);
	return 0;
}
