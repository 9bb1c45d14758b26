/* scram-keys.h - what is kept of a password: the salted keys of SCRAM (RFC 5802 section 3). Needed
 * by the stream that checks a login and by the core that makes accounts. */
#ifndef GODWIT_BASE_SCRAM_KEYS_H
#define GODWIT_BASE_SCRAM_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/crypto.h"

struct arena;

#define SCRAM_SALT_BYTES 16

/* What is kept of a password for one digest. */
struct scram_keys {
	enum digest digest;
	unsigned iterations;
	unsigned char salt[64];
	size_t salt_length;
	unsigned char stored_key[DIGEST_MAX_BYTES];
	unsigned char server_key[DIGEST_MAX_BYTES];
};

/* Derives keys from a password (prepared with SASLprep by the caller) under a fresh random salt.
 * Costs milliseconds. */
void scram_keys_make(
    struct scram_keys *keys_out, enum digest digest, const char *password, unsigned iterations);
/* "SCRAM-SHA-256$4096:SALT$STORED:SERVER", as PostgreSQL writes it. */
char *scram_keys_format(struct arena *arena, const struct scram_keys *keys);
/* Reads that; false if it is anything else, or NULL: an account without keys of this kind. */
bool scram_keys_parse(const char *text, struct scram_keys *keys_out);
/* Keys that no password fits but that look the same at every login of that bare JID (RFC 5802
 * section 5.1: an unknown user must not be told apart); derived from the seed. */
void scram_keys_fake(
    struct scram_keys *keys_out, enum digest digest, const char *jid, unsigned iterations);
/* Seeds them with a secret that outlives the process, for all threads; the first one stays. Without
 * it they are the same for the life of the process only. */
void scram_fakes_seed(const char *secret);
bool scram_fakes_are_seeded(void);
/* Whether the password gives these keys: one PBKDF2, for PLAIN. */
bool scram_keys_fit(const struct scram_keys *keys, const char *password);

#endif
