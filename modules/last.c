/* last.c - XEP-0012, Last Activity: how long the server runs, and when an account was last online.
 * One row is written for each account, when its last session ends; who may see the account's
 * presence may ask for it. Where many leave at once, the rows of those who do while one statement
 * is under way are written by the next one: a statement for each would fill the database's queue,
 * and whoever comes back would be refused for it. */
#include "core/module.h"

#include <sys/queue.h>

#define NS_LAST "jabber:iq:last"
#define STATUS_MAX_BYTES 1024
/* Rows written at a time. */
#define FAREWELLS_MAX 500

/* An account whose last session has ended. */
struct farewell {
	STAILQ_ENTRY(farewell) next;
	int64_t at_us;
	char *domain, *username, *status; /* status NULL: it left none */
};
STAILQ_HEAD(farewell_list, farewell);

/* Of this worker. There are no more than there were accounts online: nobody logs in without the
 * database. */
static _Thread_local struct {
	struct farewell_list waiting;
	size_t count;
	unsigned under_way; /* statements */
} farewells;

static const struct statement last_select =
    STATEMENT("SELECT at, status FROM last_activity WHERE domain = $1 AND username = $2");
static const struct statement last_replace =
    STATEMENT("INSERT INTO last_activity (domain, username, at, status) VALUES ($1, $2, $3, $4)"
	      " ON CONFLICT (domain, username) DO UPDATE SET at = excluded.at,"
	      " status = excluded.status");

/* All of a list. Who has been removed has no row any more, and may have come and gone twice. */
static const struct statement last_replace_all = STATEMENT_EACH(
    "INSERT INTO last_activity (domain, username, at, status)"
    " SELECT DISTINCT ON (r->>0, r->>1) r->>0, r->>1, (r->>2)::BIGINT, r->>3"
    " FROM jsonb_array_elements($1::JSONB) AS r"
    " JOIN users ON users.domain = r->>0 AND users.username = r->>1"
    " ORDER BY r->>0, r->>1, (r->>2)::BIGINT DESC"
    " ON CONFLICT (domain, username) DO UPDATE SET at = excluded.at, status = excluded.status",
    "INSERT INTO last_activity (domain, username, at, status)"
    " SELECT domain, username, json_extract(value, '$[2]'), json_extract(value, '$[3]')"
    " FROM json_each($1) JOIN users ON domain = json_extract(value, '$[0]')"
    " AND username = json_extract(value, '$[1]') WHERE true"
    " ON CONFLICT (domain, username) DO UPDATE SET at = excluded.at, status = excluded.status");

static store_done last_loaded, farewells_written;

/* ---- what is written ---- */

static void farewell_add(struct account_key key, const char *status)
{
	struct farewell *farewell = mem_alloc(sizeof *farewell);

	*farewell = (struct farewell){
		.at_us = time_now_us(),
		.domain = mem_strdup(key.domain),
		.username = mem_strdup(key.username),
		.status = status == NULL ? NULL : mem_strdup(status),
	};
	if (farewells.count == 0)
		STAILQ_INIT(&farewells.waiting);
	STAILQ_INSERT_TAIL(&farewells.waiting, farewell, next);
	farewells.count++;
}

static void farewell_free(struct farewell *farewell)
{
	mem_free(farewell->domain);
	mem_free(farewell->username);
	mem_free(farewell->status);
	mem_free(farewell);
}

/* One statement, with those that have waited longest. */
static void farewells_write(void)
{
	struct farewell_list *list = mem_alloc(sizeof *list);
	struct text rows = { 0 };
	struct farewell *farewell;

	STAILQ_INIT(list);
	for (size_t i = 0; i < FAREWELLS_MAX && farewells.count > 0; i++) {
		farewell = STAILQ_FIRST(&farewells.waiting);
		STAILQ_REMOVE_HEAD(&farewells.waiting, next);
		farewells.count--;
		STAILQ_INSERT_TAIL(list, farewell, next);
		text_puts(&rows, i == 0 ? "[[" : ",[");
		text_put_json(&rows, farewell->domain);
		text_putc(&rows, ',');
		text_put_json(&rows, farewell->username);
		text_printf(&rows, ",%" PRId64 ",", farewell->at_us);
		text_put_json(&rows, farewell->status);
		text_putc(&rows, ']');
	}
	text_putc(&rows, ']');
	farewells.under_way++;
	store_run(&last_replace_all, PARAMS((const char *)rows.at), farewells_written, list);
	text_free(&rows);
}

