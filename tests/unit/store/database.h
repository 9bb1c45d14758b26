/* database.h - what the tests of the store share: a worker with an empty database attached,
 * questions asked one at a time, and the tests that both databases have to pass. */
#ifndef GODWIT_TESTS_DATABASE_H
#define GODWIT_TESTS_DATABASE_H

#include "base/arena.h"
#include "base/mem.h"
#include "loop/worker.h"
#include "store/database.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct fixture {
	const char *database; /* as for store_open() */
	struct arena *arena;
	struct worker *worker;
	struct store *store; /* open and attached, once fixture_open() was called */
};

/* The test program has to say how an empty database is made; NULL and a message if it cannot. */
extern char *(*database_make)(struct arena *arena);

/* Setup and teardown of each test. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
/* Opens and attaches; `limits` may be NULL. */
void fixture_open(struct fixture *fixture, const struct store_limits *limits);
/* Detaches and closes, if open. */
void fixture_close(struct fixture *fixture);
const char *schema_dir(struct arena *arena);

/* What became of a request. */
struct answer {
	bool done;
	unsigned calls;
	unsigned turn; /* the how manieth answer it was, from 1 */
	enum rc rc;
	size_t rows;
	int64_t changed;
	int64_t number; /* first column of the first row */
	char text[64];  /* the same, cut; or what the database says */
};
store_done answer_take;
/* Runs one statement and waits for its answer. */
struct answer ask(const struct statement *statement, const struct param *params);
/* Waits for this answer, or for all of them. */
void answer_wait(const struct answer *answer);
void answers_wait(const struct answer *answers, size_t count);
/* The number that a SELECT count(*) gives, or another single number. */
int64_t ask_number(const struct statement *statement, const struct param *params);
/* Makes the account USERNAME@example.org. */
void user_make(const char *username);

extern const struct statement user_insert;
extern const struct statement blocked_insert; /* domain, username, jid */
extern const struct statement blocked_once;   /* the same, where it may be there already */
extern const struct statement blocked_count;  /* domain, username */
#define ROMEO ((struct account_key){ "example.org", "romeo" })
#define NOBODY ((struct account_key){ "example.org", "nobody" })

/* A part of the tests for both (schema_tests.c). */
extern const struct CMUnitTest schema_tests[];
extern const size_t schema_tests_count;
/* Runs the tests for both, as cmocka's group `name`. */
int store_tests_run(const char *name);
#define STORE_TEST(function) \
	cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

#endif
