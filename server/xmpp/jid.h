/* jid.h - XMPP addresses (RFC 7622), prepared once: the door to ICU.
 * A JID is immutable and one piece of memory. Two JIDs are equal if their prepared texts are. Local
 * parts and resources are prepared with the stringprep profiles of RFC 6122 (nodeprep,
 * resourceprep), as the other servers do, so that one name is one account everywhere; domains by
 * UTS 46. ASCII takes a fast path without ICU. Each part has at most 1023 bytes after preparation.
 */
#ifndef GODWIT_XMPP_JID_H
#define GODWIT_XMPP_JID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct arena;

#define JID_PART_MAX_BYTES 1023

/* Opaque to modules; `text` is the whole address, and the bare JID is its beginning. */
struct jid {
	uint64_t hash; /* of the bare JID, the same in every process: chooses homes */
	uint16_t node_length;
	uint16_t domain_length;
	uint16_t resource_length;
	char text[];
};

/* Opens ICU's profiles; call once at start, before any thread. */
void jid_init(void);

/* Prepares and checks an address; NULL if it is not one (RFC 6120: jid-malformed). Unassigned code
 * points are let through, as peers may know a newer Unicode. A trailing dot of the domain is taken
 * off; an IPv6 address in brackets is kept as it is. */
const struct jid *jid_parse(struct arena *arena, const char *text);
/* The same on the heap; free with jid_free(). */
struct jid *jid_parse_heap(const char *text);
/* The address of which this is the text, taken from another JID: bare, and prepared already. */
const struct jid *jid_of_prepared(struct arena *arena, const char *text);
/* Joins parts that are prepared already, or not yet: they are prepared. `node` and `resource` may
 * be NULL. NULL if a part is not valid. */
const struct jid *jid_make(
    struct arena *arena, const char *node, const char *domain, const char *resource);
/* `text` prepared as a domain, a local part of a new account (strict: unassigned code points are
 * refused), or a resource; NULL if it is not valid. */
const char *jid_prepare_domain(struct arena *arena, const char *text);
const char *jid_prepare_node(struct arena *arena, const char *text);
const char *jid_prepare_resource(struct arena *arena, const char *text);
/* A password prepared with SASLprep (RFC 4013), for making keys and for trying them; NULL if it is
 * empty, longer than an address may be, or holds what the profile prohibits. */
const char *jid_prepare_password(struct arena *arena, const char *text);
/* Copies. */
const struct jid *jid_copy(struct arena *arena, const struct jid *jid);
struct jid *jid_copy_heap(const struct jid *jid);
void jid_free(struct jid **jid);
/* The same address without its resource (the JID itself if it has none), or with another, which
 * must be prepared. */
const struct jid *jid_bare(struct arena *arena, const struct jid *jid);
const struct jid *jid_with_resource(
    struct arena *arena, const struct jid *jid, const char *resource);
/* Of a bare one: only the domain. */
const struct jid *jid_domain_only(struct arena *arena, const struct jid *jid);

/* NUL-terminated parts, made in the arena; node and resource are NULL if there is none. */
const char *jid_node(struct arena *arena, const struct jid *jid);
const char *jid_domain(struct arena *arena, const struct jid *jid);
/* Lent: the end of jid->text, or NULL. */
const char *jid_resource(const struct jid *jid);
/* The whole address; lent. */
static inline const char *jid_text(const struct jid *jid)
{
	return jid->text;
}
/* The bare JID as text in the arena. */
const char *jid_bare_text(struct arena *arena, const struct jid *jid);
/* Bytes of jid->text that are the bare JID. */
static inline size_t jid_bare_length(const struct jid *jid)
{
	return jid->domain_length + (jid->node_length > 0 ? jid->node_length + 1u : 0u);
}

static inline bool jid_is_bare(const struct jid *jid)
{
	return jid->resource_length == 0;
}
static inline bool jid_is_domain(const struct jid *jid)
{
	return jid->node_length == 0 && jid->resource_length == 0;
}
/* Both NULL, or the same address. */
bool jid_equal(const struct jid *a, const struct jid *b);
/* The same without looking at resources. */
bool jid_equal_bare(const struct jid *a, const struct jid *b);
/* The domain part in jid_text(); lent. */
struct span jid_domain_span(const struct jid *jid);
/* Whether the domain part is this prepared text. */
bool jid_has_domain(const struct jid *jid, const char *domain);

#endif
