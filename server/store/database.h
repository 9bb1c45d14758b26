/* database.h - opening the database, bringing its schema up to date, and a connection for each
 * worker: what main and the tools need. Statements are run by what store.h declares, which modules
 * see too. */
#ifndef GODWIT_STORE_DATABASE_H
#define GODWIT_STORE_DATABASE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct store;

struct store_limits {
	unsigned batch_ms;        /* how long writes gather at most (5) */
	unsigned batch_rows;      /* or how many (200) */
	size_t max_waiting;       /* requests kept while the database is away, a worker (10000) */
	size_t max_waiting_bytes; /* and their bytes (64 MiB) */
	unsigned give_up_ms;      /* after which they fail (30 s) */
};
#define STORE_LIMITS_DEFAULT ((struct store_limits){ 5, 200, 10000, 64u << 20, 30000 })

/* `database` is "sqlite:PATH" or a libpq URI. Opens it, brings its schema up to date with the files
 * of `schema_dir` under a lock, and returns the store; NULL and the reason with its cure if it
 * cannot. Blocks: for start only. `migrate` false: only checks that the schema is up to date. */
struct store *store_open(const char *database, const char *schema_dir, bool migrate,
    const struct store_limits *limits, struct arena *arena, const char **error_out);
/* On each worker that wants to use it: makes its connection. */
void store_attach(struct store *store);
/* How many requests of the current worker have no answer yet. */
size_t store_waiting(void);
/* On a worker, when the process is about to end and all workers still run: what waits for a
 * database that does not answer fails now, and so does what is asked from now on. */
void store_give_up(void);
/* On the same worker before it ends: waits, running its loop's events, until all is committed or
 * given up, then closes. */
void store_detach(struct store *store);
void store_close(struct store **store);
/* Whether the current worker's connection works at the moment. */
bool store_is_up(void);
/* "PostgreSQL 15.8" or "SQLite 3.40.1", and the number of the schema; lent. */
const char *store_version(const struct store *store);
unsigned store_schema(const struct store *store);

#endif
