/* test_reader.c - what bytes become, at every split; and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "recorder.h"
#include "xml/element-private.h"

#define NOT_WELL_FORMED "error 1\n"
#define RESTRICTED "error 2\n"
#define UNSUPPORTED_ENCODING "error 3\n"
#define BAD_NAMESPACE_PREFIX "error 4\n"
#define INVALID_XML_VERSION "error 6\n"

struct row {
	const char *input;
	const char *expected;
};

static void assert_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_record(rows[i].input, strlen(rows[i].input), rows[i].expected);
}

/* Whole streams. */
static void test_streams(void **state)
{
	static const struct row rows[] = {
		{ "", "" },
		{ "  \n", "" },
		{ CLIENT_HEADER, OPEN },
		{ "<?xml version='1.0'?>" CLIENT_HEADER "</stream:stream>", OPEN "close\n" },
		{ "<?xml version=\"1.0\" encoding='utf-8' standalone='yes'?>\n" CLIENT_HEADER,
		    OPEN },
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='" STREAM_NS "'/>",
		    OPEN "close\n" },
		{ "<s:stream to='a&apos;b' xml:lang='de' xmlns:s='" STREAM_NS "'\n>",
		    "open <stream xmlns='" STREAM_NS "' to='a&apos;b' xml:lang='de'/>\n" },
		{ CLIENT_HEADER " <iq/>\r\n\t<presence/></stream:stream> \n", OPEN
		    "<iq xmlns='jabber:client'/>\n<presence xmlns='jabber:client'/>\nclose\n" },
		/* The prefixes of the header are known after a rest, however they were spelt. */
		{ "<ä:b xmlns:ä='u&amp;&apos;v' xmlns='w'><ä:c/> <d/></ä:b>",
		    "open <b xmlns='u&amp;&apos;v'/>\n<c xmlns='u&amp;&apos;v'/>\n<d "
		    "xmlns='w'/>\nclose\n" },
		{ "<b><c/><d/></b>", "open <b/>\n<c/>\n<d/>\nclose\n" },
		{ "<b xmlns=''><c/><d/></b>", "open <b/>\n<c/>\n<d/>\nclose\n" },
	};

	assert_rows(rows, COUNT_OF(rows));
}

