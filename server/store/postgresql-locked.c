/* postgresql-locked.c - accounts whose rows somebody else has locked.
 * A worker has one connection, so a statement that waits for a lock keeps everybody waiting. Hence
 * it may do so for a moment only (lock_timeout). Then its account is put aside, with all that is
 * asked for it, in order, and everybody else goes on. A few times a second one account is tried
 * again with its first request; when that goes through, the rest follows. What has waited too long
 * by then fails, with the wish to wait. */
#include <string.h>

#include "base/mem.h"
#include "store/postgresql.h"

/* Between two trials, each of which may stop the connection for the length of lock_timeout. */
#define TRIAL_MS 400
/* Of the time that a request may wait for a database that is away, what it waits for a lock. */
#define PATIENCE_SHARE 3

struct locked_account {
	TAILQ_ENTRY(locked_account) link;
	char *domain, *username;
	struct request_list requests; /* but for the one that is tried */
	bool on_trial;
};

static bool account_has(const struct locked_account *account, const struct request *request)
{
	return request->has_account && strcmp(account->domain, request->values[0].bytes) == 0 &&
	       strcmp(account->username, request->values[1].bytes) == 0;
}

static struct locked_account *account_find(
    struct postgresql_connection *connection, const struct request *request)
{
	struct locked_account *account;

	TAILQ_FOREACH (account, &connection->locked, link)
		if (account_has(account, request))
			return account;
	return NULL;
}

static struct locked_account *account_need(
    struct postgresql_connection *connection, const struct request *request)
{
	struct locked_account *account = account_find(connection, request);

	if (account != NULL)
		return account;
	account = mem_alloc_zero(sizeof(*account));
	account->domain = mem_strdup(request->values[0].bytes);
	account->username = mem_strdup(request->values[1].bytes);
	STAILQ_INIT(&account->requests);
	TAILQ_INSERT_TAIL(&connection->locked, account, link);
	return account;
}

/* All that waits for it goes on, before what was asked since. */
static void account_release(
    struct postgresql_connection *connection, struct locked_account *account)
{
	TAILQ_REMOVE(&connection->locked, account, link);
	STAILQ_CONCAT(&account->requests, &connection->waiting);
	STAILQ_CONCAT(&connection->waiting, &account->requests);
	mem_free(account->domain);
	mem_free(account->username);
	mem_free(account);
	worker_later(&connection->work, postgresql_work);
}

/* Fails what has waited too long; it is the oldest. */
static void account_expire(struct postgresql_connection *connection, struct locked_account *account)
{
	const struct store_result failed =
	    STORE_RESULT_FAILED(RC_RESOURCE_CONSTRAINT, "its rows are locked by somebody else");
	unsigned patience_ms = connection->base.store->limits.give_up_ms / PATIENCE_SHARE;
	struct request *request;

	while ((request = STAILQ_FIRST(&account->requests)) != NULL &&
	       worker_now_ms() - request->asked_ms >= patience_ms) {
		STAILQ_REMOVE_HEAD(&account->requests, link);
		request_finish(&connection->base, request, &failed);
	}
}

bool postgresql_put_aside(struct postgresql_connection *connection, struct request *request)
{
	struct locked_account *account;

	if (TAILQ_EMPTY(&connection->locked) || request->is_trial)
		return false;
	account = account_find(connection, request);
	if (account == NULL)
		return false;
	STAILQ_INSERT_TAIL(&account->requests, request, link);
	return true;
}

/* Takes the requests of the account out of the list. */
static struct request_list requests_of(
    const struct locked_account *account, struct request_list *requests)
{
	struct request_list mine = STAILQ_HEAD_INITIALIZER(mine);
	struct request_list others = STAILQ_HEAD_INITIALIZER(others);
	struct request *request;

	while ((request = STAILQ_FIRST(requests)) != NULL) {
		STAILQ_REMOVE_HEAD(requests, link);
		if (account_has(account, request))
			STAILQ_INSERT_TAIL(&mine, request, link);
		else
			STAILQ_INSERT_TAIL(&others, request, link);
	}
	STAILQ_CONCAT(requests, &others);
	return mine;
}

void postgresql_lock_met(struct postgresql_connection *connection, const struct request *request,
    struct request_list *requests)
{
	struct locked_account *account = account_need(connection, request);
	struct request_list mine = requests_of(account, requests);
	struct request *one;

	STAILQ_FOREACH (one, &mine, link)
		one->is_trial = false;
	STAILQ_CONCAT(&mine, &account->requests);
	STAILQ_CONCAT(&account->requests, &mine);
	account->on_trial = false;
	account_expire(connection, account);
	if (STAILQ_EMPTY(&account->requests))
		account_release(connection, account);
	else if (!timer_is_set(connection->trial))
		timer_set(connection->trial, TRIAL_MS);
}

/* One that has none under way, in turn. */
void postgresql_trial_due(void *state)
{
	struct postgresql_connection *connection = state;
	struct locked_account *account;
	struct request *request;

	TAILQ_FOREACH (account, &connection->locked, link)
		if (!account->on_trial)
			break;
	if (account == NULL)
		return;
	TAILQ_REMOVE(&connection->locked, account, link);
	TAILQ_INSERT_TAIL(&connection->locked, account, link);
	request = STAILQ_FIRST(&account->requests);
	STAILQ_REMOVE_HEAD(&account->requests, link);
	account->on_trial = request->is_trial = request->alone = true;
	STAILQ_INSERT_HEAD(&connection->waiting, request, link);
	worker_later(&connection->work, postgresql_work);
}

void postgresql_trial_over(struct postgresql_connection *connection, struct request *request)
{
	struct locked_account *account = account_find(connection, request);

	request->is_trial = false;
	if (account != NULL)
		account_release(connection, account);
	if (!TAILQ_EMPTY(&connection->locked))
		timer_set(connection->trial, 1);
}

void postgresql_release_all(struct postgresql_connection *connection)
{
	struct locked_account *account;

	while ((account = TAILQ_FIRST(&connection->locked)) != NULL)
		account_release(connection, account);
}
