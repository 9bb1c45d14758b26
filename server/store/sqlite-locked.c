/* sqlite-locked.c - who waits while another process writes to the database, such as an
 * administrator in the midst of a transaction. A read is in nobody's way and nobody in its, so only
 * writes wait, and with each what is asked for the same account after it: each account's statements
 * take effect in order, as on PostgreSQL (postgresql-locked.c). Those for no account in particular
 * wait for each other. What has waited for long fails, with the wish to wait. */
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "store/sqlite.h"

/* Of the time that a request may wait for a database that is away, what it waits for a lock: half
 * of what it would on PostgreSQL, as who comes back meanwhile waits for what was written when he
 * left. */
#define PATIENCE_SHARE 6

/* Neither name has a NUL in it. */
static struct span account_of(const struct request *request, struct arena *arena)
{
	const struct value *domain = &request->values[0], *username = &request->values[1];
	size_t length;
	char *key;

	if (!request->has_account)
		return span_of("");
	length = (size_t)domain->length + 1 + (size_t)username->length;
	key = arena_alloc(arena, length);
	memcpy(key, domain->bytes, (size_t)domain->length + 1);
	memcpy(key + domain->length + 1, username->bytes, (size_t)username->length);
	return (struct span){ key, length };
}

void sqlite_wait(struct sqlite_waiting *waiting, const struct request *request)
{
	struct span account;

	if (waiting->accounts == NULL) {
		waiting->accounts = hash_new();
		waiting->arena = arena_new(0);
	}
	account = account_of(request, waiting->arena);
	hash_put(waiting->accounts, account.at, account.length, waiting);
}

bool sqlite_has_to_wait(const struct sqlite_waiting *waiting, const struct request *request)
{
	struct span account;

	if (waiting->accounts == NULL)
		return false;
	account = account_of(request, waiting->arena);
	return hash_get(waiting->accounts, account.at, account.length) != NULL;
}

bool sqlite_has_waited(const struct sqlite_store *sqlite, const struct request *request)
{
	unsigned patience_ms = sqlite->base.limits.give_up_ms / PATIENCE_SHARE;

	return sqlite->giving_up || worker_now_ms() - request->asked_ms >= patience_ms;
}

bool sqlite_waiting_free(struct sqlite_waiting *waiting)
{
	bool did = waiting->accounts != NULL;

	hash_free(&waiting->accounts);
	arena_free(&waiting->arena);
	return did;
}
