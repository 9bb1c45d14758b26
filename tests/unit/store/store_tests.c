/* store_tests.c - what a worker may expect of the store, whichever database is behind it. */
#include "database.h"
#include "xml/element.h"
#include "store/database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *number_text(struct arena *arena, unsigned number)
{
	return arena_printf(arena, "jid-%u", number);
}

/* --- values --- */

static const struct statement things_make =
    STATEMENT("CREATE TABLE things (number BIGINT PRIMARY KEY, words TEXT, yes BOOLEAN)");
static const struct statement things_insert =
    STATEMENT("INSERT INTO things (words, yes, number) VALUES ($2, $3, $1)");
static const struct statement things_select =
    STATEMENT("SELECT number, words, yes FROM things WHERE number = $1");
static const struct statement things_all =
    STATEMENT("SELECT number, words FROM things ORDER BY number");

struct thing {
	bool done;
	int64_t number;
	char words[64];
	size_t length;
	bool has_words;
	char yes[8];
};

static void thing_take(const struct store_result *result, void *state)
{
	struct thing *thing = state;
	struct span words = store_blob(result, 0, 1);

	assert_int_equal(store_one_row(result), RC_OK);
	thing->done = true;
	thing->number = store_integer(result, 0, 0);
	thing->has_words = words.at != NULL;
	thing->length = words.length;
	snprintf(thing->words, sizeof(thing->words), "%s", words.at == NULL ? "" : words.at);
	snprintf(thing->yes, sizeof(thing->yes), "%s", store_text(result, 0, 2));
}

static struct thing thing_get(int64_t number)
{
	struct thing thing = { 0 };

	store_run(&things_select, PARAMS(number), thing_take, &thing);
	worker_run_until(worker_current(), &thing.done);
	return thing;
}

/* Parameters are found by number, not by place; texts come back as they were. */
static void test_values(void **state)
{
	static const struct {
		int64_t number;
		const char *words;
		bool yes;
	} cases[] = {
		{ 1, "Wherefore art thou?", true },
		{ INT64_MAX, "", false },
		{ INT64_MIN, NULL, true },
		{ 0, "鹬 \xf0\x9f\x90\xa6 'quoted' $1 \\x41", false },
	};
	struct thing thing;

	fixture_open(*state, NULL);
	assert_int_equal(ask(&things_make, NO_PARAMS).rc, RC_OK);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct answer answer =
		    ask(&things_insert, PARAMS(cases[i].number, cases[i].words, cases[i].yes));

		assert_int_equal(answer.rc, RC_OK);
		assert_int_equal(answer.changed, 1);
		thing = thing_get(cases[i].number);
		assert_true(thing.number == cases[i].number);
		assert_int_equal(thing.has_words, cases[i].words != NULL);
		assert_string_equal(thing.words, cases[i].words == NULL ? "" : cases[i].words);
		assert_int_equal(thing.length, strlen(thing.words));
		assert_string_equal(thing.yes, cases[i].yes ? "1" : "0");
	}
}

static const struct statement element_select =
    STATEMENT("SELECT vcard FROM vcards WHERE domain = $1 AND username = $2");
static const struct statement element_insert =
    STATEMENT("INSERT INTO vcards (domain, username, vcard) VALUES ($1, $2, $3)"
	      " ON CONFLICT (domain, username) DO UPDATE SET vcard = excluded.vcard");

static void element_take(const struct store_result *result, void *state)
{
	struct arena *arena = arena_new(0);
	struct element *element = store_element(result, 0, arena);
	char *name = state;

	snprintf(name, 16, "%s", element == NULL ? "none" : element_name(element));
	arena_free(&arena);
}

static void test_element(void **state)
{
	char before[16], after[16], broken[16];

	fixture_open(*state, NULL);
	user_make("romeo");
	store_run(&element_select, PARAMS(ROMEO), element_take, before);
	store_run(
	    &element_insert, PARAMS(ROMEO, "<vCard xmlns='vcard-temp'><FN/></vCard>"), NULL, NULL);
	store_run(&element_select, PARAMS(ROMEO), element_take, after);
	store_run(&element_insert, PARAMS(ROMEO, "<vCard"), NULL, NULL);
	store_run(&element_select, PARAMS(ROMEO), element_take, broken);
	ask(&blocked_count, PARAMS(ROMEO));
	assert_string_equal(before, "none");
	assert_string_equal(after, "vCard");
	assert_string_equal(broken, "none");
}

