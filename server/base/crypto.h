/* crypto.h - hashes, random bytes and comparing secrets: the door to libcrypto.
 * Algorithms are fetched once, by crypto_init(); fetching by name on every call costs three times
 * the digest. All functions may be called from any thread. */
#ifndef GODWIT_BASE_CRYPTO_H
#define GODWIT_BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>

enum digest { DIGEST_SHA1, DIGEST_SHA256 };
#define DIGEST_MAX_BYTES 32

/* Call once at start, before any thread. Ends the process if libcrypto has no SHA (a broken
 * installation). */
void crypto_init(void);
/* Frees what crypto_init() fetched, for leak checkers. */
void crypto_finish(void);
/* "OpenSSL 3.0.15 3 Sep 2024": what we run with. */
const char *crypto_library(void);

/* 20 or 32. */
size_t digest_bytes(enum digest digest);
void crypto_hash(enum digest digest, const void *bytes, size_t length, unsigned char *out);
void crypto_hmac(enum digest digest, const void *key, size_t key_length, const void *bytes,
    size_t length, unsigned char *out);
/* PBKDF2 with HMAC (RFC 8018 section 5.2), one output block of digest_bytes(). Milliseconds of
 * work: never on a loop for a peer's sake. */
void crypto_pbkdf2(enum digest digest, const void *password, size_t password_length,
    const void *salt, size_t salt_length, unsigned iterations, unsigned char *out);
/* Bytes from the system's generator; does not need crypto_init(). */
void crypto_random(void *out, size_t length);
/* Compares in constant time. */
bool crypto_equal(const void *a, const void *b, size_t length);
/* Overwrites a secret; not optimised away. */
void crypto_wipe(void *bytes, size_t length);

#endif
