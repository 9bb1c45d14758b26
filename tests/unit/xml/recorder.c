/* recorder.c - see recorder.h. */
#include "recorder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "xml/element.h"

static void record_opened(void *state, const struct element *header)
{
	struct recorder *recorder = state;
	struct arena *arena = arena_new(0);

	text_printf(&recorder->log, "open %s\n", element_to_text(arena, header));
	arena_free(&arena);
}

static void record_element(void *state, struct arena *arena, struct element *element)
{
	struct recorder *recorder = state;

	text_printf(&recorder->log, "%s\n", element_to_text(arena, element));
	if (recorder->stop_at != NULL && element_is(element, NULL, recorder->stop_at))
		xml_parser_stop(recorder->parser);
	arena_free(&arena);
}

static void record_closed(void *state)
{
	struct recorder *recorder = state;

	text_puts(&recorder->log, "close\n");
}

static const struct xml_events record_events = { record_opened, record_element, record_closed };

void recorder_start(struct recorder *recorder, const struct xml_limits *limits)
{
	*recorder = (struct recorder){ 0 };
	recorder->parser =
	    xml_parser_new(limits != NULL ? limits : &XML_LIMITS_DEFAULT, &record_events, recorder);
}

void recorder_finish(struct recorder *recorder)
{
	xml_parser_free(&recorder->parser);
	assert_null(recorder->parser);
	text_free(&recorder->log);
}

const char *recorder_log(const struct recorder *recorder)
{
	return recorder->log.at == NULL ? "" : recorder->log.at;
}

enum xml_error recorder_feed(struct recorder *recorder, const char *bytes)
{
	return xml_parser_feed(recorder->parser, bytes, strlen(bytes));
}

/* Ends the recorder and hands out what it wrote down. */
static struct text recorder_take(struct recorder *recorder, enum xml_error error)
{
	struct text log = recorder->log;

	if (error != XML_OK)
		text_printf(&log, "error %d\n", (int)error);
	text_puts(&log, "");
	recorder->log = (struct text){ 0 };
	recorder_finish(recorder);
	return log;
}

struct text record_split(const char *input, size_t length, size_t split)
{
	struct recorder recorder;
	enum xml_error error;

	recorder_start(&recorder, NULL);
	error = xml_parser_feed(recorder.parser, input, split);
	assert_int_equal(xml_parser_feed(recorder.parser, "", 0), error);
	error = xml_parser_feed(recorder.parser, input + split, length - split);
	return recorder_take(&recorder, error);
}

struct text record_bytes(const char *input, size_t length, enum resting resting)
{
	struct recorder recorder;
	enum xml_error error = XML_OK;

	recorder_start(&recorder, NULL);
	for (size_t i = 0; i < length; i++) {
		error = xml_parser_feed(recorder.parser, input + i, 1);
		if (resting == REST_WHENEVER)
			xml_parser_rest(recorder.parser);
		if (resting == SHARE_WHENEVER)
			xml_parser_share(recorder.parser);
	}
	return recorder_take(&recorder, error);
}

static void assert_same(const char *input, struct text log, const char *expected)
{
	const char *seen = log.at == NULL ? "" : log.at;

	if (strcmp(seen, expected) != 0)
		fail_msg("of\n%s\ncame\n%s\ninstead of\n%s", input, seen, expected);
	text_free(&log);
}

void assert_record(const char *input, size_t length, const char *expected)
{
	for (size_t split = 0; split <= length; split++)
		assert_same(input, record_split(input, length, split), expected);
	assert_same(input, record_bytes(input, length, NEVER_REST), expected);
	assert_same(input, record_bytes(input, length, REST_WHENEVER), expected);
	assert_same(input, record_bytes(input, length, SHARE_WHENEVER), expected);
}
