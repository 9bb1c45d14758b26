/* rest.c - parsers of idle streams are given back.
 * A parser keeps 10 to 140 kB. Nearly everybody's header declares the same, so nearly everybody
 * shares the same few (xml/spare.c) and owns none between stanzas. For the others one is made anew
 * in microseconds, but not for every message of a busy chat. So each worker lists the streams whose
 * parser is awake, in the order in which they last stirred. Those that have not for a second go to
 * rest, by one timer that is set while there are any; and the oldest does at once when there are
 * more than a few hundred, so that a storm of logins leaves no holes in the heap that are worth
 * more than its sessions. Who is not logged in has a list of his own, with a few dozen places:
 * thousands who only say hello keep nobody's parser awake but their own, and not for long, while a
 * login costs a few parsers more at worst. */
#include "loop/timer.h"
#include "loop/worker.h"
#include "stream/stream-private.h"
#include "xml/parser.h"

#define AWAKE_MS 1000

/* Streams that are awake, the one that stirred last at the end. */
struct awake_list {
	size_t max;
	size_t count;
	TAILQ_HEAD(, stream) streams;
};

static _Thread_local struct {
	struct awake_list strangers, users;
	struct timer *timer; /* NULL: both are empty */
} awake;

static struct awake_list *list_of(const struct stream *stream)
{
	return stream->is_restless_stranger ? &awake.strangers : &awake.users;
}

static void list_remove(struct stream *stream)
{
	TAILQ_REMOVE(&list_of(stream)->streams, stream, restless);
	stream->is_restless = false;
	list_of(stream)->count--;
}

static void list_add(struct stream *stream)
{
	struct awake_list *list = list_of(stream);

	stream->is_restless = true;
	stream->stirred_ms = worker_now_ms();
	TAILQ_INSERT_TAIL(&list->streams, stream, restless);
	list->count++;
}

/* One in the midst of an element keeps its parser, and counts as if it had just stirred. */
static void put_to_rest(struct stream *stream)
{
	list_remove(stream);
	if (xml_parser_pending(stream->parser) > 0)
		list_add(stream);
	else
		xml_parser_rest(stream->parser);
}

static void list_sweep(struct awake_list *list)
{
	struct stream *stream = TAILQ_FIRST(&list->streams), *next;

	for (; stream != NULL && worker_now_ms() - stream->stirred_ms >= AWAKE_MS; stream = next) {
		next = TAILQ_NEXT(stream, restless);
		put_to_rest(stream);
	}
}

static bool nobody_is_awake(void)
{
	return awake.strangers.count == 0 && awake.users.count == 0;
}

static void sweep(void *state)
{
	list_sweep(&awake.strangers);
	list_sweep(&awake.users);
	if (nobody_is_awake())
		timer_free(&awake.timer);
	else
		timer_set(awake.timer, AWAKE_MS);
}

static void lists_start(void)
{
	awake.strangers = (struct awake_list){ .max = 32 };
	awake.users = (struct awake_list){ .max = 256 };
	TAILQ_INIT(&awake.strangers.streams);
	TAILQ_INIT(&awake.users.streams);
	awake.timer = timer_new(sweep, NULL);
	timer_set(awake.timer, AWAKE_MS);
}

void rest_note(struct stream *stream)
{
	struct awake_list *list;

	/* A stream that leads to another takes its parser along when it is stopped. */
	if (!is_stranger(stream) && xml_parser_share(stream->parser)) {
		rest_forget(stream);
		return;
	}
	if (awake.timer == NULL)
		lists_start();
	if (stream->is_restless)
		list_remove(stream);
	stream->is_restless_stranger = is_stranger(stream);
	list_add(stream);
	list = list_of(stream);
	if (list->count > list->max)
		put_to_rest(TAILQ_FIRST(&list->streams));
}

void rest_forget(struct stream *stream)
{
	if (!stream->is_restless)
		return;
	list_remove(stream);
	if (nobody_is_awake())
		timer_free(&awake.timer);
}
