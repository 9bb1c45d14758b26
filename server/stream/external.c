/* external.c - EXTERNAL (RFC 4422 appendix A): TLS has told who the client is, by its certificate.
 * All that is left to say is which of the addresses in it, if there are several (XEP-0178 section
 * 2). */
#include "stream/external.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "xmpp/jid.h"

struct external {
	struct arena *arena;
	size_t count;
	const struct jid *users[];
};

/* The bare JID of a user of that domain, or NULL. */
static const struct jid *user_of(struct arena *arena, const char *address, const char *domain)
{
	const struct jid *jid = jid_parse(arena, address);

	if (jid == NULL || !jid_is_bare(jid) || jid_node(arena, jid) == NULL ||
	    !jid_has_domain(jid, domain))
		return NULL;
	return jid;
}

static bool users_hold(const struct external *external, const struct jid *jid)
{
	for (size_t i = 0; i < external->count; i++)
		if (jid_equal(external->users[i], jid))
			return true;
	return false;
}

struct external *external_new(const char *const *addresses, const char *domain)
{
	struct arena *arena = arena_new(0);
	struct external *external;
	size_t count = 0;

	while (addresses[count] != NULL)
		count++;
	external = arena_alloc_zero(arena, sizeof(*external) + count * sizeof(*external->users));
	external->arena = arena;
	for (; *addresses != NULL; addresses++) {
		const struct jid *user = user_of(arena, *addresses, domain);

		if (user != NULL && !users_hold(external, user))
			external->users[external->count++] = user;
	}
	if (external->count == 0)
		external_free(&external);
	return external;
}

struct external *external_new_server(const char *domain)
{
	struct arena *arena = arena_new(0);
	struct external *external =
	    arena_alloc_zero(arena, sizeof(*external) + sizeof(*external->users));

	external->arena = arena;
	external->users[0] = jid_parse(arena, domain);
	ASSERT(external->users[0] != NULL);
	external->count = 1;
	return external;
}

void external_free(struct external **external)
{
	struct arena *arena = *external == NULL ? NULL : (*external)->arena;

	*external = NULL;
	arena_free(&arena);
}

static const char *name_of(const struct external *external, const struct jid *user)
{
	return jid_is_domain(user) ? jid_text(user) : jid_node(external->arena, user);
}

static enum external_result choose_only(const struct external *external, const char **username_out)
{
	if (external->count > 1)
		return EXTERNAL_AMBIGUOUS;
	*username_out = name_of(external, external->users[0]);
	return EXTERNAL_OK;
}

enum external_result external_choose(
    const struct external *external, const char *authzid, size_t length, const char **username_out)
{
	const struct jid *wanted;

	*username_out = NULL;
	if (memchr(authzid, '\0', length) != NULL || !utf8_valid(authzid, length))
		return EXTERNAL_MALFORMED;
	if (length == 0)
		return choose_only(external, username_out);
	wanted = jid_parse(external->arena, authzid);
	if (wanted == NULL || !users_hold(external, wanted))
		return EXTERNAL_STRANGER;
	*username_out = name_of(external, wanted);
	return EXTERNAL_OK;
}
