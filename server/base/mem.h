/* mem.h - the heap, for what outlives a task.
 * Allocation never returns NULL, so nobody checks: a server that is out of memory can only die, and
 * what a peer can make us allocate is bounded where it enters. Sizes are bytes. */
#ifndef GODWIT_BASE_MEM_H
#define GODWIT_BASE_MEM_H

#include <stddef.h>

/* Returns `size` bytes of undefined content; the caller frees them with mem_free(). */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
/* The same, all zero. */
void *mem_alloc_zero(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
/* Grows or shrinks `old` (NULL: a new piece) to `size` bytes. */
void *mem_realloc(void *old, size_t size) __attribute__((returns_nonnull, alloc_size(2)));
/* Copies a NUL-terminated text. */
char *mem_strdup(const char *text) __attribute__((malloc, returns_nonnull, nonnull));
/* Copies `length` bytes and adds a NUL. */
char *mem_strndup(const char *bytes, size_t length) __attribute__((malloc, returns_nonnull));
/* Accepts NULL. */
void mem_free(void *memory);

/* States what no input can make false; ends the process with file and line if it is. */
#define ASSERT(condition) ((condition) ? (void)0 : assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void assert_failed(const char *condition, const char *file, int line);

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* From a member back to the struct that holds it. */
#define CONTAINER_OF(pointer, type, member) \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