/* One child of a client's stream. */
static void test_children(void **state)
{
	static const struct row rows[] = {
		{ "<a><b>x</b>y<c/>z</a>", "<a xmlns='jabber:client'><b>x</b>y<c/>z</a>" },
		{ "<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;</a>",
		    "<a xmlns='jabber:client'>&lt;&gt;&amp;\"'A\xf0\x9f\x98\x80</a>" },
		{ "<a>1<![CDATA[<b>&amp;]]>2</a>",
		    "<a xmlns='jabber:client'>1&lt;b&gt;&amp;amp;2</a>" },
		{ "<a>1\r\n2\r3&#13;</a>", "<a xmlns='jabber:client'>1\n2\n3&#13;</a>" },
		{ "<a b='1\t2\n3&#10;&#9;' c=\"'\"/>",
		    "<a xmlns='jabber:client' b='1 2 3&#10;&#9;' c='&apos;'/>" },
		{ "<a xml:lang='de' id='1'/>", "<a xmlns='jabber:client' xml:lang='de' id='1'/>" },
		{ "<a xmlns='u'><b xmlns=''><c/></b><d xmlns='u'/></a>",
		    "<a xmlns='u'><b xmlns=''><c/></b><d/></a>" },
		{ "<u:a xmlns:u='u'><b/><u:c xmlns:u='v'/><u:d/></u:a>",
		    "<a xmlns='u'><b xmlns='jabber:client'/><c xmlns='v'/><d/></a>" },
		{ "<a xmlns:u='u' xmlns:v='v' u:x='1' v:x='2' x='3'/>",
		    "<a xmlns='jabber:client' xmlns:a0='u' a0:x='1' xmlns:a1='v' a1:x='2' "
		    "x='3'/>" },
		{ "<stream:error/>", "<error xmlns='" STREAM_NS "'/>" },
		{ "<message xmlns='jabber:server'/>", "<message xmlns='jabber:server'/>" },
		{ "<a><b xmlns='jabber:iq:roster'><c/></b></a>",
		    "<a xmlns='jabber:client'><b xmlns='jabber:iq:roster'><c/></b></a>" },
		{ "<\xe4\xbd\xa0>\xe5\xa5\xbd</\xe4\xbd\xa0>",
		    "<\xe4\xbd\xa0 xmlns='jabber:client'>\xe5\xa5\xbd</\xe4\xbd\xa0>" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct text input = { 0 }, expected = { 0 };

		text_printf(&input, "%s%s", CLIENT_HEADER, rows[i].input);
		text_printf(&expected, "%s%s\n", OPEN, rows[i].expected);
		assert_record(input.at, input.length, expected.at);
		text_free(&input);
		text_free(&expected);
	}
}

/* On a stream between servers jabber:server is read as jabber:client, at every depth, and so is what
 * components say. */
static void test_content_namespace(void **state)
{
	static const struct row rows[] = {
		{ SERVER_HEADER
		    "<message><body/><x xmlns='u'><message xmlns='jabber:server'/></x></message>",
		    OPEN "<message xmlns='jabber:client'><body/><x xmlns='u'>"
			 "<message xmlns='jabber:client'/></x></message>\n" },
		{ SERVER_HEADER "<iq><a xmlns='jabber:server:dialback'/></iq>",
		    OPEN "<iq xmlns='jabber:client'><a xmlns='jabber:server:dialback'/></iq>\n" },
		{ COMPONENT_HEADER "<handshake/><x xmlns='jabber:server'/>",
		    OPEN "<handshake xmlns='jabber:client'/>\n<x xmlns='jabber:server'/>\n" },
		{ CLIENT_HEADER "<x xmlns='jabber:component:accept'/>",
		    OPEN "<x xmlns='jabber:component:accept'/>\n" },
		/* Only if it is the default namespace there. */
		{ "<stream xmlns='" STREAM_NS "' xmlns:s='jabber:server'><s:iq/>",
		    OPEN "<iq xmlns='jabber:server'/>\n" },
	};

	assert_rows(rows, COUNT_OF(rows));
}

/* What RFC 6120 section 11 forbids, and what is no XML at all. */
static void test_refused(void **state)
{
	static const struct row rows[] = {
		{ "<!DOCTYPE a>" CLIENT_HEADER, RESTRICTED },
		{ "<!DOCTYPE a [<!ENTITY b 'c'>]>" CLIENT_HEADER, RESTRICTED },
		{ "<!DOCTYPE a SYSTEM 'b'>" CLIENT_HEADER, RESTRICTED },
		{ "<!-- a -->" CLIENT_HEADER, RESTRICTED },
		{ "<?a b?>" CLIENT_HEADER, RESTRICTED },
		{ CLIENT_HEADER "<!-- a -->", OPEN RESTRICTED },
		{ CLIENT_HEADER "<a><!-- a --></a>", OPEN RESTRICTED },
		{ CLIENT_HEADER "<?a b?>", OPEN RESTRICTED },
		{ CLIENT_HEADER "<a><?a b?></a>", OPEN RESTRICTED },
		{ CLIENT_HEADER "<a>&b;</a>", OPEN RESTRICTED },
		{ CLIENT_HEADER "<a b='&b;'/>", OPEN RESTRICTED },
		{ CLIENT_HEADER "</stream:stream><!-- a -->", OPEN "close\n" RESTRICTED },
		{ "<?xml version='1.0' encoding='ISO-8859-1'?>" CLIENT_HEADER,
		    UNSUPPORTED_ENCODING },
		{ "<?xml version='1.0' encoding='UTF-16'?>" CLIENT_HEADER, UNSUPPORTED_ENCODING },
		{ "<?xml version='1.1'?>" CLIENT_HEADER, INVALID_XML_VERSION },
		{ CLIENT_HEADER "<?xml version='1.0'?>", OPEN NOT_WELL_FORMED },
		{ " <?xml version='1.0'?>" CLIENT_HEADER, NOT_WELL_FORMED },
		{ "\xef\xbb\xbf" CLIENT_HEADER, NOT_WELL_FORMED },
		{ "a", NOT_WELL_FORMED },
		{ CLIENT_HEADER "<!DOCTYPE a>", OPEN NOT_WELL_FORMED },
		{ CLIENT_HEADER "a", OPEN NOT_WELL_FORMED },
		{ CLIENT_HEADER "<iq/> &#32;a",
		    OPEN "<iq xmlns='jabber:client'/>\n" NOT_WELL_FORMED },
		{ CLIENT_HEADER "<iq/><![CDATA[a]]>",
		    OPEN "<iq xmlns='jabber:client'/>\n" NOT_WELL_FORMED },
		/* A rest within a section between stanzas once made markup of its text. */
		{ CLIENT_HEADER "<![CDATA[<a/>", OPEN NOT_WELL_FORMED },
		{ CLIENT_HEADER "<![CDATA[]]>", OPEN NOT_WELL_FORMED },
		{ CLIENT_HEADER "<a></b>", OPEN NOT_WELL_FORMED },
		{ CLIENT_HEADER "<a b='1' b='2'/>", OPEN NOT_WELL_FORMED },
		{ CLIENT_HEADER "<a xmlns:x='u' xmlns:y='u' x:b='1' y:b='2'/>",
		    OPEN NOT_WELL_FORMED },
		{ CLIENT_HEADER "<a b='<'/>", OPEN NOT_WELL_FORMED },
		{ CLIENT_HEADER "<a>&#1;</a>", OPEN NOT_WELL_FORMED },
		{ CLIENT_HEADER "<a>\x01</a>", OPEN NOT_WELL_FORMED },
		{ CLIENT_HEADER "<a>]]></a>", OPEN NOT_WELL_FORMED },
		{ CLIENT_HEADER "<a>\xc3(</a>", OPEN NOT_WELL_FORMED },
		{ CLIENT_HEADER "<a>\xc0\xbc</a>", OPEN NOT_WELL_FORMED },     /* overlong */
		{ CLIENT_HEADER "<a>\xed\xa0\x80</a>", OPEN NOT_WELL_FORMED }, /* a surrogate */
		{ CLIENT_HEADER "<a>\xf4\x90\x80\x80</a>", OPEN NOT_WELL_FORMED },
		{ CLIENT_HEADER "<a>\xef\xbf\xbf</a>", OPEN NOT_WELL_FORMED },
		{ CLIENT_HEADER "<\xe4></a>",
		    OPEN NOT_WELL_FORMED }, /* CVE-2022-25235: cut short in a name */
		{ CLIENT_HEADER "<a xmlns='b\xff"
				"c'/>",
		    OPEN NOT_WELL_FORMED },
		{ CLIENT_HEADER "</stream:stream>a", OPEN "close\n" NOT_WELL_FORMED },
		{ CLIENT_HEADER "</stream:stream><a/>", OPEN "close\n" NOT_WELL_FORMED },
		{ CLIENT_HEADER "<b:a/>", OPEN BAD_NAMESPACE_PREFIX },
		{ CLIENT_HEADER "<a b:c='1'/>", OPEN BAD_NAMESPACE_PREFIX },
		{ CLIENT_HEADER "<a><c xmlns:b='u'/><b:d/></a>", OPEN BAD_NAMESPACE_PREFIX },
		{ CLIENT_HEADER "<xml:a/>", OPEN BAD_NAMESPACE_PREFIX },
		{ "<stream:stream>", BAD_NAMESPACE_PREFIX },
	};

	assert_rows(rows, COUNT_OF(rows));
	/* UTF-16, with and without a byte order mark, in both orders. */
	assert_record("\xff\xfe<\0a\0/\0>\0", 10, NOT_WELL_FORMED);
	assert_record("\xfe\xff\0<\0a\0/\0>", 10, NOT_WELL_FORMED);
	assert_record("<\0a\0/\0>\0", 8, NOT_WELL_FORMED);
	assert_record("\0<\0a\0/\0>", 8, NOT_WELL_FORMED);
	assert_record("\n\0<\0a\0/\0>\0", 10, NOT_WELL_FORMED);
	assert_record(CLIENT_HEADER "<a>\0</a>", sizeof(CLIENT_HEADER) + 7, OPEN NOT_WELL_FORMED);
}

/* CVE-2022-25236: a separator in a declared namespace must not move the border between it and the
 * name. A newline is the classic one. */
static void test_separator(void **state)
{
	assert_record(CLIENT_HEADER "<a:c xmlns:a='u&#10;b'/>", sizeof(CLIENT_HEADER) + 23,
	    OPEN "<c xmlns='u&#10;b'/>\n");
}

struct kept {
	struct arena *arena;
	struct element *root;
};

static void ignore_opened(void *state, const struct element *header)
{
}

static void keep_element(void *state, struct arena *arena, struct element *element)
{
	*(struct kept *)state = (struct kept){ arena, element };
}

static void ignore_closed(void *state)
{
}

/* The tree itself: text that came in pieces is one node. */
static void test_tree(void **state)
{
	static const struct xml_events events = { ignore_opened, keep_element, ignore_closed };
	static const char input[] = CLIENT_HEADER "<a><b xmlns='jabber:x:oob'>1&amp;2\n3</b></a>";
	struct kept kept = { 0 };
	struct xml_parser *parser = xml_parser_new(&XML_LIMITS_DEFAULT, &events, &kept);
	struct element *text;

	for (size_t i = 0; i < sizeof(input) - 1; i++)
		assert_int_equal(xml_parser_feed(parser, input + i, 1), XML_OK);
	assert_non_null(kept.root);
	assert_null(kept.root->parent);
	assert_null(kept.root->next);
	assert_ptr_equal(kept.root->first, kept.root->last);
	text = kept.root->first->first;
	assert_null(text->name);
	assert_null(text->next);
	assert_string_equal(text->text, "1&2\n3");
	assert_int_equal(text->text_length, 5);
	arena_free(&kept.arena);
	xml_parser_free(&parser);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_children),
		cmocka_unit_test(test_content_namespace),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_separator),
		cmocka_unit_test(test_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
