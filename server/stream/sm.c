/* sm.c - counting for XEP-0198. */
#include "stream/sm.h"

#include "base/mem.h"

#define WORD_BITS 64u

struct sm *sm_new(const char *ns)
{
	struct sm *sm = mem_alloc_zero(sizeof(*sm));

	sm->ns = ns;
	sm->capacity = WORD_BITS;
	return sm;
}

void sm_free(struct sm **sm)
{
	if (*sm == NULL)
		return;
	mem_free((*sm)->bits);
	mem_free((*sm)->id);
	mem_free(*sm);
	*sm = NULL;
}

static uint64_t *word_of(struct sm *sm, uint32_t sequence)
{
	uint32_t at = sequence & (sm->capacity - 1);

	return sm->bits == NULL ? &sm->word : &sm->bits[at / WORD_BITS];
}

static uint64_t bit_of(uint32_t sequence)
{
	return UINT64_C(1) << (sequence % WORD_BITS);
}

/* A ring of twice the size; one that is empty again is small again. */
static void ring_grow(struct sm *sm)
{
	struct sm old = *sm;

	sm->capacity *= 2;
	sm->bits = mem_alloc_zero(sm->capacity / 8);
	for (uint32_t sequence = sm->handled + 1; sequence != sm->received; sequence++)
		if ((*word_of(&old, sequence) & bit_of(sequence)) != 0)
			*word_of(sm, sequence) |= bit_of(sequence);
	mem_free(old.bits);
}

static void ring_shrink(struct sm *sm)
{
	mem_free(sm->bits);
	sm->bits = NULL;
	sm->word = 0;
	sm->capacity = WORD_BITS;
}

uint32_t sm_receive(struct sm *sm)
{
	sm->received++;
	if (sm->received - sm->handled > sm->capacity)
		ring_grow(sm);
	if (sm->received == 0)
		sm_settle(sm, 0);
	return sm->received;
}

void sm_settle(struct sm *sm, uint32_t sequence)
{
	if (sequence - sm->handled - 1 >= sm->received - sm->handled)
		return;
	*word_of(sm, sequence) |= bit_of(sequence);
	while (sm->handled != sm->received) {
		uint64_t *word = word_of(sm, sm->handled + 1);

		if ((*word & bit_of(sm->handled + 1)) == 0)
			break;
		*word &= ~bit_of(sm->handled + 1);
		sm->handled++;
		sm->tell = sm->owes;
	}
	if (sm->bits != NULL && sm->handled == sm->received)
		ring_shrink(sm);
}

void sm_asked(struct sm *sm)
{
	sm->asked = sm->received;
	sm->owes = true;
	sm_told(sm);
}

void sm_told(struct sm *sm)
{
	sm->tell = false;
	sm->told = sm->handled;
	if ((int32_t)(sm->handled - sm->asked) >= 0)
		sm->owes = false;
}

/* An h behind the last one is as far ahead of it, modulo 2^32; it is an old one if there was one.
 */
static bool is_old(const struct sm *sm, uint32_t h)
{
	uint32_t behind = sm->acked - h;

	return behind <= sm->acked_total && behind <= INT32_MAX;
}

enum sm_news sm_acknowledge(struct sm *sm, uint32_t h)
{
	uint32_t ahead = h - sm->acked;

	if (ahead > sm->sent - sm->acked && !is_old(sm, h))
		return SM_TOO_HIGH;
	sm->requested = false;
	if (ahead == 0 || ahead > sm->sent - sm->acked)
		return SM_NO_NEWS;
	sm->acked = h;
	sm->acked_total += ahead;
	return SM_NEWS;
}

bool sm_is_settled(const struct sm *sm)
{
	return sm->handled == sm->received;
}

void sm_resume(struct sm *sm)
{
	sm->sent = sm->acked;
	sm->uncounted = 0;
	sm->wants = sm->requested = sm->owes = false;
	sm_told(sm);
}
