/* text.c - growing pieces of text and the small conversions that go with text. */
#include "base/text.h"

#include "base/arena.h"
#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TEXT_MIN_BYTES 64

static char *text_grow(struct text *text, size_t length)
{
	size_t capacity = text->capacity < TEXT_MIN_BYTES ? TEXT_MIN_BYTES : text->capacity;

	ASSERT(length < SIZE_MAX / 4 && text->length < SIZE_MAX / 4);
	while (capacity - text->length <= length)
		capacity *= 2;
	if (capacity > text->capacity) {
		text->at = mem_realloc(text->at, capacity);
		text->capacity = capacity;
	}
	return text->at + text->length;
}

/* Nearly always there is room: texts are written in many small pieces. */
static inline char *text_room(struct text *text, size_t length)
{
	if (text->capacity - text->length > length)
		return text->at + text->length;
	return text_grow(text, length);
}

char *text_reserve(struct text *text, size_t length)
{
	return text_room(text, length);
}

void text_append(struct text *text, const void *bytes, size_t length)
{
	char *end = text_room(text, length);

	if (length > 0)
		memcpy(end, bytes, length);
	end[length] = '\0';
	text->length += length;
}

void text_puts(struct text *text, const char *string)
{
	text_append(text, string, strlen(string));
}

void text_putc(struct text *text, char byte)
{
	char *end = text_room(text, 1);

	end[0] = byte;
	end[1] = '\0';
	text->length++;
}

void text_printf(struct text *text, const char *format, ...)
{
	va_list arguments;
	char *end = text_reserve(text, 0);
	size_t room = text->capacity - text->length;
	int length;

	va_start(arguments, format);
	length = vsnprintf(end, room, format, arguments);
	va_end(arguments);
	ASSERT(length >= 0);
	if ((size_t)length >= room) {
		end = text_reserve(text, (size_t)length);
		va_start(arguments, format);
		vsnprintf(end, (size_t)length + 1, format, arguments);
		va_end(arguments);
	}
	text->length += (size_t)length;
}

void text_consume(struct text *text, size_t length)
{
	if (length >= text->length) {
		text_clear(text);
		return;
	}
	text->length -= length;
	memmove(text->at, text->at + length, text->length);
	text->at[text->length] = '\0';
}

void text_clear(struct text *text)
{
	text->length = 0;
	if (text->at != NULL)
		text->at[0] = '\0';
}

void text_free(struct text *text)
{
	mem_free(text->at);
	*text = (struct text){ 0 };
}

void text_put_json(struct text *text, const char *string)
{
	static const char special[] = "\"\\\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e"
				      "\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c"
				      "\x1d\x1e\x1f";

	if (string == NULL) {
		text_puts(text, "null");
		return;
	}
	text_putc(text, '"');
	for (;;) {
		size_t length = strcspn(string, special);

		text_append(text, string, length);
		string += length;
		if (*string == '\0')
			break;
		text_printf(text, "\\u%04x", (unsigned)*string++);
	}
	text_putc(text, '"');
}

bool text_equal(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

static bool is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* RFC 3629 section 4. */
size_t utf8_length(const unsigned char *at, size_t room)
{
	unsigned char first = at[0];

	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	if (room < 2 || !is_continuation(at[1]))
		return 0;
	if (first < 0xe0)
		return 2;
	/* Overlong forms, surrogates and what is above U+10FFFF show in the second byte. */
	if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f) ||
	    (first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f))
		return 0;
	if (room < 3 || !is_continuation(at[2]))
		return 0;
	if (first < 0xf0)
		return 3;
	return room < 4 || !is_continuation(at[3]) ? 0 : 4;
}

bool utf8_valid(const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes;
	uint64_t word;
	size_t done = 0, step;

	while (done < length) {
		while (length - done >= sizeof(word)) {
			memcpy(&word, at + done, sizeof(word));
			if ((word & UINT64_C(0x8080808080808080)) != 0)
				break;
			done += sizeof(word);
		}
		if (done == length)
			break;
		step = utf8_length(at + done, length - done);
		if (step == 0)
			return false;
		done += step;
	}
	return true;
}

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The six bits of a character of the alphabet, or 64 if it is none. */
static unsigned base64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

char *base64_encode(struct arena *arena, const void *bytes, size_t length)
{
	const unsigned char *in = bytes;
	char *text, *out;
	uint32_t group;
	size_t i;

	ASSERT(length < SIZE_MAX / 4);
	text = out = arena_alloc(arena, (length + 2) / 3 * 4 + 1);
	for (i = 0; i < length; i += 3) {
		group = (uint32_t)in[i] << 16;
		group |= i + 1 < length ? (uint32_t)in[i + 1] << 8 : 0;
		group |= i + 2 < length ? in[i + 2] : 0;
		*out++ = base64_alphabet[group >> 18];
		*out++ = base64_alphabet[group >> 12 & 63];
		*out++ = i + 1 < length ? base64_alphabet[group >> 6 & 63] : '=';
		*out++ = i + 2 < length ? base64_alphabet[group & 63] : '=';
	}
	*out = '\0';
	return text;
}

