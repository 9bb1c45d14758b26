/* chore.h - a thread for work that takes milliseconds, as PBKDF2 does, so that no loop waits for
 * it. Parties take turns, one chore each: who brings many waits for himself. */
#ifndef GODWIT_LOOP_CHORE_H
#define GODWIT_LOOP_CHORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "loop/worker.h"

/* Embedded in what has to be worked on; whoever gave it keeps its hands off until `done`. */
struct chore {
	struct mail mail;
	STAILQ_ENTRY(chore) next;
	struct worker *asker;
	void (*work)(struct chore *chore); /* in the thread */
	void (*done)(struct chore *chore); /* on the worker that gave it, from the loop */
};

/* So many may wait. */
#define CHORES_MAX 2048

void chores_start(void);
/* Works off what waits, and ends the thread; the workers must still run. */
void chores_stop(void);

/* Has `work` run, then `done`. False if too many wait: nothing is done. `party`, any number, tells
 * whose turn it takes. Without the thread (in tools, and after the stop) both are run in the call.
 */
bool chore_give(struct chore *chore, uintptr_t party, void (*work)(struct chore *),
    void (*done)(struct chore *));

#endif
