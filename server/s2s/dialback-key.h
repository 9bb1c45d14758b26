/* dialback-key.h - the keys of dialback (XEP-0185). */
#ifndef GODWIT_S2S_DIALBACK_KEY_H
#define GODWIT_S2S_DIALBACK_KEY_H

#include <stdbool.h>

struct arena;

/* Before the workers run: the secret, another one in each process. NULL: by chance. */
void dialback_init(const char *secret);
/* What the `originating` server shows to the `receiving` one on the stream of that id. */
const char *dialback_key(
    struct arena *arena, const char *receiving, const char *originating, const char *id);
/* Whether it is what we would have shown there. */
bool dialback_key_is(
    const char *key, const char *receiving, const char *originating, const char *id);

#endif
