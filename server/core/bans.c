/* bans.c - who is kept out. Networks are compared one by one, since there are few; accounts and
 * domains are looked up. A ban that has expired is there and does not count. */
#include "core/bans.h"

#include <stdatomic.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/network.h"
#include "xmpp/jid.h"

/* Those who have connections. */
enum { WATCHERS_MAX = 4 };

struct ban {
	struct network network; /* of an address */
	int64_t expires_us;     /* 0: never */
};

struct bans {
	atomic_uint references;
	struct arena *arena;
	struct ban *networks;
	size_t network_count, network_capacity;
	struct hash *names; /* struct ban by bare JID or domain */
};

static _Thread_local struct bans *current;
static _Thread_local struct {
	void (*list[WATCHERS_MAX])(void);
	size_t count;
} watchers;

struct bans *bans_new(void)
{
	struct bans *bans = mem_alloc_zero(sizeof *bans);

	atomic_init(&bans->references, 1);
	bans->arena = arena_new(0);
	bans->names = hash_new();
	return bans;
}

struct bans *bans_ref(struct bans *bans)
{
	atomic_fetch_add(&bans->references, 1);
	return bans;
}

void bans_unref(struct bans **bans_pointer)
{
	struct bans *bans = *bans_pointer;

	*bans_pointer = NULL;
	if (bans == NULL || atomic_fetch_sub(&bans->references, 1) > 1)
		return;
	hash_free(&bans->names);
	mem_free(bans->networks);
	arena_free(&bans->arena);
	mem_free(bans);
}

static bool network_add(struct bans *bans, const char *address, int64_t expires_us)
{
	struct ban ban = { .expires_us = expires_us };

	if (!network_parse(address, &ban.network))
		return false;
	if (bans->network_count == bans->network_capacity) {
		bans->network_capacity = 2 * bans->network_capacity + 16;
		bans->networks =
		    mem_realloc(bans->networks, bans->network_capacity * sizeof *bans->networks);
	}
	bans->networks[bans->network_count++] = ban;
	return true;
}

bool bans_add(
    struct bans *bans, const char *address, const char *jid, const char *domain, int64_t expires_us)
{
	const char *text = jid != NULL ? jid : domain;
	const struct jid *name;
	struct ban *ban;

	if (address != NULL)
		return network_add(bans, address, expires_us);
	name = text == NULL ? NULL : jid_parse(bans->arena, text);
	if (name == NULL || !jid_is_bare(name) || jid_is_domain(name) != (jid == NULL))
		return false;
	ban = arena_alloc_zero(bans->arena, sizeof *ban);
	ban->expires_us = expires_us;
	hash_put(bans->names, jid_text(name), strlen(jid_text(name)), ban);
	return true;
}

void bans_install(struct bans *bans)
{
	struct bans *old = current;

	current = bans_ref(bans);
	bans_unref(&old);
	for (size_t i = 0; i < watchers.count; i++)
		watchers.list[i]();
}

void bans_watch(void (*installed)(void))
{
	for (size_t i = 0; i < watchers.count; i++)
		if (watchers.list[i] == installed)
			return;
	ASSERT(watchers.count < WATCHERS_MAX);
	watchers.list[watchers.count++] = installed;
}

void bans_stop(void)
{
	bans_unref(&current);
	watchers.count = 0;
}

static bool ban_counts(const struct ban *ban)
{
	return ban != NULL && (ban->expires_us == 0 || ban->expires_us > time_now_us());
}

static bool networks_have(const struct network *peer)
{
	for (size_t i = 0; i < current->network_count; i++)
		if (network_has(&current->networks[i].network, peer) &&
		    ban_counts(&current->networks[i]))
			return true;
	return false;
}

bool bans_have_peer(const struct sockaddr *peer)
{
	struct network network;

	return current != NULL && current->network_count > 0 && network_of_peer(peer, &network) &&
	       networks_have(&network);
}

bool bans_have_address(const char *address)
{
	struct network network;

	return current != NULL && current->network_count > 0 && address != NULL &&
	       network_parse(address, &network) && networks_have(&network);
}

static bool names_have(const char *name, size_t length)
{
	return ban_counts(hash_get(current->names, name, length));
}

bool bans_have_jid(const struct jid *jid)
{
	struct arena *arena;
	const char *domain;
	bool banned;

	if (current == NULL || hash_count(current->names) == 0)
		return false;
	arena = arena_new(0);
	domain = jid_domain(arena, jid);
	banned =
	    names_have(domain, strlen(domain)) || names_have(jid_text(jid), jid_bare_length(jid));
	arena_free(&arena);
	return banned;
}

bool bans_have_domain(const char *domain)
{
	return current != NULL && hash_count(current->names) > 0 &&
	       names_have(domain, strlen(domain));
}

bool bans_have_account(const char *domain, const char *username)
{
	struct arena *arena;
	const struct jid *jid;
	bool banned;

	if (current == NULL || hash_count(current->names) == 0)
		return false;
	arena = arena_new(0);
	jid = jid_make(arena, username, domain, NULL);
	banned = jid != NULL && bans_have_jid(jid);
	arena_free(&arena);
	return banned;
}
