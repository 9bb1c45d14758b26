/* parser.h - bytes to complete elements, bounded: the door to expat.
 * What comes as a whole in plain syntax, as nearly everything does, is read without it (plain.c).
 * One parser reads one XML stream (RFC 6120 section 4): it reports the stream header, then every
 * complete first-level child as a tree in an arena of its own, then the end tag. What RFC 6120
 * section 11.1 forbids (DTD, entities, comments, processing instructions) stops it, and every bound
 * is counted on bytes fed, so nothing grows before it is refused. Reparse deferral is off: a
 * complete stanza is reported with its last byte, at any split. */
#ifndef GODWIT_XML_PARSER_H
#define GODWIT_XML_PARSER_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct element;
struct xml_parser;

struct xml_limits {
	/* Of one first-level child, or of the stream header, as fed. Also of all namespaces in it,
	 * each counted as often as it has to be written where prefixes are not used. */
	size_t max_bytes;
	size_t max_depth;      /* of elements, the first-level child being 1 */
	size_t max_attributes; /* of one element */
	size_t max_elements;   /* in one first-level child */
	size_t max_name_bytes; /* of a name or namespace */
};

#define XML_LIMITS_DEFAULT ((struct xml_limits){ 262144, 64, 64, 8192, 1024 })

enum xml_error {
	XML_OK,
	XML_NOT_WELL_FORMED,      /* also: text between stanzas, bad UTF-8 */
	XML_RESTRICTED,           /* DTD, entity, comment, processing instruction */
	XML_UNSUPPORTED_ENCODING, /* a declaration that names anything but UTF-8 */
	XML_BAD_NAMESPACE_PREFIX, /* an undeclared prefix */
	XML_LIMIT,                /* over one of the limits: policy-violation */
	XML_INVALID_XML_VERSION   /* not 1.0: reported as not-well-formed on the wire */
};

/* What is to be done with an element that begins between stanzas, where a document is read. */
enum xml_choice {
	XML_TAKE,  /* as a child of its own */
	XML_ENTER, /* its children are such children, or chosen in their turn */
	XML_SKIP   /* dropped as it comes, at any length */
};

struct xml_events {
	/* The stream's start tag: an element without children. Lent for the call. */
	void (*opened)(void *state, const struct element *header);
	/* A complete first-level child. Element and arena are the receiver's, who frees the arena.
	 */
	void (*element)(void *state, struct arena *arena, struct element *element);
	/* The stream's end tag. */
	void (*closed)(void *state);
	/* NULL for a stream. Else it is a document (a file), which may be of any length: comments
	 * and processing instructions are passed over, it never rests, and this is asked about
	 * every first-level child; `start` is its start tag, lent for the call. */
	enum xml_choice (*choose)(void *state, const struct element *start);
	/* The end tag of an element that was entered. */
	void (*left)(void *state);
};

/* `events` is lent for the parser's life. */
struct xml_parser *xml_parser_new(
    const struct xml_limits *limits, const struct xml_events *events, void *state);
/* One for elements without a stream around them, in no namespace: `opened` is not called. */
struct xml_parser *xml_parser_new_headless(
    const struct xml_limits *limits, const struct xml_events *events, void *state);
/* Never call it from inside an event: stop, and free later. Accepts a pointer to NULL. */
void xml_parser_free(struct xml_parser **parser);
/* Takes effect at once; meant for between stanzas. */
void xml_parser_set_limits(struct xml_parser *parser, const struct xml_limits *limits);
/* Feeds bytes; calls events as they complete. Not from inside an event. After an error the parser
 * takes nothing more and returns the same error. */
enum xml_error xml_parser_feed(struct xml_parser *parser, const char *bytes, size_t length);
/* From inside an event: no further event is called, the rest of the bytes is dropped, and feed
 * returns XML_OK; for a stream restart (RFC 6120 section 4.3.3), which makes a new parser. */
void xml_parser_stop(struct xml_parser *parser);
bool xml_parser_is_stopped(const struct xml_parser *parser);
/* Between stanzas with nothing pending: gives expat's memory back (10 to 140 kB); the next bytes
 * that need one make a new one that knows the namespaces of the stream header. Does nothing at any
 * other time.
 * Not from inside an event. */
void xml_parser_rest(struct xml_parser *parser);
/* The same where it costs next to nothing, as whoever needs an expat next can take this one:
 * between stanzas of a stream whose header declares what nearly all do. False if it is not so. */
bool xml_parser_share(struct xml_parser *parser);
/* Bytes of an unfinished child (or header), 0 between stanzas. Not from inside an event. */
size_t xml_parser_pending(const struct xml_parser *parser);
/* Where reading stands, from 1, for a message about a document; 0 before its first byte. */
size_t xml_parser_line(const struct xml_parser *parser);
/* The content namespace (RFC 6120 section 4.8.2): the default one that the stream header declared,
 * or
 * "". From `opened` on; lent. If it is jabber:server or jabber:component:accept, the trees have
 * jabber:client in its place. */
const char *xml_parser_content_ns(const struct xml_parser *parser);
/* The version of expat that is linked, for the log line at start. */
const char *xml_parser_library(void);

#endif
