/* link-test.h - what the files about a test of the way to another server share: one under way, its
 * steps, and the cures it names. */
#ifndef GODWIT_S2S_LINK_TEST_H
#define GODWIT_S2S_LINK_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/resolver.h"
#include "s2s/s2s-private.h"

struct arena;
struct link_test_events;

/* Addresses that are tried. */
#define PLACES_MAX 8

struct place {
	const struct resolver_host *host;
	const union resolver_address *address;
};

struct link_test {
	struct arena *arena;
	const char *local, *remote;
	const struct link_test_events *events;
	void *state;
	struct timer *timer; /* for the whole; of a step that has no deadline of its own */
	int64_t deadline_ms;
	int64_t step_us; /* the present one began */
	enum test_phase {
		TEST_BEGUN,
		TEST_FINDING,
		TEST_CALLING,
		TEST_SECURING,
		TEST_GREETING, /* SASL */
		TEST_PROVING,  /* dialback */
		TEST_LEAVING   /* the end of the stream is awaited */
	} phase;

	struct resolver_query *query;
	const struct resolver_answer *answer;
	struct place places[PLACES_MAX];
	size_t place_count, next;
	const char *where; /* the present one, for people; NULL: none yet */
	struct connector *connector;
	struct stream *stream;
	const char *refusal; /* of EXTERNAL; NULL: it was not refused */
	bool is_decided;     /* a link would have come up or failed by now: */
	bool has_passed;
};

/* ---- link-test.c */

int64_t left_ms(const struct link_test *test);
/* How the present step went; the next one begins. */
void step_tell(
    struct link_test *test, const char *name, bool is_good, const char *text, const char *cure);
void step_fail(struct link_test *test, const char *name, const char *text, const char *cure);
/* What happens afterwards at other addresses makes no difference to a link. */
void test_decide(struct link_test *test, bool passes);
/* The next address, or the end; the stream is freed. */
void test_next(struct link_test *test);

/* ---- link-test-stream.c */

/* Goes on with a connection to the present place; test_next() follows. */
void test_greet(struct link_test *test, int fd);
/* The other side has told what it thinks of our key; DIALBACK_ASKS: it has not. */
void test_judged(struct link_test *test, enum dialback_type outcome);

/* ---- link-test-cure.c: what an administrator can do about a step that has failed; made in the
 * arena, or constant */

const char *cure_of_policy(struct arena *arena, const char *remote);
const char *cure_of_dns(struct arena *arena, enum resolver_status status, const char *remote);
const char *cure_of_tcp(const char *why);
const char *cure_of_tls(const char *why);
const char *cure_of_certificate(struct arena *arena, const char *why, const char *remote);
/* Of the server's having refused us, by EXTERNAL, and by dialback with this outcome, or by ending
 * the stream (DIALBACK_ASKS). */
const char *cure_of_refusal(struct arena *arena, const char *local, enum dialback_type outcome);

#endif
