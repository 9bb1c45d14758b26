/* receipt.c - what must be durable before a client is told that its stanza was handled: an atomic
 * count of holds, and the way home for the last of them. */
#include "core/receipt.h"

#include <stdatomic.h>
#include <stddef.h>

#include "base/mem.h"
#include "loop/worker.h"

struct receipt {
	struct mail mail;
	struct worker *worker;
	void (*settled)(void *state, uint32_t sequence);
	void *state;
	uint32_t sequence;
	atomic_uint holds;
};

struct receipt *receipt_new(
    void (*settled)(void *state, uint32_t sequence), void *state, uint32_t sequence)
{
	struct receipt *receipt = mem_alloc_zero(sizeof *receipt);

	receipt->worker = worker_current();
	receipt->settled = settled;
	receipt->state = state;
	receipt->sequence = sequence;
	atomic_init(&receipt->holds, 1);
	return receipt;
}

struct receipt *receipt_hold(struct receipt *receipt)
{
	if (receipt != NULL)
		atomic_fetch_add_explicit(&receipt->holds, 1, memory_order_relaxed);
	return receipt;
}

static void receipt_settle(struct receipt *receipt)
{
	receipt->settled(receipt->state, receipt->sequence);
	mem_free(receipt);
}

static void receipt_came_home(struct mail *mail)
{
	receipt_settle(CONTAINER_OF(mail, struct receipt, mail));
}

void receipt_release(struct receipt **receipt_pointer)
{
	struct receipt *receipt = *receipt_pointer;

	*receipt_pointer = NULL;
	if (receipt == NULL ||
	    atomic_fetch_sub_explicit(&receipt->holds, 1, memory_order_acq_rel) != 1)
		return;
	if (receipt->worker == worker_current())
		receipt_settle(receipt);
	else
		worker_post(receipt->worker, &receipt->mail, receipt_came_home);
}
