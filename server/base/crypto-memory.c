/* crypto-memory.c - the buffers of libssl.
 * An idle connection owns none, since libssl is told to give them back: so whenever a record is
 * read or written it takes a piece of 16 KiB and a little, twenty-five times in a login. The heap
 * cuts each out of what is free and joins it again, which takes longer than all its smaller pieces
 * together. So each thread keeps a few of them at hand; everything else goes to the heap. */
#include "base/crypto-memory.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/spares.h"

/* What is asked for lies between these; what is kept serves all of it. */
enum { BUFFER_MIN_BYTES = 16384, BUFFER_BYTES = 17408 };
/* Kept by each thread. A connection has two at most in use. */
enum { BUFFERS_MAX = 4 };

struct buffers {
	void *list[BUFFERS_MAX];
	unsigned count;
	bool is_registered;
};

static _Thread_local struct buffers buffers;
static pthread_key_t buffers_key;

static void buffers_free(void *state)
{
	struct buffers *mine = state;

	while (mine->count > 0)
		free(mine->list[--mine->count]);
	mine->is_registered = false;
}

/* False if there are enough, or it is something else: also larger pieces would do, but not much
 * larger ones, whatever the heap rounds up to. */
static bool buffers_keep(void *memory)
{
	size_t size = malloc_usable_size(memory);

	if (size < BUFFER_BYTES || size > BUFFER_BYTES + BUFFER_BYTES / 4 ||
	    buffers.count == BUFFERS_MAX)
		return false;
	if (!buffers.is_registered && pthread_setspecific(buffers_key, &buffers) != 0)
		return false;
	buffers.is_registered = true;
	buffers.list[buffers.count++] = memory;
	return true;
}

static void *library_alloc(size_t size, const char *file, int line)
{
	if (size < BUFFER_MIN_BYTES || size > BUFFER_BYTES)
		return malloc(size);
	return buffers.count > 0 ? buffers.list[--buffers.count] : malloc(BUFFER_BYTES);
}

static void *library_realloc(void *memory, size_t size, const char *file, int line)
{
	return realloc(memory, size);
}

static void library_free(void *memory, const char *file, int line)
{
	if (memory != NULL && !buffers_keep(memory))
		free(memory);
}

void crypto_memory_init(void)
{
	if (!KEEP_SPARES)
		return;
	ASSERT(pthread_key_create(&buffers_key, buffers_free) == 0);
	CRYPTO_set_mem_functions(library_alloc, library_realloc, library_free);
}
