/* roster-write.h - one change of a roster on its way into the database. Memory has changed already;
 * clients learn of it after the commit (RFC 6121 section 2.1.6), then the task that asked is
 * finished. If a write fails, so does the task, and the account is loaded again. */
#ifndef GODWIT_CORE_ROSTER_WRITE_H
#define GODWIT_CORE_ROSTER_WRITE_H

#include "core/module.h"

struct account;
struct roster_item;
struct roster_write;
struct task;

/* Begins a change; holds the task (may be NULL) until all of it is committed. Add to it what is to
 * be written and pushed, in this order, and end with roster_write_end(). */
struct roster_write *roster_write_new(struct account *account, struct task *task);
/* The row of an item as it is now; with its groups, if they may have changed. */
void roster_write_item(struct roster_write *write, const struct roster_item *item);
void roster_write_groups(struct roster_write *write, const struct roster_item *item);
/* Deletes the row of an item with its groups. */
void roster_write_removal(struct roster_write *write, const struct roster_item *item);
/* A pending request of a contact, with its stanza; or none any more. */
void roster_write_request(
    struct roster_write *write, const struct jid *contact, const struct stanza *stanza);
void roster_write_no_request(struct roster_write *write, const struct jid *contact);
/* Pushes the contact as clients see it now, or that they do not any more. */
void roster_write_push(struct roster_write *write, const struct jid *contact);
/* What others send to the account waits until clients know of the change, or for a second. */
void roster_write_block(struct roster_write *write);
/* Nothing more will be added. The write frees itself. */
void roster_write_end(struct roster_write *write);

#endif
