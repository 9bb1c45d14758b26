/* hash.h - a table from byte strings to pointers, and the hash function behind it.
 * Keys are lent: they must live, unchanged, as long as their entry (usually inside the value). The
 * function is SipHash-1-3 under a key made at start, so that no peer can choose names that collide.
 */
#ifndef GODWIT_BASE_HASH_H
#define GODWIT_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash;

/* Makes an empty table; an empty table that never held anything owns no slots. */
struct hash *hash_new(void);
/* Frees the table, not the values; accepts a pointer to NULL, leaves NULL. */
void hash_free(struct hash **hash);
/* The value of `key`, or NULL. */
void *hash_get(const struct hash *hash, const char *key, size_t length);
/* Sets the value (not NULL) of `key` and returns the one it replaces, or NULL. The key of the new
 * value is kept. */
void *hash_put(struct hash *hash, const char *key, size_t length, void *value);
/* Takes the entry out and returns its value, or NULL if there is none. */
void *hash_remove(struct hash *hash, const char *key, size_t length);
size_t hash_count(const struct hash *hash);
/* Goes through all values in no particular order: start with a cursor of 0; NULL ends it. Removing
 * the value just returned is allowed, any other change is not. */
void *hash_next(const struct hash *hash, size_t *cursor);

/* Call once at start, before any thread; makes the process's secret key. Tests that do not call it
 * get a fixed key. */
void hash_init(void);
/* The hash of some bytes under the process's key: not the same in another process. */
uint64_t hash_bytes(const void *bytes, size_t length);
/* A hash that is the same in every process, for choosing homes: FNV-1a of 64 bits (offset basis
 * cbf29ce484222325, prime 100000001b3, both hexadecimal) over the bytes, then the 64-bit finaliser
 * of MurmurHash3 (shift 33, times ff51afd7ed558ccd, shift 33, times c4ceb9fe1a85ec53, shift 33,
 * each shift exclusive-ored in), which spreads what FNV leaves in the high bits. */
uint64_t hash_bytes_stable(const void *bytes, size_t length);
/* Spreads what is in a few bits over all of them, the same in every process, never two numbers to
 * one: the first output of SplitMix64 with this seed. */
uint64_t hash_mix(uint64_t number);

#endif
