/* test_scram.c - SCRAM exchanges: the RFCs' examples, what has to be refused and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "stream/scram.h"

struct example {
	enum digest digest;
	const char *keys;
	const char *client_first;
	const char *server_nonce;
	const char *server_first;
	const char *client_final;
	const char *server_final;
};

static const struct example examples[] = {
	/* RFC 5802 section 5 */
	{ DIGEST_SHA1,
	    "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:"
	    "D+CSWLOshSulAsxiupA+qs2/fTE=",
	    "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j",
	    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
	    "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
	    "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
	/* RFC 7677 section 3 */
	{ DIGEST_SHA256,
	    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
	    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
	    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
	    "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i="
	    "4096",
	    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
};

static enum scram_result finish(
    const struct example *example, const char *client_final, const char **final_out)
{
	static struct arena *arena;
	struct scram_keys keys;
	struct scram scram;

	arena_free(&arena);
	arena = arena_new(0);
	assert_true(scram_keys_parse(example->keys, &keys));
	assert_int_equal(scram_client_first(&scram, arena, example->digest, false, false,
			     example->client_first, strlen(example->client_first)),
	    SCRAM_OK);
	assert_string_equal(scram.username, "user");
	assert_null(scram.authzid);
	assert_null(scram.binding_name);
	assert_string_equal(
	    scram_server_first(&scram, &keys, example->server_nonce), example->server_first);
	return scram_client_final(&scram, client_final, strlen(client_final), NULL, 0, final_out);
}

static void test_examples(void **state)
{
	const char *final;

	for (size_t i = 0; i < COUNT_OF(examples); i++) {
		assert_int_equal(finish(&examples[i], examples[i].client_final, &final), SCRAM_OK);
		assert_string_equal(final, examples[i].server_final);
	}
}

#define NONCE "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j"
#define PROOF "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="

static void test_client_final(void **state)
{
	static const struct {
		const char *message;
		enum scram_result result;
	} cases[] = {
		{ "c=biws," NONCE "," PROOF, SCRAM_OK },
		/* a proof of another message */
		{ "c=biws," NONCE ",x=y," PROOF, SCRAM_REFUSED },
		{ "c=biws," NONCE ",p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", SCRAM_REFUSED },
		/* another nonce, a part of it, more than it */
		{ "c=biws,r=fyko+d2lbbFgONRv9qkxdawL," PROOF, SCRAM_REFUSED },
		{ "c=biws," NONCE "x," PROOF, SCRAM_REFUSED },
		/* y,, and n,a=user, where n,, came first; and nothing */
		{ "c=eSws," NONCE "," PROOF, SCRAM_BAD_BINDING },
		{ "c=bixhPXVzZXIs," NONCE "," PROOF, SCRAM_BAD_BINDING },
		{ "c=," NONCE "," PROOF, SCRAM_BAD_BINDING },
		{ "c=biwsAAAA," NONCE "," PROOF, SCRAM_BAD_BINDING },
		{ "", SCRAM_MALFORMED },
		{ "c=biws", SCRAM_MALFORMED },
		{ "c=biws," NONCE, SCRAM_MALFORMED },
		{ "c=biws," NONCE ",", SCRAM_MALFORMED },
		{ "c=biws," NONCE ",p=", SCRAM_MALFORMED },
		{ "c=biws," NONCE ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4T==", SCRAM_MALFORMED },
		{ "c=biws," NONCE ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4TtA", SCRAM_MALFORMED },
		{ "c=biws," NONCE "," PROOF ",", SCRAM_MALFORMED },
		{ "c=biws," NONCE "," PROOF ",x=y", SCRAM_MALFORMED },
		{ "c=biws," NONCE ",m=must," PROOF, SCRAM_MALFORMED },
		{ "c=biws," NONCE ",x," PROOF, SCRAM_MALFORMED },
		{ "c=bi ws," NONCE "," PROOF, SCRAM_MALFORMED },
		{ NONCE ",c=biws," PROOF, SCRAM_MALFORMED },
		{ "c=biws," NONCE "," PROOF "\xff", SCRAM_MALFORMED },
	};
	const char *final;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		enum scram_result result = finish(&examples[0], cases[i].message, &final);

		if (result != cases[i].result)
			fail_msg("%s: %d", cases[i].message, (int)result);
		assert_true((final != NULL) == (result == SCRAM_OK));
	}
}

static void test_client_first(void **state)
{
	static const struct {
		const char *message;
		bool plus, plus_offered;
		enum scram_result result;
		const char *username, *authzid, *binding_name;
	} cases[] = {
		{ "n,,n=user,r=abc", false, false, SCRAM_OK, "user", NULL, NULL },
		{ "n,,n=user,r=abc", false, true, SCRAM_OK, "user", NULL, NULL },
		{ "y,,n=user,r=abc", false, false, SCRAM_OK, "user", NULL, NULL },
		{ "n,a=me@host,n=user,r=abc", false, false, SCRAM_OK, "user", "me@host", NULL },
		{ "n,,n=a=2Cb=3Dc,r=abc", false, false, SCRAM_OK, "a,b=c", NULL, NULL },
		{ "n,,n=a=2Db,r=abc", false, false, SCRAM_OK, "a,b", NULL, NULL },
		{ "n,,n=\xe7\x94\xa8\xe6\x88\xb7,r=abc", false, false, SCRAM_OK,
		    "\xe7\x94\xa8\xe6\x88\xb7", NULL, NULL },
		{ "n,,n=user,r=abc,x=y,Z=", false, false, SCRAM_OK, "user", NULL, NULL },
		{ "p=tls-exporter,,n=user,r=abc", true, true, SCRAM_OK, "user", NULL,
		    "tls-exporter" },
		/* a client that could bind, and we offered to */
		{ "y,,n=user,r=abc", false, true, SCRAM_DOWNGRADE, "user", NULL, NULL },
		/* -PLUS without binding, binding without -PLUS */
		{ "n,,n=user,r=abc", true, true, SCRAM_BAD_BINDING, "user", NULL, NULL },
		{ "y,,n=user,r=abc", true, true, SCRAM_BAD_BINDING, "user", NULL, NULL },
		{ "p=tls-exporter,,n=user,r=abc", false, true, SCRAM_BAD_BINDING, "user", NULL,
		    "tls-exporter" },
		{ "", false, false, SCRAM_MALFORMED },
		{ "n", false, false, SCRAM_MALFORMED },
		{ "n,,", false, false, SCRAM_MALFORMED },
		{ "n=user,r=abc", false, false, SCRAM_MALFORMED },
		{ "n,n=user,r=abc", false, false, SCRAM_MALFORMED },
		{ "x,,n=user,r=abc", false, false, SCRAM_MALFORMED },
		{ "nn,,n=user,r=abc", false, false, SCRAM_MALFORMED },
		{ "p=,,n=user,r=abc", true, true, SCRAM_MALFORMED },
		{ "p,,n=user,r=abc", true, true, SCRAM_MALFORMED },
		{ "p=tls_x,,n=user,r=abc", true, true, SCRAM_MALFORMED },
		{ "n,a=,n=user,r=abc", false, false, SCRAM_MALFORMED },
		{ "n,b=me,n=user,r=abc", false, false, SCRAM_MALFORMED },
		{ "n,,m=ext,n=user,r=abc", false, false, SCRAM_MALFORMED },
		{ "n,,n=user,r=abc,m=ext", false, false, SCRAM_MALFORMED },
		{ "n,,n=,r=abc", false, false, SCRAM_MALFORMED },
		{ "n,,n=us=er,r=abc", false, false, SCRAM_MALFORMED },
		{ "n,,n=us=2,r=abc", false, false, SCRAM_MALFORMED },
		{ "n,,n=us=2c,r=abc", false, false, SCRAM_MALFORMED },
		{ "n,,n=user,r=", false, false, SCRAM_MALFORMED },
		{ "n,,n=user", false, false, SCRAM_MALFORMED },
		{ "n,,r=abc,n=user", false, false, SCRAM_MALFORMED },
		{ "n,,n=user,r=a b", false, false, SCRAM_MALFORMED },
		{ "n,,n=user,r=a\xc3\xa4", false, false, SCRAM_MALFORMED },
		{ "n,,n=user,r=abc,", false, false, SCRAM_MALFORMED },
		{ "n,,n=user,r=abc,1=2", false, false, SCRAM_MALFORMED },
		{ "n,,n=us\xffr,r=abc", false, false, SCRAM_MALFORMED },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct arena *arena = arena_new(0);
		struct scram scram;
		enum scram_result result =
		    scram_client_first(&scram, arena, DIGEST_SHA1, cases[i].plus,
			cases[i].plus_offered, cases[i].message, strlen(cases[i].message));

		if (result != cases[i].result)
			fail_msg("%s: %d", cases[i].message, (int)result);
		if (result != SCRAM_MALFORMED) {
			assert_true(text_equal(scram.username, cases[i].username));
			assert_true(text_equal(scram.authzid, cases[i].authzid));
			assert_true(text_equal(scram.binding_name, cases[i].binding_name));
		}
		arena_free(&arena);
	}
}

static void test_nul_inside(void **state)
{
	struct arena *arena = arena_new(0);
	struct scram scram;

	assert_int_equal(
	    scram_client_first(&scram, arena, DIGEST_SHA1, false, false, "n,,n=us\0r,r=abc", 15),
	    SCRAM_MALFORMED);
	arena_free(&arena);
}

/* c= holds the data of the channel behind the header; the proof is checked after it. */
static void test_binding(void **state)
{
	static const unsigned char channel[] = "0123456789abcdef0123456789abcdef";
	struct arena *arena = arena_new(0);
	struct scram_keys keys;
	struct scram scram;
	const char *message, *final;
	const char *first = "p=tls-exporter,,n=user,r=abc";

	scram_keys_make(&keys, DIGEST_SHA256, "pencil", 1);
	scram_client_first(&scram, arena, DIGEST_SHA256, true, true, first, strlen(first));
	scram_server_first(&scram, &keys, "def");
	message = arena_printf(arena, "c=%s,r=abcdef,p=%s",
	    base64_encode(arena, "p=tls-exporter,,0123456789abcdef0123456789abcdef", 48),
	    base64_encode(arena, channel, 32));
	assert_int_equal(scram_client_final(&scram, message, strlen(message), channel, 32, &final),
	    SCRAM_REFUSED);
	assert_int_equal(scram_client_final(&scram, message, strlen(message), channel, 31, &final),
	    SCRAM_BAD_BINDING);
	assert_int_equal(
	    scram_client_final(&scram, message, strlen(message), channel + 1, 32, &final),
	    SCRAM_BAD_BINDING);
	assert_int_equal(scram_client_final(&scram, message, strlen(message), NULL, 0, &final),
	    SCRAM_BAD_BINDING);
	arena_free(&arena);
}

/* The client's side: the final message for a password and what the client binds to. */
static const char *prove(
    const struct scram *scram, const char *password, const char *binding, size_t binding_length)
{
	struct arena *arena = scram->arena;
	size_t bytes = digest_bytes(scram->digest), header = strlen(scram->gs2_header);
	unsigned char key[DIGEST_MAX_BYTES], stored[DIGEST_MAX_BYTES], signature[DIGEST_MAX_BYTES];
	char *bound = arena_alloc(arena, header + binding_length + 1);
	const char *unproved, *message;

	memcpy(bound, scram->gs2_header, header);
	memcpy(bound + header, binding, binding_length);
	unproved = arena_printf(
	    arena, "c=%s,r=%s", base64_encode(arena, bound, header + binding_length), scram->nonce);
	message = arena_printf(
	    arena, "%s,%s,%s", scram->client_first_bare, scram->server_first, unproved);
	crypto_pbkdf2(scram->digest, password, strlen(password), scram->keys.salt,
	    scram->keys.salt_length, scram->keys.iterations, key);
	crypto_hmac(scram->digest, key, bytes, "Client Key", 10, key);
	crypto_hash(scram->digest, key, bytes, stored);
	crypto_hmac(scram->digest, stored, bytes, message, strlen(message), signature);
	for (size_t i = 0; i < bytes; i++)
		key[i] ^= signature[i];
	return arena_printf(arena, "%s,p=%s", unproved, base64_encode(arena, key, bytes));
}

/* Whole exchanges, with each flag. */
static void test_flags(void **state)
{
	static const struct {
		const char *first;
		bool plus, plus_offered;
		const char *password, *client_binding;
		enum scram_result result;
	} cases[] = {
		{ "n,,n=user,r=abc", false, false, "pencil", "", SCRAM_OK },
		{ "n,,n=user,r=abc", false, true, "pencil", "", SCRAM_OK },
		{ "n,,n=user,r=abc", false, true, "pen", "", SCRAM_REFUSED },
		{ "y,,n=user,r=abc", false, false, "pencil", "", SCRAM_OK },
		{ "n,,n=user,r=abc", false, true, "pencil", "channel", SCRAM_BAD_BINDING },
		{ "p=tls-unique,,n=user,r=abc", true, true, "pencil", "channel", SCRAM_OK },
		{ "p=tls-unique,,n=user,r=abc", true, true, "pen", "channel", SCRAM_REFUSED },
		{ "p=tls-unique,,n=user,r=abc", true, true, "pencil", "chanceI",
		    SCRAM_BAD_BINDING },
		{ "p=tls-unique,,n=user,r=abc", true, true, "pencil", "chan", SCRAM_BAD_BINDING },
		{ "p=tls-unique,,n=user,r=abc", true, true, "pencil", "", SCRAM_BAD_BINDING },
	};

	for (size_t i = 0; i < COUNT_OF(cases) * 2; i++) {
		enum digest digest = i % 2 == 0 ? DIGEST_SHA1 : DIGEST_SHA256;
		struct arena *arena = arena_new(0);
		struct scram_keys keys;
		struct scram scram;
		const char *message, *final;
		enum scram_result result;

		scram_keys_make(&keys, digest, "pencil", 7);
		assert_int_equal(
		    scram_client_first(&scram, arena, digest, cases[i / 2].plus,
			cases[i / 2].plus_offered, cases[i / 2].first, strlen(cases[i / 2].first)),
		    SCRAM_OK);
		scram_server_first(&scram, &keys, NULL);
		message = prove(&scram, cases[i / 2].password, cases[i / 2].client_binding,
		    strlen(cases[i / 2].client_binding));
		result = scram_client_final(
		    &scram, message, strlen(message), (const unsigned char *)"channel", 7, &final);
		if (result != cases[i / 2].result)
			fail_msg("%zu: %d", i, (int)result);
		arena_free(&arena);
	}
}

/* The proof alone does not do: it must be about this exchange. */
static void test_other_nonce(void **state)
{
	struct arena *arena = arena_new(0);
	struct scram_keys keys;
	struct scram scram, client;
	const char *message, *final;

	scram_keys_make(&keys, DIGEST_SHA1, "pencil", 7);
	scram_client_first(&scram, arena, DIGEST_SHA1, false, false, "n,,n=user,r=abc", 15);
	scram_server_first(&scram, &keys, "def");
	client = scram;
	client.nonce = arena_strdup(arena, "abcdeg");
	message = prove(&client, "pencil", "", 0);
	assert_int_equal(
	    scram_client_final(&scram, message, strlen(message), NULL, 0, &final), SCRAM_REFUSED);
	client.nonce = arena_strdup(arena, "abcdef");
	message = prove(&client, "pencil", "", 0);
	assert_int_equal(
	    scram_client_final(&scram, message, strlen(message), NULL, 0, &final), SCRAM_OK);
	arena_free(&arena);
}

/* Each nonce is new. */
static void test_nonce(void **state)
{
	struct arena *arena = arena_new(0);
	struct scram_keys keys;
	struct scram scram;
	const char *first;

	scram_keys_make(&keys, DIGEST_SHA1, "pencil", 1);
	scram_client_first(&scram, arena, DIGEST_SHA1, false, false, "n,,n=user,r=abc", 15);
	first = scram_server_first(&scram, &keys, NULL);
	scram_client_first(&scram, arena, DIGEST_SHA1, false, false, "n,,n=user,r=abc", 15);
	assert_string_not_equal(first, scram_server_first(&scram, &keys, NULL));
	assert_int_equal(strncmp(first, "r=abc", 5), 0);
	arena_free(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_client_final),
		cmocka_unit_test(test_client_first),
		cmocka_unit_test(test_nul_inside),
		cmocka_unit_test(test_binding),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_other_nonce),
		cmocka_unit_test(test_nonce),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
