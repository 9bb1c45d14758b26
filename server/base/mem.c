/* mem.c - the heap, with the checks that nobody else then has to make. */
#include "base/mem.h"

#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_BYTES 1024

static _Noreturn void mem_exhausted(size_t size)
{
	fprintf(stderr, "out of memory: %zu bytes wanted\n", size);
	abort();
}

void *mem_alloc(size_t size)
{
	void *memory = malloc(size == 0 ? 1 : size);

	if (memory == NULL)
		mem_exhausted(size);
	return memory;
}

/* Small pieces are cleared here: glibc (up to 2.40) keeps those that a thread has freed at hand for
 * malloc() only, and calloc() takes the lock of the heap. */
void *mem_alloc_zero(size_t size)
{
	void *memory;

	if (size <= SMALL_BYTES)
		return memset(mem_alloc(size), 0, size);
	memory = calloc(1, size);
	if (memory == NULL)
		mem_exhausted(size);
	return memory;
}

void *mem_realloc(void *old, size_t size)
{
	void *memory = realloc(old, size == 0 ? 1 : size);

	if (memory == NULL)
		mem_exhausted(size);
	return memory;
}

char *mem_strdup(const char *text)
{
	return mem_strndup(text, strlen(text));
}

char *mem_strndup(const char *bytes, size_t length)
{
	char *copy;

	ASSERT(length < SIZE_MAX);
	copy = mem_alloc(length + 1);
	if (length > 0)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

void mem_free(void *memory)
{
	free(memory);
}

_Noreturn void assert_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: this must hold: %s\n", file, line, condition);
	abort();
}
