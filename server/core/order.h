/* order.h - something that every worker does once, while who asks waits: how the main thread has
 * the workers start, change their configuration, and stop. */
#ifndef GODWIT_CORE_ORDER_H
#define GODWIT_CORE_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "loop/worker.h"

struct config;
struct rendezvous;

struct order {
	struct mail mail;
	void (*run)(struct order *order);
	struct config *config; /* what orders_run() was given */
	size_t count;          /* the worker's answer, to be summed */
	bool is_held;
	struct rendezvous *rendezvous;
};

/* In `run`: the worker has done its part only when order_release() says so, later from its loop. */
struct order *order_hold(struct order *order);
void order_release(struct order *order);
/* Runs it on each worker (homes_init()) and waits for all, so it must not be called from one.
 * Returns the sum of what they count. */
size_t orders_run(void (*run)(struct order *order), struct config *config);

#endif
