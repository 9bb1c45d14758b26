/* roster-load.c - a roster out of the database: its items with their groups, who has asked for the
 * account's presence, and the shared groups it has to do with. Three queries of the one round that
 * loads an account; one more for each of these groups that is not in memory yet. */
#include "base/hash.h"
#include "core/account.h"
#include "core/roster-change.h"
#include "core/roster-private.h"
#include "core/shared-group.h"

/* One load under way. */
struct roster_load {
	struct account *account; /* lent: the account's load holds it */
	void (*loaded)(struct account *account, enum rc rc);
	struct roster *roster; /* being filled */
	uint32_t writes;       /* begun before the queries */
	unsigned left;         /* queries that have not answered, and groups not known yet */
	enum rc rc;
};

/* A group that the load waits for. */
struct group_wait {
	struct group_waiter waiter;
	struct roster_load *load;
};

static const struct statement items_select =
    STATEMENT("SELECT i.contact, i.name, i.subscription, i.ask, i.approved, g.group_name"
	      " FROM roster_items i LEFT JOIN roster_groups g"
	      " ON g.domain = i.domain AND g.username = i.username AND g.contact = i.contact"
	      " WHERE i.domain = $1 AND i.username = $2 ORDER BY i.contact");
static const struct statement requests_select =
    STATEMENT("SELECT contact FROM subscription_requests WHERE domain = $1 AND username = $2");

enum items_column {
	COLUMN_CONTACT,
	COLUMN_NAME,
	COLUMN_SUBSCRIPTION,
	COLUMN_ASK,
	COLUMN_APPROVED,
	COLUMN_GROUP
};

static store_done items_loaded, requests_loaded, shares_loaded;
static void roster_load_ended(struct roster_load *load, enum rc rc);

static void roster_load_run(struct roster_load *load)
{
	struct account *account = load->account;
	struct arena *arena = arena_new(0);
	struct account_key key = account_key_of(account, arena);

	load->rc = RC_OK;
	load->left = 3;
	load->roster = roster_new();
	load->writes = account->roster == NULL ? 0 : account->roster->writes;
	store_run(&items_select, PARAMS(key), items_loaded, load);
	store_run(&requests_select, PARAMS(key), requests_loaded, load);
	store_run(&shares_select, PARAMS(key), shares_loaded, load);
	arena_free(&arena);
}

unsigned roster_load(struct account *account, void (*loaded)(struct account *account, enum rc rc))
{
	struct roster_load *load = mem_alloc_zero(sizeof *load);

	load->account = account;
	load->loaded = loaded;
	roster_load_run(load);
	return 1;
}

/* ---- rows ---- */

/* The contact of a row, or NULL if a row made by hand holds what no client could have stored. */
static const struct jid *row_contact(
    const struct account *account, struct arena *arena, const char *text)
{
	const struct jid *contact = jid_parse(arena, text);

	if (contact != NULL && jid_is_bare(contact) && text_equal(jid_text(contact), text))
		return contact;
	log_warning(NULL, "contact in the database is not a prepared bare JID, row ignored",
	    KV("account", jid_text(account->jid)), KV("contact", text));
	return NULL;
}

/* No client could have stored that either. */
static void row_too_large(const struct account *account, const struct jid *contact)
{
	log_warning(NULL, "contact in the database makes the roster too large, row ignored",
	    KV("account", jid_text(account->jid)), KV("contact", jid_text(contact)));
}

static struct subscription_state row_state(const struct store_result *rows, size_t row)
{
	return (struct subscription_state){
		.subscription = subscription_named(store_text(rows, row, COLUMN_SUBSCRIPTION)),
		.ask = store_integer(rows, row, COLUMN_ASK) != 0,
		.approved = store_integer(rows, row, COLUMN_APPROVED) != 0,
	};
}

/* How many rows from this one on are of the same contact: one for each group. */
static size_t rows_of_contact(const struct store_result *rows, size_t row)
{
	const char *contact = store_text(rows, row, COLUMN_CONTACT);
	size_t end = row + 1;

	while (end < store_rows(rows) && text_equal(store_text(rows, end, COLUMN_CONTACT), contact))
		end++;
	return end - row;
}

