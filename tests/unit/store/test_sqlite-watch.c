/* test_sqlite-watch.c - noticing that another process has changed the file. */
#include "sqlite-database.h"

#include <sqlite3.h>

#include "store/driver.h"

static bool is_woken;

static void woken(struct connection *connection, enum wake wake)
{
	assert_int_equal(wake, WAKE_CHANGED);
	is_woken = true;
}

static void somebody_writes(const struct fixture *fixture)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(sqlite_path(fixture), &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db, "UPDATE users SET disabled = NOT disabled", NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
}

/* Each time; by our own writes never. */
static void test_woken(void **state)
{
	struct connection *connection;

	fixture_open(*state, NULL);
	connection = connection_current();
	connection->woken = woken;
	connection->store->driver->watch(connection);
	user_make("romeo");
	for (int i = 0; i < 2; i++) {
		is_woken = false;
		ask(&blocked_insert, PARAMS(ROMEO, i == 0 ? "a" : "b"));
		assert_false(is_woken);
		somebody_writes(*state);
		worker_run_until(worker_current(), &is_woken);
	}
}

static const struct CMUnitTest tests[] = {
	STORE_TEST(test_woken),
};

int main(void)
{
	return sqlite_tests_run("sqlite-watch", tests, COUNT_OF(tests));
}
