/* fuzz_jid.c - addresses of arbitrary bytes: what is let through is stable, and within its bounds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "xmpp/jid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

static void check_parts(struct arena *arena, const struct jid *jid)
{
	const char *node = jid_node(arena, jid), *domain = jid_domain(arena, jid);
	const char *resource = jid_resource(jid);

	REQUIRE(domain[0] != '\0' && strlen(domain) <= JID_PART_MAX_BYTES);
	REQUIRE(strpbrk(domain, "@/ ") == NULL);
	REQUIRE(jid_has_domain(jid, domain));
	REQUIRE(text_equal(jid_prepare_domain(arena, domain), domain));
	if (node != NULL) {
		REQUIRE(node[0] != '\0' && strlen(node) <= JID_PART_MAX_BYTES);
		REQUIRE(strpbrk(node, "@/ :<>&'\"") == NULL);
	}
	if (resource != NULL) {
		REQUIRE(resource[0] != '\0' && strlen(resource) <= JID_PART_MAX_BYTES);
		REQUIRE(text_equal(jid_prepare_resource(arena, resource), resource));
	}
	REQUIRE(jid_equal(jid, jid_make(arena, node, domain, resource)));
}

static void check_jid(struct arena *arena, const struct jid *jid)
{
	const struct jid *bare = jid_bare(arena, jid);

	REQUIRE(utf8_valid(jid_text(jid), strlen(jid_text(jid))));
	REQUIRE(jid_equal(jid, jid_parse(arena, jid_text(jid))));
	REQUIRE(jid_equal(bare, jid_parse(arena, jid_bare_text(arena, jid))));
	REQUIRE(jid_equal_bare(bare, jid) && bare->hash == jid->hash);
	check_parts(arena, jid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(0);
	const char *text = arena_strndup(arena, (const char *)data, size);
	const struct jid *jid;
	const char *node;

	jid_init();
	jid = jid_parse(arena, text);
	if (jid != NULL)
		check_jid(arena, jid);
	node = jid_prepare_node(arena, text);
	if (node != NULL)
		REQUIRE(text_equal(jid_prepare_node(arena, node), node));
	arena_free(&arena);
	return 0;
}
