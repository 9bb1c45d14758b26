/* account.h - a bare JID of ours in memory, on its home worker: sessions, roster, what modules
 * keep. It is loaded by one pipelined round of queries before anything sees it; what arrives
 * meanwhile waits in order. Without sessions it stays in a bounded LRU; names that do not exist are
 * remembered there too. */
#ifndef GODWIT_CORE_ACCOUNT_H
#define GODWIT_CORE_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/module.h"
#include "core/turns.h"

struct backlog;
struct roster;
struct session;
struct stanza;
struct task;

enum account_phase {
	ACCOUNT_LOADING, /* its queries are under way, or wait their turn */
	ACCOUNT_READY,
	ACCOUNT_ABSENT, /* there is no such user */
	ACCOUNT_FAILED, /* the database was away; loaded again when next asked for */
	ACCOUNT_GONE    /* deleted; freed with its last reference */
};

/* Somebody who is told once when the account is loaded, as far as it exists. Embedded. */
struct account_waiter {
	STAILQ_ENTRY(account_waiter) next;
	void (*loaded)(struct account_waiter *waiter, struct account *account);
};

TAILQ_HEAD(task_queue, task);
STAILQ_HEAD(account_waiters, account_waiter);
TAILQ_HEAD(session_list, session);
TAILQ_HEAD(delivery_list, delivery);
SLIST_HEAD(backlog_list, backlog);

struct account {
	struct jid *jid; /* bare */
	enum account_phase phase;
	unsigned references;
	unsigned blocked; /* account_block() */
	unsigned loads;   /* queries still under way */
	unsigned waiting_count;
	uint64_t arrivals; /* the last place given to a task */
	bool disabled;
	unsigned untold; /* changes of the roster that clients are being told of */
	bool draining;   /* account_run_waiting() is on the stack */
	bool is_stale;   /* memory may not be what the database has: to be loaded again */
	/* What is being loaded may be older than memory, or than what others have written since. */
	bool is_overtaken;
	enum rc load_rc;
	struct session_list sessions;
	unsigned session_count;
	struct task_queue waiting;       /* until loaded and unblocked */
	struct account_waiters waiters;  /* for a login */
	struct delivery_list deliveries; /* on their way to sessions, with a row or to be kept */
	struct backlog_list backlogs;    /* what modules keep for it; made when needed */
	struct roster *roster;
	void **states;              /* of modules, by index */
	int64_t asked_ms;           /* when its requests were last sent again; 0: not yet */
	struct turn turn;           /* to be loaded; */
	bool is_login_turn;         /* of this kind */
	TAILQ_ENTRY(account) stale; /* while `is_stale` */
	TAILQ_ENTRY(account) idle;  /* in the LRU, while `is_idle` */
	bool is_idle;
};

/* The account of a bare JID (or of the bare part of a full one) of a served domain, on this worker,
 * which must be its home; makes it if it is not in memory, and has it loaded when its turn comes
 * (turns.h); when too many wait it is one that could not be loaded. Lent: ref it to keep it past
 * the end of the round. */
struct account *account_get(const struct jid *jid);
/* The same, only if it is in memory. */
struct account *account_peek(const struct jid *jid);
/* Whether it is being loaded, or about to be. */
bool account_is_loading(const struct account *account);
/* Runs `passed` with the task once the account is loaded and unblocked, in the order of arrival;
 * right now if it is and nobody waits. The task must have been made for this account; one that was
 * here before (task->arrival) gets its old place. An account that cannot be loaded fails its tasks
 * with a wait error; one that is absent lets them run. */
void account_queue(struct account *account, struct task *task, void (*passed)(struct task *));
/* Tells the waiter when the account is loaded and as the database has it now: an account without
 * sessions, or one that was absent, is loaded again, for it may have changed. May be inside the
 * call. Logins wait for their turn among themselves, if very many come at once. */
void account_login(struct account *account, struct account_waiter *waiter);
/* Loads again what the database says: after a write that failed, or a change from outside. An
 * account with sessions goes on meanwhile with what it has; if the database does not answer, it is
 * asked again until it does. */
void account_reload(struct account *account);
/* The same, in a second: for what could not be read. */
void account_set_stale(struct account *account);
/* Holds back what others send to this account, in order, until account_unblock(). Nests. */
void account_block(struct account *account);
void account_unblock(struct account *account);
/* Somebody else has changed rows of this account (bare JID, at home here): if it is in memory it is
 * loaded again soon. Sessions of one that is deleted or disabled then end. */
void account_changed(const struct jid *jid);
/* A task of it is about to write what memory has already: a load under way may bring older rows. */
void account_overtake(struct account *account);
/* Marks it deleted: sessions end, waiting tasks run and find it gone. */
void account_set_gone(struct account *account);
/* Called by session.c. */
void account_add_session(struct account *account, struct session *session);
void account_drop_session(struct account *account, struct session *session);

/* Called by home.c. */
void accounts_start(void);
void accounts_stop(void);
size_t accounts_count(void);
size_t accounts_busy(void);
/* Goes through all accounts on this worker; start with a cursor of 0. */
struct account *accounts_next(size_t *cursor);

#endif
