/* test_text.c - growing texts, UTF-8, base64, hexadecimal, numbers and times. */
#include "base/text.h"

#include "base/arena.h"
#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define BYTES(literal) literal, sizeof(literal) - 1

static void test_append(void **state)
{
	struct text text = { 0 };

	text_clear(&text);
	text_consume(&text, 5);
	assert_null(text.at);
	text_puts(&text, "a");
	text_putc(&text, 'b');
	text_append(&text, "c\0d", 3);
	text_append(&text, NULL, 0);
	text_printf(&text, "%d", 42);
	assert_int_equal(text.length, 7);
	assert_memory_equal(text.at, "abc\0d42", 8);
	text_clear(&text);
	assert_string_equal(text.at, "");
	text_free(&text);
	assert_null(text.at);
	assert_int_equal(text.capacity, 0);
}

static void test_growth(void **state)
{
	struct text text = { 0 };

	for (int i = 0; i < 10000; i++) {
		text_putc(&text, (char)('a' + i % 26));
		assert_int_equal(text.at[text.length], 0);
	}
	assert_int_equal(text.length, 10000);
	assert_true(text.capacity <= 20000);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(text.at[i], 'a' + i % 26);
	text_free(&text);
}

static void test_printf(void **state)
{
	struct text text = { 0 };

	for (int i = 0; i < 500; i++) {
		text_clear(&text);
		text_printf(&text, "%*d", i, 7);
		assert_int_equal(text.length, i == 0 ? 1 : i);
		assert_int_equal(strlen(text.at), text.length);
		assert_int_equal(text.at[text.length - 1], '7');
		text_free(&text);
	}
}

