/* dialback-key.c - the keys of dialback, by XEP-0185: nothing is remembered of a key that was given
 * out; whoever asks about one brings all that it is made of, but for the secret. */
#include "s2s/dialback-key.h"

#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/text.h"

enum { SECRET_BYTES = 32, HASH_BYTES = 32 };

/* The hash of the secret, in hexadecimal: the key of the HMAC. Written before the workers run. */
static char hmac_key[2 * HASH_BYTES + 1];

void dialback_init(const char *secret)
{
	struct arena *arena = arena_new(0);
	unsigned char random[SECRET_BYTES], hash[HASH_BYTES];

	crypto_random(random, sizeof random);
	if (secret == NULL)
		crypto_hash(DIGEST_SHA256, random, sizeof random, hash);
	else
		crypto_hash(DIGEST_SHA256, secret, strlen(secret), hash);
	memcpy(hmac_key, hex_encode(arena, hash, sizeof hash), sizeof hmac_key);
	arena_free(&arena);
}

const char *dialback_key(
    struct arena *arena, const char *receiving, const char *originating, const char *id)
{
	const char *text = arena_printf(arena, "%s %s %s", receiving, originating, id);
	unsigned char hmac[HASH_BYTES];

	crypto_hmac(DIGEST_SHA256, hmac_key, strlen(hmac_key), text, strlen(text), hmac);
	return hex_encode(arena, hmac, sizeof hmac);
}

bool dialback_key_is(
    const char *key, const char *receiving, const char *originating, const char *id)
{
	struct arena *arena = arena_new(0);
	const char *own = dialback_key(arena, receiving, originating, id);
	bool is = strlen(key) == strlen(own) && crypto_equal(key, own, strlen(own));

	arena_free(&arena);
	return is;
}
