/* schema_tests.c - the steps of the schema, and what its tables take and refuse. */
#include "database.h"

#include <string.h>

static const struct statement schema_number = STATEMENT("SELECT max(number) FROM schema_version");
static const struct statement schema_raise =
    STATEMENT("INSERT INTO schema_version (number, name, applied_at) VALUES (999, 'future', 0)");
static const struct statement schema_forget =
    STATEMENT("DELETE FROM schema_version WHERE number >= $1");

static void test_schema_version(void **state)
{
	struct fixture *fixture = *state;
	const char *schema = schema_dir(fixture->arena), *error = NULL;
	unsigned number;

	assert_null(store_open(fixture->database, schema, false, NULL, fixture->arena, &error));
	assert_non_null(strstr(error, "has schema 0"));
	fixture_open(fixture, NULL);
	number = store_schema(fixture->store);
	assert_int_equal(ask_number(&schema_number, NO_PARAMS), number);
	assert_true(number >= 1);
	assert_non_null(strpbrk(store_version(fixture->store), "0123456789"));
	assert_true(store_is_up());
	assert_int_equal(ask(&schema_raise, NO_PARAMS).rc, RC_OK);
	fixture_close(fixture);
	assert_null(store_open(fixture->database, schema, true, NULL, fixture->arena, &error));
	assert_non_null(strstr(error, "schema 999"));
	assert_non_null(strstr(error, arena_printf(fixture->arena, "ends with %u", number)));
}

/* A step that fails leaves nothing behind: here the tables are there, but nobody knows. */
static void test_schema_step_fails(void **state)
{
	struct fixture *fixture = *state;
	const char *schema = schema_dir(fixture->arena), *error = NULL;

	fixture_open(fixture, NULL);
	assert_int_equal(ask(&schema_forget, PARAMS(1)).rc, RC_OK);
	fixture_close(fixture);
	assert_null(store_open(fixture->database, schema, true, NULL, fixture->arena, &error));
	assert_non_null(strstr(error, "001-office"));
}

/* --- the tables --- */

static const struct statement roster_insert = STATEMENT(
    "INSERT INTO roster_items (domain, username, contact, subscription) VALUES ($1, $2, $3, $4)");
static const struct statement roster_ask = STATEMENT(
    "UPDATE roster_items SET ask = true WHERE domain = $1 AND username = $2 AND contact = $3");
static const struct statement group_insert = STATEMENT(
    "INSERT INTO roster_groups (domain, username, contact, group_name) VALUES ($1, $2, $3, $4)");
static const struct statement group_count = STATEMENT("SELECT count(*) FROM roster_groups");
static const struct statement key_set = STATEMENT(
    "UPDATE users SET scram_sha_1 = $3, scram_sha_256 = $4 WHERE domain = $1 AND username = $2");
static const struct statement user_rename =
    STATEMENT("UPDATE users SET username = $3 WHERE domain = $1 AND username = $2");
static const struct statement user_delete =
    STATEMENT("DELETE FROM users WHERE domain = $1 AND username = $2");
static const struct statement user_created =
    STATEMENT("SELECT created_at FROM users WHERE domain = $1 AND username = $2");

static void test_tables_refuse(void **state)
{
	static const char *const bad_names[] = { "", "Romeo", "ro meo", "r@b", "r/b", "r:b", "r<b",
		"r\"b", "r&b", "r'b", "r>b" };
	const char *key1 = "SCRAM-SHA-1$4096:c2FsdA==$c3RvcmVk:c2VydmVy";
	const char *key256 = "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy";

	fixture_open(*state, NULL);
	for (size_t i = 0; i < COUNT_OF(bad_names); i++)
		assert_int_equal(
		    ask(&user_insert, PARAMS("example.org", bad_names[i])).rc, RC_POLICY_VIOLATION);
	assert_int_equal(ask(&user_insert, PARAMS("Example.org", "romeo")).rc, RC_POLICY_VIOLATION);
	assert_int_equal(ask(&user_insert, PARAMS("例子.中国", "罗密欧")).rc, RC_OK);
	user_make("romeo");
	assert_int_equal(ask(&key_set, PARAMS(ROMEO, key1, key256)).rc, RC_OK);
	assert_int_equal(ask(&key_set, PARAMS(ROMEO, key256, key1)).rc, RC_POLICY_VIOLATION);
	assert_int_equal(ask(&key_set, PARAMS(ROMEO, "secret", key256)).rc, RC_POLICY_VIOLATION);
	assert_int_equal(ask(&roster_insert, PARAMS(ROMEO, "juliet@example.org/balcony", "to")).rc,
	    RC_POLICY_VIOLATION);
	assert_int_equal(ask(&roster_insert, PARAMS(ROMEO, "juliet@example.org", "to")).rc, RC_OK);
	assert_int_equal(
	    ask(&roster_ask, PARAMS(ROMEO, "juliet@example.org")).rc, RC_POLICY_VIOLATION);
}

/* What belongs to an account follows it, to another name and into the grave. */
static void test_tables_follow_user(void **state)
{
	struct account_key mercutio = { "example.org", "mercutio" };
	int64_t age_us;

	fixture_open(*state, NULL);
	user_make("romeo");
	age_us = time_now_us() - ask_number(&user_created, PARAMS(ROMEO));
	assert_true(age_us > -1000000 && age_us < 60000000);
	ask(&blocked_insert, PARAMS(ROMEO, "tybalt@example.org"));
	ask(&roster_insert, PARAMS(ROMEO, "juliet@example.org", "both"));
	assert_int_equal(ask(&group_insert, PARAMS(ROMEO, "juliet@example.org", "Love")).rc, RC_OK);
	assert_int_equal(ask(&group_insert, PARAMS(ROMEO, "rosaline@example.org", "Love")).rc,
	    RC_ITEM_NOT_FOUND);
	assert_int_equal(ask(&user_rename, PARAMS(ROMEO, "mercutio")).changed, 1);
	assert_int_equal(ask_number(&blocked_count, PARAMS(mercutio)), 1);
	assert_int_equal(ask_number(&group_count, NO_PARAMS), 1);
	assert_int_equal(ask(&user_delete, PARAMS(mercutio)).changed, 1);
	assert_int_equal(ask_number(&blocked_count, PARAMS(mercutio)), 0);
	assert_int_equal(ask_number(&group_count, NO_PARAMS), 0);
}

/* --- */

const struct CMUnitTest schema_tests[] = {
	STORE_TEST(test_schema_version),
	STORE_TEST(test_schema_step_fails),
	STORE_TEST(test_tables_refuse),
	STORE_TEST(test_tables_follow_user),
};
const size_t schema_tests_count = COUNT_OF(schema_tests);
