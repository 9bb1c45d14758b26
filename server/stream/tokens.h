/* tokens.h - the owner's tokens of stanzas that are on their way, in order.
 * A ring that is nothing while it is empty. The first `plain` of them wait until the bytes of their
 * stanzas are written, those behind for an acknowledgement (XEP-0198). Places in the output are
 * counts of bytes that wrap. */
#ifndef GODWIT_STREAM_TOKENS_H
#define GODWIT_STREAM_TOKENS_H

#include <stddef.h>
#include <stdint.h>

struct token_slot;

/* All zero is an empty one. */
struct tokens {
	struct token_slot *slots;
	uint32_t capacity; /* a power of two */
	uint32_t head;
	uint32_t count;
	uint32_t plain;
	size_t bytes; /* of the stanzas that wait for an acknowledgement */
};

/* One whose stanza ends at that place in the output; only while there are no others. */
void tokens_add_plain(struct tokens *tokens, void *token, uint32_t place);
/* One that waits for an h of `sequence` or more. */
void tokens_add(struct tokens *tokens, void *token, uint32_t sequence, size_t bytes);
/* The first token, or NULL. */
void *tokens_take(struct tokens *tokens);
/* The first plain one if its stanza ends not behind `written`, or NULL. */
void *tokens_take_written(struct tokens *tokens, uint32_t written);
/* How many plain ones end behind it. */
uint32_t tokens_unwritten(const struct tokens *tokens, uint32_t written);
/* The first one that an h covers, or NULL. What was sent before the first counted stanza is covered
 * by any h. */
void *tokens_take_covered(struct tokens *tokens, uint32_t h);
void tokens_free(struct tokens *tokens);

#endif
