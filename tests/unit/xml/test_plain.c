/* test_plain.c - what is read without expat, what is left to it, and that nobody can tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "recorder.h"
#include "xml/parser-private.h"

#define SIXTEEN \
	" b1='' b2='' b3='' b4='' b5='' b6='' b7='' b8=''" \
	" b9='' c1='' c2='' c3='' c4='' c5='' c6='' c7=''"

static const char *const headers[] = { CLIENT_HEADER, SERVER_HEADER, COMPONENT_HEADER,
	"<x xmlns='urn:x' xmlns:y='urn:y'>", "<x>" };

/* Fed as a whole, behind a header and a rest, and byte by byte. */
static void check(const char *header, const char *child, bool is_plain)
{
	struct recorder whole;
	struct text input = { 0 }, bytes;
	enum xml_error error;

	recorder_start(&whole, NULL);
	recorder_feed(&whole, header);
	xml_parser_rest(whole.parser);
	error = recorder_feed(&whole, child);
	if (is_plain != (whole.parser->expat == NULL))
		fail_msg("%s is %s", child, is_plain ? "left to expat" : "plain");
	if (is_plain)
		assert_string_not_equal(recorder_log(&whole), OPEN);
	if (error != XML_OK)
		text_printf(&whole.log, "error %d\n", (int)error);
	text_printf(&input, "%s%s", header, child);
	bytes = record_bytes(input.at, input.length, NEVER_REST);
	assert_string_equal(recorder_log(&whole), bytes.at);
	text_free(&input);
	text_free(&bytes);
	recorder_finish(&whole);
}

static void check_all(const char *const *children, size_t count, bool is_plain)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < COUNT_OF(headers); k++)
			check(headers[k], children[i], is_plain);
}

static void test_plain(void **state)
{
	static const char *const children[] = {
		"<a/>",
		"<a></a>",
		" \r\n\t<a/> ",
		"<_A-.1 />",
		"<a ></a \n\t>",
		"<a b='' c=\"'\" d='\"'/>",
		"<a\n\tb='1'\n c='2'/>",
		"<a b='>' c=']]>' d='&lt;&gt;&amp;&apos;&quot;'/>",
		"<a>&lt;&gt;&amp;&apos;&quot; ' \" \n\t ] ]] &gt;> ]]&gt; ] ></a>",
		"<a>]]<b/>></a>",
		"<a><b>1</b>2<c/>3<d><e/></d></a>",
		"<a xml:lang='de' lang='en' xml='1'/>",
		"<a xmlns='urn:b'><c/><d xmlns=''><e/></d><f xmlns='jabber:client'><g/></f></a>",
		"<a xmlns='jabber:server'><b xmlns='jabber:component:accept'/></a>",
		"<a xmlns='vcard-temp'><b xmlns='vcard-temp'/></a>",
		"<a><a xmlns='urn:x'/></a>",
		"<a xmlns='this is \"none\"' b='1'/>",
		"<a "
		"b='\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80'>\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd\x7f<"
		"/a>",
		"<a" SIXTEEN "/>",
		"<a/><b>1</b>\n<c/>",
	};

	check_all(children, COUNT_OF(children), true);
}

