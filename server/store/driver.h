/* driver.h - what the front of the store and its two drivers share; for the files of server/store
 * only. The front (store.c) copies what is asked into a request and counts it; the driver runs
 * requests in order and answers each with request_finish(). A driver embeds struct store and struct
 * connection as the first member of its own. */
#ifndef GODWIT_STORE_DRIVER_H
#define GODWIT_STORE_DRIVER_H

#include <sys/queue.h>

#include "base/log.h"
#include "loop/worker.h"
#include "store/migrate.h"
#include "store/database.h"
#include "store/store.h"

/* A parameter, copied: TEXT and BLOB are NUL-terminated behind `length`. */
struct value {
	enum { VALUE_NULL, VALUE_TEXT, VALUE_BLOB, VALUE_INTEGER } type;
	int length;
	union {
		const char *bytes;
		int64_t integer;
	};
};

/* One allocation, with its values and their bytes. */
struct request {
	STAILQ_ENTRY(request) link;
	const struct statement *statement;
	unsigned slot;
	store_done *on_done; /* NULL: nobody wants to know */
	void *state;
	void *answer; /* the driver's, until it is delivered */
	int64_t asked_ms;
	size_t bytes;
	bool has_account; /* its first two values are domain and username */
	bool alone;       /* the driver's: not to be batched with others */
	bool is_trial;    /* the driver's: whether a lock is still held */
	bool preparing;   /* the driver's: its statement is being prepared right before it */
	unsigned count;
	struct value values[];
};
STAILQ_HEAD(request_list, request);

/* Slots are numbered from 1 in the order of first use, the same in the whole process; the lowest
 * bit says whether the statement only reads: a SELECT that locks nothing. */
unsigned statement_slot(const struct statement *statement);
static inline bool slot_is_read(unsigned slot)
{
	return slot & 1;
}
static inline unsigned slot_number(unsigned slot)
{
	return slot >> 1;
}

/* A driver's result begins with this. `cell` gives a NUL-terminated value, or {NULL, 0}. */
struct store_result {
	enum rc rc;
	const char *message;
	size_t rows;
	size_t columns;
	int64_t changed;
	struct span (*cell)(const struct store_result *result, size_t row, size_t column);
};
#define STORE_RESULT_FAILED(why, words) ((struct store_result){ .rc = (why), .message = (words) })

struct connection;

/* How the log of changes is read, changes.c. */
struct change_log {
	const char *beginning;          /* the position before all rows */
	const struct statement *listen; /* so that the connection is woken; NULL: not needed */
	const struct statement *goal;   /* one value: a position that takes in all there is now */
	/* Rows of struct change behind position $1 up to position $2, with numbers above $3, at
	 * most $4. */
	const struct statement *page;
};

enum wake { WAKE_CONNECTED, WAKE_CHANGED };

struct driver {
	struct connection *(*attach)(struct store *store);
	/* Takes over the request. */
	void (*run)(struct connection *connection, struct request *request);
	/* Answers everything, with failure if need be. NULL: all is answered in bounded time. */
	void (*give_up)(struct connection *connection);
	/* Answers everything, then closes and frees the connection. */
	void (*detach)(struct connection *connection);
	void (*close)(struct store *store);
	bool (*is_up)(const struct connection *connection);
	/* Calls `woken` of the connection from now on: when it is connected anew, and when somebody
	 * else may have changed something. */
	void (*watch)(struct connection *connection);
	const struct change_log *change_log;
};

struct store {
	const struct driver *driver;
	struct store_limits limits;
	struct log *log;
	char *version;
	unsigned schema;
};

struct connection {
	struct store *store;
	struct worker *worker;
	size_t waiting; /* requests not answered yet, and their bytes */
	size_t waiting_bytes;
	bool drained; /* set when `waiting` falls to 0, or by the driver when it waits no longer */
	bool closing; /* nothing new is accepted */
	struct request_list refused;
	struct later refuse;
	struct log_crowd failures;
	void (*woken)(struct connection *connection, enum wake wake); /* NULL: nobody follows */
};

/* Fills in the common parts; the driver has allocated it all zero. */
void store_init(
    struct store *store, const struct driver *driver, const struct store_limits *limits);
void store_finish(struct store *store);
void connection_init(struct connection *connection, struct store *store);
/* That of the current worker; NULL before store_attach(). */
struct connection *connection_current(void);
static inline void connection_wake(struct connection *connection, enum wake wake)
{
	if (connection->woken != NULL)
		connection->woken(connection, wake);
}
/* Answers what was refused and not told yet. */
void connection_refuse_now(struct connection *connection);
/* Tells the one who asked, and frees the request (not its `answer`). */
void request_finish(
    struct connection *connection, struct request *request, const struct store_result *result);

/* As store_open(), with the path or the URI. */
struct store *sqlite_open(const char *path, const char *schema_dir, bool migrate,
    const struct store_limits *limits, struct arena *arena, const char **error_out);
struct store *postgresql_open(const char *uri, const char *schema_dir, bool migrate,
    const struct store_limits *limits, struct arena *arena, const char **error_out);

/* How a driver lets its schema be brought up to date. Each function returns false after it has set
 * *error_out. */
struct schema_access {
	const char *flavour;
	void *database;
	/* The highest number in schema_version; 0 if there is no such table. */
	bool (*number)(void *database, unsigned *number_out, const char **error_out);
	/* Takes the step in one transaction that keeps other servers out, unless one of them has
	 * taken it by then. */
	bool (*take)(void *database, const struct migration *step, const char **error_out);
};
/* Takes the steps that are missing, or with `migrate` false only says that some are. The number the
 * schema has then is in *number_out. */
bool schema_update(const struct schema_access *access, const char *schema_dir, bool migrate,
    struct arena *arena, unsigned *number_out, const char **error_out);

#endif
