/* test_plain.c - the one message of PLAIN (RFC 4616), taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "stream/plain.h"

#define CASE(literal) literal, sizeof(literal) - 1

/* Of the message's own length, with the NUL that is always behind it. */
static bool parse(char *room, const char *bytes, size_t length, struct plain *plain_out)
{
	memcpy(room, bytes, length);
	room[length] = '\0';
	return plain_parse(room, length, plain_out);
}

static void test_good(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *authzid, *username, *password;
	} cases[] = {
		{ CASE("\0romeo\0secret"), "", "romeo", "secret" },
		{ CASE("juliet@example.org\0romeo\0s"), "juliet@example.org", "romeo", "s" },
		{ CASE("\0r\0 "), "", "r", " " },
		{ CASE("\0\xe7\xbd\x97\0\xf0\x9f\x91\x8b"), "", "\xe7\xbd\x97",
		    "\xf0\x9f\x91\x8b" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char room[64];
		struct plain plain;

		assert_true(parse(room, cases[i].bytes, cases[i].length, &plain));
		assert_string_equal(plain.authzid, cases[i].authzid);
		assert_string_equal(plain.username, cases[i].username);
		assert_string_equal(plain.password, cases[i].password);
	}
}

static void test_malformed(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
		{ CASE("") },
		{ CASE("romeo") },
		{ CASE("\0") },
		{ CASE("\0\0") },
		{ CASE("\0romeo") },
		{ CASE("\0romeo\0") },
		{ CASE("\0\0secret") },
		{ CASE("\0romeo\0secret\0") },
		{ CASE("\0romeo\0sec\0ret") },
		{ CASE("\0ro\xffmeo\0secret") },
		{ CASE("\0romeo\0sec\xffret") },
		{ CASE("\xff\0romeo\0secret") },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char room[64];
		struct plain plain;

		assert_false(parse(room, cases[i].bytes, cases[i].length, &plain));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests_name("plain", tests, NULL, NULL);
}
