/* race.h - calls a server that may be at several addresses: one is begun a moment after the other,
 * and the first that connects wins (RFC 8305, in the order of RFC 2782). Who finds the winner of no
 * use goes on with the others. */
#ifndef GODWIT_NET_RACE_H
#define GODWIT_NET_RACE_H

#include <stddef.h>

struct log;
struct race;
struct resolver_answer;
struct resolver_host;

/* How many addresses are called: in all, and of one host. A domain may name any that it likes. */
enum { RACE_MAX = 12, RACE_HOST_MAX = 4 };

/* With a connected descriptor, which is its own now, and the host at whose address it is, lent as
 * long as the race lives; or with -1, NULL and why the last of them failed, constant text. The race
 * may be freed inside. */
typedef void race_done(void *state, int fd, const struct resolver_host *host, const char *why);

/* To the hosts of an answer (referenced) that has some; one attempt takes `timeout_ms` at most.
 * Nobody is called before race_run(). The log (lent, may be NULL) is told of what fails. */
struct race *race_new(const struct resolver_answer *answer, unsigned timeout_ms, struct log *log,
    race_done *done, void *state);
/* Addresses that have neither failed nor won so far. */
size_t race_left(const struct race *race);
/* Calls these, if there are any; `done` runs once, from the loop, never inside this call. Again
 * after that, if the winner was of no use. */
void race_run(struct race *race);
/* Gives up what is under way. Accepts a pointer to NULL, leaves NULL. */
void race_free(struct race **race);

#endif
