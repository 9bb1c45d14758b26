/* stanza-private.h - what the files of server/xmpp know of a stanza. */
#ifndef GODWIT_XMPP_STANZA_PRIVATE_H
#define GODWIT_XMPP_STANZA_PRIVATE_H

#include <stdatomic.h>
#include <stdint.h>

#include "xmpp/stanza.h"

struct stanza {
	struct arena *arena; /* holds this struct, too */
	const struct jid *from, *to;
	const char *id;
	struct element *element;
	struct stanza
	    *source; /* of a readdressed one: whose element this is; never one with a source */
	/* What follows the addresses, serialised: made by whoever needs it first. */
	_Atomic(struct text *) tail;
	atomic_uint references;
	enum stanza_kind kind;
	enum stanza_type type;
};

/* First bytes of the arena of a readdressed stanza: the struct and two addresses. */
#define READDRESSED_BYTES 320

const char *stanza_kind_name(enum stanza_kind kind);
/* The value of the attribute, or NULL. */
const char *stanza_type_name(enum stanza_type type);

/* The stanza that owns the element. */
static inline struct stanza *stanza_source(const struct stanza *stanza)
{
	return stanza->source != NULL ? stanza->source : (struct stanza *)(uintptr_t)stanza;
}

#endif
