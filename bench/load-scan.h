/* load-scan.h - where stanzas begin and end: a scanner that trusts the server it measures.
 * It counts tags and looks into none but the one it is asked about, so that the load generator is
 * cheap beside the server. A comment or CDATA, which no XMPP server sends, would confuse it. */
#ifndef GODWIT_BENCH_LOAD_SCAN_H
#define GODWIT_BENCH_LOAD_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* All zero before the first byte of a stream. */
struct scanner {
	size_t at;    /* looked at so far */
	size_t start; /* of the first-level element that is being read */
	int depth;
};

enum scanned { SCAN_MORE, SCAN_HEADER, SCAN_STANZA, SCAN_END };

/* Goes on over what has arrived: the header of the stream, a complete first-level element, the end
 * of the stream, or nothing until there are more bytes. Header and stanza lie in `in`. */
enum scanned scan_next(struct scanner *scanner, const struct text *in, struct span *stanza_out);
/* Drops what scan_next() has handed out. */
void scan_consume(struct scanner *scanner, struct text *in);

/* The stanza's tag has this name, as written ("stream:features"). */
bool span_is(struct span stanza, const char *name);
/* The value of an attribute of the first tag; `at` is NULL if there is none. */
struct span span_attribute(struct span stanza, const char *name);
/* It has this attribute with this value. */
bool span_attribute_is(struct span stanza, const char *name, const char *value);
/* The bytes are somewhere in it. */
bool span_contains(struct span stanza, const char *bytes);
/* How often they are. */
size_t span_count(struct span stanza, const char *bytes);
/* What stands between the first tag and the end tag. */
struct span span_inside(struct span stanza);

#endif
