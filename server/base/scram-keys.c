/* scram-keys.c - what is kept of a password: SCRAM's salted keys (RFC 5802 section 3), made,
 * written, read, tried, and faked for names that have none. */
#include "base/scram-keys.h"

#include "base/arena.h"
#include "base/text.h"

#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#define ITERATIONS_MAX INT_MAX

static const char *const digest_names[] = {
	[DIGEST_SHA1] = "SCRAM-SHA-1",
	[DIGEST_SHA256] = "SCRAM-SHA-256",
};

/* StoredKey and ServerKey of section 3, from the salted password. */
static void keys_derive(struct scram_keys *keys, const unsigned char *salted)
{
	size_t bytes = digest_bytes(keys->digest);
	unsigned char client_key[DIGEST_MAX_BYTES];

	crypto_hmac(keys->digest, salted, bytes, "Client Key", 10, client_key);
	crypto_hash(keys->digest, client_key, bytes, keys->stored_key);
	crypto_hmac(keys->digest, salted, bytes, "Server Key", 10, keys->server_key);
	crypto_wipe(client_key, sizeof(client_key));
}

static void keys_salt(struct scram_keys *keys, const char *password)
{
	unsigned char salted[DIGEST_MAX_BYTES];

	crypto_pbkdf2(keys->digest, password, strlen(password), keys->salt, keys->salt_length,
	    keys->iterations, salted);
	keys_derive(keys, salted);
	crypto_wipe(salted, sizeof(salted));
}

void scram_keys_make(
    struct scram_keys *keys_out, enum digest digest, const char *password, unsigned iterations)
{
	memset(keys_out, 0, sizeof(*keys_out));
	keys_out->digest = digest;
	keys_out->iterations = iterations;
	keys_out->salt_length = SCRAM_SALT_BYTES;
	crypto_random(keys_out->salt, SCRAM_SALT_BYTES);
	keys_salt(keys_out, password);
}

char *scram_keys_format(struct arena *arena, const struct scram_keys *keys)
{
	size_t bytes = digest_bytes(keys->digest);

	return arena_printf(arena, "%s$%u:%s$%s:%s", digest_names[keys->digest], keys->iterations,
	    base64_encode(arena, keys->salt, keys->salt_length),
	    base64_encode(arena, keys->stored_key, bytes),
	    base64_encode(arena, keys->server_key, bytes));
}

/* Takes the text up to `end` off *next; NULL if there is no such byte. */
static char *field_take(struct arena *arena, const char **next, char end)
{
	const char *at = strchr(*next, end);
	char *field;

	if (at == NULL)
		return NULL;
	field = arena_strndup(arena, *next, (size_t)(at - *next));
	*next = at + 1;
	return field;
}

static bool key_decode(struct arena *arena, const char *text, unsigned char *out, size_t minimum,
    size_t maximum, size_t *length_out)
{
	size_t length;
	const char *bytes = text == NULL ? NULL : base64_decode(arena, text, &length);

	if (bytes == NULL || length < minimum || length > maximum)
		return false;
	memcpy(out, bytes, length);
	*length_out = length;
	return true;
}

static bool keys_read(struct arena *arena, const char *text, struct scram_keys *keys)
{
	const char *next = text, *name = field_take(arena, &next, '$');
	const char *iterations = field_take(arena, &next, ':');
	size_t bytes, length;
	int64_t number;

	if (name == NULL || iterations == NULL)
		return false;
	if (strcmp(name, digest_names[DIGEST_SHA1]) == 0)
		keys->digest = DIGEST_SHA1;
	else if (strcmp(name, digest_names[DIGEST_SHA256]) == 0)
		keys->digest = DIGEST_SHA256;
	else
		return false;
	if (!number_parse(iterations, 1, ITERATIONS_MAX, &number))
		return false;
	keys->iterations = (unsigned)number;
	bytes = digest_bytes(keys->digest);
	return key_decode(arena, field_take(arena, &next, '$'), keys->salt, 1, sizeof(keys->salt),
		   &keys->salt_length) &&
	       key_decode(
		   arena, field_take(arena, &next, ':'), keys->stored_key, bytes, bytes, &length) &&
	       key_decode(arena, next, keys->server_key, bytes, bytes, &length);
}

bool scram_keys_parse(const char *text, struct scram_keys *keys_out)
{
	struct arena *arena = arena_new(0);
	bool good;

	memset(keys_out, 0, sizeof(*keys_out));
	good = text != NULL && keys_read(arena, text, keys_out);
	arena_free(&arena);
	return good;
}

/* One for each digest, so that the two salts of a name tell nothing about each other. */
static unsigned char fake_secrets[2][32];
static pthread_once_t fake_secrets_once = PTHREAD_ONCE_INIT;

static void fake_secrets_make(void)
{
	crypto_random(fake_secrets, sizeof(fake_secrets));
}

void scram_keys_fake(
    struct scram_keys *keys_out, enum digest digest, const char *username, unsigned iterations)
{
	unsigned char salt[DIGEST_MAX_BYTES];

	pthread_once(&fake_secrets_once, fake_secrets_make);
	memset(keys_out, 0, sizeof(*keys_out));
	keys_out->digest = digest;
	keys_out->iterations = iterations;
	keys_out->salt_length = SCRAM_SALT_BYTES;
	crypto_hmac(DIGEST_SHA256, fake_secrets[digest], sizeof(fake_secrets[digest]), username,
	    strlen(username), salt);
	memcpy(keys_out->salt, salt, SCRAM_SALT_BYTES);
	/* Nobody knows what these are the hash of. */
	crypto_random(keys_out->stored_key, digest_bytes(digest));
	crypto_random(keys_out->server_key, digest_bytes(digest));
}

bool scram_keys_fit(const struct scram_keys *keys, const char *password)
{
	struct scram_keys made = *keys;
	bool fit;

	keys_salt(&made, password);
	fit = crypto_equal(made.stored_key, keys->stored_key, digest_bytes(keys->digest));
	crypto_wipe(&made, sizeof(made));
	return fit;
}
