/* plain.c - elements in plain syntax are read in one pass, without expat.
 * Nearly everything is sent in a small part of XML: ASCII names, no prefix but xml:lang, no
 * reference but the five that XML has by itself, nothing that is normalised. Expat is for all of
 * XML, and takes several times the instructions that such an element needs. So what has come as a
 * whole is tried here first. Nothing is refused here: what is not plain, not complete, wrong or
 * over a limit is left to expat, which reads it from its beginning and says what is the matter.
 * What is taken becomes exactly what expat would have made of it; that is what the tests ask when
 * they read everything at once and byte by byte. */
#include "xml/parser-private.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "xml/bytes.h"
#include "xml/element-private.h"

/* Each name is compared with those before it: more attributes than this are left to expat. */
#define MAX_ATTRIBUTES 16

/* What is being read; the tree and its limits are the parser's. */
struct plain {
	struct xml_parser *parser;
	const char *at, *end;
};

/* ---- characters ---- */

static bool begins_with(const char *at, const char *end, struct span text)
{
	return (size_t)(end - at) >= text.length && memcmp(at, text.at, text.length) == 0;
}

/* XML 1.0 section 4.6. */
static size_t reference_read(const char *at, const char *end, struct span *meaning_out)
{
	static const struct {
		struct span reference, meaning;
	} all[] = {
		{ { "&lt;", 4 }, { "<", 1 } },
		{ { "&gt;", 4 }, { ">", 1 } },
		{ { "&amp;", 5 }, { "&", 1 } },
		{ { "&apos;", 6 }, { "'", 1 } },
		{ { "&quot;", 6 }, { "\"", 1 } },
	};

	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (begins_with(at, end, all[i].reference)) {
			*meaning_out = all[i].meaning;
			return all[i].reference.length;
		}
	return 0;
}

/* Of one that is not ASCII; U+FFFE and U+FFFF are no characters (section 2.2). */
static size_t character_length(const char *at, const char *end)
{
	size_t length = utf8_length((const unsigned char *)at, (size_t)(end - at));
	bool is_none = length == 3 && memcmp(at, "\xef\xbf", 2) == 0 && at[2] >= '\xbe';

	return is_none ? 0 : length;
}

/* What does not mean itself everywhere: what it means here, and how many bytes it is; 0: expat
 * knows. */
static size_t special_read(struct span in, const char *at, bool is_text, struct span *meaning_out)
{
	const char *end = in.at + in.length;
	size_t length;

	if (*at == '&')
		return reference_read(at, end, meaning_out);
	if (*at == '>')
		length = !(is_text && at - in.at >= 2 && memcmp(at - 2, "]]", 2) == 0);
	else if ((unsigned char)*at < 0x80)
		length = is_text && byte_is(*at, BYTE_BLANK);
	else
		length = character_length(at, end);
	*meaning_out = (struct span){ at, length };
	return length;
}

/* What text, or a value, means; there must be room for as many bytes and a NUL. Returns where it
 * ends, NULL if it is not plain. */
static char *characters_read(struct span in, bool is_text, char *to)
{
	const char *at = in.at, *end = in.at + in.length;
	struct span meaning;
	size_t length;

	for (; at < end; at += length) {
		length = byte_run(at, (size_t)(end - at), BYTE_AS_IS);
		meaning = (struct span){ at, length };
		if (length == 0)
			length = special_read(in, at, is_text, &meaning);
		if (length == 0)
			return NULL;
		memcpy(to, meaning.at, meaning.length);
		to += meaning.length;
	}
	*to = '\0';
	return to;
}

static bool skip_byte(struct plain *plain, char byte)
{
	if (plain->at == plain->end || *plain->at != byte)
		return false;
	plain->at++;
	return true;
}

static bool skip_blank(struct plain *plain)
{
	const char *from = plain->at;

	while (plain->at < plain->end && byte_is(*plain->at, BYTE_BLANK))
		plain->at++;
	return plain->at > from;
}

/* ---- attributes ---- */

static bool name_read(struct plain *plain, struct span *name_out)
{
	const char *from = plain->at;

	if (from == plain->end || !byte_is(*from, BYTE_BEGINS_NAME))
		return false;
	while (plain->at < plain->end && byte_is(*plain->at, BYTE_IN_NAME))
		plain->at++;
	*name_out = (struct span){ from, (size_t)(plain->at - from) };
	return name_out->length <= plain->parser->limits.max_name_bytes;
}

static bool attribute_name_read(struct plain *plain, struct span *name_out)
{
	const struct span suffix = span_of(":lang");

	if (!name_read(plain, name_out))
		return false;
	if (!span_equal(*name_out, span_of("xml")) || !begins_with(plain->at, plain->end, suffix))
		return true;
	plain->at += suffix.length;
	name_out->length += suffix.length;
	return strlen(XML_NS) <= plain->parser->limits.max_name_bytes;
}

static bool value_read(struct plain *plain, struct span *value_out)
{
	const char *from, *to;
	char quote = '\'';

	if (!skip_byte(plain, '='))
		return false;
	if (!skip_byte(plain, quote)) {
		quote = '"';
		if (!skip_byte(plain, quote))
			return false;
	}
	from = plain->at;
	to = memchr(from, quote, (size_t)(plain->end - from));
	if (to == NULL)
		return false;
	*value_out = (struct span){ from, (size_t)(to - from) };
	plain->at = to + 1;
	return true;
}

