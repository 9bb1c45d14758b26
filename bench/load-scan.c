/* load-scan.c - see load-scan.h. */
#define _GNU_SOURCE
#include "load-scan.h"

#include <string.h>

/* The ">" of the tag that begins at `tag`, or NULL; one inside a value does not count. */
static const char *tag_end(const char *tag, const char *end)
{
	char quote = 0;

	for (const char *at = tag + 1; at < end; at++) {
		if (quote != 0)
			quote = *at == quote ? 0 : quote;
		else if (*at == '\'' || *at == '"')
			quote = *at;
		else if (*at == '>')
			return at;
	}
	return NULL;
}

/* The next complete tag from the scanner's place on. */
static bool tag_next(struct scanner *scanner, const struct text *in, struct span *tag_out)
{
	const char *end = in->at + in->length;
	const char *tag = memchr(in->at + scanner->at, '<', in->length - scanner->at);
	const char *close = tag == NULL ? NULL : tag_end(tag, end);

	scanner->at = tag == NULL ? in->length : (size_t)(tag - in->at);
	if (close == NULL)
		return false;
	*tag_out = (struct span){ tag, (size_t)(close + 1 - tag) };
	scanner->at += tag_out->length;
	return true;
}

enum scanned scan_next(struct scanner *scanner, const struct text *in, struct span *stanza_out)
{
	struct span tag;

	while (in->length > scanner->at && tag_next(scanner, in, &tag)) {
		bool closes = tag.at[1] == '/', is_empty = tag.at[tag.length - 2] == '/';

		if (tag.at[1] == '?')
			continue;
		if (scanner->depth == 1 && !closes)
			scanner->start = (size_t)(tag.at - in->at);
		scanner->depth += closes ? -1 : !is_empty;
		if (scanner->depth == 0)
			return SCAN_END;
		if (scanner->depth == 1 && !closes && !is_empty) {
			*stanza_out = tag;
			return SCAN_HEADER;
		}
		if (scanner->depth == 1 && (closes || is_empty)) {
			*stanza_out =
			    (struct span){ in->at + scanner->start, scanner->at - scanner->start };
			return SCAN_STANZA;
		}
	}
	return SCAN_MORE;
}

void scan_consume(struct scanner *scanner, struct text *in)
{
	size_t done = scanner->depth > 1 ? scanner->start : scanner->at;

	text_consume(in, done);
	scanner->at -= done;
	scanner->start = 0;
	if (in->length == 0)
		text_free(in);
}

bool span_is(struct span stanza, const char *name)
{
	size_t length = strlen(name);

	return stanza.length > length + 1 && memcmp(stanza.at + 1, name, length) == 0 &&
	       strchr(" />", stanza.at[length + 1]) != NULL;
}

/* Behind the quote that opens the value of the attribute that is next from `at` on. */
static const char *value_begin(const char *at, const char *end, struct span *name_out)
{
	const char *equals;

	at += strspn(at, " ");
	equals = memchr(at, '=', (size_t)(end - at));
	if (equals == NULL)
		return NULL;
	*name_out = (struct span){ at, (size_t)(equals - at) };
	return equals + 2;
}

struct span span_attribute(struct span stanza, const char *name)
{
	const char *end = tag_end(stanza.at, stanza.at + stanza.length);
	const char *at = memchr(stanza.at, ' ', (size_t)(end - stanza.at));
	struct span found;

	while (at != NULL && (at = value_begin(at, end, &found)) != NULL) {
		const char *close = memchr(at, at[-1], (size_t)(end - at));

		if (found.length == strlen(name) && memcmp(found.at, name, found.length) == 0)
			return (struct span){ at, (size_t)(close - at) };
		at = close + 1;
	}
	return (struct span){ NULL, 0 };
}

bool span_attribute_is(struct span stanza, const char *name, const char *value)
{
	struct span found = span_attribute(stanza, name);

	return found.at != NULL && found.length == strlen(value) &&
	       memcmp(found.at, value, found.length) == 0;
}

bool span_contains(struct span stanza, const char *bytes)
{
	return memmem(stanza.at, stanza.length, bytes, strlen(bytes)) != NULL;
}

size_t span_count(struct span stanza, const char *bytes)
{
	const char *end = stanza.at + stanza.length, *at = stanza.at;
	size_t count = 0, length = strlen(bytes);

	while ((at = memmem(at, (size_t)(end - at), bytes, length)) != NULL) {
		count++;
		at += length;
	}
	return count;
}

struct span span_inside(struct span stanza)
{
	const char *begin = tag_end(stanza.at, stanza.at + stanza.length);
	const char *end = memrchr(stanza.at, '<', stanza.length);

	if (begin == NULL || end <= begin)
		return (struct span){ stanza.at, 0 };
	return (struct span){ begin + 1, (size_t)(end - begin - 1) };
}
