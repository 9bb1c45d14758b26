/* recorder.h - a parser whose events are written down as text, for comparing.
 * A line for each: "open <header/>", "<child/>", "close", and "error N" at the end if there was
 * one. */
#ifndef GODWIT_TESTS_RECORDER_H
#define GODWIT_TESTS_RECORDER_H

#include <stddef.h>

#include "base/text.h"
#include "xml/parser.h"

#define STREAM_NS "http://etherx.jabber.org/streams"
#define CLIENT_HEADER "<stream:stream xmlns='jabber:client' xmlns:stream='" STREAM_NS "'>"
#define SERVER_HEADER "<stream:stream xmlns='jabber:server' xmlns:stream='" STREAM_NS "'>"
#define COMPONENT_HEADER \
	"<stream:stream xmlns='jabber:component:accept' xmlns:stream='" STREAM_NS "'>"
#define OPEN "open <stream xmlns='" STREAM_NS "'/>\n"

enum resting { NEVER_REST, REST_WHENEVER, SHARE_WHENEVER };

struct recorder {
	struct xml_parser *parser;
	struct text log;
	const char *stop_at; /* the name of a child to stop the parser at, or NULL */
};

/* `limits` NULL: the defaults. */
void recorder_start(struct recorder *recorder, const struct xml_limits *limits);
void recorder_finish(struct recorder *recorder);
/* What was written down so far; "" if nothing. */
const char *recorder_log(const struct recorder *recorder);
enum xml_error recorder_feed(struct recorder *recorder, const char *bytes);

/* Reads the input in two pieces, the first of `split` bytes, and returns the record; free it with
 * text_free(). */
struct text record_split(const char *input, size_t length, size_t split);
/* The same, byte by byte. */
struct text record_bytes(const char *input, size_t length, enum resting resting);
/* Reads the input whole, at every split, and byte by byte, with rests, shared, and without; the
 * record must be the expected one each time. */
void assert_record(const char *input, size_t length, const char *expected);

#endif