static void rows_take(const struct store_result *result, void *state)
{
	assert_int_equal(store_rc(result), RC_OK);
	for (size_t i = 0; i < store_rows(result); i++)
		assert_int_equal(store_integer(result, i, 0), i);
	assert_null(store_text(result, store_rows(result), 0));
	*(size_t *)state = store_rows(result);
}

static void test_many_rows(void **state)
{
	size_t rows = 0;

	fixture_open(*state, NULL);
	store_run(&things_make, NO_PARAMS, NULL, NULL);
	for (int i = 999; i >= 0; i--)
		store_run(&things_insert, PARAMS(i, "some words", false), NULL, NULL);
	store_run(&things_all, NO_PARAMS, rows_take, &rows);
	ask(&things_select, PARAMS(1));
	assert_int_equal(rows, 1000);
}

static const struct statement blocked_return =
    STATEMENT("INSERT INTO blocked_jids (domain, username, jid) VALUES ($1, $2, $3)"
	      " ON CONFLICT (domain, username, jid) DO NOTHING RETURNING jid");
static const struct statement blocked_delete =
    STATEMENT("DELETE FROM blocked_jids WHERE domain = $1 AND username = $2");

static void test_changed(void **state)
{
	struct answer answer;

	fixture_open(*state, NULL);
	user_make("romeo");
	answer = ask(&blocked_return, PARAMS(ROMEO, "tybalt@example.org"));
	assert_string_equal(answer.text, "tybalt@example.org");
	assert_int_equal(answer.changed, 1);
	answer = ask(&blocked_return, PARAMS(ROMEO, "tybalt@example.org"));
	assert_int_equal(answer.rows, 0);
	assert_int_equal(answer.changed, 0);
	ask(&blocked_insert, PARAMS(ROMEO, "paris@example.org"));
	answer = ask(&blocked_count, PARAMS(ROMEO));
	assert_int_equal(answer.number, 2);
	assert_int_equal(answer.changed, 0);
	assert_int_equal(ask(&blocked_delete, PARAMS(ROMEO)).changed, 2);
}

/* --- order --- */

/* Each read sees exactly the writes that were asked before it, in one batch or in many. */
static void test_order(void **state)
{
	struct fixture *fixture = *state;
	enum { COUNT = 700 };
	struct answer *writes = arena_alloc_zero(fixture->arena, COUNT * sizeof(*writes));
	struct answer *reads = arena_alloc_zero(fixture->arena, COUNT * sizeof(*reads));

	fixture_open(fixture, NULL);
	user_make("romeo");
	for (unsigned i = 0; i < COUNT; i++) {
		store_run(&blocked_insert, PARAMS(ROMEO, number_text(fixture->arena, i)),
		    answer_take, &writes[i]);
		if (i % 7 == 3)
			store_run(&blocked_count, PARAMS(ROMEO), answer_take, &reads[i]);
		if (i % 100 == 99)
			answer_wait(&writes[i - 50]);
	}
	for (unsigned i = 0; i < COUNT; i++) {
		answer_wait(&writes[i]);
		assert_int_equal(writes[i].rc, RC_OK);
		assert_true(i == 0 || writes[i].turn > writes[i - 1].turn);
		if (i % 7 != 3)
			continue;
		answer_wait(&reads[i]);
		assert_int_equal(reads[i].number, i + 1);
		assert_true(i < 7 || reads[i].turn > reads[i - 7].turn);
	}
}

static void write_after_read(const struct store_result *result, void *state)
{
	struct answer *next = state;

	assert_int_equal(store_integer(result, 0, 0), 0);
	store_run(&blocked_insert, PARAMS(ROMEO, "tybalt@example.org"), answer_take, next);
	assert_int_equal(next->calls, 0);
}

