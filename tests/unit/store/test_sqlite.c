/* test_sqlite.c - the SQLite driver: what all databases must do, and what is its own. */
#include "database.h"
#include "store/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/godwit-test-XXXXXX";

/* A file that is not there yet, the same for each test. */
static char *file_make(struct arena *arena)
{
	static const char *const endings[] = { "", "-wal", "-shm" };

	for (size_t i = 0; i < COUNT_OF(endings); i++)
		unlink(arena_printf(arena, "%s/test.db%s", directory, endings[i]));
	return arena_printf(arena, "sqlite:%s/test.db", directory);
}

static void test_sql(void **state)
{
	static const char *const cases[][2] = {
		{ "SELECT $2, $1", "SELECT ?2, ?1" },
		{ "SELECT '$1', \"$1\", $12", "SELECT '$1', \"$1\", ?12" },
		{ "SELECT 'it''s $1', $1", "SELECT 'it''s $1', ?1" },
		{ "SELECT 'a\"b', $1, $x, $", "SELECT 'a\"b', ?1, $x, $" },
		{ "", "" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char *sql = sqlite_sql(cases[i][0]);

		assert_string_equal(sql, cases[i][1]);
		mem_free(sql);
	}
}

static void test_codes(void **state)
{
	static const struct {
		int code;
		enum rc rc;
	} cases[] = {
		{ SQLITE_CONSTRAINT_PRIMARYKEY, RC_CONFLICT },
		{ SQLITE_CONSTRAINT_UNIQUE, RC_CONFLICT },
		{ SQLITE_CONSTRAINT_FOREIGNKEY, RC_ITEM_NOT_FOUND },
		{ SQLITE_CONSTRAINT_CHECK, RC_POLICY_VIOLATION },
		{ SQLITE_CONSTRAINT_NOTNULL, RC_POLICY_VIOLATION },
		{ SQLITE_CONSTRAINT_TRIGGER, RC_POLICY_VIOLATION },
		{ SQLITE_BUSY_SNAPSHOT, RC_RESOURCE_CONSTRAINT },
		{ SQLITE_FULL, RC_RESOURCE_CONSTRAINT },
		{ SQLITE_IOERR_WRITE, RC_RESOURCE_CONSTRAINT },
		{ SQLITE_READONLY, RC_RESOURCE_CONSTRAINT },
		{ SQLITE_ERROR, RC_INTERNAL_SERVER_ERROR },
		{ SQLITE_CORRUPT, RC_INTERNAL_SERVER_ERROR },
		{ SQLITE_OK, RC_OK },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(sqlite_rc(cases[i].code), cases[i].rc);
}

/* Keys and messages are nobody else's business. */
static void test_mode(void **state)
{
	struct fixture *fixture = *state;
	static const char *const endings[] = { "", "-wal", "-shm" };
	mode_t before = umask(0);
	struct stat status;

	fixture_open(fixture, NULL);
	user_make("romeo");
	umask(before);
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		assert_int_equal(
		    stat(arena_printf(fixture->arena, "%s/test.db%s", directory, endings[i]),
			&status),
		    0);
		assert_int_equal(status.st_mode & 0777, 0600);
	}
}

static void test_open_fails(void **state)
{
	struct fixture *fixture = *state;
	struct arena *arena = fixture->arena;
	char *broken = arena_printf(arena, "%s/test.db", directory);
	FILE *file = fopen(broken, "w");
	const char *error = NULL;

	fputs("this is not a database, but long enough to be taken for one at first\n", file);
	fclose(file);
	assert_null(store_open(fixture->database, schema_dir(arena), true, NULL, arena, &error));
	assert_non_null(strstr(error, "test.db"));
	assert_non_null(strstr(error, "not a database"));
	assert_null(
	    store_open("sqlite:/nowhere/at/all.db", schema_dir(arena), true, NULL, arena, &error));
	assert_non_null(strstr(error, "/nowhere/at/all.db"));
	assert_null(
	    store_open("mysql://user:secret@host", schema_dir(arena), true, NULL, arena, &error));
	assert_null(strstr(error, "secret"));
}

#define JULIET ((struct account_key){ "example.org", "juliet" })

static sqlite3 *locked(const struct fixture *fixture)
{
	sqlite3 *other;

	assert_int_equal(sqlite3_open(fixture->database + 7, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	return other;
}

static void unlock(sqlite3 *other)
{
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
}

/* Another process holds the file: writes wait for it, and what is asked for the same account after
 * them; reads of others go on. */
static void test_locked(void **state)
{
	struct fixture *fixture = *state;
	struct answer answers[4] = { 0 }, calm = { 0 };
	sqlite3 *other;

	fixture_open(fixture, NULL);
	user_make("romeo");
	user_make("juliet");
	other = locked(fixture);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[0]);
	store_run(&blocked_insert, PARAMS(ROMEO, "a"), answer_take, &answers[1]);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[2]);
	store_run(&blocked_count, PARAMS(JULIET), answer_take, &calm);
	answer_wait(&answers[0]);
	answer_wait(&calm);
	assert_int_equal(calm.rc, RC_OK);
	/* with a later parcel, too */
	store_run(&blocked_insert, PARAMS(ROMEO, "b"), answer_take, &answers[3]);
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask_number(&blocked_count, PARAMS(JULIET)), 0);
	for (int i = 1; i < 4; i++)
		assert_false(answers[i].done);
	unlock(other);
	answers_wait(answers, COUNT_OF(answers));
	for (int i = 0; i < 4; i++)
		assert_int_equal(answers[i].rc, RC_OK);
	assert_int_equal(answers[0].number, 0);
	assert_int_equal(answers[2].number, 1);
	assert_true(answers[1].turn < answers[2].turn && answers[2].turn < answers[3].turn);
	assert_int_equal(ask_number(&blocked_count, PARAMS(ROMEO)), 2);
}

