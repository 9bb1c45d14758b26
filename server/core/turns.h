/* turns.h - waiting for one's turn at the database. What clients make the server look up (accounts
 * that a stanza is for, rosters that a probe asks) goes there so many at a time, and the rest waits
 * here in order: a flood to thousands of names then fills neither the database's queue nor memory,
 * and a login, which has queues of its own, is never behind it. What has waited too long, because
 * the database does not answer, is refused; who logs in has a deadline of his own. */
#ifndef GODWIT_CORE_TURNS_H
#define GODWIT_CORE_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* For what has no other bound: the store gives up as soon, whoever waits longer would learn from it
 * no more than that. */
#define TURNS_PATIENCE_MS 30000

/* Embedded in what waits; all zero when it does not. */
struct turn {
	TAILQ_ENTRY(turn) next;
	int64_t since_ms;
	enum { TURN_NONE, TURN_WAITS, TURN_RUNS } state;
};

/* One queue; a worker's. The functions are never called twice for one turn: `run` starts the work,
 * and turns_end() tells that it is done, later; or `refuse` gives it up. */
struct turns {
	size_t running_max, waiting_max;
	int64_t patience_ms; /* that one waits; 0: as long as it takes, `refuse` is not needed */
	void (*run)(struct turn *turn);
	void (*refuse)(struct turn *turn);
	TAILQ_HEAD(, turn) waiting;
	size_t waiting_count, running_count;
};

/* `turns` has its bounds and functions already. */
void turns_init(struct turns *turns);
/* Runs it, maybe inside the call, or lets it wait. False if too many wait: nothing was done. */
bool turns_take(struct turns *turns, struct turn *turn);
/* It will not be run any more, or what was run has ended: somebody else's turn. */
void turns_end(struct turns *turns, struct turn *turn);
/* Waiting or running. */
size_t turns_count(const struct turns *turns);

#endif