static void test_json(void **state)
{
	static const struct {
		const char *string, *json;
	} cases[] = {
		{ NULL, "null" },
		{ "", "\"\"" },
		{ "Wherefore art thou", "\"Wherefore art thou\"" },
		{ "\"\\", "\"\\u0022\\u005c\"" },
		{ "a\nb\x01\x1f ", "\"a\\u000ab\\u0001\\u001f \"" },
		{ "\xc3\xa9\x7f", "\"\xc3\xa9\x7f\"" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct text text = { 0 };

		text_put_json(&text, cases[i].string);
		assert_string_equal(text.at, cases[i].json);
		text_free(&text);
	}
}

static void test_reserve(void **state)
{
	struct text text = { 0 };

	text_puts(&text, "romeo");
	memcpy(text_reserve(&text, 1000), "@example.net and more", 21);
	text.length += 12;
	text_puts(&text, "/orchard");
	assert_string_equal(text.at, "romeo@example.net/orchard");
	text_free(&text);
}

static void test_consume(void **state)
{
	struct text text = { 0 };

	text_puts(&text, "romeo and juliet");
	text_consume(&text, 0);
	text_consume(&text, 10);
	assert_string_equal(text.at, "juliet");
	assert_int_equal(text.length, 6);
	text_consume(&text, 7);
	assert_string_equal(text.at, "");
	text_free(&text);
}

static void test_equal(void **state)
{
	assert_true(text_equal(NULL, NULL));
	assert_false(text_equal("a", NULL));
	assert_false(text_equal(NULL, ""));
	assert_true(text_equal("a", "a"));
	assert_false(text_equal("a", "b"));
}

static const struct {
	const char *bytes;
	size_t length;
	bool is_valid;
} utf8_cases[] = {
	{ BYTES(""), true },
	{ BYTES("plain ASCII of more than eight bytes"), true },
	{ BYTES("nul \0 inside"), true },
	{ BYTES("\x7f"), true },
	{ BYTES("\x80"), false },
	{ BYTES("\xc1\xbf"), false }, /* overlong */
	{ BYTES("\xc2\x80"), true },  /* U+0080 */
	{ BYTES("\xdf\xbf"), true },  /* U+07FF */
	{ BYTES("\xdf"), false },
	{ BYTES("\xdf\xc0"), false },
	{ BYTES("\xe0\x9f\xbf"), false }, /* overlong */
	{ BYTES("\xe0\xa0\x80"), true },  /* U+0800 */
	{ BYTES("\xed\x9f\xbf"), true },  /* U+D7FF */
	{ BYTES("\xed\xa0\x80"), false }, /* a surrogate */
	{ BYTES("\xed\xbf\xbf"), false },
	{ BYTES("\xee\x80\x80"), true }, /* U+E000 */
	{ BYTES("\xef\xbf\xbf"), true }, /* U+FFFF */
	{ BYTES("\xef\xbf"), false },
	{ BYTES("\xef\xbf\x41"), false },
	{ BYTES("\xf0\x8f\xbf\xbf"), false }, /* overlong */
	{ BYTES("\xf0\x90\x80\x80"), true },  /* U+10000 */
	{ BYTES("\xf4\x8f\xbf\xbf"), true },  /* U+10FFFF */
	{ BYTES("\xf4\x90\x80\x80"), false }, /* above it */
	{ BYTES("\xf5\x80\x80\x80"), false },
	{ BYTES("\xf0\x90\x80"), false },
	{ BYTES("\xf0\x90\x80\xc0"), false },
	{ BYTES("\xff"), false },
	{ BYTES("eight by\xc3\xa9 and on it goes for a while"), true },
	{ BYTES("eight by\xc3 and on it goes for a while"), false },
	{ BYTES("sixteen bytes and\xe2\x82\xac"), true },
	{ BYTES("sixteen bytes and\xe2\x82"), false },
};

static void test_utf8(void **state)
{
	for (size_t i = 0; i < COUNT_OF(utf8_cases); i++) {
		/* On the heap, so that a sanitizer sees a read past the end. */
		char *copy = mem_alloc(utf8_cases[i].length);

		memcpy(copy, utf8_cases[i].bytes, utf8_cases[i].length);
		if (utf8_valid(copy, utf8_cases[i].length) != utf8_cases[i].is_valid)
			fail_msg("case %zu: %s", i, utf8_cases[i].bytes);
		mem_free(copy);
	}
}

/* RFC 4648 section 10, and bytes that reach the ends of the alphabet. */
static const struct {
	const char *bytes;
	size_t length;
	const char *base64;
} base64_cases[] = {
	{ BYTES(""), "" },
	{ BYTES("f"), "Zg==" },
	{ BYTES("fo"), "Zm8=" },
	{ BYTES("foo"), "Zm9v" },
	{ BYTES("foob"), "Zm9vYg==" },
	{ BYTES("fooba"), "Zm9vYmE=" },
	{ BYTES("foobar"), "Zm9vYmFy" },
	{ BYTES("\xff\xff\xfe"), "///+" },
	{ BYTES("\0\0\0\0"), "AAAAAA==" },
};

static const char *const base64_wrong[] = {
	"Z",
	"Zg",
	"Zg=",
	"Zg===",
	"=",
	"==",
	"===",
	"====",
	"Z===",
	"Zm9v=",
	"Zm9vZg=",
	"Zh==", /* bits left over */
	"Zm9=",
	"Zg==Zg==",
	"Z=g=",
	"Zm 9",
	"Zm9v\n",
	" Zg=",
	"Zm-_",
	"Zm9\xc3",
	"\x80mFy",
	"Zm9v====",
};

static void test_base64(void **state)
{
	struct arena *arena = arena_new(0);
	size_t length;
	char *bytes;

	for (size_t i = 0; i < COUNT_OF(base64_cases); i++) {
		assert_string_equal(
		    base64_encode(arena, base64_cases[i].bytes, base64_cases[i].length),
		    base64_cases[i].base64);
		bytes = base64_decode(arena, base64_cases[i].base64, &length);
		assert_non_null(bytes);
		assert_int_equal(length, base64_cases[i].length);
		assert_memory_equal(bytes, base64_cases[i].bytes, length + 1);
	}
	for (size_t i = 0; i < COUNT_OF(base64_wrong); i++) {
		if (base64_decode(arena, base64_wrong[i], &length) != NULL)
			fail_msg("taken: %s", base64_wrong[i]);
	}
	arena_free(&arena);
}

static void test_base64_all_bytes(void **state)
{
	struct arena *arena = arena_new(0);
	unsigned char bytes[256];
	size_t length;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	for (size_t i = 0; i <= sizeof(bytes); i++) {
		char *text = base64_encode(arena, bytes, i);

		assert_memory_equal(base64_decode(arena, text, &length), bytes, i);
		assert_int_equal(length, i);
	}
	arena_free(&arena);
}

static void test_hex(void **state)
{
	struct arena *arena = arena_new(0);

	assert_string_equal(hex_encode(arena, "\x00\x9a\xff", 3), "009aff");
	assert_string_equal(hex_encode(arena, NULL, 0), "");
	arena_free(&arena);
}

static const struct {
	const char *text;
	int64_t minimum;
	int64_t maximum;
	bool is_number;
	int64_t number;
} number_cases[] = {
	{ "0", 0, 10, true, 0 },
	{ "10", 0, 10, true, 10 },
	{ "11", 0, 10, false, 0 },
	{ "007", 0, 10, true, 7 },
	{ "-1", 0, 10, false, 0 },
	{ "-5", -5, 10, true, -5 },
	{ "-6", -5, 10, false, 0 },
	{ "", 0, 10, false, 0 },
	{ "-", -5, 10, false, 0 },
	{ "--1", -5, 10, false, 0 },
	{ "+1", 0, 10, false, 0 },
	{ " 1", 0, 10, false, 0 },
	{ "1 ", 0, 10, false, 0 },
	{ "1x", 0, 10, false, 0 },
	{ "0x1", 0, 10, false, 0 },
	{ "1.5", 0, 10, false, 0 },
	{ "9223372036854775807", 0, INT64_MAX, true, INT64_MAX },
	{ "9223372036854775808", 0, INT64_MAX, false, 0 },
	{ "-9223372036854775808", INT64_MIN, 0, true, INT64_MIN },
	{ "-9223372036854775809", INT64_MIN, 0, false, 0 },
	{ "99999999999999999999999999", 0, INT64_MAX, false, 0 },
};

static void test_number(void **state)
{
	for (size_t i = 0; i < COUNT_OF(number_cases); i++) {
		int64_t number = 4711;
		bool is_number = number_parse(number_cases[i].text, number_cases[i].minimum,
		    number_cases[i].maximum, &number);

		if (is_number != number_cases[i].is_number)
			fail_msg("case %zu: %s", i, number_cases[i].text);
		assert_true(number == (is_number ? number_cases[i].number : 4711));
	}
}

static const struct {
	int64_t time_us;
	const char *text;
} time_cases[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },
	{ -1, "1969-12-31T23:59:59.999Z" },
	{ 951782400000000, "2000-02-29T00:00:00.000Z" },
	{ 1804152600120999, "2027-03-04T09:30:00.120Z" },
	{ 253402300799999999, "9999-12-31T23:59:59.999Z" },
	{ -62135596800000000, "0001-01-01T00:00:00.000Z" },
};

