/* roster-write.c - changes of a roster in the database, and what follows from their commit. */
#include "core/roster-write.h"

#include "core/account.h"
#include "core/pause.h"
#include "core/roster-private.h"
#include "core/roster-push.h"

struct roster_write {
	struct account *account; /* referenced */
	struct task *task;       /* held, or NULL */
	struct arena *arena;     /* of what follows */
	struct account_key key;
	struct element *pushed; /* <item/>, or NULL */
	const char *version;    /* that the push brings */
	unsigned left;          /* statements not answered, and one until roster_write_end() */
	enum rc rc;
	struct pause *pause; /* or NULL */
};

static const struct statement item_upsert = STATEMENT(
    "INSERT INTO roster_items (domain, username, contact, name, subscription, ask, approved)"
    " VALUES ($1, $2, $3, $4, $5, CAST($6 AS BIGINT) <> 0, CAST($7 AS BIGINT) <> 0)"
    " ON CONFLICT (domain, username, contact) DO UPDATE SET name = excluded.name,"
    " subscription = excluded.subscription, ask = excluded.ask, approved = excluded.approved");
static const struct statement item_delete =
    STATEMENT("DELETE FROM roster_items WHERE domain = $1 AND username = $2 AND contact = $3");
static const struct statement groups_delete =
    STATEMENT("DELETE FROM roster_groups WHERE domain = $1 AND username = $2 AND contact = $3");
static const struct statement group_insert = STATEMENT(
    "INSERT INTO roster_groups (domain, username, contact, group_name) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (domain, username, contact, group_name) DO NOTHING");
static const struct statement request_upsert =
    STATEMENT("INSERT INTO subscription_requests (domain, username, contact, stanza, requested_at)"
	      " VALUES ($1, $2, $3, $4, $5)"
	      " ON CONFLICT (domain, username, contact) DO UPDATE SET stanza = excluded.stanza,"
	      " requested_at = excluded.requested_at");
static const struct statement request_delete = STATEMENT(
    "DELETE FROM subscription_requests WHERE domain = $1 AND username = $2 AND contact = $3");

static store_done roster_written;

struct roster_write *roster_write_new(struct account *account, struct task *task)
{
	struct arena *arena = arena_new(0);
	struct roster_write *write = arena_alloc_zero(arena, sizeof *write);

	write->account = account_ref(account);
	write->task = task == NULL ? NULL : task_hold(task);
	write->arena = arena;
	write->key = account_key_of(account, arena);
	write->left = 1;
	account->roster->writes++;
	return write;
}

static void roster_write_run(
    struct roster_write *write, const struct statement *statement, const struct param *params)
{
	write->left++;
	store_run(statement, params, roster_written, write);
}

void roster_write_item(struct roster_write *write, const struct roster_item *item)
{
	roster_write_run(write, &item_upsert,
	    PARAMS(write->key, roster_item_contact(item), roster_item_name(item),
		subscription_name(item->subscription), item->ask, item->approved));
}

void roster_write_groups(struct roster_write *write, const struct roster_item *item)
{
	const char *group = NULL;

	roster_write_run(write, &groups_delete, PARAMS(write->key, roster_item_contact(item)));
	while ((group = roster_item_group(item, group)) != NULL)
		roster_write_run(
		    write, &group_insert, PARAMS(write->key, roster_item_contact(item), group));
}

void roster_write_removal(struct roster_write *write, const struct roster_item *item)
{
	roster_write_run(write, &item_delete, PARAMS(write->key, roster_item_contact(item)));
}

void roster_write_request(
    struct roster_write *write, const struct jid *contact, const struct stanza *stanza)
{
	roster_write_run(write, &request_upsert,
	    PARAMS(write->key, jid_bare_text(write->arena, contact),
		(const char *)stanza_to_text(write->arena, stanza), time_now_us()));
}

void roster_write_no_request(struct roster_write *write, const struct jid *contact)
{
	roster_write_run(
	    write, &request_delete, PARAMS(write->key, jid_bare_text(write->arena, contact)));
}

void roster_write_push(struct roster_write *write, const struct jid *contact)
{
	write->pushed = roster_contact_element(write->arena, write->account, contact);
}

void roster_write_block(struct roster_write *write)
{
	if (write->pause == NULL)
		write->pause = pause_new(write->account);
}

/* Everything is committed, or something is not: clients first, then who asked, then who waited. */
static void roster_write_finish(struct roster_write *write)
{
	struct account *account = write->account;
	struct arena *arena = write->arena;

	if (write->rc != RC_OK)
		account_reload(account);
	else if (write->pushed != NULL)
		roster_push(account, write->pushed, write->version);
	if (write->task != NULL)
		task_finish(write->task, write->rc, NULL);
	pause_free(&write->pause);
	account_unref(account);
	arena_free(&arena);
}

static void roster_write_release(struct roster_write *write)
{
	write->left--;
	if (write->left == 0)
		roster_write_finish(write);
}

static void roster_written(const struct store_result *result, void *state)
{
	struct roster_write *write = state;

	if (write->rc == RC_OK)
		write->rc = store_rc(result);
	roster_write_release(write);
}

/* The push brings the version as of this change, whatever comes before its commit. */
void roster_write_end(struct roster_write *write)
{
	if (write->pushed != NULL)
		write->version = roster_push_version(write->account, write->arena);
	roster_write_release(write);
}