/* It is not plain, or not whole, or wrong, or more follows that is. */
static void test_not_plain(void **state)
{
	static const char *const children[] = {
		"<",
		"<a",
		"<a ",
		"<a b",
		"<a b=",
		"<a b='",
		"<a b='1'",
		"<a b='1'/",
		"<a>",
		"<a>1",
		"<a>1<",
		"<a>1</",
		"<a>1</a",
		"<a>1</a ",
		"</x>",
		"1",
		"<a/>1",
		"<1/>",
		"<-a/>",
		"<a b/>",
		"<a b=1/>",
		"<a b='1'c='2'/>",
		"<a b = '1'/>",
		"<a b='1' b='2'/>",
		"<a b='<'/>",
		"<a b='&'/>",
		"<a b='1\t2'/>",
		"<a b='1\n2'/>",
		"<a\rb='1'/>",
		"<a/ >",
		"<a></b>",
		"<a></ab>",
		"<ab></a>",
		"<a></a b='1'>",
		"<a>1\r\n2</a>",
		"<a>]]></a>",
		"<a>&#65;&#x42;</a>",
		"<a>&b;</a>",
		"<a>&lt</a>",
		"<a>\x01</a>",
		"<a b='\x1f'/>",
		"<a>\xc0\x80</a>",
		"<a>\xed\xa0\x80</a>",
		"<a>\xef\xbf\xbe</a>",
		"<a>\xef\xbf\xbf</a>",
		"<a b='\xf4\x90\x80\x80'/>",
		"<a b='\xe2\x82'/>",
		"<\xc3\xa4/>",
		"<a \xc3\xa4='1'/>",
		"<a xmlns='\xc3\xa4'/>",
		"<a xmlns='u&amp;v'/>",
		"<a xmlns='u' xmlns='u'/>",
		"<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
		"<a xmlns='http://www.w3.org/2000/xmlns/'/>",
		"<a xml:lang='de' xml:lang='de'/>",
		"<a xml:language='de'/>",
		"<a xml:space='preserve'/>",
		"<y:a/>",
		"<a y:b='1'/>",
		"<a xmlns:z='urn:z'/>",
		"<xml:a/>",
		"<a><![CDATA[1]]></a>",
		"<a><!-- 1 --></a>",
		"<a><?b?></a>",
		"<!DOCTYPE a>",
		"<a" SIXTEEN " c8=''/>",
	};

	check_all(children, COUNT_OF(children), false);
}

/* Each is read as it is, whatever came before; expat keeps its place meanwhile. */
static void test_in_turn(void **state)
{
	struct recorder recorder;

	recorder_start(&recorder, NULL);
	recorder_feed(&recorder, CLIENT_HEADER "<a/>");
	recorder_feed(&recorder, "<b/><c>&#49;</c><d/><e>2</");
	recorder_feed(&recorder, "e><f/>");
	recorder_feed(&recorder, "<g/>");
	recorder_feed(&recorder, "<h xmlns:i='urn:i'><i:j/></h><k/></stream:stream>");
	assert_string_equal(recorder_log(&recorder),
	    OPEN "<a xmlns='jabber:client'/>\n<b xmlns='jabber:client'/>\n"
		 "<c xmlns='jabber:client'>1</c>\n<d xmlns='jabber:client'/>\n"
		 "<e xmlns='jabber:client'>2</e>\n<f xmlns='jabber:client'/>\n"
		 "<g xmlns='jabber:client'/>\n"
		 "<h xmlns='jabber:client'><j xmlns='urn:i'/></h>\n"
		 "<k xmlns='jabber:client'/>\nclose\n");
	recorder_finish(&recorder);
}

/* From inside the event of one that was plain, with an expat at hand or not. */
static void test_stop(void **state)
{
	for (int rests = 0; rests <= 1; rests++) {
		struct recorder recorder;

		recorder_start(&recorder, NULL);
		recorder.stop_at = "b";
		recorder_feed(&recorder, CLIENT_HEADER);
		if (rests)
			xml_parser_rest(recorder.parser);
		assert_int_equal(recorder_feed(&recorder, "<a/><b/><c/><"), XML_OK);
		assert_true(xml_parser_is_stopped(recorder.parser));
		assert_false(xml_parser_share(recorder.parser));
		assert_int_equal(recorder_feed(&recorder, "<<"), XML_OK);
		assert_string_equal(recorder_log(&recorder),
		    OPEN "<a xmlns='jabber:client'/>\n<b xmlns='jabber:client'/>\n");
		recorder_finish(&recorder);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_not_plain),
		cmocka_unit_test(test_in_turn),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests_name("plain", tests, NULL, NULL);
}
