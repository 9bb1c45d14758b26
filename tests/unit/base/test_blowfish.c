/* test_blowfish.c - decrypting what was published with the algorithm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/blowfish.h"

/* Schneier's test of the CBC mode. */
static void test_published(void **state)
{
	static const unsigned char key[] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xf0,
		0xe1, 0xd2, 0xc3, 0xb4, 0xa5, 0x96, 0x87 };
	static const unsigned char iv[] = { 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10 };
	static const unsigned char bytes[] = { 0x6b, 0x77, 0xb4, 0xd6, 0x30, 0x06, 0xde, 0xe6, 0x05,
		0xb1, 0x56, 0xe2, 0x74, 0x03, 0x97, 0x93, 0x58, 0xde, 0xb9, 0xe7, 0x15, 0x46, 0x16,
		0xd9 };
	unsigned char out[sizeof bytes];
	struct blowfish *blowfish = blowfish_new(key, sizeof key);

	(void)state;
	assert_non_null(blowfish);
	/* Twice: nothing of the first stays. */
	for (int i = 0; i < 2; i++) {
		assert_true(blowfish_decrypt(blowfish, iv, bytes, sizeof bytes, out));
		assert_memory_equal(out, "7654321 Now is the time ", sizeof out);
	}
	assert_false(blowfish_decrypt(blowfish, iv, bytes, sizeof bytes - 1, out));
	assert_true(blowfish_decrypt(blowfish, iv, bytes, 0, out));
	blowfish_free(&blowfish);
	assert_null(blowfish);
	blowfish_free(&blowfish);
}

static void test_key_lengths(void **state)
{
	static const unsigned char key[60] = { 1 };
	static const struct {
		size_t length;
		bool good;
	} rows[] = { { 0, false }, { 3, false }, { 4, true }, { 20, true }, { 56, true },
		{ 57, false } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct blowfish *blowfish = blowfish_new(key, rows[i].length);

		assert_int_equal(blowfish != NULL, rows[i].good);
		blowfish_free(&blowfish);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_key_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