/* An answer may ask the next question. */
static void test_chain(void **state)
{
	struct answer answer = { 0 };

	fixture_open(*state, NULL);
	user_make("romeo");
	store_run(&blocked_count, PARAMS(ROMEO), write_after_read, &answer);
	answer_wait(&answer);
	assert_int_equal(answer.rc, RC_OK);
	assert_int_equal(ask_number(&blocked_count, PARAMS(ROMEO)), 1);
}

/* --- failures --- */

static const struct statement roster_insert = STATEMENT(
    "INSERT INTO roster_items (domain, username, contact, subscription) VALUES ($1, $2, $3, $4)");
static const struct statement nonsense = STATEMENT("INSERT INTO nowhere VALUES (1)");
static const struct statement nonsense_read = STATEMENT("SELECT nothing FROM nowhere");

/* In one batch, with good ones between them: each gets its own reason. */
static void test_failures(void **state)
{
	struct answer answers[10] = { 0 };
	struct answer *at = answers;
	static const enum rc expected[] = { RC_OK, RC_CONFLICT, RC_ITEM_NOT_FOUND,
		RC_POLICY_VIOLATION, RC_POLICY_VIOLATION, RC_INTERNAL_SERVER_ERROR,
		RC_INTERNAL_SERVER_ERROR, RC_POLICY_VIOLATION, RC_OK, RC_OK };

	fixture_open(*state, NULL);
	user_make("romeo");
	store_run(&blocked_insert, PARAMS(ROMEO, "a@example.org"), answer_take, at++);
	store_run(&blocked_insert, PARAMS(ROMEO, "a@example.org"), answer_take, at++);
	store_run(&blocked_insert, PARAMS(NOBODY, "a@example.org"), answer_take, at++);
	store_run(&blocked_insert, PARAMS(ROMEO, ""), answer_take, at++);
	store_run(&roster_insert, PARAMS(ROMEO, "b@example.org", "neither"), answer_take, at++);
	store_run(&nonsense, NO_PARAMS, answer_take, at++);
	store_run(&nonsense_read, NO_PARAMS, answer_take, at++);
	store_run(&blocked_insert, PARAMS(ROMEO, (const char *)NULL), answer_take, at++);
	store_run(&blocked_insert, PARAMS(ROMEO, "b@example.org"), answer_take, at++);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, at++);
	answers_wait(answers, COUNT_OF(answers));
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		assert_int_equal(answers[i].rc, expected[i]);
		assert_int_equal(answers[i].calls, 1);
		assert_true((answers[i].text[0] == '\0') == (answers[i].rc == RC_OK) || i == 9);
	}
	assert_int_equal(answers[9].number, 2);
}

/* A batch in which the first, the second, ... the last fails; the others all stand, in order. */
static void test_each_fails_in_turn(void **state)
{
	struct fixture *fixture = *state;
	struct answer answers[12];

	fixture_open(fixture, NULL);
	user_make("romeo");
	for (unsigned bad = 0; bad < COUNT_OF(answers); bad++) {
		memset(answers, 0, sizeof(answers));
		for (unsigned i = 0; i < COUNT_OF(answers); i++) {
			const char *jid = number_text(fixture->arena, bad * 100 + i);

			if (i % 4 == 1 && i != bad)
				store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[i]);
			else
				store_run(&blocked_insert, PARAMS(i == bad ? NOBODY : ROMEO, jid),
				    answer_take, &answers[i]);
		}
		answers_wait(answers, COUNT_OF(answers));
		for (unsigned i = 0; i < COUNT_OF(answers); i++) {
			assert_int_equal(answers[i].calls, 1);
			assert_int_equal(answers[i].rc, i == bad ? RC_ITEM_NOT_FOUND : RC_OK);
		}
		assert_int_equal(ask_number(&blocked_count, PARAMS(ROMEO)), bad % 4 == 1 ? 9 : 8);
		ask(&blocked_delete, PARAMS(ROMEO));
	}
}

