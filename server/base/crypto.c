/* crypto.c - hashes, random bytes and comparing secrets, from libcrypto.
 * HMAC and PBKDF2 are written here over two digest contexts, one that has seen the inner and one
 * that has seen the outer padded key: each use begins with a copy of them. Measured, that takes two
 * thirds of the time of libcrypto's own PBKDF2. Each thread has contexts of its own, made at first
 * use. */
#include "base/crypto.h"

#include "base/crypto-memory.h"
#include "base/mem.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define DIGEST_COUNT 2
#define BLOCK_BYTES 64 /* of both digests */

/* The contexts of one thread. */
struct contexts {
	EVP_MD_CTX *inner;
	EVP_MD_CTX *outer;
	EVP_MD_CTX *work;
};

static const struct {
	const char *name;
	size_t bytes;
} digests[DIGEST_COUNT] = {
	[DIGEST_SHA1] = { "SHA1", 20 },
	[DIGEST_SHA256] = { "SHA256", 32 },
};

/* Random bytes of one thread that nobody has had yet. The server does not fork. */
static _Thread_local struct {
	unsigned char bytes[256];
	size_t left;
} random_pool;

static EVP_MD *fetched[DIGEST_COUNT];
static pthread_key_t contexts_key;
static _Thread_local struct contexts *contexts_here;

static void contexts_free(void *state)
{
	struct contexts *contexts = state;

	EVP_MD_CTX_free(contexts->inner);
	EVP_MD_CTX_free(contexts->outer);
	EVP_MD_CTX_free(contexts->work);
	mem_free(contexts);
	contexts_here = NULL;
}

static struct contexts *contexts_get(void)
{
	struct contexts *contexts = contexts_here;

	if (contexts != NULL)
		return contexts;
	contexts = mem_alloc_zero(sizeof(*contexts));
	contexts->inner = EVP_MD_CTX_new();
	contexts->outer = EVP_MD_CTX_new();
	contexts->work = EVP_MD_CTX_new();
	ASSERT(contexts->inner != NULL && contexts->outer != NULL && contexts->work != NULL);
	ASSERT(pthread_setspecific(contexts_key, contexts) == 0);
	contexts_here = contexts;
	return contexts;
}

