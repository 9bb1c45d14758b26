/* test_tag.c - what start tags become: names and namespaces, attributes with and without one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "recorder.h"

#define BAD_NAMESPACE_PREFIX "error 4\n"

static const struct {
	const char *tags, *expected;
} rows[] = {
	{ "<a/>", "<a xmlns='jabber:client'/>\n" },
	/* A prefix is as good as another. */
	{ "<p:a xmlns:p='u'/>", "<a xmlns='u'/>\n" },
	{ "<p:a xmlns:p='u'><q:b xmlns:q='u'/></p:a>", "<a xmlns='u'><b/></a>\n" },
	{ "<a xmlns=''><b xmlns='u'/></a>", "<a><b xmlns='u'/></a>\n" },
	{ "<a b='1' c='&lt;2&gt;'/>", "<a xmlns='jabber:client' b='1' c='&lt;2&gt;'/>\n" },
	{ "<a xml:lang='de'/>", "<a xmlns='jabber:client' xml:lang='de'/>\n" },
	{ "<xml:a/>", BAD_NAMESPACE_PREFIX },
	{ "<a><b:c/></a>", BAD_NAMESPACE_PREFIX },
	{ "<a b:c=''/>", BAD_NAMESPACE_PREFIX },
};

static void test_tags(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct text input = { 0 }, expected = { 0 };

		text_printf(&input, "%s%s", CLIENT_HEADER, rows[i].tags);
		text_printf(&expected, "%s%s", OPEN, rows[i].expected);
		assert_record(input.at, input.length, expected.at);
		text_free(&input);
		text_free(&expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_tags) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
