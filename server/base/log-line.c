/* log-line.c - how a line of the log looks, as text or as a JSON object.
 * Values come from peers: whatever would end a line, begin another field or reach a terminal as a
 * control code is escaped, and what is long is cut. */
#include "base/log-private.h"

#include "base/mem.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

#define VALUE_MAX_BYTES 4096

/* Whether the character of `length` bytes at `at` has no business in a log: C0 and C1 controls,
 * line separators, and what turns the direction of writing. */
static bool is_control(const unsigned char *at, size_t length)
{
	if (length == 1)
		return at[0] < 0x20 || at[0] == 0x7f;
	if (length == 2)
		return at[0] == 0xc2 && at[1] < 0xa0;
	if (length != 3 || at[0] != 0xe2)
		return false;
	return (at[1] == 0x80 &&
		   (at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae))) ||
	       (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
}

/* Text format: every byte that is not shown as it is becomes \xNN. */
static void append_escaped_text(struct text *line, const unsigned char *at, size_t length)
{
	for (size_t i = 0; i < length; i++)
		text_printf(line, "\\x%02x", at[i]);
}

/* JSON: characters become \uNNNN (all that need it are in the first plane); a byte that is not
 * UTF-8 has no name there and becomes U+FFFD. */
static void append_escaped_json(struct text *line, const unsigned char *at, size_t length)
{
	unsigned code = at[0];

	if (length == 0)
		code = 0xfffd;
	else if (length == 2)
		code = (at[0] & 0x1fu) << 6 | (at[1] & 0x3f);
	else if (length == 3)
		code = (at[0] & 0x0fu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3f);
	text_printf(line, "\\u%04x", code);
}

static void append_escaped(
    struct text *line, enum log_format format, const unsigned char *at, size_t length)
{
	if (format == LOG_JSON)
		append_escaped_json(line, at, length);
	else
		append_escaped_text(line, at, length == 0 ? 1 : length);
}

static void append_quoted(struct text *line, enum log_format format, const char *value)
{
	size_t room = strnlen(value, VALUE_MAX_BYTES), length;
	const unsigned char *at = (const unsigned char *)value;
	bool is_cut = value[room] != '\0';

	text_putc(line, '"');
	while (room > 0) {
		length = utf8_length(at, room);
		if (length == 0 || is_control(at, length)) {
			append_escaped(line, format, at, length);
		} else {
			if (*at == '"' || *at == '\\')
				text_putc(line, '\\');
			text_append(line, at, length);
		}
		length = length == 0 ? 1 : length;
		at += length;
		room -= length;
	}
	text_puts(line, is_cut ? "...\"" : "\"");
}

/* Whether a value may stand in a text line without quotes: visible ASCII but for " = and \. */
static bool is_plain(const char *value)
{
	size_t i;

	for (i = 0; value[i] > ' ' && value[i] < 0x7f; i++) {
		if (value[i] == '"' || value[i] == '=' || value[i] == '\\' || i == VALUE_MAX_BYTES)
			return false;
	}
	return i > 0 && value[i] == '\0';
}

static void append_fields(
    struct text *line, enum log_format format, const struct log_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		text_printf(line, format == LOG_JSON ? ",\"%s\":" : " %s=", fields[i].key);
		if (fields[i].text == NULL)
			text_printf(line, "%" PRId64, fields[i].number);
		else if (format == LOG_TEXT && is_plain(fields[i].text))
			text_puts(line, fields[i].text);
		else
			append_quoted(line, format, fields[i].text);
	}
}

void log_line(struct text *line, enum log_format format, int64_t time_us, enum log_level level,
    const struct log *log, const char *text, const struct log_field *fields)
{
	const char *area = log == NULL ? "main" : log->area;
	char time[TIME_TEXT_BYTES];

	time_to_text(time, time_us);
	if (format == LOG_JSON)
		text_printf(line,
		    "{\"time\":\"%s\",\"level\":\"%s\",\"area\":\"%s\",\"text\":", time,
		    log_level_name(level), area);
	else
		text_printf(line, "%s %s %s ", time, log_level_name(level), area);
	append_quoted(line, format, text);
	if (log != NULL)
		append_fields(line, format, log->fields, log->count);
	append_fields(line, format, fields, log_fields_count(fields));
	text_puts(line, format == LOG_JSON ? "}\n" : "\n");
}
