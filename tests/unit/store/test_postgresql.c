/* test_postgresql.c - the PostgreSQL driver: what all databases must do, and what is its own.
 * GODWIT_TEST_POSTGRESQL is the URI of a server where databases may be made. */
#include "admin.h"
#include "database.h"
#include "store/postgresql.h"
#include "store/database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char *test_uri; /* of our own database on the server given */
static PGconn *admin;  /* beside the store, on test_uri */

/* --- a database of our own --- */

/* The URI with another database. */
static char *uri_with(const char *uri, const char *database)
{
	const char *host = strstr(uri, "://") + 3, *query = strchr(host, '?');
	size_t length = strcspn(host, "/?");
	struct text text = { 0 };

	text_append(&text, uri, (size_t)(host - uri) + length);
	text_printf(&text, "/%s%s", database, query == NULL ? "" : query);
	return text.at;
}

static char *database_empty(struct arena *arena)
{
	admin_sql(admin, "DROP SCHEMA public CASCADE");
	admin_sql(admin, "CREATE SCHEMA public");
	return arena_strdup(arena, test_uri);
}

static const char *jid_text(struct arena *arena, unsigned number)
{
	return arena_printf(arena, "jid-%04u", number);
}

static const struct statement blocked_once =
    STATEMENT("INSERT INTO blocked_jids (domain, username, jid) VALUES ($1, $2, $3)"
	      " ON CONFLICT (domain, username, jid) DO NOTHING");

/* --- conversions --- */

static void test_rc(void **state)
{
	static const struct {
		const char *sqlstate;
		enum rc rc;
	} cases[] = {
		{ "23505", RC_CONFLICT },
		{ "23503", RC_ITEM_NOT_FOUND },
		{ "23514", RC_POLICY_VIOLATION },
		{ "23502", RC_POLICY_VIOLATION },
		{ "22P02", RC_POLICY_VIOLATION },
		{ "P0001", RC_POLICY_VIOLATION },
		{ "P0002", RC_INTERNAL_SERVER_ERROR },
		{ "40001", RC_RESOURCE_CONSTRAINT },
		{ "40P01", RC_RESOURCE_CONSTRAINT },
		{ "55P03", RC_RESOURCE_CONSTRAINT },
		{ "55000", RC_INTERNAL_SERVER_ERROR },
		{ "57014", RC_RESOURCE_CONSTRAINT },
		{ "53100", RC_RESOURCE_CONSTRAINT },
		{ "08006", RC_RESOURCE_CONSTRAINT },
		{ "25006", RC_RESOURCE_CONSTRAINT },
		{ "42P01", RC_INTERNAL_SERVER_ERROR },
		{ NULL, RC_INTERNAL_SERVER_ERROR },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(postgresql_rc(cases[i].sqlstate), cases[i].rc);
}

static void test_uri_shown(void **state)
{
	static const char *const cases[][2] = {
		{ "postgresql://godwit:secret@db.example.org:5433/chat?sslmode=require",
		    "postgresql://godwit@db.example.org:5433/chat" },
		{ "postgresql:///chat?host=/run/postgresql&password=secret",
		    "postgresql:///run/postgresql/chat" },
		{ "postgres://a,b/chat?user=godwit", "postgresql://godwit@a,b/chat" },
		{ "postgresql://", "postgresql:///" },
		{ "postgresql://godwit:sec%ret@host/chat", NULL },
		{ "postgresql://godwit:secret@host/chat?nonsense=secret", NULL },
	};
	struct arena *arena = arena_new(0);

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *shown = postgresql_uri_shown(cases[i][0], arena);

		assert_int_equal(shown == NULL, cases[i][1] == NULL);
		if (shown != NULL)
			assert_string_equal(shown, cases[i][1]);
	}
	arena_free(&arena);
}

