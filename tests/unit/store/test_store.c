/* test_store.c - the front of the database, with a driver that only keeps what it is given. What
 * the front does before a real one, store_tests.c shows. */
#include "store/driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"

static struct request_list kept = STAILQ_HEAD_INITIALIZER(kept);
static struct connection connection;

static struct connection *attach(struct store *store)
{
	connection_init(&connection, store);
	return &connection;
}

static void run(struct connection *to, struct request *request)
{
	assert_ptr_equal(to, &connection);
	STAILQ_INSERT_TAIL(&kept, request, link);
}

/* Answers the one that was kept first. */
static void answer(const struct store_result *result)
{
	struct request *request = STAILQ_FIRST(&kept);

	STAILQ_REMOVE_HEAD(&kept, link);
	request_finish(&connection, request, result);
}

static void detach(struct connection *from)
{
	connection_refuse_now(from);
}

static const struct driver driver = { .attach = attach, .run = run, .detach = detach };

struct fixture {
	struct worker *worker;
	struct store store;
};

static int setup(void **state)
{
	struct fixture *fixture = mem_alloc_zero(sizeof(*fixture));
	struct store_limits limits = STORE_LIMITS_DEFAULT;

	limits.max_waiting = 3;
	limits.max_waiting_bytes = 20;
	memset(&connection, 0, sizeof(connection));
	fixture->worker = worker_new(0);
	worker_enter(fixture->worker);
	store_init(&fixture->store, &driver, &limits);
	store_attach(&fixture->store);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	while (!STAILQ_EMPTY(&kept))
		answer(&STORE_RESULT_FAILED(RC_RESOURCE_CONSTRAINT, "the end"));
	store_detach(&fixture->store);
	store_finish(&fixture->store);
	worker_free(&fixture->worker);
	mem_free(fixture);
	return 0;
}

static const struct statement statement = STATEMENT("INSERT INTO things VALUES ($1, $2, $3, $4)");
static const struct store_result done = { .rc = RC_OK };

struct told {
	bool is_told;
	unsigned count;
	enum rc rc;
};

static void tell(const struct store_result *result, void *state)
{
	struct told *told = state;

	told->is_told = true;
	told->count++;
	told->rc = store_rc(result);
}

/* What is asked is copied, an account stands for two values. */
static void test_copied(void **state)
{
	char domain[] = "a.b", text[] = "words";
	const struct request *request;

	store_run(&statement,
	    PARAMS(((struct account_key){ domain, "romeo" }), text, -5, (const char *)NULL), NULL,
	    NULL);
	memset(domain, 'x', 3);
	memset(text, 'x', 5);
	request = STAILQ_FIRST(&kept);
	assert_int_equal(request->count, 5);
	assert_true(request->has_account);
	assert_string_equal(request->values[0].bytes, "a.b");
	assert_string_equal(request->values[1].bytes, "romeo");
	assert_string_equal(request->values[2].bytes, "words");
	assert_int_equal(request->values[2].length, 5);
	assert_int_equal(request->values[3].integer, -5);
	assert_int_equal(request->values[4].type, VALUE_NULL);
	answer(&done);
}

static void test_not_of_account(void **state)
{
	store_run(&statement, PARAMS("", 1), NULL, NULL);
	assert_false(STAILQ_FIRST(&kept)->has_account);
	assert_string_equal(STAILQ_FIRST(&kept)->values[0].bytes, "");
	answer(&done);
}

/* So many may wait; the next is told at the end of the round, once, and never reaches the driver.
 */
static void test_waiting(void **state)
{
	struct told told[4] = { { 0 } };

	for (size_t i = 0; i < COUNT_OF(told); i++)
		store_run(&statement, NO_PARAMS, tell, &told[i]);
	assert_int_equal(store_waiting(), 4);
	assert_false(told[3].is_told);
	worker_run_until(worker_current(), &told[3].is_told);
	assert_int_equal(told[3].rc, RC_RESOURCE_CONSTRAINT);
	assert_int_equal(store_waiting(), 3);
	for (int i = 0; i < 3; i++) {
		assert_false(told[i].is_told);
		assert_false(connection.drained);
		answer(&done);
		assert_int_equal(told[i].count, 1);
	}
	assert_true(connection.drained);
	assert_true(STAILQ_EMPTY(&kept));
	assert_int_equal(told[3].count, 1);
}

/* And so many bytes: a text and its end. */
static void test_waiting_bytes(void **state)
{
	struct told told = { 0 };

	store_run(&statement, PARAMS("0123456789012345678"), NULL, NULL);
	assert_int_equal(connection.waiting_bytes, 20);
	store_run(&statement, PARAMS(""), tell, &told);
	worker_run_until(worker_current(), &told.is_told);
	assert_int_equal(told.rc, RC_RESOURCE_CONSTRAINT);
	store_run(&statement, PARAMS(1), NULL, NULL); /* a number takes none */
	answer(&done);
	assert_int_equal(connection.waiting_bytes, 0);
	told.is_told = false;
	store_run(&statement, PARAMS("01234567890123456789"), tell, &told);
	worker_run_until(worker_current(), &told.is_told);
	assert_int_equal(told.rc, RC_RESOURCE_CONSTRAINT);
	answer(&done);
	assert_true(STAILQ_EMPTY(&kept));
}

/* Who asks from within an answer is not answered within. */
static void ask_again(const struct store_result *result, void *state)
{
	store_run(&statement, NO_PARAMS, tell, state);
}

static void test_again(void **state)
{
	struct told told = { 0 };

	store_run(&statement, NO_PARAMS, ask_again, &told);
	answer(&done);
	assert_false(told.is_told);
	assert_int_equal(store_waiting(), 1);
	answer(&done);
	assert_int_equal(told.count, 1);
}

/* What was refused and not told yet is told when the connection is closed. */
static void test_refused_at_end(void **state)
{
	struct told told = { 0 };

	connection.closing = true;
	store_run(&statement, NO_PARAMS, tell, &told);
	assert_false(told.is_told);
	connection_refuse_now(&connection);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.rc, RC_RESOURCE_CONSTRAINT);
}

/* The text may hold a password. */
static void test_unknown(void **state)
{
	struct arena *arena = arena_new(0);
	const char *error = NULL;

	assert_null(store_open("mysql://user:secret@host", "schema", true, NULL, arena, &error));
	assert_non_null(strstr(error, "sqlite:PATH"));
	assert_null(strstr(error, "secret"));
	arena_free(&arena);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_copied),
		TEST(test_not_of_account),
		TEST(test_waiting),
		TEST(test_waiting_bytes),
		TEST(test_again),
		TEST(test_refused_at_end),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
