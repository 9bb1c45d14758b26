/* test_hash.c - the table against a plain array, and the hash functions against vectors. */
#include "base/hash.h"

#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES 5000

static const struct {
	const char *bytes;
	uint64_t sip; /* under a key of zeros, as before hash_init() */
	uint64_t stable;
} vectors[] = {
	{ "a", UINT64_C(0x407448d2b89b1813), UINT64_C(0x82a2a958a9bece5b) },
	{ "romeo", UINT64_C(0x5ec8965dec0436ea), UINT64_C(0x5ca38dbc7725553d) },
	{ "romeo@example.net", UINT64_C(0x4fdbb98deea73a14), UINT64_C(0xe471ef59eb4bfba6) },
	{ "1234567", UINT64_C(0xa33d651594fdae81), UINT64_C(0x8e6bc525859a4392) },
	{ "12345678", UINT64_C(0x3489982430560a87), UINT64_C(0xa57e134acd6f3791) },
	{ "123456789", UINT64_C(0x0fbc0f0007965fcf), UINT64_C(0xc75e35ec016823e5) },
	{ "The quick brown fox jumps over the lazy dog", UINT64_C(0x8df676d3d00c451e),
	    UINT64_C(0x845b9fc148948e6b) },
};

static char names[NAMES][24];

static int names_make(void **state)
{
	for (int i = 0; i < NAMES; i++)
		snprintf(names[i], sizeof(names[i]), "name-%d", i);
	return 0;
}

static void *name_put(struct hash *hash, int i)
{
	return hash_put(hash, names[i], strlen(names[i]), names[i]);
}

static void *name_get(struct hash *hash, int i)
{
	return hash_get(hash, names[i], strlen(names[i]));
}

static void *name_remove(struct hash *hash, int i)
{
	return hash_remove(hash, names[i], strlen(names[i]));
}

static void test_vectors(void **state)
{
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		const char *bytes = vectors[i].bytes;

		assert_true(hash_bytes(bytes, strlen(bytes)) == vectors[i].sip);
		assert_true(hash_bytes_stable(bytes, strlen(bytes)) == vectors[i].stable);
	}
	assert_true(hash_bytes_stable(NULL, 0) == UINT64_C(0xefd01f60ba992926));
}

static void test_empty(void **state)
{
	struct hash *hash = hash_new();
	size_t cursor = 0;

	assert_null(hash_get(hash, "a", 1));
	assert_null(hash_remove(hash, "a", 1));
	assert_null(hash_next(hash, &cursor));
	assert_int_equal(hash_count(hash), 0);
	hash_free(&hash);
	assert_null(hash);
	hash_free(&hash);
}

/* The key that lives on is that of the new value. */
static void test_replace(void **state)
{
	struct hash *hash = hash_new();
	char old_key[] = "key", new_key[] = "key";
	int one = 1, two = 2;

	assert_null(hash_put(hash, old_key, 3, &one));
	assert_ptr_equal(hash_put(hash, new_key, 3, &two), &one);
	memset(old_key, 0, sizeof(old_key));
	assert_ptr_equal(hash_get(hash, "key", 3), &two);
	assert_int_equal(hash_count(hash), 1);
	hash_free(&hash);
}

/* Bytes, not texts: NUL counts, a prefix is another key, no bytes are a key. */
static void test_bytes(void **state)
{
	struct hash *hash = hash_new();
	int a, b, c, d;

	hash_put(hash, "k\0a", 3, &a);
	hash_put(hash, "k\0b", 3, &b);
	hash_put(hash, "k", 1, &c);
	hash_put(hash, NULL, 0, &d);
	assert_ptr_equal(hash_get(hash, "k\0a", 3), &a);
	assert_ptr_equal(hash_get(hash, "k\0b", 3), &b);
	assert_ptr_equal(hash_get(hash, "k", 1), &c);
	assert_ptr_equal(hash_get(hash, "", 0), &d);
	hash_free(&hash);
}

/* Random puts and removes, compared with an array of who is in. */
static void test_random_walk(void **state)
{
	static bool in[NAMES];
	struct hash *hash = hash_new();
	size_t count = 0;

	memset(in, 0, sizeof(in));
	srandom(1);
	for (int step = 0; step < 200000; step++) {
		/* It fills, empties, and fills again, with phases in which it is small. */
		int range = (step / 20000) % 2 == 0 ? NAMES : 40;
		int i = (int)(random() % range);
		bool is_put = random() % 100 < ((step / 40000) % 2 == 0 ? 70 : 30);

		assert_ptr_equal(name_get(hash, i), in[i] ? names[i] : NULL);
		if (is_put)
			assert_ptr_equal(name_put(hash, i), in[i] ? names[i] : NULL);
		else
			assert_ptr_equal(name_remove(hash, i), in[i] ? names[i] : NULL);
		count += (size_t)is_put - (size_t)in[i];
		in[i] = is_put;
		assert_int_equal(hash_count(hash), count);
	}
	for (int i = 0; i < NAMES; i++)
		assert_ptr_equal(name_get(hash, i), in[i] ? names[i] : NULL);
	hash_free(&hash);
}

/* Everyone is met once, also when every third, or each, is removed on the way. */
static void test_next(void **state)
{
	static const int every[] = { NAMES + 1, 3, 1 };
	struct hash *hash = hash_new();

	for (size_t e = 0; e < COUNT_OF(every); e++) {
		static bool met[NAMES];
		size_t cursor = 0;
		int count = 0;
		char *name;

		memset(met, 0, sizeof(met));
		for (int i = 0; i < NAMES; i++)
			name_put(hash, i);
		while ((name = hash_next(hash, &cursor)) != NULL) {
			int i = (int)((name - names[0]) / (ptrdiff_t)sizeof(names[0]));

			assert_false(met[i]);
			met[i] = true;
			if (++count % every[e] == 0)
				assert_ptr_equal(name_remove(hash, i), name);
		}
		assert_int_equal(count, NAMES);
		assert_int_equal(hash_count(hash), NAMES - NAMES / every[e]);
	}
	hash_free(&hash);
}

/* Entries that come and go one at a time do not fill the table with marks. */
static void test_churn(void **state)
{
	struct hash *hash = hash_new();

	name_put(hash, 0);
	for (int round = 0; round < 20; round++) {
		for (int i = 1; i < NAMES; i++) {
			name_put(hash, i);
			assert_ptr_equal(name_remove(hash, i), names[i]);
		}
	}
	assert_ptr_equal(name_get(hash, 0), names[0]);
	assert_int_equal(hash_count(hash), 1);
	hash_free(&hash);
}

static void test_mix(void **state)
{
	assert_true(hash_mix(0) == UINT64_C(0xe220a8397b1dcdaf));
	/* SplitMix64 goes on by its step. */
	assert_true(hash_mix(UINT64_C(0x9e3779b97f4a7c15)) == UINT64_C(0x6e789e6aa1b965f4));
}

/* Last, since the key stays. */
static void test_secret_key(void **state)
{
	hash_init();
	assert_false(hash_bytes("romeo", 5) == UINT64_C(0x5ec8965dec0436ea));
	assert_true(hash_bytes("romeo", 5) == hash_bytes("romeo", 5));
	assert_true(hash_bytes_stable("romeo", 5) == UINT64_C(0x5ca38dbc7725553d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_random_walk),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_mix),
		cmocka_unit_test(test_secret_key),
	};

	return cmocka_run_group_tests(tests, names_make, NULL);
}
