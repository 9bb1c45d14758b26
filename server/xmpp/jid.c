/* jid.c - addresses as values; see jid.h. How their parts are prepared is in prep.c. */
#include "xmpp/jid.h"

#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "xmpp/prep.h"

/* An address being put together, with room for the longest. */
struct draft {
	size_t node_length, domain_length, resource_length;
	char node[JID_PART_MAX_BYTES];
	char domain[JID_PART_MAX_BYTES];
	char resource[JID_PART_MAX_BYTES];
};

void jid_init(void)
{
	prep_init();
}

/* Parts are given by where they are; NULL for none. */
static bool draft_make(
    struct draft *draft, struct span node, struct span domain, struct span resource)
{
	draft->node_length = draft->resource_length = 0;
	draft->domain_length = prep_domain(domain.at, domain.length, draft->domain);
	if (draft->domain_length == 0)
		return false;
	if (node.at != NULL) {
		draft->node_length = prep_node(node.at, node.length, PREP_LENIENT, draft->node);
		if (draft->node_length == 0)
			return false;
	}
	if (resource.at != NULL) {
		draft->resource_length =
		    prep_resource(resource.at, resource.length, draft->resource);
		if (draft->resource_length == 0)
			return false;
	}
	return true;
}

/* RFC 7622 section 3.1: the resource is all behind the first '/', the local part all before the
 * first
 * '@' of what is left. */
static bool draft_parse(struct draft *draft, const char *text)
{
	size_t length = strcspn(text, "/");
	struct span domain = { text, length }, node = { 0 }, resource = { 0 };
	const char *at = memchr(text, '@', length);

	if (text[length] == '/')
		resource = span_of(text + length + 1);
	if (at != NULL) {
		node = (struct span){ text, (size_t)(at - text) };
		domain = (struct span){ at + 1, length - node.length - 1 };
	}
	return draft_make(draft, node, domain, resource);
}

static size_t draft_size(const struct draft *draft)
{
	return sizeof(struct jid) + draft->node_length + 1 + draft->domain_length + 1 +
	       draft->resource_length + 1;
}

static struct jid *draft_finish(const struct draft *draft, struct jid *jid)
{
	char *at = jid->text;

	jid->node_length = (uint16_t)draft->node_length;
	jid->domain_length = (uint16_t)draft->domain_length;
	jid->resource_length = (uint16_t)draft->resource_length;
	if (draft->node_length > 0) {
		memcpy(at, draft->node, draft->node_length);
		at += draft->node_length;
		*at++ = '@';
	}
	memcpy(at, draft->domain, draft->domain_length);
	at += draft->domain_length;
	jid->hash = hash_bytes_stable(jid->text, (size_t)(at - jid->text));
	if (draft->resource_length > 0) {
		*at++ = '/';
		memcpy(at, draft->resource, draft->resource_length);
		at += draft->resource_length;
	}
	*at = '\0';
	return jid;
}

const struct jid *jid_parse(struct arena *arena, const char *text)
{
	struct draft draft;

	if (!draft_parse(&draft, text))
		return NULL;
	return draft_finish(&draft, arena_alloc(arena, draft_size(&draft)));
}

struct jid *jid_parse_heap(const char *text)
{
	struct draft draft;

	if (!draft_parse(&draft, text))
		return NULL;
	return draft_finish(&draft, mem_alloc(draft_size(&draft)));
}

const struct jid *jid_of_prepared(struct arena *arena, const char *text)
{
	size_t length = strlen(text);
	const char *at = memchr(text, '@', length);
	size_t node_length = at == NULL ? 0 : (size_t)(at - text);
	struct jid *jid = arena_alloc(arena, sizeof(*jid) + length + 1);

	*jid = (struct jid){ .node_length = (uint16_t)node_length,
		.domain_length = (uint16_t)(length - (at == NULL ? 0 : node_length + 1)),
		.hash = hash_bytes_stable(text, length) };
	memcpy(jid->text, text, length + 1);
	return jid;
}

const struct jid *jid_make(
    struct arena *arena, const char *node, const char *domain, const char *resource)
{
	struct draft draft;

	if (!draft_make(&draft, span_of(node), span_of(domain), span_of(resource)))
		return NULL;
	return draft_finish(&draft, arena_alloc(arena, draft_size(&draft)));
}

const char *jid_prepare_domain(struct arena *arena, const char *text)
{
	char prepared[JID_PART_MAX_BYTES];
	size_t length = prep_domain(text, strlen(text), prepared);

	return length == 0 ? NULL : arena_strndup(arena, prepared, length);
}

const char *jid_prepare_node(struct arena *arena, const char *text)
{
	char prepared[JID_PART_MAX_BYTES];
	size_t length = prep_node(text, strlen(text), PREP_STRICT, prepared);

	return length == 0 ? NULL : arena_strndup(arena, prepared, length);
}

