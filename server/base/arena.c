/* arena.c - memory that is freed all at once.
 * An arena is a chain of pieces; what is asked for is cut from the newest one. The first piece
 * holds the arena itself. One arena is made for nearly every stanza, so each thread keeps a few
 * first pieces of the default size at hand; builds with a sanitizer do without, since reuse would
 * hide mistakes. */
#include "base/arena.h"

#include "base/mem.h"
#include "base/spares.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_BYTES 1016 /* what the malloc of glibc makes of 1 KiB */
#define PIECE_MAX_BYTES (64 * 1024)
#define SPARE_MAX 32

/* A later piece; the bytes follow. */
struct piece {
	alignas(max_align_t) struct piece *older;
};

struct arena {
	alignas(max_align_t) char *next; /* the first byte not given away yet */
	char *end;
	struct piece *pieces; /* the later ones, newest first */
	size_t first_bytes;
	size_t piece_bytes; /* size of the next piece */
	size_t total;
};

/* Arenas that were freed, all of DEFAULT_BYTES. */
struct spares {
	struct arena *arenas[SPARE_MAX];
	unsigned count;
	bool registered;
};

static _Thread_local struct spares spares;
static pthread_key_t spares_key;
static pthread_once_t spares_once = PTHREAD_ONCE_INIT;

static void spares_free(void *state)
{
	struct spares *mine = state;

	while (mine->count > 0)
		mem_free(mine->arenas[--mine->count]);
	mine->registered = false;
}

static void spares_key_make(void)
{
	ASSERT(pthread_key_create(&spares_key, spares_free) == 0);
}

/* Sees to it that the spares are freed when this thread ends. */
static void spares_register(void)
{
	pthread_once(&spares_once, spares_key_make);
	ASSERT(pthread_setspecific(spares_key, &spares) == 0);
	spares.registered = true;
}

static bool spares_keep(struct arena *arena)
{
	if (!KEEP_SPARES || arena->first_bytes != DEFAULT_BYTES || spares.count == SPARE_MAX)
		return false;
	if (!spares.registered)
		spares_register();
	spares.arenas[spares.count++] = arena;
	return true;
}

struct arena *arena_new(size_t first_bytes)
{
	struct arena *arena;

	if (first_bytes == 0)
		first_bytes = DEFAULT_BYTES;
	if (first_bytes < sizeof(*arena))
		first_bytes = sizeof(*arena);
	if (first_bytes == DEFAULT_BYTES && spares.count > 0)
		arena = spares.arenas[--spares.count];
	else
		arena = mem_alloc(first_bytes);
	arena->next = (char *)(arena + 1);
	arena->end = (char *)arena + first_bytes;
	arena->pieces = NULL;
	arena->first_bytes = first_bytes;
	arena->piece_bytes = 2 * (first_bytes < DEFAULT_BYTES ? DEFAULT_BYTES : first_bytes);
	arena->total = first_bytes;
	return arena;
}

void arena_free(struct arena **arena)
{
	struct arena *dead = *arena;
	struct piece *piece;

	if (dead == NULL)
		return;
	*arena = NULL;
	while ((piece = dead->pieces) != NULL) {
		dead->pieces = piece->older;
		mem_free(piece);
	}
	if (!spares_keep(dead))
		mem_free(dead);
}

size_t arena_size(const struct arena *arena)
{
	return arena->total;
}

size_t arena_used(const struct arena *arena)
{
	return arena->total - (size_t)(arena->end - arena->next);
}

static struct piece *arena_add_piece(struct arena *arena, size_t bytes)
{
	struct piece *piece = mem_alloc(bytes);

	piece->older = arena->pieces;
	arena->pieces = piece;
	arena->total += bytes;
	return piece;
}

/* For what the newest piece has no room for. Something big gets a piece of its own, so that the
 * rest of the newest one is not lost. */
static void *arena_alloc_far(struct arena *arena, size_t size)
{
	struct piece *piece;
	size_t bytes = arena->piece_bytes > PIECE_MAX_BYTES ? PIECE_MAX_BYTES : arena->piece_bytes;

	ASSERT(size < SIZE_MAX / 2);
	if (size > bytes / 4)
		return arena_add_piece(arena, sizeof(*piece) + size) + 1;
	piece = arena_add_piece(arena, bytes);
	arena->piece_bytes = 2 * bytes;
	arena->next = (char *)(piece + 1) + size;
	arena->end = (char *)piece + bytes;
	return piece + 1;
}

/* `alignment` is a power of two, at most that of max_align_t. */
static void *arena_take(struct arena *arena, size_t size, size_t alignment)
{
	size_t gap = -(uintptr_t)arena->next & (alignment - 1);
	size_t room = (size_t)(arena->end - arena->next);
	char *memory = arena->next + gap;

	if (room < gap || room - gap < size)
		return arena_alloc_far(arena, size);
	arena->next = memory + size;
	return memory;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	return arena_take(arena, size, alignof(max_align_t));
}

void *arena_alloc_zero(struct arena *arena, size_t size)
{
	return memset(arena_alloc(arena, size), 0, size);
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return text == NULL ? NULL : arena_strndup(arena, text, strlen(text));
}

char *arena_strndup(struct arena *arena, const char *bytes, size_t length)
{
	char *copy;

	ASSERT(length < SIZE_MAX / 2);
	copy = arena_take(arena, length + 1, 1);
	if (length > 0)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = arena_vprintf(arena, format, arguments);
	va_end(arguments);
	return text;
}

/* Prints into the room that is left, and only if that is too small once more. */
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
	size_t room = (size_t)(arena->end - arena->next);
	va_list again;
	char *text;
	int length;

	va_copy(again, arguments);
	length = vsnprintf(arena->next, room, format, arguments);
	ASSERT(length >= 0);
	text = arena_take(arena, (size_t)length + 1, 1);
	if ((size_t)length >= room)
		vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	return text;
}
