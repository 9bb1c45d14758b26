/* task.h - work on one stanza, seen from inside the core; module.h has what modules may do with it. */
#ifndef GODWIT_CORE_TASK_H
#define GODWIT_CORE_TASK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/module.h"

struct config;
struct receipt;

struct task {
	TAILQ_ENTRY(task) waiting; /* in account->waiting */
	const struct stanza *stanza;
	struct account *account;  /* referenced; NULL for a domain */
	struct receipt *receipt;  /* held; NULL if nobody asked */
	struct arena *arena;      /* made when first wanted */
	const struct config *config;
	const struct module *module; /* whose hook runs or holds */
	const struct jid *sender;    /* full JID of the session here that sent it, in the stanza; or NULL */
	/* Where hooks go on after task_resume(). */
	const struct hook_list *hooks;
	size_t next_hook;
	void (*passed)(struct task *task); /* when every hook has passed */
	/* Who gets answers; NULL: they are routed to the stanza's `from`. */
	void (*answer)(void *state, struct stanza *answer);
	void *answer_state;
	int64_t message_id;
	unsigned holds;
	bool running; /* a hook is on the stack: the task is not freed below it */
};

/* Makes a task for a stanza (referenced) about an account (referenced, may be NULL); holds the receipt
 * (may be NULL). */
struct task *task_new(const struct stanza *stanza, struct account *account, struct receipt *receipt);
/* Runs hooks of the list from the first; when all pass, `passed`. The task is freed when that is over
 * and it has no holds. */
void task_run(struct task *task, const struct hook_list *hooks, void (*passed)(struct task *));

#endif