static void item_load(struct roster_load *load, struct arena *arena,
    const struct store_result *rows, size_t row, size_t count)
{
	const struct jid *contact =
	    row_contact(load->account, arena, store_text(rows, row, COLUMN_CONTACT));
	const char **groups = arena_alloc(arena, count * sizeof *groups);
	struct subscription_state state = row_state(rows, row);
	size_t group_count = 0;

	for (size_t i = row; i < row + count; i++)
		if (store_text(rows, i, COLUMN_GROUP) != NULL)
			groups[group_count++] = store_text(rows, i, COLUMN_GROUP);
	if (contact != NULL && !roster_append(load->roster, contact,
				   store_text(rows, row, COLUMN_NAME), groups, group_count, &state))
		row_too_large(load->account, contact);
}

static void items_loaded(const struct store_result *result, void *state)
{
	struct roster_load *load = state;
	struct arena *arena = arena_new(0);
	size_t count;

	for (size_t row = 0; row < store_rows(result); row += count) {
		count = rows_of_contact(result, row);
		item_load(load, arena, result, row, count);
	}
	items_sort(load->roster);
	arena_free(&arena);
	roster_load_ended(load, store_rc(result));
}

static void requests_note(struct roster_load *load, const struct store_result *rows)
{
	struct arena *arena = arena_new(0);

	for (size_t row = 0; row < store_rows(rows); row++) {
		const struct jid *contact =
		    row_contact(load->account, arena, store_text(rows, row, 0));

		if (contact != NULL && !roster_note_request(load->roster, contact))
			row_too_large(load->account, contact);
	}
	arena_free(&arena);
}

static void requests_loaded(const struct store_result *result, void *state)
{
	struct roster_load *load = state;

	requests_note(load, result);
	roster_load_ended(load, store_rc(result));
}

/* ---- shared groups ---- */

static void group_known(struct group_waiter *waiter, enum rc rc)
{
	struct group_wait *wait = CONTAINER_OF(waiter, struct group_wait, waiter);
	struct roster_load *load = wait->load;

	mem_free(wait);
	roster_load_ended(load, rc);
}

static void shares_loaded(const struct store_result *result, void *state)
{
	struct roster_load *load = state;
	struct share *share;

	load->roster->shares = shares_new(load->account, result);
	for (size_t i = 0; (share = shares_at(load->roster->shares, i)) != NULL; i++) {
		struct group_wait *wait;

		if (share->group->is_known)
			continue;
		wait = mem_alloc(sizeof *wait);
		wait->waiter.known = group_known;
		wait->load = load;
		load->left++;
		shared_group_wait(share->group, &wait->waiter);
	}
	roster_load_ended(load, store_rc(result));
}

/* ---- taking it over ---- */

static void roster_install(struct account *account, struct roster *roster)
{
	struct roster *old = account->roster;

	account->roster = roster;
	shares_install(roster->shares, account);
	if (old == NULL)
		return;
	roster->writes = old->writes;
	if (account->session_count > 0)
		roster_changed(account, old);
	roster_free(&old);
}

/* Memory that changed while the queries ran is newer than their rows: ask again. */
static bool roster_load_is_overtaken(const struct roster_load *load)
{
	const struct roster *current = load->account->roster;

	return load->rc == RC_OK && current != NULL && current->writes != load->writes;
}

static void roster_load_finish(struct roster_load *load)
{
	struct roster_load done = *load;

	if (roster_load_is_overtaken(load)) {
		roster_free(&load->roster);
		roster_load_run(load);
		return;
	}
	mem_free(load);
	if (done.rc == RC_OK)
		roster_install(done.account, done.roster);
	else
		roster_free(&done.roster);
	done.loaded(done.account, done.rc);
}

/* Answers come in order, but what is refused, since too much waits for the database, may overtake
 * what was accepted before. */
static void roster_load_ended(struct roster_load *load, enum rc rc)
{
	if (load->rc == RC_OK)
		load->rc = rc;
	load->left--;
	if (load->left == 0)
		roster_load_finish(load);
}