static void test_open_fails(void **state)
{
	static const struct {
		const char *uri, *said;
	} cases[] = {
		{ "postgresql://godwit:s3cret@127.0.0.1:1/chat", "127.0.0.1:1/chat" },
		{ "postgresql://godwit:s3cret@nowhere.invalid/chat", "nowhere.invalid" },
		{ "postgresql://godwit:s3cret@host:port/chat", "postgresql://" },
		{ "postgresql://godwit:s3cr%et@host/chat", "%XX" },
		{ "postgresql://godwit:s3cret@host/chat?s3cret", "not well-formed" },
	};
	struct fixture *fixture = *state;
	const char *schema = schema_dir(fixture->arena), *error;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_null(store_open(cases[i].uri, schema, true, NULL, fixture->arena, &error));
		if (strstr(error, cases[i].said) == NULL || strstr(error, "s3cr") != NULL)
			fail_msg("%s", error);
	}
}

static const struct statement blob_make =
    STATEMENT("CREATE TABLE blobs (number BIGINT PRIMARY KEY, bytes BYTEA)");
static const struct statement blob_insert = STATEMENT("INSERT INTO blobs VALUES ($1, $2)");
static const struct statement blob_select = STATEMENT("SELECT bytes FROM blobs WHERE number = $1");

static void blob_take(const struct store_result *result, void *state)
{
	struct span bytes = store_blob(result, 0, 0);

	assert_int_equal(bytes.length, 5);
	assert_memory_equal(bytes.at, "a\0\\\xff'", 5);
	*(bool *)state = true;
}

static void test_blob(void **state)
{
	bool done = false;

	fixture_open(*state, NULL);
	ask(&blob_make, NO_PARAMS);
	assert_int_equal(
	    ask(&blob_insert, PARAMS(1, param_blob((struct span){ "a\0\\\xff'", 5 }))).rc, RC_OK);
	store_run(&blob_select, PARAMS(1), blob_take, &done);
	worker_run_until(worker_current(), &done);
}

/* --- sessions and batches --- */

static const struct statement setting = STATEMENT("SELECT current_setting($1)");

static void test_settings(void **state)
{
	static const char *const cases[][2] = {
		{ "lock_timeout", "100ms" },
		{ "statement_timeout", "30s" },
		{ "client_encoding", "UTF8" },
		{ "synchronous_commit", "on" },
		{ "application_name", "godwit" },
		{ "standard_conforming_strings", "on" },
	};
	struct arena *arena = ((struct fixture *)*state)->arena;

	admin_sql(admin,
	    arena_printf(arena, "ALTER DATABASE %s SET synchronous_commit = off", PQdb(admin)));
	fixture_open(*state, NULL);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_string_equal(ask(&setting, PARAMS(cases[i][0])).text, cases[i][1]);
	admin_sql(
	    admin, arena_printf(arena, "ALTER DATABASE %s RESET synchronous_commit", PQdb(admin)));
}

static const struct statement blocked_transaction =
    STATEMENT("INSERT INTO blocked_jids (domain, username, jid) VALUES ($1, $2, $3) RETURNING "
	      "txid_current()");

/* Asks `count` writes at once and tells how many transactions they were. */
static unsigned transactions_count(struct arena *arena, unsigned count, unsigned bad)
{
	struct answer *answers = arena_alloc_zero(arena, count * sizeof(*answers));
	unsigned transactions = 1;

	for (unsigned i = 0; i < count; i++)
		store_run(&blocked_transaction,
		    PARAMS(i == bad ? NOBODY : ROMEO, jid_text(arena, i)), answer_take,
		    &answers[i]);
	answers_wait(answers, count);
	for (unsigned i = 1; i < count; i++)
		transactions += answers[i].number != answers[i - 1].number;
	admin_sql(admin, "DELETE FROM blocked_jids");
	return transactions;
}

static void test_batches(void **state)
{
	struct arena *arena = ((struct fixture *)*state)->arena;
	struct store_limits limits = STORE_LIMITS_DEFAULT;

	limits.batch_rows = 40;
	fixture_open(*state, &limits);
	user_make("romeo");
	assert_int_equal(transactions_count(arena, 1, 9999), 1); /* the statement is prepared now */
	assert_int_equal(transactions_count(arena, 40, 9999), 1);
	assert_int_equal(transactions_count(arena, 41, 9999), 2);
	assert_int_equal(transactions_count(arena, 200, 9999), 5);
	assert_int_equal(transactions_count(arena, 20, 7), 20);
}

/* A read is answered before the commit of the writes that gather, and sees them; nobody else does.
 */