/* As others write it: offsets, fractions, and the format of XEP-0091. */
static void test_time_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t time_us;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2027-03-01T09:30:00.120Z", 1803893400120000 },
		{ "2027-03-01T09:30:00.1234567Z", 1803893400123456 },
		{ "2027-03-01T11:00:00+01:30", 1803893400000000 },
		{ "2027-03-01T08:30:00.5-01:00", 1803893400500000 },
		{ "20270301T09:30:00", 1803893400000000 },
		{ "1969-12-31T23:59:59Z", -1000000 },
		{ "1469-07-21T00:32:29Z", -15792622051000000 },
	};
	static const char *const bad[] = { "", "2", "2027-03-01", "2027-03-01T09:30:00",
		"2027-03-01T09:30:00.Z", "2027-13-01T09:30:00Z", "2027-00-01T09:30:00Z",
		"2027-03-32T09:30:00Z", "2027-03-01T24:30:00Z", "2027-03-01T09:60:00Z",
		"2027-03-01T09:30:61Z", "2027-03-01T09:30:00Zx", "2027-03-01T09:30:00+1:00",
		"2027-03-01T09:30:00+24:00", "2027-03-01 09:30:00Z", "20270301T09:30",
		"20270301T09:30:00x", "-027-03-01T09:30:00Z", "2027/03/01T09:30:00Z" };
	int64_t time_us;

	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_true(time_parse(good[i].text, &time_us));
		assert_int_equal(time_us, good[i].time_us);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(time_parse(bad[i], &time_us));
}

static void test_time(void **state)
{
	struct arena *arena = arena_new(0);
	char text[TIME_TEXT_BYTES];
	int64_t now = time_now_us();

	for (size_t i = 0; i < COUNT_OF(time_cases); i++)
		assert_string_equal(time_format(arena, time_cases[i].time_us), time_cases[i].text);
	time_to_text(text, INT64_MAX);
	time_to_text(text, INT64_MIN);
	/* Some time between 2020 and 2100: it is microseconds. */
	assert_true(now > 1577836800000000 && now < 4102444800000000);
	arena_free(&arena);
}

static void test_span_equal(void **state)
{
	assert_true(span_equal(span_of("abc"), (struct span){ "abcd", 3 }));
	assert_true(span_equal(span_of(NULL), span_of("")));
	assert_false(span_equal(span_of("abc"), span_of("abd")));
	assert_false(span_equal(span_of("abc"), span_of("abcd")));
	assert_false(span_equal(span_of(""), span_of("a")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_span_equal),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_printf),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_consume),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_all_bytes),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_time_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
