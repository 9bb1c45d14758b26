/* tokens.c - a ring of tokens. */
#include "stream/tokens.h"

#include <stdbool.h>

#include "base/mem.h"

#define SLOTS_MIN 8

struct token_slot {
	void *token;
	uint32_t sequence; /* of a plain one: its place in the output */
	uint32_t bytes;
};

static struct token_slot *slot_at(const struct tokens *tokens, uint32_t index)
{
	return &tokens->slots[(tokens->head + index) & (tokens->capacity - 1)];
}

static void ring_grow(struct tokens *tokens)
{
	struct tokens old = *tokens;

	tokens->capacity = old.capacity == 0 ? SLOTS_MIN : old.capacity * 2;
	tokens->slots = mem_alloc(tokens->capacity * sizeof(tokens->slots[0]));
	tokens->head = 0;
	for (uint32_t i = 0; i < old.count; i++)
		tokens->slots[i] = *slot_at(&old, i);
	mem_free(old.slots);
}

void tokens_add(struct tokens *tokens, void *token, uint32_t sequence, size_t bytes)
{
	if (tokens->count == tokens->capacity)
		ring_grow(tokens);
	*slot_at(tokens, tokens->count++) = (struct token_slot){ token, sequence, (uint32_t)bytes };
	tokens->bytes += bytes;
}

void tokens_add_plain(struct tokens *tokens, void *token, uint32_t place)
{
	ASSERT(tokens->plain == tokens->count);
	tokens_add(tokens, token, place, 0);
	tokens->plain++;
}

void *tokens_take(struct tokens *tokens)
{
	struct token_slot slot;

	if (tokens->count == 0)
		return NULL;
	slot = *slot_at(tokens, 0);
	tokens->head++;
	tokens->count--;
	tokens->bytes -= slot.bytes;
	if (tokens->plain > 0)
		tokens->plain--;
	if (tokens->count == 0)
		tokens_free(tokens);
	return slot.token;
}

static bool is_written(const struct tokens *tokens, uint32_t index, uint32_t written)
{
	return (int32_t)(written - slot_at(tokens, index)->sequence) >= 0;
}

void *tokens_take_written(struct tokens *tokens, uint32_t written)
{
	return tokens->plain > 0 && is_written(tokens, 0, written) ? tokens_take(tokens) : NULL;
}

/* Their places ascend. */
uint32_t tokens_unwritten(const struct tokens *tokens, uint32_t written)
{
	uint32_t low = 0, high = tokens->plain;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (is_written(tokens, middle, written))
			low = middle + 1;
		else
			high = middle;
	}
	return tokens->plain - low;
}

void *tokens_take_covered(struct tokens *tokens, uint32_t h)
{
	if (tokens->count == 0)
		return NULL;
	if (tokens->plain == 0 && (int32_t)(h - slot_at(tokens, 0)->sequence) < 0)
		return NULL;
	return tokens_take(tokens);
}

void tokens_free(struct tokens *tokens)
{
	mem_free(tokens->slots);
	*tokens = (struct tokens){ 0 };
}
