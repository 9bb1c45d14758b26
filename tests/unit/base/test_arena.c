/* test_arena.c - alignment, growth and reuse of arenas. */
#include "base/arena.h"

#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdalign.h>
#include <string.h>

/* Pieces do not overlap and are aligned, whatever the sizes, whatever the first piece. */
static void test_pieces(void **state)
{
	static const size_t firsts[] = { 0, 1, 64, 4096, 100000 };
	unsigned char *pieces[400];

	for (size_t f = 0; f < COUNT_OF(firsts); f++) {
		struct arena *arena = arena_new(firsts[f]);

		for (size_t i = 0; i < COUNT_OF(pieces); i++) {
			pieces[i] = arena_alloc(arena, i * 7);
			assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
			memset(pieces[i], (int)(i & 0xff), i * 7);
		}
		for (size_t i = 0; i < COUNT_OF(pieces); i++) {
			for (size_t j = 0; j < i * 7; j++)
				assert_int_equal(pieces[i][j], i & 0xff);
		}
		arena_free(&arena);
		assert_null(arena);
		arena_free(&arena);
	}
}

/* Many small things take few allocations, and not much more than they need. */
static void test_size(void **state)
{
	struct arena *arena = arena_new(0);

	assert_in_range(arena_size(arena), 900, 1100);
	arena_alloc(arena, 500);
	assert_in_range(arena_size(arena), 900, 1100);
	for (int i = 0; i < 10000; i++)
		arena_alloc(arena, 16);
	assert_in_range(arena_size(arena), 160000, 260000);
	arena_free(&arena);
}

/* What is big gets a piece of its own; the small things go on where they were. */
static void test_big(void **state)
{
	struct arena *arena = arena_new(0);
	char *first = arena_alloc(arena, 16), *big = arena_alloc(arena, 1000000);
	char *second = arena_alloc(arena, 16);

	memset(big, 1, 1000000);
	assert_ptr_equal(second, first + 16);
	assert_in_range(arena_size(arena), 1000000, 1003000);
	memset(arena_alloc(arena, 1800), 2, 1800);
	assert_ptr_equal(arena_alloc(arena, 16), second + 16);
	arena_free(&arena);
}

static void test_zero(void **state)
{
	static const char zeros[300];
	struct arena *arena;

	for (int round = 0; round < 3; round++) {
		arena = arena_new(0);
		memset(arena_alloc(arena, 300), 0xff, 300);
		arena_free(&arena);
	}
	arena = arena_new(0);
	assert_memory_equal(arena_alloc_zero(arena, 300), zeros, 300);
	arena_free(&arena);
}

static void test_texts(void **state)
{
	struct arena *arena = arena_new(0);
	char *a = arena_strdup(arena, "romeo"), *b = arena_strndup(arena, "juliet", 3);
	char *c = arena_strndup(arena, NULL, 0);

	assert_null(arena_strdup(arena, NULL));
	assert_string_equal(a, "romeo");
	assert_string_equal(b, "jul");
	assert_string_equal(c, "");
	arena_free(&arena);
}

/* Printed texts of every length around the end of a piece. */
static void test_printf(void **state)
{
	char filler[300];

	memset(filler, 120, sizeof(filler));
	for (int length = 0; length < 300; length++) {
		struct arena *arena = arena_new(256);
		char *before = arena_printf(arena, "%s-%d", "before", length);
		char *text = arena_printf(arena, "%.*s|%d", length, filler, 42);
		char *after = arena_strdup(arena, "after");

		assert_string_equal(before + 7, arena_printf(arena, "%d", length));
		assert_int_equal(strlen(text), length + 3);
		assert_memory_equal(text, filler, (size_t)length);
		assert_string_equal(text + length, "|42");
		assert_string_equal(after, "after");
		arena_free(&arena);
	}
}

/* More arenas at once than a thread keeps, freed in another thread than they were made in. */
static void *arenas_free(void *state)
{
	struct arena **arenas = state;

	for (int i = 0; i < 100; i++)
		arena_free(&arenas[i]);
	return NULL;
}

static void test_spares(void **state)
{
	struct arena *arenas[100];
	pthread_t thread;

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT_OF(arenas); i++) {
			arenas[i] = arena_new(0);
			memset(arena_alloc(arenas[i], 3000), (int)i, 3000);
		}
		assert_int_equal(pthread_create(&thread, NULL, arenas_free, arenas), 0);
		pthread_join(thread, NULL);
	}
	for (size_t i = 0; i < COUNT_OF(arenas); i++)
		arenas[i] = arena_new(0);
	for (size_t i = 0; i < COUNT_OF(arenas); i++)
		arena_free(&arenas[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_big),
		cmocka_unit_test(test_zero),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_printf),
		cmocka_unit_test(test_spares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
