/* test_crypto-memory.c - buffers of libssl's size come again; everything else is the heap's. */
#include "base/crypto-memory.h"

#include "base/mem.h"
#include "base/spares.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>

#define BUFFER 16712 /* what libssl asks for to read a record */

static void test_sizes(void **state)
{
	static const size_t sizes[] = { 1, 1040, 16383, 16384, 16584, BUFFER, 17408, 17409, 21848,
		100000 };

	for (size_t turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < COUNT_OF(sizes); i++) {
			char *bytes = OPENSSL_malloc(sizes[i]);

			memset(bytes, 'x', sizes[i]);
			bytes = OPENSSL_realloc(bytes, 2 * sizes[i]);
			memset(bytes, 'y', 2 * sizes[i]);
			OPENSSL_free(bytes);
		}
	}
	OPENSSL_free(NULL);
}

/* Of many that are given back some are kept, and each is given out once. */
static void test_again(void **state)
{
	void *first[20], *again[20];
	size_t same = 0;

	for (size_t i = 0; i < COUNT_OF(first); i++) {
		first[i] = OPENSSL_malloc(BUFFER);
		memset(first[i], 'x', BUFFER);
	}
	for (size_t i = 0; i < COUNT_OF(first); i++)
		OPENSSL_free(first[i]);
	for (size_t i = 0; i < COUNT_OF(again); i++) {
		again[i] = OPENSSL_malloc(BUFFER - i);
		memset(again[i], 'y', BUFFER - i);
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(again[i], again[j]);
	}
	for (size_t i = 0; KEEP_SPARES && i < 4; i++)
		same += again[i] == first[3 - i];
	assert_int_equal(same, KEEP_SPARES ? 4 : 0);
	for (size_t i = 0; i < COUNT_OF(again); i++)
		OPENSSL_free(again[i]);
}

static void *thread_main(void *memory)
{
	void *own = OPENSSL_malloc(BUFFER);

	OPENSSL_free(memory);
	OPENSSL_free(own);
	return NULL;
}

/* One may be given back by another thread than took it, and a thread may end with some. */
static void test_threads(void **state)
{
	for (int i = 0; i < 10; i++) {
		pthread_t thread;

		assert_int_equal(
		    pthread_create(&thread, NULL, thread_main, OPENSSL_malloc(BUFFER)), 0);
		pthread_join(thread, NULL);
	}
}

static int memory_init(void **state)
{
	crypto_memory_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, memory_init, NULL);
}
