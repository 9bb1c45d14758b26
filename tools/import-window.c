/* import-window.c - accounts that have been read gather until they are some hundred, or large. Then
 * the database is asked for all of them at once, each is compared with what is there, and what is
 * to be written is one transaction. A dry run does the same but for the last. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/text.h"
#include "core/config.h"
#include "tools/ctl.h"
#include "tools/import.h"
#include "tools/progress.h"
#include "xmpp/jid.h"

#define WINDOW_ACCOUNTS 200
#define WINDOW_BYTES (16u << 20)

static const struct statement user_select =
    STATEMENT("SELECT scram_sha_1, scram_sha_256 FROM users WHERE domain = $1 AND username = $2");
static const struct statement reserved_select =
    STATEMENT("SELECT reserved_until FROM deleted_users"
	      " WHERE domain = $1 AND username = $2 AND reserved_until > $3");
static const struct statement imported_select =
    STATEMENT("SELECT fingerprint, messages FROM imports WHERE domain = $1 AND username = $2");
static const struct statement imported_write =
    STATEMENT("INSERT INTO imports (domain, username, imported_at, fingerprint, messages)"
	      " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (domain, username) DO UPDATE SET"
	      " imported_at = excluded.imported_at, fingerprint = excluded.fingerprint,"
	      " messages = excluded.messages");

/* ---- what was imported before ---- */

/* Of all that the file has but a password, which must not be guessed at from here. */
static const char *account_fingerprint(struct import_account *account)
{
	unsigned char hash[DIGEST_MAX_BYTES];
	struct text all = { 0 };
	const struct import_row *row;

	text_printf(&all, "%s %s %d", account->sha_1 == NULL ? "" : account->sha_1,
	    account->sha_256 == NULL ? "" : account->sha_256, account->disabled);
	for (int kind = 0; kind < IMPORT_KINDS; kind++) {
		text_printf(&all, "\n%d", kind);
		STAILQ_FOREACH (row, &account->rows[kind], next) {
			/* What else there is of these may be a time of reading. */
			size_t columns =
			    kind == IMPORT_REQUESTS || kind == IMPORT_MESSAGES ? 1 : IMPORT_COLUMNS;

			for (size_t i = 0; i < columns; i++)
				text_printf(&all, "%c%s", IMPORT_SEPARATOR,
				    row->cells[i] == NULL ? "" : row->cells[i]);
		}
	}
	crypto_hash(DIGEST_SHA256, all.at, all.length, hash);
	crypto_wipe(all.at, all.length);
	text_free(&all);
	return hex_encode(account->arena, hash, 16);
}

/* The messages that were taken, now or before. */
static const char *messages_taken(struct import_account *account)
{
	json_t *all = account->imported.count == 0
	                  ? NULL
	                  : json_loads(ctl_cell(&account->imported, 0, 1), 0, NULL);
	const struct import_row *row;
	const char *text;
	char *dump;

	if (!json_is_array(all)) {
		json_decref(all);
		all = json_array();
	}
	STAILQ_FOREACH (row, &account->rows[IMPORT_MESSAGES], next)
		if (row->state == ROW_IS_NEW)
			json_array_append_new(all, json_string(row->cells[0]));
	dump = json_dumps(all, JSON_COMPACT);
	text = arena_strdup(account->arena, dump);
	free(dump);
	json_decref(all);
	return text;
}

/* ---- asking ---- */

static void user_ask(struct import *import, struct import_account *account)
{
	ctl_database_ask(import->database, account->arena, &user_select, PARAMS(account->key), 2,
	    &account->user);
	ctl_database_ask(import->database, account->arena, &reserved_select,
	    PARAMS(account->key, time_now_us()), 1, &account->reserved);
	ctl_database_ask(import->database, account->arena, &imported_select, PARAMS(account->key),
	    2, &account->imported);
}

static bool is_good(struct import *import, const struct ctl_rows *rows)
{
	(void)import;
	if (rows->rc == RC_OK)
		return true;
	ctl_fail("the database: %s", rows->message);
	return false;
}

/* What is known once it is known whether the account exists. */
static bool user_known(struct import *import, struct import_account *account)
{
	if (!is_good(import, &account->user) || !is_good(import, &account->reserved) ||
	    !is_good(import, &account->imported))
		return false;
	account->is_there = account->user.count > 0;
	account->fingerprint = account_fingerprint(account);
	account->is_known = account->is_there && !import->replaces && account->imported.count > 0 &&
	                    text_equal(ctl_cell(&account->imported, 0, 0), account->fingerprint);
	return true;
}

/* Whose name was in use: who has it now must not get what was the other's. */
static bool is_reserved(struct import *import, const struct import_account *account)
{
	if (account->is_there || account->reserved.count == 0)
		return false;
	import_skip(import, jid_text(account->jid),
	    "account: one of this name was deleted, and the name is reserved until %.10s; delete "
	    "its "
	    "row in the table deleted_users to set it free",
	    time_format(account->arena, ctl_number(&account->reserved, 0, 0)));
	return true;
}

