/* rest.c - parsers of idle streams are given back.
 * A parser keeps 10 to 140 kB and is made anew in microseconds, but not for every message of a busy
 * chat. So each worker lists the streams whose parser is awake, in the order in which they last
 * stirred. Those that have not for a second go to rest, by one timer that is set while there are
 * any; and the oldest does at once when there are more than a few hundred, so that a storm of
 * logins leaves no holes in the heap that are worth more than its sessions. */
#include "loop/timer.h"
#include "loop/worker.h"
#include "stream/stream-private.h"
#include "xml/parser.h"

#define AWAKE_MS 1000
#define AWAKE_MAX 256

static _Thread_local struct {
	TAILQ_HEAD(restless_list, stream) streams;
	size_t count;
	struct timer *timer; /* NULL: the list is empty */
} awake;

static void list_remove(struct stream *stream)
{
	TAILQ_REMOVE(&awake.streams, stream, restless);
	stream->is_restless = false;
	awake.count--;
}

/* One in the midst of an element keeps its parser, and its place. */
static void put_to_rest(struct stream *stream)
{
	if (xml_parser_pending(stream->parser) > 0)
		return;
	xml_parser_rest(stream->parser);
	list_remove(stream);
}

static void sweep(void *state)
{
	struct stream *stream = TAILQ_FIRST(&awake.streams), *next;

	for (; stream != NULL && worker_now_ms() - stream->stirred_ms >= AWAKE_MS; stream = next) {
		next = TAILQ_NEXT(stream, restless);
		put_to_rest(stream);
	}
	if (TAILQ_EMPTY(&awake.streams))
		timer_free(&awake.timer);
	else
		timer_set(awake.timer, AWAKE_MS);
}

void rest_note(struct stream *stream)
{
	if (awake.timer == NULL) {
		TAILQ_INIT(&awake.streams);
		awake.timer = timer_new(sweep, NULL);
		timer_set(awake.timer, AWAKE_MS);
	}
	if (stream->is_restless)
		list_remove(stream);
	stream->is_restless = true;
	stream->stirred_ms = worker_now_ms();
	TAILQ_INSERT_TAIL(&awake.streams, stream, restless);
	awake.count++;
	if (awake.count > AWAKE_MAX)
		put_to_rest(TAILQ_FIRST(&awake.streams));
}

void rest_forget(struct stream *stream)
{
	if (!stream->is_restless)
		return;
	list_remove(stream);
	if (TAILQ_EMPTY(&awake.streams))
		timer_free(&awake.timer);
}
