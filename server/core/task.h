/* task.h - work on one stanza, seen from inside the core; module.h has what modules may do with it.
 *
 * A task is run through a list of hooks; when all have passed, through its `passed` function. It
 * ends, and its holds on account, stanza and receipt with it, when nothing of that is on the stack
 * and nobody holds it. task_hold() may be called several times; each hold is let go by one
 * task_reply(), task_fail(), task_finish(), task_release() or task_resume(). */
#ifndef GODWIT_CORE_TASK_H
#define GODWIT_CORE_TASK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/module.h"

struct config;
struct hook_list;
struct receipt;

struct task {
	TAILQ_ENTRY(task) waiting;   /* in account->waiting */
	struct stanza *stanza;       /* referenced */
	struct account *account;     /* referenced; NULL for a domain */
	struct receipt *receipt;     /* held; NULL if nobody asked */
	struct arena *arena;         /* made when first wanted */
	struct config *config;       /* referenced */
	const struct module *module; /* whose hook runs or holds; NULL: the core's */
	const struct hook_list *hooks;
	size_t next_hook;
	void (*passed)(struct task *task); /* when every hook has passed */
	/* Who gets answers; NULL: they are routed to the stanza's `from`. */
	void (*answer)(void *state, struct stanza *answer);
	/* Told when the task is over, with the last rc it was finished with; NULL: nobody. */
	void (*ended)(void *state, enum rc rc);
	void *state; /* of answer and ended */
	int64_t message_id;
	int64_t outbox_id; /* deposit.h; 0: it is from nowhere */
	uint64_t arrival;  /* its place among those for the account; 0: it has none yet */
	enum rc rc;
	unsigned holds;
	unsigned running; /* functions on the stack that will look at it again */
	bool quiet;       /* answers are dropped */
};

/* Makes a task for a stanza (referenced) about an account (referenced, may be NULL); holds the
 * receipt (may be NULL). It is running: call task_run() or task_leave(). */
struct task *task_new(
    const struct stanza *stanza, struct account *account, struct receipt *receipt);
/* Runs the hooks of the list from the first; when all pass, `passed`. Ends the task if nobody holds
 * it. */
void task_run(struct task *task, const struct hook_list *hooks, void (*passed)(struct task *));
/* From inside `passed`: starts over with another list of hooks (FROM_ACCOUNT, then TO_ACCOUNT). */
void task_continue(struct task *task, const struct hook_list *hooks, void (*passed)(struct task *));
/* Brackets for who calls functions with the task that may finish it. */
void task_enter(struct task *task);
void task_leave(struct task *task);
/* How many tasks are alive on this worker. */
size_t tasks_count(void);

#endif
