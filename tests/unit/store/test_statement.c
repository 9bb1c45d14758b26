/* test_statement.c - numbers for the statements of the program. */
#include "store/driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"

static const struct statement first = STATEMENT("SELECT 1 FROM users");
static const struct statement second = STATEMENT("SELECT 1 FROM users");
static const struct statement contended = STATEMENT("DELETE FROM users");

/* Each has its own, whatever its text, and keeps it. */
static void test_number(void **state)
{
	unsigned slot = statement_slot(&first);

	assert_true(slot_number(slot) > 0);
	assert_int_equal(statement_slot(&first), slot);
	assert_int_not_equal(slot_number(statement_slot(&second)), slot_number(slot));
	assert_int_equal(statement_slot(&first), slot);
}

static const struct statement reads[] = {
	STATEMENT("SELECT username FROM users WHERE domain = $1"),
};
static const struct statement writes[] = {
	STATEMENT("SELECT username FROM users FOR UPDATE"),
	STATEMENT("INSERT INTO users (domain, username) VALUES ($1, $2) RETURNING 1"),
	STATEMENT("UPDATE users SET disabled = true"),
	STATEMENT("DELETE FROM users"),
	STATEMENT("WITH gone AS (DELETE FROM users RETURNING 1) SELECT 1 FROM gone"),
	/* not as the program writes it: taken for the worse */
	STATEMENT("select 1"),
	STATEMENT(""),
};

/* What only reads may run beside a batch of writes. */
static void test_reads_only(void **state)
{
	for (size_t i = 0; i < COUNT_OF(reads); i++)
		assert_true(slot_is_read(statement_slot(&reads[i])));
	for (size_t i = 0; i < COUNT_OF(writes); i++)
		assert_false(slot_is_read(statement_slot(&writes[i])));
}

#define CROWD 8

struct asker {
	struct worker *worker;
	unsigned slot;
};

static void asker_started(struct worker *worker, void *state)
{
	struct asker *asker = state;

	asker->slot = statement_slot(&contended);
	worker_stop(worker);
}

/* Threads that run it for the first time at once agree. */
static void test_at_once(void **state)
{
	struct asker crowd[CROWD];

	for (unsigned i = 0; i < CROWD; i++) {
		crowd[i].worker = worker_new(i);
		worker_start(crowd[i].worker, asker_started, NULL, &crowd[i]);
	}
	for (unsigned i = 0; i < CROWD; i++) {
		worker_join(crowd[i].worker);
		worker_free(&crowd[i].worker);
		assert_int_equal(crowd[i].slot, crowd[0].slot);
	}
	assert_true(slot_number(crowd[0].slot) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_reads_only),
		cmocka_unit_test(test_at_once),
	};

	return cmocka_run_group_tests_name("statement", tests, NULL, NULL);
}
