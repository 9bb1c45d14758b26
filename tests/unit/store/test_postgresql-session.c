/* test_postgresql-session.c - connecting, and the settings of a session. */
#include "postgresql-database.h"
#include "store/postgresql.h"

#include <string.h>

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

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_uri_shown),
	STORE_TEST(test_open_fails),
	STORE_TEST(test_settings),
};

int main(void)
{
	return postgresql_tests_run("postgresql-session", tests, COUNT_OF(tests));
}