static const struct statement late_make =
    STATEMENT("CREATE TABLE late (id BIGINT PRIMARY KEY, other BIGINT"
	      " REFERENCES late (id) DEFERRABLE INITIALLY DEFERRED)");
static const struct statement late_insert = STATEMENT("INSERT INTO late VALUES ($1, $2)");
static const struct statement late_count = STATEMENT("SELECT count(*) FROM late");

/* What fails only when it is committed has failed. */
static void test_commit_fails(void **state)
{
	struct answer alone, answers[3] = { 0 };

	fixture_open(*state, NULL);
	assert_int_equal(ask(&late_make, NO_PARAMS).rc, RC_OK);
	alone = ask(&late_insert, PARAMS(1, 99));
	assert_int_equal(alone.rc, RC_ITEM_NOT_FOUND);
	assert_int_equal(ask_number(&late_count, NO_PARAMS), 0);
	assert_int_equal(ask(&late_insert, PARAMS(2, 2)).rc, RC_OK);
	store_run(&late_insert, PARAMS(3, 99), answer_take, &answers[0]);
	store_run(&late_count, NO_PARAMS, answer_take, &answers[1]);
	store_run(&late_insert, PARAMS(4, 99), answer_take, &answers[2]);
	answers_wait(answers, COUNT_OF(answers));
	assert_int_equal(answers[0].rc, RC_ITEM_NOT_FOUND);
	assert_int_equal(answers[1].rc, RC_OK);
	assert_int_equal(answers[2].rc, RC_ITEM_NOT_FOUND);
	assert_int_equal(ask_number(&late_count, NO_PARAMS), 1);
}

/* --- limits --- */

static void test_waiting_limit(void **state)
{
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer answers[7] = { 0 };

	limits.max_waiting = 5;
	fixture_open(*state, &limits);
	user_make("romeo");
	for (size_t i = 0; i < COUNT_OF(answers); i++)
		store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[i]);
	for (size_t i = 0; i < COUNT_OF(answers); i++)
		assert_int_equal(answers[i].calls, 0);
	answers_wait(answers, COUNT_OF(answers));
	for (size_t i = 0; i < COUNT_OF(answers); i++)
		assert_int_equal(answers[i].rc, i < 5 ? RC_OK : RC_RESOURCE_CONSTRAINT);
	assert_int_equal(ask_number(&blocked_count, PARAMS(ROMEO)), 0);
}

/* "example.org" and "romeo" with their ends are 18 bytes. */
static void test_waiting_bytes_limit(void **state)
{
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct answer answers[3] = { 0 };

	limits.max_waiting_bytes = 40;
	fixture_open(*state, &limits);
	user_make("romeo");
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[0]);
	store_run(&blocked_insert, PARAMS(ROMEO, "abc"), answer_take, &answers[1]);
	store_run(&blocked_count, PARAMS(ROMEO), answer_take, &answers[2]);
	answers_wait(answers, COUNT_OF(answers));
	assert_int_equal(answers[0].rc, RC_OK);
	assert_int_equal(answers[1].rc, RC_OK);
	assert_int_equal(answers[2].rc, RC_RESOURCE_CONSTRAINT);
	answers[0] = ask(&blocked_insert, PARAMS(ROMEO, "2345678901234567890"
							"12"));
	assert_int_equal(answers[0].rc, RC_OK);
	answers[0] = ask(&blocked_insert, PARAMS(ROMEO, "2345678901234567890"
							"123"));
	assert_int_equal(answers[0].rc, RC_RESOURCE_CONSTRAINT);
}

/* --- the end --- */

static void test_detach_waits(void **state)
{
	struct fixture *fixture = *state;
	struct answer answers[300] = { 0 };

	fixture_open(fixture, NULL);
	user_make("romeo");
	for (unsigned i = 0; i < COUNT_OF(answers); i++)
		store_run(&blocked_insert, PARAMS(ROMEO, number_text(fixture->arena, i)),
		    answer_take, &answers[i]);
	fixture_close(fixture);
	for (unsigned i = 0; i < COUNT_OF(answers); i++) {
		assert_int_equal(answers[i].calls, 1);
		assert_int_equal(answers[i].rc, RC_OK);
	}
	fixture_open(fixture, NULL);
	assert_int_equal(ask_number(&blocked_count, PARAMS(ROMEO)), 300);
}

