/* test_element.c - building, asking, copying and comparing trees. */
#include "xml/element.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"

static int arena_setup(void **state)
{
	*state = arena_new(0);
	return 0;
}

static int arena_teardown(void **state)
{
	arena_free((struct arena **)state);
	return 0;
}

static struct element *parsed(struct arena *arena, const char *text)
{
	struct element *element = element_parse(arena, text, strlen(text));

	assert_non_null(element);
	return element;
}

static void test_build(void **state)
{
	struct arena *arena = *state;
	char ns[] = "some:ns", name[] = "root", value[] = "v";
	struct element *root = element_new(arena, ns, name), *child;

	element_set(arena, root, "a", value);
	memset(ns, 'x', sizeof(ns) - 1);
	memset(name, 'x', sizeof(name) - 1);
	memset(value, 'x', sizeof(value) - 1);
	child = element_add_new(arena, root, NULL, "same");
	element_add_text(arena, child, "t");
	element_add_text(arena, child, NULL);
	element_add_text(arena, child, "");
	element_add_text(arena, child, "&");
	element_add_new(arena, root, "", "none");
	element_add_text_child(arena, root, "other", "text", "<");
	element_add_text_child(arena, root, NULL, "empty", NULL);
	element_add(root, element_new(arena, NULL, "last"));
	element_set_lang(arena, root, "de");
	assert_string_equal(element_to_text(arena, root),
	    "<root xmlns='some:ns' a='v' xml:lang='de'><same>t&amp;</same><none xmlns=''/>"
	    "<text xmlns='other'>&lt;</text><empty/><last xmlns=''/></root>");
}

static void test_attributes(void **state)
{
	struct arena *arena = *state;
	struct element *element = element_new_lent(arena, "u", "a");

	assert_null(element_attribute(element, "b"));
	element_set(arena, element, "b", NULL);
	element_set(arena, element, "b", "1");
	element_set(arena, element, "c", "2");
	element_set(arena, element, "b", "3");
	assert_string_equal(element_to_text(arena, element), "<a xmlns='u' b='3' c='2'/>");
	element_set(arena, element, "b", NULL);
	assert_string_equal(element_to_text(arena, element), "<a xmlns='u' c='2'/>");
	element_set_lang(arena, element, "de");
	element_set_lang(arena, element, "fr");
	assert_null(element_attribute(element, "lang"));
	assert_string_equal(element_attribute_ns(element, XML_NS, "lang"), "fr");
	assert_null(element_attribute_ns(element, "v", "lang"));
	assert_null(element_attribute_ns(element, XML_NS, "c"));
	element_set_lang(arena, element, NULL);
	element_set(arena, element, "c", NULL);
	assert_string_equal(element_to_text(arena, element), "<a xmlns='u'/>");
}

static void test_find(void **state)
{
	struct arena *arena = *state;
	const struct element *root =
	    parsed(arena, "<r xmlns='u'>1<a n='1'/>2<b n='2'/><a xmlns='v' n='3'/><a n='4'/>3</r>");
	static const struct {
		const char *ns, *name, *found;
	} rows[] = {
		{ NULL, NULL, "1234" },
		{ "u", NULL, "124" },
		{ NULL, "a", "134" },
		{ "u", "a", "14" },
		{ "v", "a", "3" },
		{ "u", "b", "2" },
		{ "v", "b", "" },
		{ "", NULL, "" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct element *child = element_child(root, rows[i].ns, rows[i].name);
		char found[8] = "";

		for (; child != NULL; child = element_next(child, rows[i].ns, rows[i].name))
			strcat(found, element_attribute(child, "n"));
		assert_string_equal(found, rows[i].found);
	}
}

static void test_is(void **state)
{
	struct arena *arena = *state;
	const struct element *element = parsed(arena, "<a xmlns='u'/>"),
			     *bare = parsed(arena, "<a/>");

	assert_true(element_is(element, "u", "a"));
	assert_true(element_is(element, NULL, "a"));
	assert_true(element_is(element, "u", NULL));
	assert_true(element_is(element, NULL, NULL));
	assert_false(element_is(element, "u", "b"));
	assert_false(element_is(element, "v", "a"));
	assert_false(element_is(element, "", "a"));
	assert_true(element_is(bare, "", "a"));
	assert_string_equal(element_ns(bare), "");
	assert_string_equal(element_name(bare), "a");
}

static void test_text(void **state)
{
	static const struct {
		const char *input, *text;
	} rows[] = {
		{ "<a/>", "" },
		{ "<a>b</a>", "b" },
		{ "<a>b<c>d</c>e<f/>g</a>", "beg" },
		{ "<a><c>d</c></a>", "" },
		{ "<a><c/>b</a>", "b" },
	};
	struct arena *arena = *state;
	struct element *element;

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_string_equal(
		    element_text(arena, parsed(arena, rows[i].input)), rows[i].text);
	element = parsed(arena, "<a><b/><c xmlns='u'>1</c><c>2</c></a>");
	assert_null(element_child_text(arena, element, NULL, "d"));
	assert_string_equal(element_child_text(arena, element, NULL, "b"), "");
	assert_string_equal(element_child_text(arena, element, NULL, "c"), "1");
	assert_string_equal(element_child_text(arena, element, "", "c"), "2");
}

static void test_equal(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} rows[] = {
		{ "<a/>", "<a/>", true },
		{ "<a/>", "<b/>", false },
		{ "<a/>", "<a xmlns='u'/>", false },
		{ "<a b='1' c='2'/>", "<a c='2' b='1'/>", true },
		{ "<a b='1'/>", "<a b='2'/>", false },
		{ "<a b='1'/>", "<a/>", false },
		{ "<a/>", "<a b='1'/>", false },
		{ "<a b='1'/>", "<a c='1'/>", false },
		{ "<a xml:lang='1'/>", "<a lang='1'/>", false },
		{ "<a xmlns:p='u' p:b='1'/>", "<a xmlns:q='u' q:b='1'/>", true },
		{ "<a xmlns:p='u' p:b='1'/>", "<a xmlns:p='v' p:b='1'/>", false },
		{ "<a><b/></a>", "<a/>", false },
		{ "<a/>", "<a><b/></a>", false },
		{ "<a><b/></a>", "<a><b/><c/></a>", false },
		{ "<a><b/><c/></a>", "<a><b/></a>", false },
		{ "<a><b/><c/></a>", "<a><c/><b/></a>", false },
		{ "<a><b><c/></b></a>", "<a><b/><c/></a>", false },
		{ "<a><b/><c/></a>", "<a><b><c/></b></a>", false },
		{ "<a>1</a>", "<a>1</a>", true },
		{ "<a>1</a>", "<a>12</a>", false },
		{ "<a>12</a>", "<a>1</a>", false },
		{ "<a>1</a>", "<a/>", false },
		{ "<a>1</a>", "<a><b/></a>", false },
		{ "<a>1<b/>2</a>", "<a>1<b/>2</a>", true },
		{ "<a>1<b/>2</a>", "<a>12<b/></a>", false },
		{ "<a>1<b/></a>", "<a>1<b/>2</a>", false },
	};
	struct arena *arena = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(element_equal(parsed(arena, rows[i].a), parsed(arena, rows[i].b)),
		    rows[i].equal);
}

