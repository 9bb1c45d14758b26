/* test_bytes.c - the table of bytes, each byte against the words of XML 1.0. */
#include "xml/bytes.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static bool is_among(int byte, const char *bytes)
{
	return byte != 0 && strchr(bytes, byte) != NULL;
}

static void assert_kind(int byte, enum byte_kind kind, bool expected)
{
	if (byte_is((char)byte, kind) != expected)
		fail_msg("byte %#x, kind %d", (unsigned)byte, kind);
}

static void test_names(void **state)
{
	for (int byte = 0; byte < 256; byte++) {
		bool is_letter = byte < 0x80 && (isalpha(byte) || byte == '_');

		assert_kind(byte, BYTE_BEGINS_NAME, is_letter);
		assert_kind(byte, BYTE_IN_NAME,
		    is_letter || (byte < 0x80 && isdigit(byte)) || is_among(byte, "-."));
	}
}

static void test_characters(void **state)
{
	for (int byte = 0; byte < 256; byte++) {
		bool is_written = byte >= 0x20 && !is_among(byte, "&<>");

		assert_kind(byte, BYTE_BLANK, is_among(byte, " \t\n"));
		assert_kind(byte, BYTE_AS_IS, is_written && byte < 0x80);
		assert_kind(byte, BYTE_IN_TEXT, is_written || is_among(byte, "\t\n"));
		assert_kind(byte, BYTE_IN_VALUE, is_written && !is_among(byte, "'\""));
	}
}

/* One that is of another kind, at each place, and none. */
static void test_run(void **state)
{
	char bytes[24];

	for (size_t length = 0; length <= sizeof(bytes); length++)
		for (size_t at = 0; at <= length; at++) {
			memset(bytes, 'a', sizeof(bytes));
			if (at < length)
				bytes[at] = '<';
			assert_int_equal(byte_run(bytes, length, BYTE_IN_TEXT), at);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_run),
	};

	return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