/* What could not be written together, for somebody's lock maybe, is written one by one. */
static void farewells_written(const struct store_result *result, void *state)
{
	struct farewell_list *list = state;
	enum rc rc = store_rc(result);
	struct farewell *farewell;

	while ((farewell = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, next);
		if (rc != RC_OK)
			store_run(&last_replace,
			    PARAMS(((struct account_key){ farewell->domain, farewell->username }),
				farewell->at_us, (const char *)farewell->status),
			    NULL, NULL);
		farewell_free(farewell);
	}
	mem_free(list);
	farewells.under_way--;
	if (farewells.under_way == 0 && farewells.count > 0)
		farewells_write();
}

/* ---- what is asked ---- */

static enum verdict last_answer(struct task *task, int64_t since_us, const char *status)
{
	struct arena *arena = task_arena(task);
	struct element *query = element_new_lent(arena, NS_LAST, "query");
	int64_t seconds = (time_now_us() - since_us) / 1000000;

	/* The clock may have been set back. */
	element_set(
	    arena, query, "seconds", arena_printf(arena, "%" PRId64, seconds > 0 ? seconds : 0));
	element_add_text(arena, query, status);
	return task_reply(task, query);
}

/* Section 5: the server says since when it has been up. */
static enum verdict last_domain(struct task *task)
{
	return last_answer(task, server_started_us(), NULL);
}

/* Sections 3 and 4: whoever may not see the presence must not learn this either, neither from the
 * account nor from one of its clients. */
static enum verdict last_guard(struct task *task)
{
	const struct stanza *stanza = task_stanza(task);

	if (stanza_type(stanza) != IQ_TYPE_GET || !element_is(task_payload(task), NS_LAST, NULL))
		return PASS;
	if (account_shows_presence_to(task_account(task), stanza_from(stanza)))
		return PASS;
	return task_fail(task, RC_FORBIDDEN);
}

/* Nor whether there is such an account. */
static enum verdict last_nobody(struct task *task)
{
	return task_fail(task, RC_FORBIDDEN);
}

/* Section 3: somebody who is connected was last active now. */
static enum verdict last_account(struct task *task)
{
	if (account_first_session(task_account(task)) != NULL)
		return last_answer(task, time_now_us(), NULL);
	/* The answer comes behind all that is under way. */
	while (farewells.count > 0)
		farewells_write();
	store_run(&last_select, PARAMS(account_key(task)), last_loaded, task_hold(task));
	return DONE;
}

static void last_loaded(const struct store_result *result, void *state)
{
	struct task *task = state;
	enum rc rc = store_one_row(result);

	if (rc != RC_OK)
		task_fail(task, rc);
	else
		last_answer(task, store_integer(result, 0, 0), store_text(result, 0, 1));
}

/* ---- what is noted ---- */

/* The status of a farewell is remembered until the session has ended. */
static enum verdict last_presence(struct task *task)
{
	const struct stanza *presence = task_stanza(task);
	struct account *account = task_account(task);
	const char *status = NULL;

	if (stanza_to(presence) != NULL)
		return PASS;
	if (stanza_type(presence) == PRESENCE_UNAVAILABLE)
		status = element_child_text(
		    task_arena(task), stanza_element(presence), NS_CLIENT, "status");
	if (status != NULL && strlen(status) > STATUS_MAX_BYTES)
		status = NULL;
	mem_free(account_state(account, &godwit_module));
	account_set_state(account, &godwit_module, status == NULL ? NULL : mem_strdup(status));
	return PASS;
}

static void last_session_ended(struct session *session)
{
	struct account *account = session_account(session);
	struct arena *arena;

	if (account_is_gone(account) || account_first_session(account) != session ||
	    session_next(session) != NULL)
		return;
	arena = arena_new(0);
	farewell_add(account_key_of(account, arena), account_state(account, &godwit_module));
	if (farewells.under_way == 0)
		farewells_write();
	mem_free(account_state(account, &godwit_module));
	account_set_state(account, &godwit_module, NULL);
	arena_free(&arena);
}

static const struct hook last_hooks[] = {
	{ IQ_GET, NS_LAST, TO_DOMAIN, 0, last_domain },
	{ ANY_IQ, NULL, TO_ACCOUNT, 10, last_guard },
	{ IQ_GET, NS_LAST, TO_ACCOUNT, 0, last_account },
	{ IQ_GET, NS_LAST, TO_NOBODY, 0, last_nobody },
	{ ANY_PRESENCE, NULL, FROM_ACCOUNT, 0, last_presence },
	HOOK_END,
};

GODWIT_MODULE(last, .feature = NS_LAST, .account_feature = NS_LAST, .hooks = last_hooks,
    .account_free = mem_free, .session_ended = last_session_ended);
