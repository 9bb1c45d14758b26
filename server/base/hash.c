/* hash.c - a table from byte strings to pointers.
 * Open addressing with linear probing in a power of two of slots, at most three quarters of them
 * used. A removed entry leaves a mark behind, so that going through the table and removing on the
 * way misses nobody; marks go when the table is laid out anew. Each slot keeps 32 bits of its key's
 * hash: most keys that differ are told apart without looking at them. */
#include "base/hash.h"

#include "base/crypto.h"
#include "base/mem.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#define SLOTS_MIN 8
#define SLOTS_KEPT 64 /* a table that became empty keeps no more */

struct slot {
	const char *key;
	void *value; /* NULL: empty, unless `key` is the mark */
	uint32_t hash;
	uint32_t length;
};

struct hash {
	struct slot *slots;
	size_t capacity;
	size_t count;
	size_t used; /* entries and marks */
};

/* Stands as the key of a slot whose entry was removed. */
static const char removed_mark[1];

static uint64_t process_key[2];

void hash_init(void)
{
	crypto_random(process_key, sizeof(process_key));
}

static uint64_t rotate_left(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate_left(v[1], 13) ^ v[0];
	v[0] = rotate_left(v[0], 32);
	v[2] += v[3];
	v[3] = rotate_left(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate_left(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate_left(v[1], 17) ^ v[2];
	v[2] = rotate_left(v[2], 32);
}

/* SipHash with one round a word and three at the end (Aumasson and Bernstein, 2012). */
uint64_t hash_bytes(const void *bytes, size_t length)
{
	const unsigned char *in = bytes;
	uint64_t v[4] = {
		process_key[0] ^ UINT64_C(0x736f6d6570736575),
		process_key[1] ^ UINT64_C(0x646f72616e646f6d),
		process_key[0] ^ UINT64_C(0x6c7967656e657261),
		process_key[1] ^ UINT64_C(0x7465646279746573),
	};
	uint64_t word, last = (uint64_t)length << 56;
	size_t i, whole = length & ~(size_t)7;

	for (i = 0; i < whole; i += 8) {
		memcpy(&word, in + i, 8);
		word = le64toh(word);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (; i < length; i++)
		last |= (uint64_t)in[i] << 8 * (i & 7);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_bytes_stable(const void *bytes, size_t length)
{
	const unsigned char *in = bytes;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < length; i++)
		hash = (hash ^ in[i]) * UINT64_C(0x100000001b3);
	hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
	hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return hash ^ hash >> 33;
}

uint64_t hash_mix(uint64_t number)
{
	number += UINT64_C(0x9e3779b97f4a7c15);
	number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
	return number ^ number >> 31;
}

struct hash *hash_new(void)
{
	return mem_alloc_zero(sizeof(struct hash));
}

void hash_free(struct hash **hash)
{
	if (*hash == NULL)
		return;
	mem_free((*hash)->slots);
	mem_free(*hash);
	*hash = NULL;
}

static bool slot_is(const struct slot *slot, const char *key, uint32_t length, uint32_t code)
{
	if (slot->value == NULL || slot->hash != code || slot->length != length)
		return false;
	return length == 0 || memcmp(slot->key, key, length) == 0;
}

static struct slot *hash_find(
    const struct hash *hash, const char *key, size_t length, uint32_t code)
{
	size_t mask = hash->capacity - 1, i;
	struct slot *slot;

	if (hash->count == 0 || length > UINT32_MAX)
		return NULL;
	for (i = code & mask;; i = (i + 1) & mask) {
		slot = &hash->slots[i];
		if (slot_is(slot, key, (uint32_t)length, code))
			return slot;
		if (slot->value == NULL && slot->key != removed_mark)
			return NULL;
	}
}

void *hash_get(const struct hash *hash, const char *key, size_t length)
{
	const struct slot *slot;

	if (hash->count == 0)
		return NULL;
	slot = hash_find(hash, key, length, (uint32_t)hash_bytes(key, length));
	return slot == NULL ? NULL : slot->value;
}

/* The slot where a key that is not in the table goes. */
static struct slot *hash_vacant(const struct hash *hash, uint32_t code)
{
	size_t mask = hash->capacity - 1, i = code & mask;

	while (hash->slots[i].value != NULL)
		i = (i + 1) & mask;
	return &hash->slots[i];
}

/* Lays the table out anew, without marks, with room for twice its entries. */
static void hash_resize(struct hash *hash)
{
	struct slot *old = hash->slots;
	size_t old_capacity = hash->capacity, i;

	hash->capacity = SLOTS_MIN;
	while (hash->capacity / 2 <= hash->count)
		hash->capacity *= 2;
	hash->slots = mem_alloc_zero(hash->capacity * sizeof(*hash->slots));
	hash->used = hash->count;
	for (i = 0; i < old_capacity; i++) {
		if (old[i].value != NULL)
			*hash_vacant(hash, old[i].hash) = old[i];
	}
	mem_free(old);
}

void *hash_put(struct hash *hash, const char *key, size_t length, void *value)
{
	uint32_t code = (uint32_t)hash_bytes(key, length);
	struct slot *slot = hash_find(hash, key, length, code);
	void *old;

	ASSERT(value != NULL && length <= UINT32_MAX);
	if (slot != NULL) {
		old = slot->value;
		slot->key = key;
		slot->value = value;
		return old;
	}
	if (4 * (hash->used + 1) > 3 * hash->capacity)
		hash_resize(hash);
	slot = hash_vacant(hash, code);
	if (slot->key != removed_mark)
		hash->used++;
	*slot = (struct slot){ key, value, code, (uint32_t)length };
	hash->count++;
	return NULL;
}

/* The last entry went: no marks are needed any more, and not many slots. */
static void hash_emptied(struct hash *hash)
{
	hash->used = 0;
	if (hash->capacity <= SLOTS_KEPT) {
		memset(hash->slots, 0, hash->capacity * sizeof(*hash->slots));
		return;
	}
	mem_free(hash->slots);
	hash->slots = NULL;
	hash->capacity = 0;
}

void *hash_remove(struct hash *hash, const char *key, size_t length)
{
	struct slot *slot;
	void *value;

	if (hash->count == 0)
		return NULL;
	slot = hash_find(hash, key, length, (uint32_t)hash_bytes(key, length));
	if (slot == NULL)
		return NULL;
	value = slot->value;
	*slot = (struct slot){ .key = removed_mark };
	if (--hash->count == 0)
		hash_emptied(hash);
	return value;
}

size_t hash_count(const struct hash *hash)
{
	return hash->count;
}

void *hash_next(const struct hash *hash, size_t *cursor)
{
	while (*cursor < hash->capacity) {
		const struct slot *slot = &hash->slots[(*cursor)++];

		if (slot->value != NULL)
			return slot->value;
	}
	return NULL;
}
