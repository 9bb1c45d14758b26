/* dialback.h - the two elements of XEP-0220, <db:result/> and <db:verify/>: what they say. */
#ifndef GODWIT_STREAM_DIALBACK_H
#define GODWIT_STREAM_DIALBACK_H

#include <stdbool.h>

#include "base/rc.h"

struct arena;
struct element;
struct text;

enum dialback_type {
	DIALBACK_ASKS, /* no type: the key is to be judged */
	DIALBACK_VALID,
	DIALBACK_INVALID,
	DIALBACK_ERROR /* section 2.4 */
};

struct dialback {
	bool is_verify; /* else a result */
	enum dialback_type type;
	const char *from, *to; /* domains, prepared */
	const char *id;        /* of a verify: the stream the key was shown on; else NULL */
	const char *key;       /* of one that asks */
	enum rc rc;            /* of an error */
};

/* Whether it is one of the two, however ill-formed. */
bool is_dialback(const struct element *element);
/* What it says; false if it lacks something or its addresses are no domains. Texts are made in the
 * arena. The condition of an error is not read: `rc` is RC_UNDEFINED_CONDITION. */
bool dialback_read(
    struct arena *arena, const struct element *element, struct dialback *dialback_out);
/* Writes it with the prefix db (section 2: some accept no other), which the header declares. */
void dialback_write(struct text *out, const struct dialback *dialback);

#endif
