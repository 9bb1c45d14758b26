/* test_scram-keys.c - keys of a password: the RFCs' examples, the stored form, and fakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/scram-keys.h"
#include "base/text.h"

/* "pencil" under the salts of RFC 5802 section 5 and RFC 7677 section 3. */
#define SHA1_TEXT \
	"SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/" \
	"fTE="
#define SHA256_TEXT \
	"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=" \
	":" \
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static void test_examples(void **state)
{
	static const char *const texts[] = { SHA1_TEXT, SHA256_TEXT };
	struct arena *arena = arena_new(0);
	struct scram_keys keys;

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		assert_true(scram_keys_parse(texts[i], &keys));
		assert_int_equal(keys.iterations, 4096);
		assert_true(scram_keys_fit(&keys, "pencil"));
		assert_false(scram_keys_fit(&keys, "pencils"));
		assert_false(scram_keys_fit(&keys, ""));
		assert_string_equal(scram_keys_format(arena, &keys), texts[i]);
	}
	arena_free(&arena);
}

static void test_make(void **state)
{
	struct arena *arena = arena_new(0);
	struct scram_keys keys, again, read;

	for (enum digest digest = DIGEST_SHA1; digest <= DIGEST_SHA256; digest++) {
		scram_keys_make(&keys, digest, "p\xc3\xa4ssword", 10);
		scram_keys_make(&again, digest, "p\xc3\xa4ssword", 10);
		assert_int_equal(keys.salt_length, SCRAM_SALT_BYTES);
		assert_memory_not_equal(keys.salt, again.salt, SCRAM_SALT_BYTES);
		assert_memory_not_equal(keys.stored_key, again.stored_key, digest_bytes(digest));
		assert_true(scram_keys_fit(&keys, "p\xc3\xa4ssword"));
		assert_false(scram_keys_fit(&keys, "password"));
		assert_true(scram_keys_parse(scram_keys_format(arena, &keys), &read));
		assert_memory_equal(&read, &keys, sizeof(keys));
	}
	arena_free(&arena);
}

static void test_parse_refuses(void **state)
{
	static const char *const wrong[] = {
		"",
		"SCRAM-SHA-1",
		"SCRAM-SHA-1$",
		"SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92",
		"SCRAM-SHA-512$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:"
		"D+CSWLOshSulAsxiupA+qs2/fTE=",
		"SCRAM-SHA-1$0:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+"
		"qs2/fTE=",
		"SCRAM-SHA-1$-1:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+"
		"qs2/"
		"fTE=",
		"SCRAM-SHA-1$99999999999:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:"
		"D+CSWLOshSulAsxiupA+qs2/fTE=",
		"SCRAM-SHA-1$4096:$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
		"SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+"
		"CSWLOshSulAsxiupA+",
		SHA1_TEXT " ",
		SHA1_TEXT ":",
		/* SHA-256's keys under the name of SHA-1 */
		"SCRAM-SHA-1$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
		"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
		"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
	};
	struct scram_keys keys;

	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		assert_false(scram_keys_parse(wrong[i], &keys));
	/* An account may lack the keys of one digest. */
	assert_false(scram_keys_parse(NULL, &keys));
}

/* An unknown name has the same salt at each login, as a known one has, and one for each digest. */
static void test_fake(void **state)
{
	struct scram_keys keys, again, other;

	scram_keys_fake(&keys, DIGEST_SHA256, "nobody", 4096);
	scram_keys_fake(&again, DIGEST_SHA256, "nobody", 4096);
	assert_int_equal(keys.iterations, 4096);
	assert_int_equal(keys.salt_length, SCRAM_SALT_BYTES);
	assert_memory_equal(keys.salt, again.salt, sizeof(keys.salt));
	scram_keys_fake(&other, DIGEST_SHA256, "somebody", 4096);
	assert_memory_not_equal(keys.salt, other.salt, SCRAM_SALT_BYTES);
	scram_keys_fake(&other, DIGEST_SHA1, "nobody", 4096);
	assert_memory_not_equal(keys.salt, other.salt, SCRAM_SALT_BYTES);
	assert_false(scram_keys_fit(&keys, ""));
	assert_false(scram_keys_fit(&keys, "nobody"));
}

/* With a seed the salt is the same in every process that has it; it is the first one's. */
static void test_fake_seeded(void **state)
{
	struct arena *arena = arena_new(0);
	struct scram_keys keys, seeded, again;

	scram_keys_fake(&keys, DIGEST_SHA256, "nobody@example.org", 4096);
	assert_false(scram_fakes_are_seeded());
	scram_fakes_seed("secret");
	assert_true(scram_fakes_are_seeded());
	scram_keys_fake(&seeded, DIGEST_SHA256, "nobody@example.org", 4096);
	assert_memory_not_equal(keys.salt, seeded.salt, SCRAM_SALT_BYTES);
	assert_string_equal(
	    base64_encode(arena, seeded.salt, SCRAM_SALT_BYTES), "jP9s//2REJsHGswflHC7bw==");
	scram_fakes_seed("other");
	scram_keys_fake(&again, DIGEST_SHA256, "nobody@example.org", 4096);
	assert_memory_equal(seeded.salt, again.salt, SCRAM_SALT_BYTES);
	scram_keys_fake(&again, DIGEST_SHA256, "nobody@example.net", 4096);
	assert_memory_not_equal(seeded.salt, again.salt, SCRAM_SALT_BYTES);
	scram_keys_fake(&again, DIGEST_SHA1, "nobody@example.org", 4096);
	assert_memory_not_equal(seeded.salt, again.salt, SCRAM_SALT_BYTES);
	arena_free(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_fake),
		cmocka_unit_test(test_fake_seeded),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
