/* load-crowd.h - many clients of accounts with numbered names, logged in and ended together. */
#ifndef GODWIT_BENCH_LOAD_CROWD_H
#define GODWIT_BENCH_LOAD_CROWD_H

#include <stdbool.h>
#include <stddef.h>

#include "load-client.h"
#include "load-measure.h"

struct crowd {
	size_t count;
	struct client *clients;
	/* What a scenario does with what its clients get; NULL: nothing. */
	void (*stanza)(struct client *client, struct span stanza);
	struct times latency; /* of the logins of the last crowd_login() */
	size_t ready;         /* that are logged in */
	size_t busy;          /* that are logging in */
};

/* Makes clients of the accounts PREFIX0 to PREFIX<count-1>; none is connected. */
void crowd_make(struct crowd *crowd, const char *prefix, size_t count);
/* Logs in all that are not, `flight` at a time (0: all at once). False if somebody failed, which
 * has been reported. */
bool crowd_login(struct crowd *crowd, size_t flight, const char *what);
/* Ends all connections without a word, as a broken network does. */
void crowd_drop(struct crowd *crowd);
/* Ends all streams as clients do. */
void crowd_leave(struct crowd *crowd);
/* Drops all and frees what crowd_make() made. */
void crowd_free(struct crowd *crowd);

#endif
