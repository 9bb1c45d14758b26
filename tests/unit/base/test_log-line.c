/* test_log-line.c - lines of the log: no value can forge a line, a field or a control code. */
#include "base/log-private.h"

#include "base/mem.h"
#include "base/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#define TIME_US 1804152600120999

/* A value, and how it stands in a line of each format. */
static const struct {
	const char *value;
	const char *text;
	const char *json;
} values[] = {
	{ "romeo@example.net/orchard", "romeo@example.net/orchard",
	    "\"romeo@example.net/orchard\"" },
	{ "", "\"\"", "\"\"" },
	{ "two words", "\"two words\"", "\"two words\"" },
	{ "a=b", "\"a=b\"", "\"a=b\"" },
	{ "say \"hi\"", "\"say \\\"hi\\\"\"", "\"say \\\"hi\\\"\"" },
	{ "back\\slash", "\"back\\\\slash\"", "\"back\\\\slash\"" },
	{ "x\ny", "\"x\\x0ay\"", "\"x\\u000ay\"" },
	{ "x\r\ty", "\"x\\x0d\\x09y\"", "\"x\\u000d\\u0009y\"" },
	{ "\x1b[31m", "\"\\x1b[31m\"", "\"\\u001b[31m\"" },
	{ "\x7f", "\"\\x7f\"", "\"\\u007f\"" },
	/* U+009B, which some terminals take for ESC [. */
	{ "\xc2\x9b", "\"\\xc2\\x9b\"", "\"\\u009b\"" },
	{ "caf\xc3\xa9", "\"caf\xc3\xa9\"", "\"caf\xc3\xa9\"" },
	/* A line separator, and right-to-left overrides. */
	{ "\xe2\x80\xa8", "\"\\xe2\\x80\\xa8\"", "\"\\u2028\"" },
	{ "\xe2\x80\xae", "\"\\xe2\\x80\\xae\"", "\"\\u202e\"" },
	{ "\xe2\x81\xa6", "\"\\xe2\\x81\\xa6\"", "\"\\u2066\"" },
	{ "\xe2\x82\xac", "\"\xe2\x82\xac\"", "\"\xe2\x82\xac\"" },
	{ "\xf0\x9f\x90\xa6", "\"\xf0\x9f\x90\xa6\"", "\"\xf0\x9f\x90\xa6\"" },
	{ "bad\xff", "\"bad\\xff\"", "\"bad\\ufffd\"" },
	{ "cut\xe2\x82", "\"cut\\xe2\\x82\"", "\"cut\\ufffd\\ufffd\"" },
};

static const char *const whole_json =
    "{\"time\":\"2027-03-04T09:30:00.120Z\",\"level\":\"info\",\"area\":\"c2s\","
    "\"text\":\"resource bound\",\"stream\":\"c2s-4711\",\"jid\":\"romeo@example.net\",\"ms\":3}\n";

static void line_of(struct text *line, enum log_format format, const char *value)
{
	text_clear(line);
	log_line(line, format, TIME_US, LOG_WARNING, NULL, "t", LOG_FIELDS(KV("k", value)));
}

static void test_whole_line(void **state)
{
	struct log *parent = log_new(NULL, "c2s", LOG_FIELDS(KV("stream", "c2s-4711")));
	struct log *log = log_new(parent, NULL, LOG_FIELDS(KV("jid", "romeo@example.net")));
	struct text line = { 0 };

	log_free(&parent);
	log_line(
	    &line, LOG_TEXT, TIME_US, LOG_INFO, log, "resource bound", LOG_FIELDS(KV("ms", 3)));
	assert_string_equal(line.at, "2027-03-04T09:30:00.120Z info c2s \"resource bound\""
				     " stream=c2s-4711 jid=romeo@example.net ms=3\n");
	text_clear(&line);
	log_line(
	    &line, LOG_JSON, TIME_US, LOG_INFO, log, "resource bound", LOG_FIELDS(KV("ms", 3)));
	assert_string_equal(line.at, whole_json);
	text_free(&line);
	log_free(&log);
}

static void test_values(void **state)
{
	struct text line = { 0 }, expected = { 0 };

	for (size_t i = 0; i < COUNT_OF(values); i++) {
		line_of(&line, LOG_TEXT, values[i].value);
		text_printf(&expected, "2027-03-04T09:30:00.120Z warning main \"t\" k=%s\n",
		    values[i].text);
		assert_string_equal(line.at, expected.at);
		text_clear(&expected);
		line_of(&line, LOG_JSON, values[i].value);
		text_printf(&expected, "\"text\":\"t\",\"k\":%s}\n", values[i].json);
		assert_string_equal(strstr(line.at, "\"text\""), expected.at);
		text_clear(&expected);
	}
	text_free(&line);
	text_free(&expected);
}

/* Whatever bytes come, there is one line feed, at the end, no other control, and JSON parses. */
static void test_any_bytes(void **state)
{
	static const enum log_format formats[] = { LOG_TEXT, LOG_JSON };
	struct text line = { 0 };

	for (unsigned first = 1; first < 256; first++) {
		for (unsigned second = 1; second < 256; second++) {
			const char value[] = { 'x', (char)first, (char)second, '\x80', ' ', '\0' };

			for (size_t f = 0; f < COUNT_OF(formats); f++) {
				line_of(&line, formats[f], value);
				assert_true(utf8_valid(line.at, line.length));
				for (size_t i = 0; i + 1 < line.length; i++)
					assert_true((unsigned char)line.at[i] >= ' ' &&
						    line.at[i] != '\x7f');
				assert_int_equal(line.at[line.length - 1], '\n');
			}
		}
	}
	text_free(&line);
}

static void test_json_parses(void **state)
{
	struct text line = { 0 };

	for (unsigned byte = 1; byte < 256; byte++) {
		const char value[] = { 'x', (char)byte, '\0' };
		json_t *object;

		line_of(&line, LOG_JSON, value);
		object = json_loadb(line.at, line.length, 0, NULL);
		assert_non_null(object);
		if (byte < 0x80)
			assert_string_equal(json_string_value(json_object_get(object, "k")), value);
		json_decref(object);
	}
	text_free(&line);
}

static void test_long_value(void **state)
{
	struct text line = { 0 }, value = { 0 };

	for (int i = 0; i < 100000; i++)
		text_putc(&value, 'x');
	line_of(&line, LOG_TEXT, value.at);
	assert_in_range(line.length, 4096, 4200);
	assert_non_null(strstr(line.at, "xxx...\"\n"));
	text_free(&line);
	text_free(&value);
}

static void test_numbers(void **state)
{
	struct text line = { 0 };

	log_line(&line, LOG_TEXT, TIME_US, LOG_ERROR, NULL, "t",
	    LOG_FIELDS(KV("a", INT64_MIN), KV("b", 0), KV("c", (size_t)7), KV("d", (char *)NULL)));
	assert_string_equal(line.at,
	    "2027-03-04T09:30:00.120Z error main \"t\" a=-9223372036854775808 b=0 c=7 d=\"\"\n");
	text_free(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_line),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_json_parses),
		cmocka_unit_test(test_long_value),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
