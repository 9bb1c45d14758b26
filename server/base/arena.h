/* arena.h - memory that is freed all at once.
 * What is made while one stanza is handled lives in its task's arena; nobody frees the pieces. An
 * arena belongs to one thread at a time. */
#ifndef GODWIT_BASE_ARENA_H
#define GODWIT_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

/* Makes an empty arena. The arena itself and its first piece of about `first_bytes` come from one
 * allocation (0: a default of about 1 KiB); later pieces double up to 64 KiB. */
struct arena *arena_new(size_t first_bytes);
/* Frees everything that was made in it; accepts a pointer to NULL, leaves NULL. */
void arena_free(struct arena **arena);
/* Bytes taken from the heap for this arena so far, for limits. */
size_t arena_size(const struct arena *arena);
/* The same without what the newest piece has left: what an arena made of one piece would need. */
size_t arena_used(const struct arena *arena);

/* `size` bytes, aligned for any type, undefined content; never NULL. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull, alloc_size(2)));
/* The same, all zero. */
void *arena_alloc_zero(struct arena *arena, size_t size)
    __attribute__((returns_nonnull, alloc_size(2)));
/* Copies a text; NULL gives NULL. */
char *arena_strdup(struct arena *arena, const char *text);
/* Copies `length` bytes and adds a NUL. */
char *arena_strndup(struct arena *arena, const char *bytes, size_t length);
/* As sprintf, into the arena. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0), returns_nonnull));

#endif