const char *jid_prepare_resource(struct arena *arena, const char *text)
{
	char prepared[JID_PART_MAX_BYTES];
	size_t length = prep_resource(text, strlen(text), prepared);

	return length == 0 ? NULL : arena_strndup(arena, prepared, length);
}

const char *jid_prepare_password(struct arena *arena, const char *text)
{
	char prepared[JID_PART_MAX_BYTES];
	size_t length = prep_password(text, strlen(text), prepared);

	return length == 0 ? NULL : arena_strndup(arena, prepared, length);
}

static size_t text_length(const struct jid *jid)
{
	return jid_bare_length(jid) + (jid->resource_length > 0 ? jid->resource_length + 1u : 0u);
}

static size_t jid_size(const struct jid *jid)
{
	return sizeof(*jid) + text_length(jid) + 1;
}

const struct jid *jid_copy(struct arena *arena, const struct jid *jid)
{
	return memcpy(arena_alloc(arena, jid_size(jid)), jid, jid_size(jid));
}

struct jid *jid_copy_heap(const struct jid *jid)
{
	return memcpy(mem_alloc(jid_size(jid)), jid, jid_size(jid));
}

void jid_free(struct jid **jid)
{
	mem_free(*jid);
	*jid = NULL;
}

const struct jid *jid_bare(struct arena *arena, const struct jid *jid)
{
	size_t length = jid_bare_length(jid);
	struct jid *bare;

	if (jid_is_bare(jid))
		return jid;
	bare = arena_alloc(arena, sizeof(*bare) + length + 1);
	memcpy(bare, jid, sizeof(*bare) + length);
	bare->text[length] = '\0';
	bare->resource_length = 0;
	return bare;
}

const struct jid *jid_with_resource(
    struct arena *arena, const struct jid *jid, const char *resource)
{
	size_t bare_length = jid_bare_length(jid), length = strlen(resource);
	struct jid *full;

	ASSERT(length > 0 && length <= JID_PART_MAX_BYTES);
	full = arena_alloc(arena, sizeof(*full) + bare_length + 1 + length + 1);
	memcpy(full, jid, sizeof(*full) + bare_length);
	full->text[bare_length] = '/';
	memcpy(full->text + bare_length + 1, resource, length + 1);
	full->resource_length = (uint16_t)length;
	return full;
}

static const char *domain_at(const struct jid *jid)
{
	return jid->text + (jid->node_length > 0 ? jid->node_length + 1 : 0);
}

const struct jid *jid_domain_only(struct arena *arena, const struct jid *jid)
{
	struct jid *domain;

	if (jid_is_domain(jid))
		return jid;
	domain = arena_alloc(arena, sizeof(*domain) + jid->domain_length + 1u);
	memcpy(domain->text, domain_at(jid), jid->domain_length);
	domain->text[jid->domain_length] = '\0';
	domain->node_length = domain->resource_length = 0;
	domain->domain_length = jid->domain_length;
	domain->hash = hash_bytes_stable(domain->text, domain->domain_length);
	return domain;
}

const char *jid_node(struct arena *arena, const struct jid *jid)
{
	return jid->node_length == 0 ? NULL : arena_strndup(arena, jid->text, jid->node_length);
}

const char *jid_domain(struct arena *arena, const struct jid *jid)
{
	return arena_strndup(arena, domain_at(jid), jid->domain_length);
}

const char *jid_resource(const struct jid *jid)
{
	return jid->resource_length == 0 ? NULL : jid->text + jid_bare_length(jid) + 1;
}

const char *jid_bare_text(struct arena *arena, const struct jid *jid)
{
	return arena_strndup(arena, jid->text, jid_bare_length(jid));
}

static bool is_same_bare(const struct jid *a, const struct jid *b)
{
	return a->hash == b->hash && a->node_length == b->node_length &&
	       a->domain_length == b->domain_length &&
	       memcmp(a->text, b->text, jid_bare_length(a)) == 0;
}

bool jid_equal_bare(const struct jid *a, const struct jid *b)
{
	return a == b || (a != NULL && b != NULL && is_same_bare(a, b));
}

bool jid_equal(const struct jid *a, const struct jid *b)
{
	if (a == b)
		return true;
	return a != NULL && b != NULL && a->resource_length == b->resource_length &&
	       is_same_bare(a, b) && memcmp(a->text, b->text, text_length(a)) == 0;
}

struct span jid_domain_span(const struct jid *jid)
{
	return (struct span){ domain_at(jid), jid->domain_length };
}

bool jid_has_domain(const struct jid *jid, const char *domain)
{
	return strncmp(domain_at(jid), domain, jid->domain_length) == 0 &&
	       domain[jid->domain_length] == '\0';
}
