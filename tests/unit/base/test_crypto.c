/* test_crypto.c - digests, HMAC and PBKDF2 against the vectors of their standards. */
#include "base/crypto.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#define AA_20 "\252\252\252\252\252\252\252\252\252\252\252\252\252\252\252\252\252\252\252\252"
#define KEY_80 AA_20 AA_20 AA_20 AA_20
#define KEY_64 "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define BYTES(literal) literal, sizeof(literal) - 1

/* FIPS 180-2. */
static const struct {
	enum digest digest;
	const char *bytes;
	const char *hex;
} hashes[] = {
	{ DIGEST_SHA1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
	{ DIGEST_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
	{ DIGEST_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ DIGEST_SHA256, "abc",
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
};

/* RFC 2202, RFC 4231, and keys of no bytes, of one block and of more. */
static const struct {
	enum digest digest;
	const char *key;
	size_t key_length;
	const char *bytes;
	const char *hex;
} hmacs[] = {
	{ DIGEST_SHA1, BYTES(""), "", "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d" },
	{ DIGEST_SHA1, BYTES("Jefe"), "what do ya want for nothing?",
	    "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
	{ DIGEST_SHA1, BYTES(KEY_80), "Test Using Larger Than Block-Size Key - Hash Key First",
	    "aa4ae5e15272d00e95705637ce8a3b55ed402112" },
	{ DIGEST_SHA1, BYTES(KEY_64), "m", "d52b5b30393c20f423870bb6d0ad622b02848ca9" },
	{ DIGEST_SHA256, BYTES(""), "",
	    "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
	{ DIGEST_SHA256, BYTES("Jefe"), "what do ya want for nothing?",
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ DIGEST_SHA256, BYTES(KEY_80), "Test Using Larger Than Block-Size Key - Hash Key First",
	    "6953025ed96f0c09f80a96f78e6538dbe2e7b820e3dd970e7ddd39091b32352f" },
	{ DIGEST_SHA256, BYTES(KEY_64), "m",
	    "3b7a8d453e76edb519238a515105a57508d0f169f480ebeee120a9e7803289fa" },
};

/* The inputs of RFC 6070 and RFC 7914 section 11, one output block of each. */
static const struct {
	enum digest digest;
	const char *password;
	size_t password_length;
	const char *salt;
	size_t salt_length;
	unsigned iterations;
	const char *hex;
} derivations[] = {
	{ DIGEST_SHA1, BYTES("password"), BYTES("salt"), 1,
	    "0c60c80f961f0e71f3a9b524af6012062fe037a6" },
	{ DIGEST_SHA1, BYTES("password"), BYTES("salt"), 2,
	    "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957" },
	{ DIGEST_SHA1, BYTES("password"), BYTES("salt"), 4096,
	    "4b007901b765489abead49d926f721d065a429c1" },
	{ DIGEST_SHA1, BYTES("passwd"), BYTES("salt"), 1,
	    "69f429426698f069a2e17caa3343645db305765c" },
	{ DIGEST_SHA1, BYTES("Password"), BYTES("NaCl"), 80000,
	    "14faf3c943860f0f543d94c449ae7fe1223afa88" },
	{ DIGEST_SHA1, BYTES("pass\000word"), BYTES("sa\000lt"), 4096,
	    "56fa6aa75548099dcc37d7f03425e0c37f1c42b2" },
	{ DIGEST_SHA1, BYTES("passwordPASSWORDpassword"),
	    BYTES("saltSALTsaltSALTsaltSALTsaltSALTsalt"), 4096,
	    "3d2eec4fe41c849b80c8d83662c0e44a8b291a96" },
	{ DIGEST_SHA256, BYTES("password"), BYTES("salt"), 1,
	    "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b" },
	{ DIGEST_SHA256, BYTES("password"), BYTES("salt"), 2,
	    "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43" },
	{ DIGEST_SHA256, BYTES("password"), BYTES("salt"), 4096,
	    "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a" },
	{ DIGEST_SHA256, BYTES("passwd"), BYTES("salt"), 1,
	    "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc" },
	{ DIGEST_SHA256, BYTES("Password"), BYTES("NaCl"), 80000,
	    "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56" },
	{ DIGEST_SHA256, BYTES("pass\000word"), BYTES("sa\000lt"), 4096,
	    "89b69d0516f829893c696226650a86878c029ac13ee276509d5ae58b6466a724" },
	{ DIGEST_SHA256, BYTES("passwordPASSWORDpassword"),
	    BYTES("saltSALTsaltSALTsaltSALTsaltSALTsalt"), 4096,
	    "348c89dbcbd32b2f32d814b8116e84cf2b17347ebc1800181c4e2a1fb8dd53e1" },
};

static void check(enum digest digest, const unsigned char *out, const char *hex)
{
	struct arena *arena = arena_new(0);

	assert_string_equal(hex_encode(arena, out, digest_bytes(digest)), hex);
	arena_free(&arena);
}

static void test_hash(void **state)
{
	unsigned char out[DIGEST_MAX_BYTES];

	for (size_t i = 0; i < COUNT_OF(hashes); i++) {
		crypto_hash(hashes[i].digest, hashes[i].bytes, strlen(hashes[i].bytes), out);
		check(hashes[i].digest, out, hashes[i].hex);
	}
}

static void test_hmac(void **state)
{
	unsigned char out[DIGEST_MAX_BYTES];

	for (size_t i = 0; i < COUNT_OF(hmacs); i++) {
		crypto_hmac(hmacs[i].digest, hmacs[i].key, hmacs[i].key_length, hmacs[i].bytes,
		    strlen(hmacs[i].bytes), out);
		check(hmacs[i].digest, out, hmacs[i].hex);
	}
}

static void test_pbkdf2(void **state)
{
	unsigned char out[DIGEST_MAX_BYTES];

	for (size_t i = 0; i < COUNT_OF(derivations); i++) {
		crypto_pbkdf2(derivations[i].digest, derivations[i].password,
		    derivations[i].password_length, derivations[i].salt, derivations[i].salt_length,
		    derivations[i].iterations, out);
		check(derivations[i].digest, out, derivations[i].hex);
	}
}

static void *hmacs_in_thread(void *state)
{
	for (int round = 0; round < 100; round++)
		test_hmac(NULL);
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[4];

	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hmacs_in_thread, NULL), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		pthread_join(threads[i], NULL);
}

/* Every byte gets filled, and twice the same does not come. */
static void test_random(void **state)
{
	unsigned char once[1000] = { 0 }, again[1000] = { 0 };
	size_t zeros = 0;

	crypto_random(once, sizeof(once));
	crypto_random(again, sizeof(again));
	assert_memory_not_equal(once, again, sizeof(once));
	for (size_t i = 0; i < sizeof(once); i++)
		zeros += once[i] == 0;
	assert_true(zeros < 50);
	crypto_random(once, 0);
}

/* Nothing is given twice, however it is asked for. */
static void test_random_pieces(void **state)
{
	static const size_t sizes[] = { 16, 1, 18, 255, 256, 257, 16, 0, 32, 100 };
	uint64_t seen[1000];
	size_t count = 0;

	for (size_t round = 0; round < 20; round++) {
		for (size_t i = 0; i < COUNT_OF(sizes); i++) {
			unsigned char bytes[257];

			crypto_random(bytes, sizes[i]);
			for (size_t at = 0; at + 8 <= sizes[i] && at < 32; at += 8)
				memcpy(&seen[count++], bytes + at, 8);
		}
	}
	assert_in_range(count, 300, COUNT_OF(seen));
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			assert_true(seen[i] != seen[j]);
}

static void test_equal(void **state)
{
	assert_true(crypto_equal("proof", "proof", 5));
	assert_false(crypto_equal("proof", "proog", 5));
	assert_false(crypto_equal("Proof", "proof", 5));
	assert_true(crypto_equal("a", "b", 0));
}

static void test_wipe(void **state)
{
	static const char zeros[8];
	char secret[] = "secret!";

	crypto_wipe(secret, sizeof(secret));
	assert_memory_equal(secret, zeros, sizeof(zeros));
}

static int crypto_start(void **state)
{
	crypto_init();
	return 0;
}

static int crypto_end(void **state)
{
	crypto_finish();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_pbkdf2),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_random_pieces),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, crypto_start, crypto_end);
}
