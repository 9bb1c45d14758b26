/* test_writer.c - escaping, declarations, and that what is written reads back the same. */
#include "xml/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "xml/element.h"

static void assert_text(struct text *text, const char *expected)
{
	assert_string_equal(text->at == NULL ? "" : text->at, expected);
	text_free(text);
}

static void test_escapes(void **state)
{
	static const struct {
		const char *input, *as_text, *as_value;
	} rows[] = {
		{ "", "", "" },
		{ "abc", "abc", "abc" },
		{ "<", "&lt;", "&lt;" },
		{ "a<b>c&d", "a&lt;b&gt;c&amp;d", "a&lt;b&gt;c&amp;d" },
		{ "'\"", "'\"", "&apos;&quot;" },
		{ "\t\n\r", "\t\n&#13;", "&#9;&#10;&#13;" },
		{ "]]>", "]]&gt;", "]]&gt;" },
		{ "&amp;", "&amp;amp;", "&amp;amp;" },
		{ "\xf0\x9f\x98\x80\x7f", "\xf0\x9f\x98\x80\x7f", "\xf0\x9f\x98\x80\x7f" },
		{ "a\x01\x1f\x0b", "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
		    "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct text out = { 0 };

		xml_write_text(&out, rows[i].input, strlen(rows[i].input));
		assert_text(&out, rows[i].as_text);
		xml_write_value(&out, rows[i].input, strlen(rows[i].input));
		assert_text(&out, rows[i].as_value);
	}
}

static void test_attribute(void **state)
{
	struct text out = { 0 };

	xml_write_attribute(&out, "a", NULL);
	xml_write_attribute(&out, "a", "");
	xml_write_attribute(&out, "b", "'");
	assert_text(&out, " a='' b='&apos;'");
}

/* What is declared depends on what is in force where the element will stand. */
static void test_default_ns(void **state)
{
	static const struct {
		const char *input, *default_ns, *whole, *children;
	} rows[] = {
		{ "<a/>", NULL, "<a/>", "" },
		{ "<a/>", "", "<a/>", "" },
		{ "<a/>", "u", "<a xmlns=''/>", "" },
		{ "<a xmlns='u'/>", "u", "<a/>", "" },
		{ "<a xmlns='u'/>", "v", "<a xmlns='u'/>", "" },
		{ "<a xmlns='u'><b/>1<c xmlns='v'><d/></c></a>", "u",
		    "<a><b/>1<c xmlns='v'><d/></c></a>", "<b/>1<c xmlns='v'><d/></c>" },
		{ "<a xmlns='u'><b xmlns='v'><c xmlns='u'/></b><d/></a>", "v",
		    "<a xmlns='u'><b xmlns='v'><c xmlns='u'/></b><d/></a>",
		    "<b><c xmlns='u'/></b><d xmlns='u'/>" },
		{ "<a xmlns='&lt;&apos;'/>", "v", "<a xmlns='&lt;&apos;'/>", "" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena *arena = arena_new(0);
		struct element *element =
		    element_parse(arena, rows[i].input, strlen(rows[i].input));
		struct text out = { 0 };

		assert_non_null(element);
		xml_write(&out, element, rows[i].default_ns);
		assert_text(&out, rows[i].whole);
		xml_write_children(&out, element, rows[i].default_ns);
		assert_text(&out, rows[i].children);
		arena_free(&arena);
	}
}

static void test_round_trip(void **state)
{
	static const char *const rows[] = {
		"<a/>",
		"<a b='&#9;&#10;&#13;&apos;&quot;&lt;&amp;'>&#13;\n\t'\"]]&gt;</a>",
		"<a:b xmlns:a='u' a:c='1' d='2' xml:lang='de' xml:space='x' xmlns:e='v' e:c='3'/>",
		"<a:b xmlns:a='u'><c a:d='1'><a:e a:f='2'/></c></a:b>",
		"<a xmlns='u'><b xmlns=''><a xmlns='u'>1<c/>2</a></b>3</a>",
		"<a xmlns:q='x' q:a='1'><q:b q:a='2'>&#x10FFFF;</q:b></a>",
		"<a0 xmlns:a0='a0' a0:a0='a0' a0='a0'/>",
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena *arena = arena_new(0);
		struct element *first = element_parse(arena, rows[i], strlen(rows[i]));
		const char *written = element_to_text(arena, first);
		struct element *second = element_parse(arena, written, strlen(written));

		assert_non_null(second);
		assert_true(element_equal(first, second));
		assert_string_equal(element_to_text(arena, second), written);
		arena_free(&arena);
	}
}

/* Depth costs no stack. */
static void test_deep(void **state)
{
	struct arena *arena = arena_new(0);
	struct element *root = element_new_lent(arena, "u", "a"), *at = root, *copy;
	struct text out = { 0 };

	for (int i = 0; i < 300000; i++)
		at = element_add_new(arena, at, NULL, "a");
	xml_write(&out, root, "u");
	assert_int_equal(out.length, 300000 * strlen("<a></a>") + strlen("<a/>"));
	copy = element_parse(arena, out.at, out.length);
	assert_non_null(copy);
	assert_false(element_equal(root, copy)); /* another namespace */
	assert_true(element_equal(root, element_copy(arena, root)));
	text_free(&out);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_attribute),
		cmocka_unit_test(test_default_ns),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
