/* sqlite.h - what the files of the SQLite driver share. */
#ifndef GODWIT_STORE_SQLITE_H
#define GODWIT_STORE_SQLITE_H

#include <sqlite3.h>

#include "store/driver.h"

/* How long SQLite waits for another process by itself, where that may take but a moment. */
#define SQLITE_WAIT_MS 2000

struct sqlite_answer;
struct sqlite_parcel;
struct sqlite_watch;
STAILQ_HEAD(sqlite_parcels, sqlite_parcel);

/* The file, and the one thread that works on it. What is below `thread` belongs to that thread. */
struct sqlite_store {
	struct store base;
	struct worker *thread;
	sqlite3 *db;
	sqlite3_stmt **prepared; /* by number */
	unsigned prepared_count;
	sqlite3_stmt *begin, *mark, *unmark, *commit, *rollback;
	bool is_hasty;                 /* a commit does not wait for the disk */
	struct sqlite_parcels arrived; /* those that wait for a lock first */
	struct later work;
	struct timer *retry;        /* NULL: nobody waits for a lock */
	bool giving_up;             /* nobody shall */
	struct sqlite_watch *watch; /* for the one worker that follows; NULL: none does */
};

/* Opens the file (made with mode 0600) and brings its schema up to date; *schema_out is its number.
 * NULL and *error_out if it cannot. */
sqlite3 *sqlite_file_open(const char *path, const char *schema_dir, bool migrate,
    struct arena *arena, unsigned *schema_out, const char **error_out);

/* The condition that stands for an (extended) result code of SQLite. */
enum rc sqlite_rc(int code);
/* The same SQL with ?N for $N, which SQLite would take for a name and number by its appearance.
 * Quoted texts are left alone. The caller frees it. */
char *sqlite_sql(const char *sql);
/* Prepared to be used many times; NULL if SQLite does not understand it. */
sqlite3_stmt *sqlite_prepare(sqlite3 *db, const char *sql);
/* Runs the request and copies what it gives. */
struct sqlite_answer *sqlite_statement_run(
    struct sqlite_store *sqlite, const struct request *request);
/* An answer that says why not; `message` is copied. */
struct sqlite_answer *sqlite_answer_failed(enum rc rc, const char *message);
const struct store_result *sqlite_answer_result(const struct sqlite_answer *answer);
/* Accepts a pointer to NULL, leaves NULL. */
void sqlite_answer_free(struct sqlite_answer **answer);

/* On a worker: wakes its connection when another process has changed something. Until
 * sqlite_watch_end(), which does nothing for others; the thread's answer to later mail comes after
 * the last wake-up. */
void sqlite_watch(struct connection *connection);
void sqlite_watch_end(struct connection *connection);

/* Runs what has gathered: all writes in one transaction. Each request has its answer afterwards,
 * but for those that have to wait since another process is writing: true if there are any. */
bool sqlite_batch_run(struct sqlite_store *sqlite, struct request **requests, size_t count);

/* Those of a batch that wait for another process (sqlite-locked.c); all zero: nobody. */
struct sqlite_waiting {
	struct arena *arena;
	struct hash *accounts;
};
/* Lets it wait; what is asked for its account from now on has to wait, too. */
void sqlite_wait(struct sqlite_waiting *waiting, const struct request *request);
bool sqlite_has_to_wait(const struct sqlite_waiting *waiting, const struct request *request);
/* Whether it has waited long enough to be refused. */
bool sqlite_has_waited(const struct sqlite_store *sqlite, const struct request *request);
/* Returns whether anybody waits. */
bool sqlite_waiting_free(struct sqlite_waiting *waiting);

#endif
