/* account-private.h - the inside of accounts in memory, shared by account.c (life, who waits, who
 * is there) and account-load.c (what the database knows). */
#ifndef GODWIT_CORE_ACCOUNT_PRIVATE_H
#define GODWIT_CORE_ACCOUNT_PRIVATE_H

#include "core/account.h"

TAILQ_HEAD(account_list, account);

/* account.c */

/* Logins first: they were asked for before the rest is let through to them. */
void account_tell_waiters(struct account *account);
/* What waits runs, as far as the account is open. */
void account_run_waiting(struct account *account);

/* account-load.c */

/* Has it loaded when its turn comes. */
void account_load_in_turn(struct account *account);
/* Its turn has ended, or is given up. The caller must hold a reference. */
void account_leave_turn(struct account *account);
/* It is in use, and in memory as it was before some queries. */
bool account_can_go_on(const struct account *account);
/* It need not be loaded again by itself: it is being loaded, or ends. */
void account_set_fresh(struct account *account);
void loads_start(void);
void loads_stop(void);

#endif