void crypto_init(void)
{
	crypto_memory_init();
	/* A thread that is still connecting to a database may outlive main(): nothing is torn down
	 * under it. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	for (size_t i = 0; i < DIGEST_COUNT; i++) {
		fetched[i] = EVP_MD_fetch(NULL, digests[i].name, NULL);
		if (fetched[i] == NULL) {
			fprintf(stderr, "libcrypto has no %s\n", digests[i].name);
			exit(EXIT_FAILURE);
		}
	}
	ASSERT(pthread_key_create(&contexts_key, contexts_free) == 0);
}

void crypto_finish(void)
{
	if (contexts_here != NULL)
		contexts_free(contexts_here);
	pthread_key_delete(contexts_key);
	for (size_t i = 0; i < DIGEST_COUNT; i++) {
		EVP_MD_free(fetched[i]);
		fetched[i] = NULL;
	}
}

const char *crypto_library(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}

size_t digest_bytes(enum digest digest)
{
	return digests[digest].bytes;
}

static void digest_start(EVP_MD_CTX *context, enum digest digest)
{
	ASSERT(fetched[digest] != NULL);
	ASSERT(EVP_DigestInit_ex2(context, fetched[digest], NULL) == 1);
}

static void digest_add(EVP_MD_CTX *context, const void *bytes, size_t length)
{
	ASSERT(EVP_DigestUpdate(context, bytes, length) == 1);
}

static void digest_end(EVP_MD_CTX *context, unsigned char *out)
{
	ASSERT(EVP_DigestFinal_ex(context, out, NULL) == 1);
}

void crypto_hash(enum digest digest, const void *bytes, size_t length, unsigned char *out)
{
	EVP_MD_CTX *work = contexts_get()->work;

	digest_start(work, digest);
	digest_add(work, bytes, length);
	digest_end(work, out);
}

/* RFC 2104: the inner and the outer digest begin with the key, filled up to a block and changed. */
static void hmac_set_key(
    struct contexts *contexts, enum digest digest, const void *key, size_t length)
{
	unsigned char block[BLOCK_BYTES] = { 0 };
	size_t i;

	if (length > BLOCK_BYTES)
		crypto_hash(digest, key, length, block);
	else if (length > 0)
		memcpy(block, key, length);
	for (i = 0; i < BLOCK_BYTES; i++)
		block[i] ^= 0x36;
	digest_start(contexts->inner, digest);
	digest_add(contexts->inner, block, BLOCK_BYTES);
	for (i = 0; i < BLOCK_BYTES; i++)
		block[i] ^= 0x36 ^ 0x5c;
	digest_start(contexts->outer, digest);
	digest_add(contexts->outer, block, BLOCK_BYTES);
	crypto_wipe(block, sizeof(block));
}

static void hmac_start(const struct contexts *contexts)
{
	ASSERT(EVP_MD_CTX_copy_ex(contexts->work, contexts->inner) == 1);
}

static void hmac_end(const struct contexts *contexts, enum digest digest, unsigned char *out)
{
	unsigned char inner[DIGEST_MAX_BYTES];

	digest_end(contexts->work, inner);
	ASSERT(EVP_MD_CTX_copy_ex(contexts->work, contexts->outer) == 1);
	digest_add(contexts->work, inner, digest_bytes(digest));
	digest_end(contexts->work, out);
}

/* Leaves nothing of the key in the contexts. */
static void hmac_forget_key(const struct contexts *contexts)
{
	EVP_MD_CTX_reset(contexts->inner);
	EVP_MD_CTX_reset(contexts->outer);
	EVP_MD_CTX_reset(contexts->work);
}

void crypto_hmac(enum digest digest, const void *key, size_t key_length, const void *bytes,
    size_t length, unsigned char *out)
{
	struct contexts *contexts = contexts_get();

	hmac_set_key(contexts, digest, key, key_length);
	hmac_start(contexts);
	digest_add(contexts->work, bytes, length);
	hmac_end(contexts, digest, out);
	hmac_forget_key(contexts);
}

void crypto_pbkdf2(enum digest digest, const void *password, size_t password_length,
    const void *salt, size_t salt_length, unsigned iterations, unsigned char *out)
{
	static const unsigned char block_number[4] = { 0, 0, 0, 1 };
	struct contexts *contexts = contexts_get();
	unsigned char turn[DIGEST_MAX_BYTES];
	size_t bytes = digest_bytes(digest), i;

	ASSERT(iterations > 0);
	hmac_set_key(contexts, digest, password, password_length);
	hmac_start(contexts);
	digest_add(contexts->work, salt, salt_length);
	digest_add(contexts->work, block_number, sizeof(block_number));
	hmac_end(contexts, digest, turn);
	memcpy(out, turn, bytes);
	while (--iterations > 0) {
		hmac_start(contexts);
		digest_add(contexts->work, turn, bytes);
		hmac_end(contexts, digest, turn);
		for (i = 0; i < bytes; i++)
			out[i] ^= turn[i];
	}
	hmac_forget_key(contexts);
	crypto_wipe(turn, sizeof(turn));
}

static void random_get(void *out, size_t length)
{
	unsigned char *next = out;
	ssize_t got;

	while (length > 0) {
		got = getrandom(next, length, 0);
		ASSERT(got > 0 || errno == EINTR);
		if (got < 0)
			continue;
		next += got;
		length -= (size_t)got;
	}
}

/* A login needs four pieces of a few bytes: they come out of one that the system gave at once, and
 * what was taken is wiped out. */
void crypto_random(void *out, size_t length)
{
	unsigned char *taken;

	if (length > sizeof(random_pool.bytes)) {
		random_get(out, length);
		return;
	}
	if (random_pool.left < length) {
		random_get(random_pool.bytes, sizeof(random_pool.bytes));
		random_pool.left = sizeof(random_pool.bytes);
	}
	random_pool.left -= length;
	taken = random_pool.bytes + random_pool.left;
	memcpy(out, taken, length);
	crypto_wipe(taken, length);
}

bool crypto_equal(const void *a, const void *b, size_t length)
{
	return CRYPTO_memcmp(a, b, length) == 0;
}

void crypto_wipe(void *bytes, size_t length)
{
	OPENSSL_cleanse(bytes, length);
}
