/* blowfish.h - Blowfish in CBC mode, decrypting only: what other servers once kept passwords in. No
 * part of the server itself uses it. OpenSSL 3 has it in its provider of old algorithms, which is
 * loaded beside the others and for this alone. */
#ifndef GODWIT_BASE_BLOWFISH_H
#define GODWIT_BASE_BLOWFISH_H

#include <stdbool.h>
#include <stddef.h>

#define BLOWFISH_BLOCK_BYTES 8

struct blowfish;

/* `key` has 4 to 56 bytes. NULL if OpenSSL was installed without it. */
struct blowfish *blowfish_new(const void *key, size_t length);
/* Accepts a pointer to NULL. */
void blowfish_free(struct blowfish **blowfish);
/* Decrypts `length` bytes, whole blocks, without looking at padding; `out` has as much room. */
bool blowfish_decrypt(struct blowfish *blowfish, const unsigned char iv[BLOWFISH_BLOCK_BYTES],
    const void *bytes, size_t length, unsigned char *out);

#endif