/* Text that was added in pieces is the same text. */
static void test_equal_pieces(void **state)
{
	static const struct {
		const char *a[3], *b[3];
		bool equal;
	} rows[] = {
		{ { "ab", "c" }, { "a", "bc" }, true },
		{ { "abc" }, { "a", "b", "c" }, true },
		{ { "abc" }, { "a", "b" }, false },
		{ { "ab" }, { "a", "b", "c" }, false },
		{ { "ab", "c" }, { "a", "bd" }, false },
	};
	struct arena *arena = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct element *a = element_new(arena, "", "a"), *b = element_new(arena, "", "a");

		for (size_t k = 0; k < 3; k++) {
			element_add_text(arena, a, rows[i].a[k]);
			element_add_text(arena, b, rows[i].b[k]);
		}
		assert_int_equal(element_equal(a, b), rows[i].equal);
		element_add_new(arena, a, NULL, "c");
		element_add_new(arena, b, NULL, "c");
		assert_int_equal(element_equal(a, b), rows[i].equal);
	}
}

static void test_copy(void **state)
{
	static const char *const rows[] = {
		"<a/>",
		"<a xmlns='u' b='1' xml:lang='de' xmlns:c='v' c:d='2'/>",
		"<a xmlns='u'>1<b><c/>2</b><d xmlns='jabber:client'><e xmlns='w'/></d>3</a>",
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena *first = arena_new(0), *second = arena_new(0);
		struct element *element = parsed(first, rows[i]);
		struct element *copy = element_copy(second, element);
		char *text = element_to_text(second, element);

		assert_true(element_equal(element, copy));
		arena_free(&first);
		assert_string_equal(element_to_text(second, copy), text);
		arena_free(&second);
	}
}

/* A part of a tree is copied, compared and written without what is beside it. */
static void test_part(void **state)
{
	struct arena *arena = *state;
	struct element *root = parsed(arena, "<a><b>1<c/></b><b>1<c/></b>2</a>");
	struct element *part = element_child(root, NULL, "b");

	assert_string_equal(element_to_text(arena, part), "<b>1<c/></b>");
	assert_string_equal(element_to_text(arena, element_copy(arena, part)), "<b>1<c/></b>");
	assert_true(element_equal(part, element_next(part, NULL, "b")));
	assert_true(element_equal(part, parsed(arena, "<b>1<c/></b>")));
}

static void test_parse(void **state)
{
	static const char *const refused[] = { "", " ", "a", "<a>", "<a/><b/>", "<a/>b", "<a/></x>",
		"</x>", "<a><!-- --></a>", "<a>&b;</a>", "<?xml version='1.0'?><a/>", "<b:a/>",
		"<a/><" };
	struct arena *arena = *state;
	struct element *element;
	char *large = arena_alloc(arena, 1000000);

	for (size_t i = 0; i < COUNT_OF(refused); i++)
		assert_null(element_parse(arena, refused[i], strlen(refused[i])));
	assert_true(element_is(parsed(arena, "  <a/>\n"), "", "a"));
	/* What was stored may be longer than what a stream lets in. */
	memset(large, 'x', 1000000);
	memcpy(large, "<a b='", 6);
	memcpy(large + 1000000 - 3, "'/>", 3);
	element = element_parse(arena, large, 1000000);
	assert_non_null(element);
	assert_int_equal(strlen(element_attribute(element, "b")), 1000000 - 9);
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, arena_setup, arena_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ARENA(test_build),
		WITH_ARENA(test_attributes),
		WITH_ARENA(test_find),
		WITH_ARENA(test_is),
		WITH_ARENA(test_text),
		WITH_ARENA(test_equal),
		WITH_ARENA(test_equal_pieces),
		WITH_ARENA(test_copy),
		WITH_ARENA(test_part),
		WITH_ARENA(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
