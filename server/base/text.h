/* text.h - a growing piece of text on the heap, and the small conversions that go with text:
 * UTF-8, base64, hexadecimal, numbers, and the time formats of XMPP. */
#ifndef GODWIT_BASE_TEXT_H
#define GODWIT_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

/* Bytes that somebody else owns; not NUL-terminated in general. */
struct span {
	const char *at;
	size_t length;
};

/* A growing buffer. All zero is a valid empty one. `at` is NUL-terminated once anything was
 * appended, and NULL before. */
struct text {
	char *at;
	size_t length;
	size_t capacity;
};

void text_append(struct text *text, const void *bytes, size_t length);
void text_puts(struct text *text, const char *string);
void text_putc(struct text *text, char byte);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Makes room for `length` more bytes and a NUL, and returns where they go; then add to the member
 * `length` what was written, at most that many. The NUL is the caller's, or the next append's. */
char *text_reserve(struct text *text, size_t length);
/* Drops the first `length` bytes (at most all). */
void text_consume(struct text *text, size_t length);
/* Empties it and keeps the memory. */
void text_clear(struct text *text);
/* Empties it and gives the memory back. */
void text_free(struct text *text);

static inline struct span span_of(const char *string)
{
	return (struct span){ string, string == NULL ? 0 : strlen(string) };
}

static inline bool span_equal(struct span a, struct span b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

/* A JSON string, in quotes; `string` NULL: null. */
void text_put_json(struct text *text, const char *string);

/* Both NULL or the same text. */
bool text_equal(const char *a, const char *b);

/* Whether all bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool utf8_valid(const char *bytes, size_t length);
/* The length of the well-formed character that begins at `at`, 0 if there is none; `room` > 0. */
size_t utf8_length(const unsigned char *at, size_t room);

/* Base64 (RFC 4648 section 4). */
char *base64_encode(struct arena *arena, const void *bytes, size_t length);
/* Strict: alphabet, padding and length as the RFC has them, no white space. Returns NULL when
 * `text` is not base64; else the bytes (with a NUL behind), and their number in `length_out`. */
char *base64_decode(struct arena *arena, const char *text, size_t *length_out);

/* Lower-case hexadecimal. */
char *hex_encode(struct arena *arena, const void *bytes, size_t length);

/* Reads a whole decimal number between `minimum` and `maximum`; false if it is anything else. */
bool number_parse(const char *text, int64_t minimum, int64_t maximum, int64_t *number_out);

/* Microseconds since 1970 by the wall clock. */
int64_t time_now_us(void);
/* XEP-0082 DateTime in UTC with milliseconds, "2027-03-01T09:30:00.120Z". */
#define TIME_TEXT_BYTES 64
void time_to_text(char text_out[TIME_TEXT_BYTES], int64_t time_us);
char *time_format(struct arena *arena, int64_t time_us);
/* Reads a DateTime of XEP-0082, with any offset and any fraction of a second, or of XEP-0091
 * ("20270301T09:30:00", UTC); false if it is neither. */
bool time_parse(const char *text, int64_t *time_us_out);

#endif