static bool rows_known(struct import *import, const struct import_account *account)
{
	for (int kind = 0; kind < IMPORT_KINDS; kind++)
		if (!is_good(import, &account->present[kind]))
			return false;
	return true;
}

/* ---- comparing and writing ---- */

static void account_compare(struct import *import, struct import_account *account)
{
	if (account->is_known) {
		import->totals.same++;
		return;
	}
	if (is_reserved(import, account)) {
		import->totals.left_out++;
		return;
	}
	import_user_compare(import, account);
	for (int kind = 0; kind < IMPORT_KINDS; kind++)
		import_rows_compare(import, account, kind);
	if (!account->is_there)
		import->totals.made++;
	else if (account->has_changes)
		import->totals.changed++;
	else
		import->totals.same++;
}

static void account_write(struct import *import, struct import_account *account)
{
	import_user_write(import, account);
	for (int kind = 0; kind < IMPORT_KINDS; kind++)
		import_rows_write(import, account, kind);
	ctl_database_ask(import->database, account->arena, &imported_write,
	    PARAMS(account->key, time_now_us(), account->fingerprint, messages_taken(account)), 0,
	    &account->written[account->write_count++]);
	if (account->has_changes)
		import_note(import, account);
}

/* It is not complete: the next import tries again what was refused. */
static void account_forget(struct import *import, struct import_account *account)
{
	bool was = account->imported.count > 0;

	ctl_database_ask(import->database, account->arena, &imported_write,
	    PARAMS(
		account->key, time_now_us(), "", was ? ctl_cell(&account->imported, 0, 1) : "[]"),
	    0, &account->imported);
}

/* What fails for one account need not fail for the next; a database that is away does. */
static bool account_is_written(struct import *import, struct import_account *account)
{
	for (size_t i = 0; i < account->write_count; i++) {
		const struct ctl_rows *written = &account->written[i];

		if (written->rc == RC_OK)
			continue;
		import->totals.failed++;
		if (written->rc == RC_RESOURCE_CONSTRAINT)
			return is_good(import, written);
		import_skip(import, jid_text(account->jid), "the database refuses it: %s",
		    written->message);
		account_forget(import, account);
		return true;
	}
	return true;
}

static bool window_write(struct import *import)
{
	struct import_account *account;
	bool good = true;

	STAILQ_FOREACH (account, &import->window, next)
		if (account->has_changes || (account->is_there && !account->is_known))
			account_write(import, account);
	ctl_database_wait(import->database);
	STAILQ_FOREACH (account, &import->window, next)
		good = good && account_is_written(import, account);
	ctl_database_wait(import->database);
	return good;
}

static bool window_look(struct import *import)
{
	struct import_account *account;

	STAILQ_FOREACH (account, &import->window, next)
		user_ask(import, account);
	ctl_database_wait(import->database);
	STAILQ_FOREACH (account, &import->window, next) {
		if (!user_known(import, account))
			return false;
		for (int kind = 0; account->is_there && !account->is_known && kind < IMPORT_KINDS;
		     kind++)
			import_rows_ask(import, account, kind);
	}
	ctl_database_wait(import->database);
	STAILQ_FOREACH (account, &import->window, next) {
		if (!rows_known(import, account))
			return false;
		account_compare(import, account);
	}
	return true;
}

static void window_empty(struct import *import)
{
	struct import_account *account;

	while ((account = STAILQ_FIRST(&import->window)) != NULL) {
		STAILQ_REMOVE_HEAD(&import->window, next);
		import_account_free(&account);
	}
	import->window_count = import->window_bytes = 0;
}

bool import_window_end(struct import *import)
{
	bool good = window_look(import) && (!import->applies || window_write(import));

	window_empty(import);
	progress_show("%zu accounts", import->totals.made + import->totals.changed +
					  import->totals.same + import->totals.left_out);
	return good;
}

/* The same account twice in one window would not see itself in the database. */
static bool is_in_window(const struct import *import, const struct import_account *account)
{
	const struct import_account *other;

	STAILQ_FOREACH (other, &import->window, next)
		if (jid_equal(other->jid, account->jid))
			return true;
	return false;
}

bool import_account_end(struct import *import, struct import_account *account)
{
	if (account->is_too_large) {
		import_skip(import, jid_text(account->jid),
		    "account: it has more than %zu bytes; raise --max-account-bytes",
		    import->max_account_bytes);
		import->totals.left_out++;
		import_account_free(&account);
		return true;
	}
	if (is_in_window(import, account) && !import_window_end(import)) {
		import_account_free(&account);
		return false;
	}
	STAILQ_INSERT_TAIL(&import->window, account, next);
	import->window_count++;
	import->window_bytes += arena_size(account->arena);
	return (import->window_count < WINDOW_ACCOUNTS && import->window_bytes < WINDOW_BYTES) ||
	       import_window_end(import);
}
