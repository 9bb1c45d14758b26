/* spare.c - expats that any stream can go on with.
 * Between two stanzas an expat knows no more than the names and namespaces of the stream header,
 * and nearly everybody's header declares the same. So a stream need not own one: it takes the
 * expat that was put back last, which is still in the processor's cache, and puts it back after
 * the stanza. None is passed on that has read so much that the names it has seen (it forgets none)
 * are worth mentioning. */
#include "xml/parser-private.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

/* So many are kept, each until it has read so much. */
#define SPARE_MAX 4
#define SPARE_FED_BYTES 65536

struct spare {
	XML_Parser expat;
	size_t fed;
	struct text text;
};

struct spares {
	struct spare list[SPARE_MAX];
	size_t count;
	bool is_registered;
};

static _Thread_local struct spares spares;
static pthread_key_t spares_key;
static pthread_once_t spares_once = PTHREAD_ONCE_INIT;

static void spare_free(struct spare *spare)
{
	XML_ParserFree(spare->expat);
	text_free(&spare->text);
}

static void spares_free(void *state)
{
	struct spares *mine = state;

	while (mine->count > 0)
		spare_free(&mine->list[--mine->count]);
	mine->is_registered = false;
}

static void spares_key_make(void)
{
	ASSERT(pthread_key_create(&spares_key, spares_free) == 0);
}

/* Sees to it that they are freed when this thread ends. */
static void spares_register(void)
{
	pthread_once(&spares_once, spares_key_make);
	ASSERT(pthread_setspecific(spares_key, &spares) == 0);
	spares.is_registered = true;
}

bool spare_take(struct xml_parser *parser)
{
	struct spare *spare;

	if (parser->usual == NULL || spares.count == 0)
		return false;
	spare = &spares.list[--spares.count];
	parser->expat = spare->expat;
	parser->fed = spare->fed;
	parser->text = spare->text;
	parser->retries = 0;
	XML_SetUserData(parser->expat, parser);
	return true;
}

bool spare_give(struct xml_parser *parser)
{
	if (parser->usual == NULL || parser->fed > SPARE_FED_BYTES || spares.count == SPARE_MAX)
		return false;
	if (!spares.is_registered)
		spares_register();
	spares.list[spares.count++] = (struct spare){ parser->expat, parser->fed, parser->text };
	parser->expat = NULL;
	parser->text = (struct text){ 0 };
	return true;
}