char *base64_decode(struct arena *arena, const char *text, size_t *length_out)
{
	size_t length = strlen(text), digits = length, i;
	unsigned bits = 0, value;
	uint32_t group = 0;
	char *bytes, *out;

	if (length % 4 != 0)
		return NULL;
	while (digits > 0 && length - digits < 2 && text[digits - 1] == '=')
		digits--;
	bytes = out = arena_alloc(arena, length / 4 * 3 + 1);
	for (i = 0; i < digits; i++) {
		value = base64_value((unsigned char)text[i]);
		if (value == 64)
			return NULL;
		group = group << 6 | value;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*out++ = (char)(group >> bits & 0xff);
		}
	}
	/* Section 3.5: what the padding leaves over is zero, so each value has one spelling. */
	if ((group & ((1u << bits) - 1)) != 0)
		return NULL;
	*out = '\0';
	*length_out = (size_t)(out - bytes);
	return bytes;
}

char *hex_encode(struct arena *arena, const void *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *in = bytes;
	char *text;
	size_t i;

	ASSERT(length < SIZE_MAX / 4);
	text = arena_alloc(arena, 2 * length + 1);
	for (i = 0; i < length; i++) {
		text[2 * i] = digits[in[i] >> 4];
		text[2 * i + 1] = digits[in[i] & 15];
	}
	text[2 * length] = '\0';
	return text;
}

bool number_parse(const char *text, int64_t minimum, int64_t maximum, int64_t *number_out)
{
	const char *digits = text[0] == '-' ? text + 1 : text;
	long long number;
	char *end;

	/* strtoll would take leading white space and a plus as well. */
	if (digits[0] < '0' || digits[0] > '9')
		return false;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (*end != '\0' || errno != 0 || number < minimum || number > maximum)
		return false;
	*number_out = number;
	return true;
}

int64_t time_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void time_to_text(char text_out[TIME_TEXT_BYTES], int64_t time_us)
{
	time_t seconds = (time_t)(time_us / 1000000);
	int64_t part_us = time_us % 1000000;
	struct tm tm;

	if (part_us < 0) {
		part_us += 1000000;
		seconds--;
	}
	gmtime_r(&seconds, &tm);
	snprintf(text_out, TIME_TEXT_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    (int)(part_us / 1000));
}

char *time_format(struct arena *arena, int64_t time_us)
{
	char text[TIME_TEXT_BYTES];

	time_to_text(text, time_us);
	return arena_strdup(arena, text);
}

/* Exactly so many digits, which `at` is moved behind. */
static bool digits_parse(const char **at, int count, int *number_out)
{
	*number_out = 0;
	for (int i = 0; i < count; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*number_out = *number_out * 10 + (**at - '0');
	}
	return true;
}

static bool byte_parse(const char **at, char byte)
{
	*at += **at == byte;
	return (*at)[-1] == byte;
}

/* ".120345": what is below a microsecond is dropped. */
static bool fraction_parse(const char **at, int64_t *part_us_out)
{
	int64_t unit = 100000;

	*part_us_out = 0;
	if (**at != '.')
		return true;
	for ((*at)++; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
		*part_us_out += (**at - '0') * unit;
	return (*at)[-1] != '.';
}

/* "Z", "+hh:mm" or "-hh:mm"; nothing for the old format. */
static bool offset_parse(const char *at, bool is_old, int *seconds_out)
{
	int hours, minutes;
	int sign = *at == '-' ? -1 : 1;

	*seconds_out = 0;
	if (strcmp(at, "Z") == 0 || (is_old && *at == '\0'))
		return true;
	if (*at != '+' && *at != '-')
		return false;
	at++;
	if (!digits_parse(&at, 2, &hours) || !byte_parse(&at, ':') ||
	    !digits_parse(&at, 2, &minutes) || *at != '\0' || hours > 23 || minutes > 59)
		return false;
	*seconds_out = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool time_parse(const char *text, int64_t *time_us_out)
{
	const char *at = text;
	bool is_old = strlen(text) >= 9 && text[8] == 'T';
	struct tm tm = { 0 };
	int64_t part_us;
	int offset;

	if (!digits_parse(&at, 4, &tm.tm_year) || (!is_old && !byte_parse(&at, '-')) ||
	    !digits_parse(&at, 2, &tm.tm_mon) || (!is_old && !byte_parse(&at, '-')) ||
	    !digits_parse(&at, 2, &tm.tm_mday) || !byte_parse(&at, 'T') ||
	    !digits_parse(&at, 2, &tm.tm_hour) || !byte_parse(&at, ':') ||
	    !digits_parse(&at, 2, &tm.tm_min) || !byte_parse(&at, ':') ||
	    !digits_parse(&at, 2, &tm.tm_sec) || !fraction_parse(&at, &part_us) ||
	    !offset_parse(at, is_old, &offset))
		return false;
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*time_us_out = ((int64_t)timegm(&tm) - offset) * 1000000 + part_us;
	return true;
}
