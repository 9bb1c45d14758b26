/* micro-xml.c - bytes to trees, trees to stanzas, and back to bytes. */
#include "micro.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "xml/element.h"
#include "xml/parser.h"
#include "xml/writer.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

#define ROSTER_ITEMS 50

static const char header[] =
    "<?xml version='1.0'?><stream:stream to='example.org' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
static const char message[] =
    "<message to='juliet@example.org/balcony' id='m1' type='chat'><body>Hours of rain on the "
    "mudflats, then the sun, and all of them rise at once &amp; turn towards the north.</body>"
    "<active xmlns='http://jabber.org/protocol/chatstates'/></message>";

static struct text roster; /* as bytes */
static struct xml_parser *parser;
/* What the parser has made last. */
static struct arena *made_arena;
static struct element *made;
static bool keeps;

/* ---- parser ---- */

static void header_take(void *state, const struct element *element)
{
	micro_keep(element);
}

static void element_take(void *state, struct arena *arena, struct element *element)
{
	if (!keeps) {
		arena_free(&arena);
		return;
	}
	made_arena = arena;
	made = element;
}

static void closed_take(void *state)
{
}

static const struct xml_events events = { header_take, element_take, closed_take };

static void feed(const char *bytes, size_t length)
{
	ASSERT(xml_parser_feed(parser, bytes, length) == XML_OK);
}

static void parser_make(void)
{
	parser = xml_parser_new(&XML_LIMITS_DEFAULT, &events, NULL);
	feed(header, sizeof header - 1);
}

static void prepare(void)
{
	if (parser != NULL)
		return;
	parser_make();
	text_puts(&roster, "<iq type='result' id='1'><query xmlns='jabber:iq:roster'>");
	for (int i = 0; i < ROSTER_ITEMS; i++)
		text_printf(&roster,
		    "<item jid='somebody%d@example.org' name='Somebody %d' subscription='both'>"
		    "<group>Birds</group></item>",
		    i, i);
	text_puts(&roster, "</query></iq>");
}

static void parse_message(size_t count)
{
	prepare();
	for (size_t i = 0; i < count; i++)
		feed(message, sizeof message - 1);
}

static void parse_roster(size_t count)
{
	prepare();
	for (size_t i = 0; i < count; i++)
		feed(roster.at, roster.length);
}

static void parse_after_rest(size_t count)
{
	prepare();
	for (size_t i = 0; i < count; i++) {
		xml_parser_rest(parser);
		feed(message, sizeof message - 1);
	}
}

static void parse_header(size_t count)
{
	struct xml_parser *kept;

	prepare();
	kept = parser;
	for (size_t i = 0; i < count; i++) {
		parser_make();
		xml_parser_free(&parser);
	}
	parser = kept;
}

/* ---- trees ---- */

/* The tree of some bytes, in `made`. */
static struct element *tree_of(const char *bytes, size_t length)
{
	keeps = true;
	feed(bytes, length);
	keeps = false;
	return made;
}

static void write_tree(const struct element *element, size_t count)
{
	struct text out = { 0 };

	for (size_t i = 0; i < count; i++) {
		xml_write(&out, element, "jabber:client");
		micro_keep(out.at);
		text_clear(&out);
	}
	text_free(&out);
	arena_free(&made_arena);
}

static void write_message(size_t count)
{
	prepare();
	write_tree(tree_of(message, sizeof message - 1), count);
}

static void write_roster(size_t count)
{
	prepare();
	write_tree(tree_of(roster.at, roster.length), count);
}

/* ---- stanzas ---- */

static const struct jid *sender(void)
{
	static struct jid *jid;

	if (jid == NULL)
		jid = jid_parse_heap("romeo@example.org/orchard");
	return jid;
}

static struct stanza *stanza_make(void)
{
	struct element *element = tree_of(message, sizeof message - 1);
	enum rc rc;

	return stanza_from_element(made_arena, element, sender(), NULL, &rc);
}

/* All that a message is on its way in: parsed, and stamped with its sender. */
static void make_stanza(size_t count)
{
	prepare();
	for (size_t i = 0; i < count; i++) {
		struct stanza *stanza = stanza_make();

		stanza_unref(&stanza);
	}
}

/* And on its way out. */
static void make_and_write_stanza(size_t count)
{
	struct text out = { 0 };

	prepare();
	for (size_t i = 0; i < count; i++) {
		struct stanza *stanza = stanza_make();

		stanza_write(&out, stanza);
		text_clear(&out);
		stanza_unref(&stanza);
	}
	text_free(&out);
}

static void write_shared(size_t count)
{
	struct text out = { 0 };
	struct stanza *stanza;

	prepare();
	stanza = stanza_make();
	for (size_t i = 0; i < count; i++) {
		stanza_write_to(&out, stanza, sender());
		micro_keep(out.at);
		text_clear(&out);
	}
	stanza_unref(&stanza);
	text_free(&out);
}

static void readdress(size_t count)
{
	struct stanza *stanza, *other;

	prepare();
	stanza = stanza_make();
	for (size_t i = 0; i < count; i++) {
		other = stanza_readdress(stanza, sender(), sender());
		stanza_unref(&other);
	}
	stanza_unref(&stanza);
}

const struct micro micro_xml[] = {
	{ "parser: a message", parse_message },
	{ "parser: a roster of 50", parse_roster },
	{ "parser: a message, after a rest", parse_after_rest },
	{ "parser: a new one, with its stream header", parse_header },
	{ "writer: a message", write_message },
	{ "writer: a roster of 50", write_roster },
	{ "stanza: parse and make a message", make_stanza },
	{ "stanza: parse, make and write a message", make_and_write_stanza },
	{ "stanza: write one again, to another", write_shared },
	{ "stanza: readdress", readdress },
	{ NULL },
};
