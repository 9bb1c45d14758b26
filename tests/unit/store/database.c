/* database.c - see database.h. */
#include "database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *(*database_make)(struct arena *arena);

const struct statement user_insert =
    STATEMENT("INSERT INTO users (domain, username) VALUES ($1, $2)");
const struct statement blocked_insert =
    STATEMENT("INSERT INTO blocked_jids (domain, username, jid) VALUES ($1, $2, $3)");
const struct statement blocked_once =
    STATEMENT("INSERT INTO blocked_jids (domain, username, jid) VALUES ($1, $2, $3)"
	      " ON CONFLICT (domain, username, jid) DO NOTHING");
const struct statement blocked_count =
    STATEMENT("SELECT count(*) FROM blocked_jids WHERE domain = $1 AND username = $2");

static unsigned turns;

const char *schema_dir(struct arena *arena)
{
	const char *top = getenv("top_srcdir");

	return arena_printf(arena, "%s/schema", top == NULL ? "." : top);
}

int fixture_setup(void **state)
{
	struct fixture *fixture = mem_alloc_zero(sizeof(*fixture));

	fixture->arena = arena_new(0);
	fixture->worker = worker_new(0);
	worker_enter(fixture->worker);
	fixture->database = database_make(fixture->arena);
	turns = 0;
	*state = fixture;
	return fixture->database == NULL ? -1 : 0;
}

int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;

	fixture_close(fixture);
	worker_free(&fixture->worker);
	arena_free(&fixture->arena);
	mem_free(fixture);
	return 0;
}

void fixture_open(struct fixture *fixture, const struct store_limits *limits)
{
	const char *error = NULL;

	fixture->store = store_open(
	    fixture->database, schema_dir(fixture->arena), true, limits, fixture->arena, &error);
	if (fixture->store == NULL)
		fail_msg("%s", error);
	store_attach(fixture->store);
}

void fixture_close(struct fixture *fixture)
{
	if (fixture->store == NULL)
		return;
	store_detach(fixture->store);
	store_close(&fixture->store);
}

void answer_take(const struct store_result *result, void *state)
{
	struct answer *answer = state;
	const char *text =
	    store_rc(result) == RC_OK ? store_text(result, 0, 0) : store_message(result);

	answer->done = true;
	answer->calls++;
	answer->turn = ++turns;
	answer->rc = store_rc(result);
	answer->rows = store_rows(result);
	answer->changed = store_changed(result);
	answer->number = store_integer(result, 0, 0);
	snprintf(answer->text, sizeof(answer->text), "%s", text == NULL ? "" : text);
}

void answer_wait(const struct answer *answer)
{
	worker_run_until(worker_current(), &answer->done);
}

void answers_wait(const struct answer *answers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		answer_wait(&answers[i]);
}

struct answer ask(const struct statement *statement, const struct param *params)
{
	struct answer answer = { 0 };

	store_run(statement, params, answer_take, &answer);
	assert_false(answer.done);
	answer_wait(&answer);
	return answer;
}

int64_t ask_number(const struct statement *statement, const struct param *params)
{
	struct answer answer = ask(statement, params);

	if (answer.rc != RC_OK)
		fail_msg("%s: %s", statement->sql, answer.text);
	assert_int_equal(answer.rows, 1);
	return answer.number;
}

void user_make(const char *username)
{
	assert_int_equal(ask(&user_insert, PARAMS("example.org", username)).rc, RC_OK);
}
