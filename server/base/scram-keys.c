/* scram-keys.c - what is kept of a password: SCRAM's salted keys (RFC 5802 section 3), made,
 * written, read, tried, and faked for names that have none. */
#include "base/scram-keys.h"

#include "base/arena.h"
#include "base/text.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
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

/* What fakes are made of. Set once: by a seed, or by the first who needs a fake without one. */
static struct {
	pthread_mutex_t lock;
	atomic_bool is_seeded;
	bool is_made_up;
	unsigned char seed[DIGEST_MAX_BYTES];
	unsigned char made_up[DIGEST_MAX_BYTES];
} fakes = { .lock = PTHREAD_MUTEX_INITIALIZER };

bool scram_fakes_are_seeded(void)
{
	return atomic_load_explicit(&fakes.is_seeded, memory_order_acquire);
}

void scram_fakes_seed(const char *secret)
{
	pthread_mutex_lock(&fakes.lock);
	if (!fakes.is_seeded)
		crypto_hash(DIGEST_SHA256, secret, strlen(secret), fakes.seed);
	atomic_store_explicit(&fakes.is_seeded, true, memory_order_release);
	pthread_mutex_unlock(&fakes.lock);
}

static const unsigned char *fakes_key(void)
{
	if (scram_fakes_are_seeded())
		return fakes.seed;
	pthread_mutex_lock(&fakes.lock);
	if (!fakes.is_made_up)
		crypto_random(fakes.made_up, sizeof(fakes.made_up));
	fakes.is_made_up = true;
	pthread_mutex_unlock(&fakes.lock);
	return fakes.made_up;
}

/* With the digest's name in it, so that the two salts of a JID tell nothing about each other. */
static void fake_salt(enum digest digest, const char *jid, unsigned char *salt_out)
{
	struct text text = { 0 };

	text_printf(&text, "%s %s", digest_names[digest], jid);
	crypto_hmac(DIGEST_SHA256, fakes_key(), DIGEST_MAX_BYTES, text.at, text.length, salt_out);
	text_free(&text);
}

void scram_keys_fake(
    struct scram_keys *keys_out, enum digest digest, const char *jid, unsigned iterations)
{
	unsigned char salt[DIGEST_MAX_BYTES];

	memset(keys_out, 0, sizeof(*keys_out));
	keys_out->digest = digest;
	keys_out->iterations = iterations;
	keys_out->salt_length = SCRAM_SALT_BYTES;
	fake_salt(digest, jid, salt);
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