/* --- several workers --- */

enum { CROWD = 4, CROWD_WRITES = 500 };

struct member {
	struct fixture *fixture;
	struct worker *worker;
	struct account_key key;
	struct arena *arena;
	struct answer reads[CROWD_WRITES];
	unsigned asked, answered, right, bad;
};

static void member_read(const struct store_result *result, void *state)
{
	struct member *member = state;

	member->answered++;
	member->right += store_integer(result, 0, 0) == (int64_t)member->answered;
}

static void member_go(struct member *member);

static void member_wrote(const struct store_result *result, void *state)
{
	struct member *member = state;

	member->bad += store_rc(result) != RC_OK;
	if (member->asked < CROWD_WRITES)
		member_go(member);
	else
		worker_stop(member->worker);
}

/* Five writes, each with a read behind it; then on from the last one's commit. */
static void member_go(struct member *member)
{
	for (int i = 0; i < 5; i++) {
		store_run(&blocked_insert,
		    PARAMS(member->key, number_text(member->arena, member->asked++)),
		    i == 4 ? member_wrote : NULL, member);
		store_run(&blocked_count, PARAMS(member->key), member_read, member);
	}
}

static void member_started(struct worker *worker, void *state)
{
	struct member *member = state;

	store_attach(member->fixture->store);
	member_go(member);
}

static void member_ended(struct worker *worker, void *state)
{
	struct member *member = state;

	store_detach(member->fixture->store);
}

static void test_crowd(void **state)
{
	struct fixture *fixture = *state;
	static const char *const names[CROWD] = { "a", "b", "c", "d" };
	struct member *crowd = arena_alloc_zero(fixture->arena, CROWD * sizeof(*crowd));

	fixture_open(fixture, NULL);
	for (unsigned i = 0; i < CROWD; i++) {
		user_make(names[i]);
		crowd[i].fixture = fixture;
		crowd[i].key = (struct account_key){ "example.org", names[i] };
		crowd[i].arena = arena_new(0);
		crowd[i].worker = worker_new(i + 1);
		worker_start(crowd[i].worker, member_started, member_ended, &crowd[i]);
	}
	for (unsigned i = 0; i < CROWD; i++) {
		worker_join(crowd[i].worker);
		worker_free(&crowd[i].worker);
		arena_free(&crowd[i].arena);
		assert_int_equal(crowd[i].answered, CROWD_WRITES);
		assert_int_equal(crowd[i].right, CROWD_WRITES);
		assert_int_equal(crowd[i].bad, 0);
		assert_int_equal(ask_number(&blocked_count, PARAMS(crowd[i].key)), CROWD_WRITES);
	}
}

/* --- */

static const struct CMUnitTest store_tests[] = {
	STORE_TEST(test_values),
	STORE_TEST(test_element),
	STORE_TEST(test_many_rows),
	STORE_TEST(test_changed),
	STORE_TEST(test_order),
	STORE_TEST(test_chain),
	STORE_TEST(test_failures),
	STORE_TEST(test_each_fails_in_turn),
	STORE_TEST(test_commit_fails),
	STORE_TEST(test_waiting_limit),
	STORE_TEST(test_waiting_bytes_limit),
	STORE_TEST(test_detach_waits),
	STORE_TEST(test_crowd),
};

int store_tests_run(const char *name)
{
	struct CMUnitTest *all =
	    mem_alloc(sizeof(store_tests) + schema_tests_count * sizeof(struct CMUnitTest));
	int failed;

	memcpy(all, store_tests, sizeof(store_tests));
	memcpy(all + COUNT_OF(store_tests), schema_tests, schema_tests_count * sizeof(*all));
	failed = _cmocka_run_group_tests(
	    name, all, COUNT_OF(store_tests) + schema_tests_count, NULL, NULL);
	mem_free(all);
	return failed;
}
