/* backlog.h - stanzas that a module keeps in the database for clients that are not there, such as
 * messages for who is offline: the core gives them to a session that can take them.
 *
 * Each has a number, task_message_id(), ascending in the order of arrival. When a session becomes
 * reachable the rows are sent to it in pages, in their order. Whatever else arrives waits while a
 * page is read. The next page follows when the client has the one before: when it has acknowledged
 * it or, without XEP-0198, when it was written; what arrives in between the module keeps behind the
 * other rows, so that it keeps its place. If the session goes, another one gets the rest.
 *
 * A row is deleted when a client has it, never before, so a crash may deliver twice but loses
 * nothing; one that cannot be deleted is remembered, and tried again, so that it does not come
 * twice. While the database does not answer, what arrives waits a second and then goes its own way.
 *
 * A module names its source in its table (.backlog), says what is kept when an account is loaded
 * (backlog_wait), when a row is written (backlog_expect) and committed (backlog_add), and asks
 * backlog_precedes() in its hook of MESSAGE_ARRIVING. */
#ifndef GODWIT_CORE_BACKLOG_H
#define GODWIT_CORE_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

struct account;
struct jid;
struct module;

/* How many numbers `forget` takes, ascending, and its condition that a column is one of them. The
 * first and the last are named, too: a PostgreSQL that has no statistics yet looks for the list in
 * all rows of the account, but for bounds in the index. */
#define BACKLOG_FORGETS 14
#define BACKLOG_NUMBERED(column) \
	column " BETWEEN $3 AND $16 AND " column " IN ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12," \
	       " $13, $14, $15, $16)"

/* How the rows of an account are read and deleted. */
struct backlog_source {
	/* Runs a statement whose columns are the number, the stanza, and when it was kept (in
	 * microseconds since 1970), for at most `rows` rows with numbers above `after`, in
	 * ascending order. A stanza that was kept without a time of its own (XEP-0203) gets that
	 * one if it is old by then. */
	void (*read)(
	    struct account_key key, int64_t after, size_t rows, store_done *on_done, void *state);
	/* DELETE ... WHERE domain = $1 AND username = $2 AND " BACKLOG_NUMBERED("id"), where the
	 * same number may come more than once; and return rows for `forgotten`. */
	const struct statement *forget;
	/* These were deleted; for the module's accounts. NULL: it does not care. */
	void (*forgotten)(struct account *account, const struct store_result *rows);
};

/* Rows may wait that no session has: found when the account was loaded. What arrives from now on
 * gets numbers above `highest`, that of their last. */
void backlog_wait(struct account *account, const struct module *module, int64_t highest);
/* A row that no session has is about to be written, by a statement that was just queued: a session
 * that comes from now on gets it before what arrives then. */
void backlog_expect(struct account *account, const struct module *module);
/* A row that no session has was committed under this number. */
void backlog_add(struct account *account, const struct module *module, int64_t number);
/* Whether rows are being sent that a message to `to` would overtake. */
bool backlog_precedes(
    const struct account *account, const struct module *module, const struct jid *to);

#endif
