/* postgresql.h - what the files of the PostgreSQL driver share.
 * Each worker has a connection of its own (libpq in pipeline mode, on the worker's loop), so the
 * order of a worker's statements is the order on its connection. */
#ifndef GODWIT_STORE_POSTGRESQL_H
#define GODWIT_STORE_POSTGRESQL_H

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "loop/descriptor.h"
#include "loop/timer.h"
#include "store/driver.h"

struct locked_account;
struct postgresql_attempt;

/* The thread of an attempt to connect that nobody waits for any more. libpq and its libraries must
 * not be at work when the process ends, so the store joins it when it is closed. */
struct abandoned {
	SLIST_ENTRY(abandoned) next;
	pthread_t thread;
};
SLIST_HEAD(abandoned_list, abandoned);

struct postgresql_store {
	struct store base;
	char *uri;        /* with its password: never to be shown */
	atomic_uint away; /* how many connections do not work */
	pthread_mutex_t lock;
	struct abandoned_list abandoned; /* under the lock */
};

/* What one transaction is made of: all that is sent up to one sync. */
struct batch {
	TAILQ_ENTRY(batch) link;
	struct request_list sent; /* their results are awaited, in this order */
	struct request_list
	    held; /* they have results, and wait for the commit or to be run again */
	unsigned count, writes;
	size_t bytes;
	bool is_synced;  /* closed: nothing more gets in */
	bool is_barrier; /* nothing is sent behind it until it is over */
	bool has_failed;
	bool wants_flush; /* has a read whose result must not wait for the sync */
};
TAILQ_HEAD(batch_list, batch);
TAILQ_HEAD(locked_accounts, locked_account);

struct postgresql_connection {
	struct connection base;
	PGconn *pg; /* NULL: it is away */
	struct descriptor *descriptor;

	struct request_list waiting;   /* not sent yet */
	struct batch_list batches;     /* sent, oldest first; only the last may be open */
	struct locked_accounts locked; /* put aside, the one to be tried next first */
	struct timer *trial;           /* until that */
	struct later work;
	struct timer *gather;    /* until the open batch is due */
	int64_t write_synced_ms; /* when writes were last sent to be committed */
	bool *prepared;          /* by the number of the statement */
	unsigned prepared_count;

	struct timer *give_up;              /* until the oldest request is too old */
	struct postgresql_attempt *attempt; /* to connect, under way */
	struct timer *retry;
	unsigned retries;
	char *session; /* the name of the last one, as the server knows it */
	bool is_away;  /* and has been logged */
	int64_t away_since_ms;
};

/* postgresql-session.c */

/* Connects and makes the settings that all sessions have. Blocks, for a few seconds at most plus
 * what looking up names takes. NULL and *error_out (the caller frees it) if it cannot. */
PGconn *postgresql_connect(const char *uri, unsigned give_up_ms, char **error_out);
/* The name of this session among all that the server ever had; the caller frees it. NULL if it does
 * not say. Blocks, as the next. */
char *postgresql_session_name(PGconn *pg);
/* Ends the session of that name, if it still lives, and waits a moment for that. It may have been
 * given up before it did what was asked of it, and must not do it later. */
void postgresql_session_end(PGconn *pg, const char *name);
/* libpq's words in one line; the caller frees it. */
char *postgresql_words(const char *message);
/* The URI as it may be shown; NULL if it is none. */
char *postgresql_uri_shown(const char *uri, struct arena *arena);

/* postgresql-schema.c */

/* Connects once and brings the schema up to date. *version_out (the caller frees it) is the version
 * of the server. */
bool postgresql_schema_update(const char *uri, const char *schema_dir, bool migrate,
    struct arena *arena, unsigned *schema_out, char **version_out, const char **error_out);

/* postgresql-connection.c */

/* Waits for threads that still try to connect, a few seconds at most. */
void postgresql_abandoned_join(struct postgresql_store *store);
/* Begins to connect, and goes on until it succeeds. */
void postgresql_connect_start(struct postgresql_connection *connection);
/* Ends what is under way. */
void postgresql_connect_abandon(struct postgresql_connection *connection);
/* The connection is gone or of no use: all that was not answered waits again, in its order, and we
 * try to connect again. */
void postgresql_connection_lost(struct postgresql_connection *connection, const char *reason);
/* Closes the connection, with all that was sent on it waiting again. */
void postgresql_connection_close(struct postgresql_connection *connection);

/* postgresql-pipeline.c */

/* At the end of the round: sends what may be sent. */
void postgresql_work(struct later *later);
/* The same, when the time to gather is over. */
void postgresql_gathered(void *state);
/* The descriptor is ready. */
void postgresql_ready(void *state, unsigned what);
/* Puts all that was sent and not answered back in front of what waits. */
void postgresql_requeue(struct postgresql_connection *connection);

/* postgresql-locked.c */

/* Takes a request that is about to be sent if its account is put aside. */
bool postgresql_put_aside(struct postgresql_connection *connection, struct request *request);
/* `request`, one of these, has failed for a lock: its account is put aside, with all of its
 * requests among these; the others stay in the list. */
void postgresql_lock_met(struct postgresql_connection *connection, const struct request *request,
    struct request_list *requests);
/* The time of `trial` has come. */
void postgresql_trial_due(void *state);
/* A request with `is_trial` has its answer, whatever it is: the others of its account go on. */
void postgresql_trial_over(struct postgresql_connection *connection, struct request *request);
/* All that is put aside waits like the rest. */
void postgresql_release_all(struct postgresql_connection *connection);

/* postgresql-result.c */

/* The condition that stands for a SQLSTATE (NULL: none is known). */
enum rc postgresql_rc(const char *sqlstate);
bool postgresql_is_ok(const PGresult *result);
/* Whether somebody else's lock was in the way, or a deadlock. */
bool postgresql_is_lock(const PGresult *result);
/* Whether the error ended the session rather than the statement. */
bool postgresql_is_loss(PGconn *pg, const PGresult *result);
/* Answers the request with the result that it holds, and frees both. */
void postgresql_deliver(struct postgresql_connection *connection, struct request *request);

#endif