static bool namespace_take(struct plain *plain, struct element *element, struct span ns)
{
	if (ns.length > plain->parser->limits.max_name_bytes)
		return false;
	element->ns = reader_namespace(plain->parser, ns);
	return true;
}

/* xmlns='...'. Two namespaces cannot be declared (Namespaces in XML 1.0 section 3). */
static bool declaration_take(struct plain *plain, struct element *element, struct span ns)
{
	if (span_equal(ns, span_of(XML_NS)) ||
	    span_equal(ns, span_of("http://www.w3.org/2000/xmlns/")))
		return false;
	if (byte_run(ns.at, ns.length, BYTE_AS_IS) < ns.length)
		return false;
	return namespace_take(plain, element, ns);
}

static bool attribute_take(
    struct plain *plain, struct attribute **at, struct span name, struct span value)
{
	bool is_lang = span_equal(name, span_of("xml:lang"));
	char *room;

	*at = attribute_new(
	    plain->parser->arena, is_lang ? span_of("lang") : name, value.length, &room);
	if (is_lang)
		(*at)->ns = XML_NS;
	return characters_read(value, false, room) != NULL;
}

/* Whether the last name is among those before it. */
static bool is_repeated(const struct span *names, size_t count)
{
	for (size_t i = 0; i < count - 1; i++)
		if (span_equal(names[i], names[count - 1]))
			return true;
	return false;
}

/* Or that of the bytes. */
static bool is_at_tag_end(const struct plain *plain)
{
	return plain->at == plain->end || *plain->at == '/' || *plain->at == '>';
}

static bool attributes_read(struct plain *plain, struct element *element)
{
	struct span names[MAX_ATTRIBUTES], value;
	struct attribute **at = &element->attributes;
	size_t count = 0, max = plain->parser->limits.max_attributes;

	while (skip_blank(plain) && !is_at_tag_end(plain)) {
		if (count == max || count == MAX_ATTRIBUTES ||
		    !attribute_name_read(plain, &names[count++]) || is_repeated(names, count) ||
		    !value_read(plain, &value))
			return false;
		if (span_equal(names[count - 1], span_of("xmlns"))) {
			if (!declaration_take(plain, element, value))
				return false;
			continue;
		}
		if (!attribute_take(plain, at, names[count - 1], value))
			return false;
		at = &(*at)->next;
	}
	return true;
}

/* ---- the tree ---- */

/* From behind its '<'. Where no prefix stands for a namespace, all that have to be written were in
 * the bytes that came, whose number is bounded. */
static bool start_tag_read(struct plain *plain)
{
	struct xml_parser *parser = plain->parser;
	struct element *element;
	struct span name;

	if (!reader_descend(parser) || !name_read(plain, &name))
		return false;
	element = element_new_named(parser->arena, name);
	if (parser->current != NULL)
		element->ns = parser->current->ns;
	else if (!namespace_take(plain, element, span_of(xml_parser_content_ns(parser))))
		return false;
	if (!attributes_read(plain, element))
		return false;
	reader_enter(parser, element);
	if (skip_byte(plain, '/'))
		reader_leave(parser);
	return skip_byte(plain, '>');
}

/* From behind its "</". */
static bool end_tag_read(struct plain *plain)
{
	struct span name;

	if (!name_read(plain, &name) || !span_equal(name, span_of(plain->parser->current->name)))
		return false;
	skip_blank(plain);
	reader_leave(plain->parser);
	return skip_byte(plain, '>');
}

/* Up to the next '<'. */
static bool text_read(struct plain *plain)
{
	const char *to = memchr(plain->at, '<', (size_t)(plain->end - plain->at));
	struct span in = { plain->at, to == NULL ? 0 : (size_t)(to - plain->at) };
	struct element *node;
	char *room, *end;

	if (in.length == 0)
		return to != NULL;
	node = element_add_room(plain->parser->arena, plain->parser->current, in.length, &room);
	end = characters_read(in, true, room);
	if (end == NULL)
		return false;
	node->text_length = (size_t)(end - room);
	plain->at = to;
	return true;
}

/* What stands inside an element, up to and with the next tag. */
static bool tag_read(struct plain *plain)
{
	if (!text_read(plain) || !skip_byte(plain, '<'))
		return false;
	return skip_byte(plain, '/') ? end_tag_read(plain) : start_tag_read(plain);
}

static bool child_read(struct plain *plain)
{
	if (!skip_byte(plain, '<') || !start_tag_read(plain))
		return false;
	while (plain->parser->depth > 0)
		if (!tag_read(plain))
			return false;
	return true;
}

size_t plain_read(struct xml_parser *parser, const char *bytes, size_t length)
{
	struct plain plain = { parser, bytes, bytes + length };

	if (length > parser->limits.max_bytes)
		plain.end = bytes + parser->limits.max_bytes;
	reader_begin(parser);
	if (!child_read(&plain)) {
		reader_drop(parser);
		return 0;
	}
	parser->busy = true;
	reader_report(parser);
	parser->busy = false;
	return (size_t)(plain.at - bytes);
}
