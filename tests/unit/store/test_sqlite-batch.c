/* test_sqlite-batch.c - a transaction that fails in the middle. */
#include "sqlite-database.h"

#include <string.h>

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
	STORE_TEST(test_full),
};

int main(void)
{
	return sqlite_tests_run("sqlite-batch", tests, COUNT_OF(tests));
}