static void test_read_in_batch(void **state)
{
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer first = { 0 }, write = { 0 }, read = { 0 };

	limits.batch_ms = 300;
	fixture_open(*state, &limits);
	user_make("romeo");
	store_run(&blocked_insert, PARAMS(ROMEO, "a"), answer_take, &first);
	answer_wait(&first);
	store_run(&blocked_insert, PARAMS(ROMEO, "b"), answer_take, &write);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &read);
	answer_wait(&read);
	assert_int_equal(read.number, 2);
	assert_false(write.done);
	assert_string_equal(admin_sql(admin, "SELECT count(*) FROM blocked_jids"), "1");
	answer_wait(&write);
	assert_string_equal(admin_sql(admin, "SELECT count(*) FROM blocked_jids"), "2");
}

/* A read in the batch that was answered is not answered again when the batch fails behind it. */
static void test_read_in_failed_batch(void **state)
{
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer write = { 0 }, read = { 0 }, bad = { 0 }, last = { 0 };

	limits.batch_ms = 100;
	fixture_open(*state, &limits);
	user_make("romeo");
	store_run(&blocked_insert, PARAMS(ROMEO, "b"), answer_take, &write);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &read);
	answer_wait(&read);
	store_run(&blocked_insert, PARAMS(NOBODY, "c"), answer_take, &bad);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &last);
	answer_wait(&last);
	answer_wait(&bad);
	answer_wait(&write);
	assert_int_equal(read.calls, 1);
	assert_int_equal(write.rc, RC_OK);
	assert_int_equal(bad.rc, RC_ITEM_NOT_FOUND);
	assert_int_equal(last.number, 1);
	assert_int_equal(last.calls, 1);
}

/* What was asked behind a batch that fails sees what that batch comes to, not what it was before.
 */
static void test_nothing_overtakes(void **state)
{
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer answers[5] = { 0 };

	limits.batch_rows = 2;
	fixture_open(*state, &limits);
	user_make("romeo");
	ask(&blocked_once, PARAMS(ROMEO, "a"));
	ask(&blocked_count, PARAMS(ROMEO));
	store_run(&blocked_once, PARAMS(ROMEO, "b"), answer_take, &answers[0]);
	store_run(&blocked_once, PARAMS(NOBODY, "c"), answer_take, &answers[1]);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[2]);
	store_run(&blocked_once, PARAMS(ROMEO, "d"), answer_take, &answers[3]);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[4]);
	answers_wait(answers, COUNT_OF(answers));
	assert_int_equal(answers[1].rc, RC_ITEM_NOT_FOUND);
	assert_int_equal(answers[2].number, 2);
	assert_int_equal(answers[4].number, 3);
	assert_true(answers[0].turn < answers[1].turn && answers[1].turn < answers[3].turn);
}

#define JULIET ((struct account_key){ "example.org", "juliet" })

/* Romeo has a row, and an admin is about to delete it. */
static void lock_open(struct fixture *fixture, const struct store_limits *limits)
{
	fixture_open(fixture, limits);
	user_make("romeo");
	user_make("juliet");
	ask(&blocked_once, PARAMS(ROMEO, "b"));
	admin_sql(admin, "BEGIN");
	admin_sql(admin, "DELETE FROM blocked_jids");
}

/* A row that an admin holds: its account waits, in order, and nobody else does. */
static void test_lock(void **state)
{
	struct answer locked[3] = { 0 }, free[2] = { 0 };

	lock_open(*state, NULL);
	store_run(&blocked_once, PARAMS(JULIET, "a"), answer_take, &free[0]);
	store_run(&blocked_once, PARAMS(ROMEO, "b"), answer_take, &locked[0]);
	store_run(&blocked_once, PARAMS(ROMEO, "c"), answer_take, &locked[1]);
	store_run(&blocked_once, PARAMS(JULIET, "b"), answer_take, &free[1]);
	answers_wait(free, COUNT_OF(free));
	assert_int_equal(free[0].rc, RC_OK);
	assert_int_equal(free[1].rc, RC_OK);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &locked[2]);
	assert_int_equal(ask_number(&blocked_count, PARAMS(JULIET)), 2);
	for (size_t i = 0; i < COUNT_OF(locked); i++)
		assert_false(locked[i].done);
	admin_sql(admin, "ROLLBACK");
	answers_wait(locked, COUNT_OF(locked));
	assert_int_equal(locked[0].rc, RC_OK);
	assert_int_equal(locked[1].rc, RC_OK);
	assert_int_equal(locked[2].number, 2);
	assert_true(locked[0].turn < locked[1].turn);
}

