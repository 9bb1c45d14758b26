/* receipt.h - what must be durable before a client is told that its stanza was handled (XEP-0198).
 * A receipt counts holds, across workers. When the last is released it is settled: it goes back to
 * the worker it came from, in mail, and the stream's h may pass its stanza. */
#ifndef GODWIT_CORE_RECEIPT_H
#define GODWIT_CORE_RECEIPT_H

#include <stdint.h>

struct receipt;

/* Makes a receipt with one hold, on the worker of the stream; `settled` is called there, from the
 * loop or inside the last receipt_release(), exactly once, and the receipt is gone after it. */
struct receipt *receipt_new(
    void (*settled)(void *state, uint32_t sequence), void *state, uint32_t sequence);
/* Both accept NULL. From any thread. Returns its argument. */
struct receipt *receipt_hold(struct receipt *receipt);
/* Releases one hold; the caller's pointer becomes NULL. */
void receipt_release(struct receipt **receipt);

#endif
