/* load.h - what the scenarios of the load generator share: the options, and each other's names.
 * A scenario prints its rows, and reports what went wrong. */
#ifndef GODWIT_BENCH_LOAD_H
#define GODWIT_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load-client.h"
#include "load-crowd.h"
#include "load-far.h"
#include "load-report.h"

struct load_options {
	struct client_settings client;
	size_t sessions;
	size_t flight; /* logins under way at a time */
	size_t storm;  /* the same in a storm; 0: all */
	size_t pairs;  /* that chat; 0: everybody */
	size_t rate;   /* messages a second */
	size_t contacts;
	size_t messages;         /* to each who is away; in all for lockstep */
	size_t receivers;        /* who are away */
	struct far_settings far; /* other servers, for link */
	size_t links;            /* to so many of them */
	size_t window;           /* messages on their way there */
	size_t count;            /* in each direction; 0: as many as the time allows */
	double seconds;          /* of each measurement */
	size_t server, database; /* processes; 0: not named */
	bool as_json;
};

extern struct load_options load_options;
/* The sessions u0, u1, ... that scenarios leave to each other, so that each need not log in anew.
 */
extern struct crowd load_crowd;

/* Reads the command line. The scenarios asked for, ended by NULL; or false and what to exit with.
 */
bool options_read(int argc, char **argv, char ***names_out, int *status_out);

void load_login(void);
void load_idle(void);
void load_chat(void);
void load_rate(void);
void load_presence(void);
void load_offline(void);
void load_storm(void);
void load_lockstep(void);
void load_flood(void);
void load_deaf(void);
void load_flap(void);
void load_hold(void);
void load_link(void);
void load_links(void);

/* What is said in a message. */
#define LOAD_BODY \
	"Hours of rain on the mudflats, then the sun, and all of them rise at once and turn " \
	"towards the north."

/* The row of a nuisance that others can be measured beside from now on. */
void nuisance_begun(struct row *row);
/* Lets the loop turn for so long. */
void load_pass(double seconds);
/* Turns until the server does nothing any more, as far as that can be seen. */
void load_settle(void);
/* This moment, with the CPU time of what the server still has to do for what was before. */
struct moment load_settled(void);
/* A message to NUMBER of PREFIX; its id is the time it is sent at. */
void load_message(struct client *client, const char *prefix, size_t number, int64_t sent_ns);
/* The time in a message's id, 0 if the stanza is none. */
int64_t load_message_sent_ns(struct span stanza);

#endif
