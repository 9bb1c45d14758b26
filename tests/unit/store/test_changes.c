/* test_changes.c - following what somebody else changes, here another connection to the same SQLite
 * file. What PostgreSQL does, tests/blackbox/sql-*.t see from outside. */
#include "sqlite-database.h"
#include "store/changes.h"

#include <sqlite3.h>

/* What was told, a line each. */
static struct {
	struct text lines;
	size_t count;
	int64_t last;
	bool caught_up;
} heard;

static void hear(const struct change *change)
{
	assert_true(change->id > heard.last);
	heard.last = change->id;
	heard.count++;
	text_printf(
	    &heard.lines, "%s %s %s\n", change->subject, change->operation, change->username);
}

static void hear_end(void)
{
	heard.caught_up = true;
}

static const struct change_events events = { hear, hear_end };

static void begin(struct fixture *fixture)
{
	fixture_open(fixture, NULL);
	heard.last = 0;
	changes_follow(&events);
}

static void end(struct fixture *fixture)
{
	changes_ignore();
	fixture_close(fixture);
}

/* Waits for a reading, and for what it has told. */
static void hears(const char *lines)
{
	heard.caught_up = false;
	worker_run_until(worker_current(), &heard.caught_up);
	assert_string_equal(heard.lines.at == NULL ? "" : heard.lines.at, lines);
	text_clear(&heard.lines);
}

static void somebody_runs(const struct fixture *fixture, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(sqlite_path(fixture), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

#define USER(name) "INSERT INTO users (domain, username) VALUES ('example.org', '" name "');"

/* In order, once; and not what the server writes itself. */
static void test_told(void **state)
{
	struct fixture *fixture = *state;

	begin(fixture);
	hears("");
	user_make("nurse");
	somebody_runs(fixture, USER("romeo") USER("juliet"));
	hears("users insert romeo\nusers insert juliet\n");
	somebody_runs(fixture, "UPDATE users SET disabled = true WHERE username = 'romeo'");
	hears("users update romeo\n");
	/* What does not change anything is no change. */
	somebody_runs(fixture, "UPDATE users SET disabled = true WHERE username = 'romeo';"
			       "DELETE FROM users WHERE username = 'juliet'");
	hears("users delete juliet\n");
	end(fixture);
}

/* What came before anybody followed, and while nobody did. */
static void test_read_on(void **state)
{
	struct fixture *fixture = *state;

	fixture_open(fixture, NULL);
	somebody_runs(fixture, USER("romeo"));
	fixture_close(fixture);
	begin(fixture);
	hears("users insert romeo\n");
	end(fixture);
	somebody_runs(fixture, USER("juliet"));
	begin(fixture);
	hears("users insert juliet\n");
	end(fixture);
	begin(fixture);
	hears("");
	end(fixture);
}

/* More than are read at a time. */
static void test_pages(void **state)
{
	struct fixture *fixture = *state;

	begin(fixture);
	hears("");
	heard.count = 0;
	somebody_runs(fixture,
	    "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers"
	    " WHERE n < 2500) INSERT INTO users (domain, username)"
	    " SELECT 'example.org', 'user' || n FROM numbers");
	heard.caught_up = false;
	worker_run_until(worker_current(), &heard.caught_up);
	assert_int_equal(heard.count, 2500);
	text_clear(&heard.lines);
	end(fixture);
}

/* A question that was refused is asked again. */
static void test_refused(void **state)
{
	struct fixture *fixture = *state;
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer answer = { 0 };

	limits.max_waiting = 1;
	fixture_open(fixture, &limits);
	somebody_runs(fixture, USER("romeo"));
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answer);
	heard.last = 0;
	changes_follow(&events);
	hears("users insert romeo\n");
	assert_int_equal(answer.rc, RC_OK);
	end(fixture);
}

static const struct CMUnitTest tests[] = {
	STORE_TEST(test_told),
	STORE_TEST(test_read_on),
	STORE_TEST(test_pages),
	STORE_TEST(test_refused),
};

int main(void)
{
	return sqlite_tests_run("changes", tests, COUNT_OF(tests));
}
