/* micro-base.c - addresses, hashes, tables and arenas. */
#include "micro.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/scram-keys.h"
#include "xmpp/jid.h"

#define TABLE_ENTRIES 100000
#define ARENA_PIECES 16
#define AT_ONCE 1000 /* made in one arena */

static const char full_jid[] = "juliet@example.org/balcony";

static void parse_jids(const char *text, size_t count)
{
	struct arena *arena = arena_new(0);

	for (size_t i = 0; i < count; i++) {
		micro_keep(jid_parse(arena, text));
		if (i % AT_ONCE == AT_ONCE - 1) {
			arena_free(&arena);
			arena = arena_new(0);
		}
	}
	arena_free(&arena);
}

static void jid_ascii(size_t count)
{
	parse_jids(full_jid, count);
}

static void jid_unicode(size_t count)
{
	parse_jids("J\xc3\xbcrgen@b\xc3\xbc"
		   "cher.example/B\xc3\xbcro",
	    count);
}

static void jid_bare_of(size_t count)
{
	struct arena *arena = arena_new(0);
	const struct jid *jid = jid_parse(arena, full_jid);

	for (size_t i = 0; i < count; i++) {
		struct arena *scratch = arena_new(0);

		micro_keep(jid_bare(scratch, jid));
		arena_free(&scratch);
	}
	arena_free(&arena);
}

static void hash_secret(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t hash = hash_bytes(full_jid, sizeof full_jid - 1);

		micro_keep(&hash);
	}
}

static void hash_stable(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t hash = hash_bytes_stable(full_jid, sizeof full_jid - 1);

		micro_keep(&hash);
	}
}

static void hash_find(size_t count)
{
	static char names[TABLE_ENTRIES][40];
	static struct hash *table;

	for (size_t i = 0; table == NULL || hash_count(table) < TABLE_ENTRIES; i++) {
		if (table == NULL)
			table = hash_new();
		snprintf(names[i], sizeof names[i], "user%zu@example.org", i);
		hash_put(table, names[i], strlen(names[i]), names[i]);
	}
	for (size_t i = 0; i < count; i++) {
		const char *name = names[i * 7919 % TABLE_ENTRIES];

		micro_keep(hash_get(table, name, strlen(name)));
	}
}

static void arena_pieces(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct arena *arena = arena_new(0);

		for (int k = 0; k < ARENA_PIECES; k++)
			micro_keep(arena_alloc(arena, 40));
		arena_free(&arena);
	}
}

/* What a login takes of a server that has the keys: StoredKey, signature, ServerSignature. */
static void hmac_sha256(size_t count)
{
	static const unsigned char key[DIGEST_MAX_BYTES];
	unsigned char out[DIGEST_MAX_BYTES];

	crypto_init();
	for (size_t i = 0; i < count; i++) {
		crypto_hmac(DIGEST_SHA256, key, sizeof key, full_jid, sizeof full_jid - 1, out);
		micro_keep(out);
	}
	crypto_finish();
}

const struct micro micro_base[] = {
	{ "jid: parse, ASCII", jid_ascii },
	{ "jid: parse, not ASCII", jid_unicode },
	{ "jid: the bare one, and an arena", jid_bare_of },
	{ "hash: a JID, under the secret key", hash_secret },
	{ "hash: a JID, for its home", hash_stable },
	{ "hash: find one of 100,000", hash_find },
	{ "arena: make, 16 pieces of 40 bytes, free", arena_pieces },
	{ "crypto: HMAC-SHA-256", hmac_sha256 },
	{ NULL },
};
