/* test_config-outline.c - godwit.conf without its sections. */
#include "core/config-outline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text;
	const char *outline; /* without blanks at its end */
} outlines[] = {
	{ "", "" },
	{ "workers = 4", "workers = 4" },
	{ "a { }", "" },
	{ "a{b=c}d=e", "      d=e" },
	{ "a {\n b = 1\n}\nc = 2", "   \n      \n \nc = 2" },
	{ "listen c2s { port = 1 }", "" },
	{ "domain \"x\" { key = \"y\" }", "" },
	{ "workers = 4 limits { }", "workers = 4" },
	{ "workers = 4 listen c2s { }", "workers = 4" },
	{ "user = \"x\" listen c2s { } a = b", "user = \"x\"                a = b" },
	{ "modules = { a, b } ping { }", "modules = { a, b }" },
	{ "modules = {\"a}b\"} ping { }", "modules = {\"a}b\"}" },
	{ "modules += { a } ping { }", "modules += { a }" },
	{ "a { b { c = d } } e = f", "                  e = f" },
	{ "a { x = \"}\" y = '}' }", "" },
	{ "a { x = \"\\\"}\" }", "" },
	{ "# a { \nb = c", "# a { \nb = c" },
	{ "// a {\nb = c", "// a {\nb = c" },
	{ "/* a { */ b = c", "/* a { */ b = c" },
	{ "a { # }\n}", "" },
	{ "a { /* } */ }", "" },
	{ "a { b = 1", "a { b = 1" },
	{ "a = \"{", "a = \"{" },
	{ "/* never closed { }", "/* never closed { }" },
};

static void outline_matches(void **state)
{
	char text[256];
	size_t length;

	(void)state;
	for (size_t i = 0; i < sizeof outlines / sizeof outlines[0]; i++) {
		strcpy(text, outlines[i].text);
		config_outline(text);
		assert_int_equal(strlen(text), strlen(outlines[i].text));
		length = strlen(text);
		while (length > 0 && strchr(" \n", text[length - 1]) != NULL)
			text[--length] = '\0';
		assert_string_equal(text, outlines[i].outline);
	}
}

static const struct {
	const char *text;
	const char *rest;
	size_t unclosed; /* line */
} comments[] = {
	{ "", "" },
	{ "#", " " },
	{ "a # b\nc", "a    \nc" },
	{ "a // b\n// c\nd", "a     \n    \nd" },
	{ "a /* b\nc */ d", "a     \n     d" },
	{ "/**/a/ *b", "    a/ *b" },
	{ "\"#//\" '/*'#", "\"#//\" '/*' " },
	{ "\"\\\"#\" # \"", "\"\\\"#\"    " },
	{ "a\t#\r\nb", "a\t  \nb" },
	{ "#\na /* never closed\n", " \na /* never closed\n", 2 },
	{ "/*/", "/*/", 1 },
	{ "\"never # closed", "\"never # closed" },
};

static void comments_become_blanks(void **state)
{
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof comments / sizeof comments[0]; i++) {
		strcpy(text, comments[i].text);
		assert_int_equal(config_uncomment(text), comments[i].unclosed);
		assert_string_equal(text, comments[i].rest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outline_matches),
		cmocka_unit_test(comments_become_blanks),
	};

	return cmocka_run_group_tests_name("core/config-outline", tests, NULL, NULL);
}
