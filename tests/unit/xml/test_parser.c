/* test_parser.c - the bounds at their edges and one beyond, long tags, rests and stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "recorder.h"
#include "xml/element.h"
#include "xml/parser-private.h"

/* Feeds a stream header, then the input in steps, under these limits. */
static enum xml_error feed_child(const struct xml_limits *limits, const char *input, size_t step)
{
	struct recorder recorder;
	enum xml_error error;

	recorder_start(&recorder, NULL);
	error = recorder_feed(&recorder, CLIENT_HEADER);
	xml_parser_set_limits(recorder.parser, limits);
	for (size_t i = 0; i < strlen(input); i += step) {
		size_t length = strlen(input) - i < step ? strlen(input) - i : step;

		error = xml_parser_feed(recorder.parser, input + i, length);
	}
	recorder_finish(&recorder);
	return error;
}

static void assert_child(
    const struct xml_limits *limits, const char *input, enum xml_error expected)
{
	for (size_t step = 1; step <= strlen(input); step++)
		assert_int_equal(feed_child(limits, input, step), expected);
}

/* Each limit at the edge, and one beyond. */
static void test_limits(void **state)
{
	static const struct {
		struct xml_limits limits;
		const char *inside, *beyond;
	} rows[] = {
		{ { 200, 3, 9, 99, 99 }, "<a><b><c/>x</b></a>", "<a><b><c><d/></c></b></a>" },
		{ { 200, 1, 9, 99, 99 }, "<a/><a/>", "<a><b/></a>" },
		{ { 200, 9, 2, 99, 99 }, "<a b='' c=''/>", "<a b='' c='' d=''/>" },
		/* Declarations count as attributes. */
		{ { 200, 9, 2, 99, 99 }, "<a b='' xmlns:c='u'><d e='' f=''/></a>",
		    "<a b='' c='' xmlns='u'/>" },
		{ { 200, 9, 2, 99, 99 }, "<a xmlns='u' xmlns:c='u'/>",
		    "<a xmlns='u' xmlns:c='u' xmlns:d='u'/>" },
		{ { 200, 9, 9, 3, 99 }, "<a><b/><b/></a><a><b/><b/></a>", "<a><b/><b/><b/></a>" },
		{ { 200, 9, 9, 99, 40 }, "<n234567890123456789012345678901234567890/>",
		    "<n2345678901234567890123456789012345678901/>" },
		{ { 200, 9, 9, 99, 40 }, "<a n234567890123456789012345678901234567890=''/>",
		    "<a n2345678901234567890123456789012345678901=''/>" },
		{ { 200, 9, 9, 99, 40 }, "<a xmlns='n234567890123456789012345678901234567890'/>",
		    "<a xmlns='n2345678901234567890123456789012345678901'/>" },
		{ { 200, 9, 9, 99, 40 },
		    "<a xmlns:b='n234567890123456789012345678901234567890' b:c=''/>",
		    "<a xmlns:b='n2345678901234567890123456789012345678901' b:c=''/>" },
		{ { 200, 9, 9, 99, 36 }, "<a xml:lang=''/>",
		    "<a xmlns='n234567890123456789012345678901234567'/>" },
		{ { 200, 9, 9, 99, 35 }, "<a lang=''/>", "<a xml:lang=''/>" },
		/* Namespaces count as often as they have to be written. */
		{ { 80, 9, 9, 99, 40 },
		    "<a xmlns:b='n23456789012345678901234567890'><b:c/><b:c/></a>",
		    "<a xmlns:b='n23456789012345678901234567890'><b:c/><b:c/><b:c/></a>" },
		{ { 80, 9, 9, 99, 40 },
		    "<a xmlns:b='n23456789012345678901234567890'><b:c><b:c/><b:c/></b:c></a>",
		    "<a xmlns:b='n23456789012345678901234567890'><c b:d=''/><b:c b:d=''/></a>" },
		{ { 80, 9, 9, 99, 40 },
		    "<a><b xml:lang=''/><b xml:lang=''/><b xml:lang=''/><b xml:lang=''/></a>",
		    "<a xmlns:b='n23456789012345678901234567890' b:c='' b:d='' b:e=''/>" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_child(&rows[i].limits, rows[i].inside, XML_OK);
		assert_child(&rows[i].limits, rows[i].beyond, XML_LIMIT);
	}
}

/* The bound on bytes counts from the first '<' to the last '>'; white space between children is
 * free. */
static void test_byte_limit(void **state)
{
	static const char *const children[] = { "<a/>", "<a></a>", "<a>1&amp;2</a>",
		"<a b='c'><d xmlns='e'/>\n</a>", "<a><![CDATA[b]]></a>", "<\xc3\xa4/>" };

	for (size_t i = 0; i < COUNT_OF(children); i++) {
		size_t length = strlen(children[i]);
		struct xml_limits limits = { length, 9, 9, 9, 99 };
		struct text input = { 0 };

		for (int k = 0; k < 5; k++)
			text_printf(&input, "%s%*s", children[i], k * 10, "");
		assert_child(&limits, input.at, XML_OK);
		limits.max_bytes = length - 1;
		assert_child(&limits, input.at, XML_LIMIT);
		text_free(&input);
	}
}

/* The header has the same bound, with all that comes before it. */
static void test_header_limit(void **state)
{
	static const char header[] = "<?xml version='1.0'?>" CLIENT_HEADER;
	struct xml_limits limits = XML_LIMITS_DEFAULT;

	for (size_t step = 1; step < sizeof(header); step++) {
		for (size_t under = 0; under <= 1; under++) {
			struct recorder recorder;
			enum xml_error error = XML_OK;

			limits.max_bytes = sizeof(header) - 1 - under;
			recorder_start(&recorder, &limits);
			for (size_t i = 0; i < sizeof(header) - 1; i += step)
				error = xml_parser_feed(recorder.parser, header + i,
				    sizeof(header) - 1 - i < step ? sizeof(header) - 1 - i : step);
			assert_int_equal(error, under == 0 ? XML_OK : XML_LIMIT);
			assert_string_equal(recorder_log(&recorder), under == 0 ? OPEN : "");
			recorder_finish(&recorder);
		}
	}
}

/* What never ends is refused with the first byte too many, whatever it is. */
static void test_endless(void **state)
{
	static const char *const beginnings[] = { "<", "<a", "<a ", "<a b='", "<a b='>", "</", "&",
		"<!--", "<![CDATA[", "<?a ", "<a>", "<a><b c='", "<a>&#", "<a><![CDATA[" };
	const struct xml_limits limits = { 300, 9, 9, 99, 999 };

	for (size_t i = 0; i < COUNT_OF(beginnings); i++) {
		struct recorder recorder;
		enum xml_error error = XML_OK;
		size_t fed = strlen(beginnings[i]);

		recorder_start(&recorder, &limits);
		recorder_feed(&recorder, CLIENT_HEADER " ");
		error = recorder_feed(&recorder, beginnings[i]);
		for (; error == XML_OK; fed++)
			error = recorder_feed(&recorder, "1");
		assert_true(fed <= 301);
		if (error == XML_LIMIT)
			assert_int_equal(fed, 301);
		recorder_finish(&recorder);
	}
}

/* However much comes at once, expat is not given more than may still belong to the child. */
static void test_flood(void **state)
{
	struct xml_limits limits = XML_LIMITS_DEFAULT;
	struct recorder recorder;
	struct text flood = { 0 };

	limits.max_bytes = 1000;
	recorder_start(&recorder, &limits);
	recorder_feed(&recorder, CLIENT_HEADER);
	text_puts(&flood, "<a b='");
	while (flood.length < 1000000)
		text_putc(&flood, 'x');
	assert_int_equal(xml_parser_feed(recorder.parser, flood.at, flood.length), XML_LIMIT);
	assert_int_equal(recorder.parser->fed, sizeof(CLIENT_HEADER) - 1 + 1001);
	assert_int_equal(recorder_feed(&recorder, "'/>"), XML_LIMIT);
	recorder_finish(&recorder);
	text_free(&flood);
}

static void test_pending(void **state)
{
	static const struct {
		const char *bytes;
		size_t pending;
	} rows[] = {
		{ "<?xml version='1.0'?>", 21 },
		{ "<stream:stream ", 36 },
		{ "xmlns='jabber:client' xmlns:stream='" STREAM_NS "'>", 0 },
		{ " \n ", 0 },
		{ "<", 1 },
		{ "a>text", 7 },
		{ "&am", 10 },
		{ "p;</a", 15 },
		{ ">", 0 },
		{ "<a/><a", 2 },
		{ "/>  ", 0 },
		{ "</stream:stream", 15 },
		{ ">", 0 },
	};
	struct recorder recorder;

	recorder_start(&recorder, NULL);
	assert_int_equal(xml_parser_pending(recorder.parser), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(recorder_feed(&recorder, rows[i].bytes), XML_OK);
		assert_int_equal(xml_parser_pending(recorder.parser), rows[i].pending);
	}
	recorder_finish(&recorder);
}

/* A long tag that comes byte by byte is not read again and again: this takes minutes if it is. */
static void test_long_tag(void **state)
{
	struct recorder recorder;

	recorder_start(&recorder, NULL);
	recorder_feed(&recorder, CLIENT_HEADER "<a b='");
	for (size_t i = 0; i < 250000; i++)
		assert_int_equal(recorder_feed(&recorder, "x"), XML_OK);
	assert_int_equal(xml_parser_pending(recorder.parser), 250006);
	assert_true(recorder.parser->held.length > 240000);
	assert_int_equal(recorder_feed(&recorder, "'/><c/"), XML_OK);
	assert_int_equal(xml_parser_pending(recorder.parser), 3);
	assert_int_equal(recorder_feed(&recorder, ">"), XML_OK);
	assert_int_equal(recorder.log.length, strlen(OPEN) + 250000 +
						  strlen("<a xmlns='jabber:client' b=''/>\n"
							 "<c xmlns='jabber:client'/>\n"));
	recorder_finish(&recorder);
}

/* Nor one that has a '>' in each byte: it is refused, for nobody writes so. */
static void test_teasing_tag(void **state)
{
	struct recorder recorder;
	enum xml_error error = XML_OK;
	size_t fed;

	recorder_start(&recorder, NULL);
	recorder_feed(&recorder, CLIENT_HEADER "<a b='");
	for (fed = 6; error == XML_OK; fed++)
		error = recorder_feed(&recorder, ">");
	assert_int_equal(error, XML_LIMIT);
	assert_in_range(fed, 4096, 4096 + 80);
	recorder_finish(&recorder);
}

/* Long text and CDATA come piece by piece and are no long tags. */
static void test_long_text(void **state)
{
	struct recorder recorder;

	recorder_start(&recorder, NULL);
	recorder_feed(&recorder, CLIENT_HEADER "<a>");
	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(recorder_feed(&recorder, ">"), XML_OK);
	recorder_feed(&recorder, "<![CDATA[");
	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(recorder_feed(&recorder, ">"), XML_OK);
	assert_int_equal(recorder.parser->held.length, 0);
	assert_int_equal(recorder_feed(&recorder, "]]></a>"), XML_OK);
	assert_int_equal(xml_parser_pending(recorder.parser), 0);
	recorder_finish(&recorder);
}

static void test_rest(void **state)
{
	struct recorder recorder;
	struct xml_parser *parser;

	recorder_start(&recorder, NULL);
	parser = recorder.parser;
	xml_parser_rest(parser);
	recorder_feed(&recorder, "<?xml version='1.0'?>");
	xml_parser_rest(parser); /* not inside the header */
	recorder_feed(&recorder, SERVER_HEADER "<a/>");
	xml_parser_rest(parser);
	assert_null(parser->expat);
	assert_int_equal(xml_parser_pending(parser), 0);
	recorder_feed(&recorder, " \n");
	assert_null(parser->expat); /* a keepalive wakes nobody */
	recorder_feed(&recorder, "\t<stream:b");
	assert_non_null(parser->expat);
	xml_parser_rest(parser); /* not inside a child */
	assert_non_null(parser->expat);
	recorder_feed(&recorder, "/>");
	xml_parser_rest(parser);
	xml_parser_rest(parser);
	assert_string_equal(xml_parser_content_ns(parser), "jabber:server");
	recorder_feed(&recorder, "</stream:stream>");
	xml_parser_rest(parser); /* there is nothing to come back to */
	assert_non_null(parser->expat);
	assert_string_equal(recorder_log(&recorder),
	    OPEN "<a xmlns='jabber:client'/>\n<b xmlns='" STREAM_NS "'/>\nclose\n");
	recorder_finish(&recorder);
}

/* Headers that are the same for nearly all are not kept; whatever was declared is known after a
 * rest. */
static void test_rest_headers(void **state)
{
	static const struct {
		const char *header;
		bool is_usual;
	} rows[] = {
		{ CLIENT_HEADER, true },
		{ "<stream:stream xmlns:stream='" STREAM_NS "' xmlns='jabber:client'>", true },
		{ "<stream:stream xmlns:stream='" STREAM_NS "' xmlns='jabber:client' xmlns:s='u'>",
		    false },
		{ "<s:stream xmlns:s='" STREAM_NS "' xmlns='jabber:client'>", false },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct recorder recorder;
		bool is_s = strncmp(rows[i].header, "<s:", 3) == 0;

		recorder_start(&recorder, NULL);
		recorder_feed(&recorder, rows[i].header);
		xml_parser_rest(recorder.parser);
		assert_null(recorder.parser->expat);
		assert_int_equal(recorder.parser->usual != NULL, rows[i].is_usual);
		assert_int_equal(recorder.parser->replay.at == NULL, rows[i].is_usual);
		assert_int_equal(recorder_feed(&recorder, is_s ? "<a/><s:b/></s:stream>"
							       : "<a/><stream:b/></stream:stream>"),
		    XML_OK);
		assert_string_equal(recorder_log(&recorder),
		    OPEN "<a xmlns='jabber:client'/>\n<b xmlns='" STREAM_NS "'/>\nclose\n");
		recorder_finish(&recorder);
	}
}

/* What declares something else keeps its own; and an expat that has seen much is not passed on. */
static void test_share_not(void **state)
{
	struct recorder one, two;

	recorder_start(&one, NULL);
	recorder_start(&two, NULL);
	recorder_feed(&one, SERVER_HEADER "<a/>");
	assert_false(xml_parser_share(one.parser));
	assert_non_null(one.parser->expat);
	recorder_feed(&two, CLIENT_HEADER);
	xml_parser_share(two.parser);
	recorder_feed(&two, "<a/>");
	for (size_t i = 0; i < 700; i++)
		recorder_feed(&two, "<a b0123456789012345678901234567890123456789"
				    "01234567890123456789012345678901234567890123456789=''/>");
	assert_true(xml_parser_share(two.parser));
	recorder_feed(&two, "<a/>");
	assert_true(two.parser->fed < 700);
	recorder_finish(&one);
	recorder_finish(&two);
}

static void test_stop(void **state)
{
	struct recorder recorder;

	recorder_start(&recorder, NULL);
	recorder.stop_at = "auth";
	assert_int_equal(
	    recorder_feed(&recorder, CLIENT_HEADER "<a/><auth/><b/></stream:stream><"), XML_OK);
	assert_true(xml_parser_is_stopped(recorder.parser));
	assert_int_equal(recorder_feed(&recorder, "<<<"), XML_OK);
	xml_parser_rest(recorder.parser);
	assert_int_equal(xml_parser_pending(recorder.parser), 0);
	assert_string_equal(recorder_log(&recorder),
	    OPEN "<a xmlns='jabber:client'/>\n<auth xmlns='jabber:client'/>\n");
	recorder_finish(&recorder);
}

static void test_content_ns(void **state)
{
	static const struct {
		const char *header, *content_ns;
	} rows[] = {
		{ CLIENT_HEADER, "jabber:client" },
		{ SERVER_HEADER, "jabber:server" },
		{ "<s:stream xmlns:s='u'>", "" },
		{ "<stream xmlns='u'>", "u" },
		{ "<stream xmlns=''>", "" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct recorder recorder;

		recorder_start(&recorder, NULL);
		assert_string_equal(xml_parser_content_ns(recorder.parser), "");
		recorder_feed(&recorder, rows[i].header);
		assert_string_equal(xml_parser_content_ns(recorder.parser), rows[i].content_ns);
		recorder_feed(&recorder, "<a xmlns='v'/>");
		assert_string_equal(xml_parser_content_ns(recorder.parser), rows[i].content_ns);
		recorder_finish(&recorder);
	}
}

/* New limits hold for the next child, larger ones and smaller ones. */
static void test_set_limits(void **state)
{
	const struct xml_limits small = { 120, 9, 9, 9, 99 };
	struct recorder recorder;
	struct text input = { 0 };

	text_printf(&input, "<a>%0200d</a>", 1);
	recorder_start(&recorder, &small);
	assert_int_equal(recorder_feed(&recorder, CLIENT_HEADER), XML_OK);
	xml_parser_set_limits(recorder.parser, &XML_LIMITS_DEFAULT);
	assert_int_equal(recorder_feed(&recorder, input.at), XML_OK);
	xml_parser_set_limits(recorder.parser, &small);
	assert_int_equal(recorder_feed(&recorder, input.at), XML_LIMIT);
	recorder_finish(&recorder);
	text_free(&input);
}

static void test_free_midway(void **state)
{
	struct xml_parser *none = NULL;
	struct recorder recorder;

	xml_parser_free(&none);
	recorder_start(&recorder, NULL);
	recorder_feed(&recorder, CLIENT_HEADER "<a><b c='d'>e");
	recorder_finish(&recorder);
	recorder_start(&recorder, NULL);
	recorder_feed(&recorder, "<stream:stream xmlns='u'");
	recorder_finish(&recorder);
	assert_non_null(xml_parser_library());
}

/* ---- documents ---- */

struct reading {
	struct text log;
};

static void document_opened(void *state, const struct element *header)
{
	text_printf(&((struct reading *)state)->log, "%s(", element_name(header));
}

static void document_child(void *state, struct arena *arena, struct element *element)
{
	text_printf(&((struct reading *)state)->log, "%s ", element_to_text(arena, element));
	arena_free(&arena);
}

static void document_left(void *state)
{
	text_puts(&((struct reading *)state)->log, ")");
}

static enum xml_choice document_choose(void *state, const struct element *start)
{
	const char *name = element_name(start);

	if (*name == 's')
		return XML_SKIP;
	if (*name != 'e')
		return XML_TAKE;
	text_printf(&((struct reading *)state)->log, "%s%s(", name,
	    element_attribute(start, "a") == NULL ? "" : element_attribute(start, "a"));
	return XML_ENTER;
}

static enum xml_error document_read(struct reading *reading, const char *input, size_t step)
{
	static const struct xml_events events = { document_opened, document_child, document_left,
		document_choose, document_left };
	static const struct xml_limits limits = { 40, 3, 9, 9, 20 };
	struct xml_parser *parser = xml_parser_new(&limits, &events, reading);
	enum xml_error error = XML_OK;

	text_clear(&reading->log);
	text_puts(&reading->log, "");
	for (size_t i = 0; i < strlen(input) && error == XML_OK; i += step)
		error = xml_parser_feed(
		    parser, input + i, strlen(input) - i < step ? strlen(input) - i : step);
	xml_parser_free(&parser);
	return error;
}

/* Elements that are entered nest, what is skipped may be of any length, and each child has the
 * bounds for itself. */
static void test_documents(void **state)
{
	static const struct {
		const char *input;
		enum xml_error error;
		const char *log;
	} rows[] = {
		{ "<r/>", XML_OK, "r()" },
		{ "<r><!-- x --><?p i?><e a='1'><a/> <e><b>x<!-- y -->z</b></e></e><a/></r>",
		    XML_OK, "r(e1(<a/> e(<b>xz</b> ))<a/> )" },
		{ "<r><e><s>text<a><b/></a><![CDATA[<x>]]>longer than the limit of "
		  "forty</s><a/></e></r>",
		    XML_OK, "r(e(<a/> ))" },
		{ "<r><s/><e/><e></e></r>", XML_OK, "r(e()e())" },
		{ "<r><e><a>1234567890123456789012345678901234</a></e></r>", XML_LIMIT, NULL },
		{ "<r><s><a><b><c/></b></a></s></r>", XML_LIMIT, NULL },
		{ "<r><e>text</e></r>", XML_NOT_WELL_FORMED, NULL },
		{ "<r><e><a/></r>", XML_NOT_WELL_FORMED, NULL },
		{ "<!DOCTYPE r [<!ENTITY a 'b'>]><r/>", XML_RESTRICTED, NULL },
		{ "<r><e><a>&a;</a></e></r>", XML_RESTRICTED, NULL },
	};
	struct reading reading = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t step = 1; step <= strlen(rows[i].input); step++) {
			assert_int_equal(
			    document_read(&reading, rows[i].input, step), rows[i].error);
			if (rows[i].log != NULL)
				assert_string_equal(reading.log.at, rows[i].log);
		}
	}
	text_free(&reading.log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_byte_limit),
		cmocka_unit_test(test_header_limit),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_long_tag),
		cmocka_unit_test(test_teasing_tag),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_rest_headers),
		cmocka_unit_test(test_share_not),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_content_ns),
		cmocka_unit_test(test_set_limits),
		cmocka_unit_test(test_free_midway),
		cmocka_unit_test(test_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
