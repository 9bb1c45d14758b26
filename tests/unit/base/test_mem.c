/* test_mem.c - the heap: edges, and that a broken ASSERT ends the process with its place. */
#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct outer {
	int before;
	int member;
};

static void test_edges(void **state)
{
	char *bytes = mem_alloc(0);

	bytes = mem_realloc(bytes, 3);
	memcpy(bytes, "ab", 3);
	bytes = mem_realloc(bytes, 1000);
	assert_string_equal(bytes, "ab");
	mem_free(bytes);
	mem_free(NULL);
}

/* Also where memory comes again that somebody has used. */
static void test_zero(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 1023, 1024, 1025, 200000 };
	static const char zeros[200000];

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		char *bytes = mem_alloc(sizes[i]);

		memset(bytes, 'x', sizes[i]);
		mem_free(bytes);
		bytes = mem_alloc_zero(sizes[i]);
		assert_memory_equal(bytes, zeros, sizes[i]);
		mem_free(bytes);
	}
}

static void test_copies(void **state)
{
	char *whole = mem_strdup("romeo"), *part = mem_strndup("juliet", 3);
	char *none = mem_strndup(NULL, 0);

	assert_string_equal(whole, "romeo");
	assert_string_equal(part, "jul");
	assert_string_equal(none, "");
	mem_free(whole);
	mem_free(part);
	mem_free(none);
}

static void test_container(void **state)
{
	struct outer outer = { 0 };

	assert_ptr_equal(CONTAINER_OF(&outer.member, struct outer, member), &outer);
}

/* In a child whose standard error we read. */
static void test_assert(void **state)
{
	char said[200] = { 0 };
	int ends[2], status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		ASSERT(1 + 1 == 2);
		signal(SIGABRT, SIG_DFL);
		ASSERT(1 + 1 == 3);
		_exit(0);
	}
	close(ends[1]);
	assert_true(read(ends[0], said, sizeof(said) - 1) > 0);
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(said, "test_mem.c:"));
	assert_non_null(strstr(said, "1 + 1 == 3"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_zero),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_container),
		cmocka_unit_test(test_assert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