/* Nobody waits for ever. */
static void test_lock_stays(void **state)
{
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer locked[3] = { 0 };

	limits.give_up_ms = 1500;
	lock_open(*state, &limits);
	store_run(&blocked_once, PARAMS(ROMEO, "b"), answer_take, &locked[0]);
	store_run(&blocked_once, PARAMS(ROMEO, "c"), answer_take, &locked[1]);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &locked[2]);
	answers_wait(locked, COUNT_OF(locked));
	for (size_t i = 0; i < COUNT_OF(locked); i++)
		assert_int_equal(locked[i].rc, RC_RESOURCE_CONSTRAINT);
	admin_sql(admin, "ROLLBACK");
	assert_int_equal(ask_number(&blocked_count, PARAMS(ROMEO)), 1);
}

/* What is put aside is answered when the store is closed. */
static void test_lock_at_end(void **state)
{
	struct answer locked[2] = { 0 }, free = { 0 };

	lock_open(*state, NULL);
	store_run(&blocked_once, PARAMS(ROMEO, "b"), answer_take, &locked[0]);
	store_run(&blocked_once, PARAMS(ROMEO, "c"), answer_take, &locked[1]);
	store_run(&blocked_once, PARAMS(JULIET, "b"), answer_take, &free);
	answer_wait(&free);
	store_give_up();
	assert_int_equal(store_waiting(), 0);
	assert_int_equal(locked[0].rc, RC_RESOURCE_CONSTRAINT);
	assert_int_equal(locked[1].rc, RC_RESOURCE_CONSTRAINT);
	admin_sql(admin, "ROLLBACK");
}

/* Two servers that start on an empty database at once: one takes the steps, the other waits. */
static void test_start_together(void **state)
{
	struct fixture *fixture = *state;
	pid_t children[3];
	int status;

	for (size_t i = 0; i < COUNT_OF(children); i++) {
		const char *error;

		children[i] = fork();
		if (children[i] == 0)
			_exit(store_open(fixture->database, schema_dir(fixture->arena), true, NULL,
				  fixture->arena, &error) == NULL);
	}
	for (size_t i = 0; i < COUNT_OF(children); i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_rc),
	cmocka_unit_test(test_uri_shown),
	STORE_TEST(test_open_fails),
	STORE_TEST(test_blob),
	STORE_TEST(test_settings),
	STORE_TEST(test_batches),
	STORE_TEST(test_read_in_batch),
	STORE_TEST(test_read_in_failed_batch),
	STORE_TEST(test_nothing_overtakes),
	STORE_TEST(test_lock),
	STORE_TEST(test_lock_stays),
	STORE_TEST(test_lock_at_end),
	STORE_TEST(test_start_together),
};

static int tests_run(const char *uri)
{
	char name[32], statement[64];
	PGconn *server_pg = admin_connect(uri);
	int failed;

	snprintf(name, sizeof(name), "godwit_test_%d", (int)getpid());
	snprintf(statement, sizeof(statement), "CREATE DATABASE %s", name);
	admin_sql(server_pg, statement);
	test_uri = uri_with(uri, name);
	admin = admin_connect(test_uri);
	database_make = database_empty;
	failed = store_tests_run("postgresql", tests, COUNT_OF(tests));
	PQfinish(admin);
	snprintf(statement, sizeof(statement), "DROP DATABASE %s WITH (FORCE)", name);
	admin_sql(server_pg, statement);
	PQfinish(server_pg);
	mem_free(test_uri);
	return failed;
}

int main(void)
{
	const char *uri = getenv("GODWIT_TEST_POSTGRESQL");

	if (uri == NULL) {
		puts("1..0 # SKIP GODWIT_TEST_POSTGRESQL is not set");
		return 0;
	}
	return tests_run(uri);
}
