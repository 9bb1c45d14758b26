/* deposit.h - a message out of the table outbox, at the home of its addressee. It is kept for the
 * account, whether somebody is online or not: the module that keeps messages writes it into the
 * mailbox and marks the row as sent, both by one statement, and from there it is delivered like all
 * that is kept (backlog.h). So it is sent once, whenever the server dies. What is not for keeping
 * (a headline, XEP-0334's no-store, what is for one resource) is delivered after the row was marked
 * as sent: at most once. */
#ifndef GODWIT_CORE_DEPOSIT_H
#define GODWIT_CORE_DEPOSIT_H

#include <stdint.h>

#include "base/rc.h"
#include "store/store.h"

struct stanza;

/* Whose row it is. */
enum deposit_row {
	ROW_OF_ONE,  /* the addressee's own: it is marked as sent */
	ROW_OF_GROUP /* a group's: for the addressee, as a member, a row in outbox_receivers is made
	              */
};

/* `text` is lent, and may be NULL. */
typedef void deposit_ended(void *state, enum rc rc, const char *text);

/* Sends a message whose `to` is an account at home on this worker. `ended` is called once, now or
 * later: RC_OK if the row is marked as sent, or why not. */
void deposit_message(const struct stanza *message, int64_t outbox_id, enum deposit_row row,
    deposit_ended *ended, void *state);

/* Marks a row as sent before it is, for what may be sent at most once. `on_done` gets a result that
 * has changed one row, or none if the row does not wait any more, or somebody has it locked. */
void deposit_claim(int64_t outbox_id, store_done *on_done, void *state);

#endif
