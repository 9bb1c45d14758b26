/* rest.c - parsers of idle streams are given back.
 * A parser keeps 10 to 140 kB and is quickly made anew, but not for every message of a busy chat.
 * So each worker has a list of streams whose parser is awake, and one timer that goes through it
 * every second as long as it holds any: who has not stirred since the last time goes to rest. */
#include "loop/timer.h"
#include "stream/stream-private.h"
#include "xml/parser.h"

#define SWEEP_MS 1000

static _Thread_local struct {
	LIST_HEAD(, stream) streams;
	struct timer *timer;
} restless;

static void list_remove(struct stream *stream)
{
	LIST_REMOVE(stream, restless);
	stream->is_restless = false;
}

static void sweep(void *state)
{
	struct stream *stream, *next;

	for (stream = LIST_FIRST(&restless.streams); stream != NULL; stream = next) {
		next = LIST_NEXT(stream, restless);
		if (stream->stirred || xml_parser_pending(stream->parser) > 0) {
			stream->stirred = false;
			continue;
		}
		xml_parser_rest(stream->parser);
		list_remove(stream);
	}
	if (LIST_EMPTY(&restless.streams))
		timer_free(&restless.timer);
	else
		timer_set(restless.timer, SWEEP_MS);
}

void rest_note(struct stream *stream)
{
	stream->stirred = true;
	if (stream->is_restless)
		return;
	stream->is_restless = true;
	LIST_INSERT_HEAD(&restless.streams, stream, restless);
	if (restless.timer != NULL)
		return;
	restless.timer = timer_new(sweep, NULL);
	timer_set(restless.timer, SWEEP_MS);
}

void rest_forget(struct stream *stream)
{
	if (!stream->is_restless)
		return;
	list_remove(stream);
	if (LIST_EMPTY(&restless.streams))
		timer_free(&restless.timer);
}
