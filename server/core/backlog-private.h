/* backlog-private.h - backlogs, seen from inside the core: what they are told, and how backlog.c
 * (pages to a session) and backlog-forget.c (rows to be deleted) share them. */
#ifndef GODWIT_CORE_BACKLOG_PRIVATE_H
#define GODWIT_CORE_BACKLOG_PRIVATE_H

#include <sys/queue.h>

#include "core/backlog.h"

struct session;

LIST_HEAD(deletion_list, deletion);

/* What one module keeps for one account. Lives with the account. */
struct backlog {
	SLIST_ENTRY(backlog) next;
	struct account *account;
	const struct module *module;
	struct flush *flush; /* under way, or NULL */
	bool waits;          /* there may be rows that no session has */

	/* backlog-forget.c */
	struct deletion_list deletions; /* under way */
	int64_t *delivered;             /* numbers still to be deleted */
	size_t delivered_count, delivered_room;
};

/* The last reference to the account is gone. */
void backlogs_free(struct account *account);
/* A session takes messages from now on. */
void backlogs_session_reachable(struct session *session);
/* A session is ending; it is still in the account's list. */
void backlogs_session_ended(struct session *session);
/* A client has what is kept under this number, wherever it is kept. */
void backlogs_delivered(struct account *account, int64_t number);
/* The session that had something kept is gone without having confirmed it. */
void backlogs_lost(struct account *account);

/* Deletes the row, soon. */
void backlog_forget(struct backlog *backlog, int64_t number);
/* Deletes what could not be deleted before. */
void backlog_forget_all(struct backlog *backlog);
/* Whether a client has it though its row may still be there. */
bool backlog_has_forgotten(const struct backlog *backlog, int64_t number);
/* Deletes the rest, for which nobody waits. */
void backlog_forget_end(struct backlog *backlog);

#endif
