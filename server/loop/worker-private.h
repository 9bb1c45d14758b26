/* worker-private.h - the inside of a worker, for the files of this folder. */
#ifndef GODWIT_LOOP_WORKER_PRIVATE_H
#define GODWIT_LOOP_WORKER_PRIVATE_H

#include "loop/worker.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define COMMON_TIMEOUTS_MAX 32

/* A duration that many timers share (libevent keeps them in a list instead of the heap). */
struct common_timeout {
	unsigned seconds;
	const struct timeval *handle;
};

struct later_list {
	struct later *first;
	struct later **last;
	size_t count;
};

struct worker {
	unsigned index;
	struct event_base *base;

	/* The mailbox: posted mail, newest first, and the descriptor that wakes the loop. */
	_Atomic(struct mail *) posted;
	atomic_bool sleeps; /* waits, or is about to: whoever posts has to wake it */
	int wake_fd;
	struct event wake;

	/* What is to be done at the end of this round, and what of it can wait. */
	struct later_list laters, patient;
	bool is_patient;

	bool is_in_round;
	bool is_now_known; /* in this round */
	int64_t now_ms;

	bool stopping;
	atomic_bool is_stop_posted;
	struct mail stop;

	pthread_t thread;
	void (*started)(struct worker *, void *);
	void (*ended)(struct worker *, void *);
	void *state;

	struct common_timeout common_timeouts[COMMON_TIMEOUTS_MAX];
	unsigned common_timeout_count;
};

/* It runs: it will look into its mailbox by itself before it sleeps again. */
static inline void worker_rise(struct worker *worker)
{
	if (atomic_load_explicit(&worker->sleeps, memory_order_relaxed))
		atomic_store_explicit(&worker->sleeps, false, memory_order_relaxed);
}

#endif
