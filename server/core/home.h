/* home.h - what a worker keeps for those who live on it: accounts, configuration, timers of the
 * core. One for each worker, reached by that worker's thread alone. */
#ifndef GODWIT_CORE_HOME_H
#define GODWIT_CORE_HOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct jid;
struct worker;

/* Tells the core all workers; once, before any of them runs. Lent for the life of the process. */
void homes_init(struct worker *const *workers, size_t count);
/* The workers again. */
size_t homes_count(void);
struct worker *homes_worker(size_t index);
/* The worker that is home to this bare JID (DESIGN: buckets). */
struct worker *home_of(const struct jid *jid);
/* The worker that is home to a domain of others (prepared), and to the links there. */
struct worker *home_of_domain(const char *domain);
/* Whether the current worker is. */
bool home_is_here(const struct jid *jid);

/* On each worker, after its store_attach(). Takes a reference of the configuration. */
void home_start(struct config *config);
/* On each worker: the configuration in force from now on. Sessions of domains that are no longer
 * served end with host-gone. */
void home_reload(struct config *config);
/* On each worker, at the end: all sessions must have ended. Frees all accounts. */
void home_stop(void);
/* The configuration in force on this worker. Lent until the next round of the loop. */
const struct config *home_config(void);
/* Tasks, sessions and accounts on this worker that are not at rest: 0 when it is drained. */
size_t home_busy(void);
/* Sessions and accounts on this worker, for status. */
size_t home_sessions(void);
size_t home_accounts(void);

/* A number for a stored row: ascending on this worker, unique over all workers and restarts (time
 * in us, with the worker's number in the low bits) as long as the clock goes forward. */
int64_t home_next_id(void);
/* The next ones are above this one, which was found in the database: the clock may have been set
 * back. */
void home_skip_ids(int64_t id);

#endif
