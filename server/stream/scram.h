/* scram.h - SCRAM (RFC 5802, RFC 7677), the server's side, and the keys it needs.
 * Pure functions and one small state: nothing here waits or writes. */
#ifndef GODWIT_STREAM_SCRAM_H
#define GODWIT_STREAM_SCRAM_H

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
/* Reads that; false if it is anything else. */
bool scram_keys_parse(const char *text, struct scram_keys *keys_out);
/* Keys that no password fits but that look the same at every login of that name (RFC 5802
 * section 5.1: an unknown user must not be told apart); derived from a secret of this process. */
void scram_keys_fake(
    struct scram_keys *keys_out, enum digest digest, const char *username, unsigned iterations);
/* Whether the password gives these keys: one PBKDF2, for PLAIN. */
bool scram_keys_fit(const struct scram_keys *keys, const char *password);

enum scram_result { SCRAM_OK, SCRAM_MALFORMED, SCRAM_REFUSED, SCRAM_BAD_BINDING, SCRAM_DOWNGRADE };

/* One exchange. Texts live in the arena given to the first step. */
struct scram {
	struct arena *arena;
	enum digest digest;
	bool plus;          /* the mechanism is -PLUS */
	bool plus_offered;  /* this stream offered a -PLUS mechanism */
	char *gs2_header;   /* as received: must be what c= holds */
	char *binding_name; /* of p=; NULL without */
	char *username; /* =2C and =3D undone (=2D read as a comma too: libpurple writes that) */
	char *authzid;  /* or NULL */
	char *client_first_bare;
	char *server_first;
	char *nonce;
	struct scram_keys keys;
};

/* Section 5: client-first-message. Sets username, authzid and binding_name. Refuses extensions
 * (m=). */
enum scram_result scram_client_first(struct scram *scram, struct arena *arena, enum digest digest,
    bool plus, bool plus_offered, const char *message, size_t length);
/* Makes server-first-message with the account's keys; `server_nonce` NULL: random (tests give one).
 */
const char *scram_server_first(
    struct scram *scram, const struct scram_keys *keys, const char *server_nonce);
/* client-final-message against the connection's binding data (NULL without). On SCRAM_OK the
 * server-final-message is in `final_out`. */
enum scram_result scram_client_final(struct scram *scram, const char *message, size_t length,
    const unsigned char *binding, size_t binding_length, const char **final_out);

#endif