/* For so long; what follows a write that is refused goes on. */
static void test_locked_for_long(void **state)
{
	struct fixture *fixture = *state;
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer answers[3] = { 0 };
	sqlite3 *other;

	limits.give_up_ms = 600;
	fixture_open(fixture, &limits);
	user_make("romeo");
	other = locked(fixture);
	store_run(&blocked_insert, PARAMS(ROMEO, "a"), answer_take, &answers[0]);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[1]);
	store_run(&blocked_insert, PARAMS(ROMEO, "b"), answer_take, &answers[2]);
	answers_wait(answers, COUNT_OF(answers));
	assert_int_equal(answers[0].rc, RC_RESOURCE_CONSTRAINT);
	assert_int_equal(answers[1].rc, RC_OK);
	assert_int_equal(answers[1].number, 0);
	assert_int_equal(answers[2].rc, RC_RESOURCE_CONSTRAINT);
	unlock(other);
	assert_int_equal(ask(&blocked_insert, PARAMS(ROMEO, "a")).rc, RC_OK);
	assert_int_equal(ask_number(&blocked_count, PARAMS(ROMEO)), 1);
}

/* When the process is about to end, at once. */
static void test_locked_at_end(void **state)
{
	struct fixture *fixture = *state;
	struct answer answer = { 0 };
	int64_t began_us;
	sqlite3 *other;

	fixture_open(fixture, NULL);
	user_make("romeo");
	other = locked(fixture);
	began_us = worker_clock_us();
	store_run(&blocked_insert, PARAMS(ROMEO, "a"), answer_take, &answer);
	store_give_up();
	answer_wait(&answer);
	assert_int_equal(answer.rc, RC_RESOURCE_CONSTRAINT);
	assert_true(worker_clock_us() - began_us < 5000000);
	unlock(other);
}

static const struct statement pages_limit = STATEMENT("PRAGMA max_page_count = 60");
static const struct statement pages_free = STATEMENT("PRAGMA max_page_count = 100000");
static const struct statement vcard_insert =
    STATEMENT("INSERT INTO vcards (domain, username, vcard) VALUES ($1, $2, $3)");

/* A full disk: SQLite takes the whole transaction back, so what was well before has failed too;
 * what comes behind starts afresh. */
static void test_full(void **state)
{
	struct fixture *fixture = *state;
	struct answer answers[5] = { 0 };
	char *big = arena_alloc(fixture->arena, 300001);

	memset(big, 'x', 300000);
	big[300000] = '\0';
	fixture_open(fixture, NULL);
	user_make("romeo");
	ask(&pages_limit, NO_PARAMS);
	store_run(&blocked_insert, PARAMS(ROMEO, "a"), answer_take, &answers[0]);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[1]);
	store_run(&vcard_insert, PARAMS(ROMEO, big), answer_take, &answers[2]);
	store_run(&blocked_insert, PARAMS(ROMEO, "b"), answer_take, &answers[3]);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[4]);
	answers_wait(answers, COUNT_OF(answers));
	assert_int_equal(answers[2].rc, RC_RESOURCE_CONSTRAINT);
	assert_int_equal(answers[3].rc, RC_OK);
	assert_int_equal(answers[1].number, answers[0].rc == RC_OK);
	assert_int_equal(answers[4].number, answers[1].number + 1);
	assert_int_equal(ask_number(&blocked_count, PARAMS(ROMEO)), answers[4].number);
	ask(&pages_free, NO_PARAMS);
	assert_int_equal(ask(&vcard_insert, PARAMS(ROMEO, big)).rc, RC_OK);
}

static const struct CMUnitTest tests[] = {
	STORE_TEST(test_sql),
	STORE_TEST(test_codes),
	STORE_TEST(test_mode),
	STORE_TEST(test_open_fails),
	STORE_TEST(test_locked),
	STORE_TEST(test_locked_for_long),
	STORE_TEST(test_locked_at_end),
	STORE_TEST(test_full),
};

int main(void)
{
	struct arena *arena = arena_new(0);
	int failed;

	if (mkdtemp(directory) == NULL)
		return 1;
	database_make = file_make;
	failed = store_tests_run("sqlite", tests, COUNT_OF(tests));
	file_make(arena);
	arena_free(&arena);
	rmdir(directory);
	return failed;
}
