/* command-user.c - accounts: made, changed, looked up, ended. What changes who may be logged in is
 * done at the account's home, where its sessions are. */
#include "admin/command-private.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/account.h"
#include "core/config.h"
#include "core/home.h"
#include "core/module.h"
#include "core/session.h"
#include "core/user.h"
#include "xmpp/jid.h"

/* Accounts in one answer of user-list; who wants more asks again. */
#define LIST_MAX 1000

/* Somebody waits for the account to be loaded, to delete it whole. */
struct deletion {
	struct account_waiter waiter;
	struct command *command;
};

static store_done user_added, user_changed, user_deleted, user_disabled, user_shown, users_listed;
static void deletion_loaded(struct account_waiter *waiter, struct account *account);

static void fail_absent(struct command *command)
{
	command_fail(command, RC_ITEM_NOT_FOUND,
	    "there is no account %s; \"godwitctl user list\" shows all", jid_text(command->jid));
}

/* The password of the request, or NULL after having failed. */
static const char *command_password(struct command *command)
{
	const char *password = command_text(command, "password");

	if (password == NULL)
		command_fail(command, RC_BAD_REQUEST, "a password is needed");
	return password;
}

static bool password_refused(struct command *command, const struct store_result *result)
{
	if (store_rc(result) != RC_NOT_ACCEPTABLE)
		return false;
	command_fail(command, RC_NOT_ACCEPTABLE, "%s; choose another one", store_message(result));
	return true;
}

/* ---- add, passwd ---- */

void command_user_add(struct command *command)
{
	const char *password = command_password(command);

	if (password != NULL)
		account_create(command->key, password, user_added, command);
}

static void user_added(const struct store_result *result, void *state)
{
	struct command *command = state;

	if (store_rc(result) == RC_CONFLICT)
		command_fail(command, RC_CONFLICT,
		    "there is an account %s; \"godwitctl user passwd\" changes its password",
		    jid_text(command->jid));
	else if (store_rc(result) == RC_OK)
		command_succeed(command, json_pack("{s:s}", "jid", jid_text(command->jid)));
	else if (!password_refused(command, result))
		command_fail_store(command, result);
}

void command_user_passwd(struct command *command)
{
	const char *password = command_password(command);

	if (password != NULL)
		account_set_password(command->key, password, user_changed, command);
}

static void user_changed(const struct store_result *result, void *state)
{
	struct command *command = state;

	if (password_refused(command, result))
		return;
	if (store_rc(result) != RC_OK)
		command_fail_store(command, result);
	else if (store_changed(result) == 0)
		fail_absent(command);
	else
		command_succeed(command, json_pack("{s:s}", "jid", jid_text(command->jid)));
}

/* ---- delete: contacts are told, sessions end ---- */

void command_user_delete(struct command *command)
{
	struct deletion *deletion = arena_alloc_zero(command->arena, sizeof *deletion);

	deletion->waiter.loaded = deletion_loaded;
	deletion->command = command;
	account_login(account_get(command->jid), &deletion->waiter);
}

static void deletion_loaded(struct account_waiter *waiter, struct account *account)
{
	struct command *command = CONTAINER_OF(waiter, struct deletion, waiter)->command;

	if (account->phase == ACCOUNT_READY)
		account_remove(account, user_deleted, command);
	else if (account->phase == ACCOUNT_FAILED)
		command_fail(command, RC_RESOURCE_CONSTRAINT,
		    "the database does not answer; try again when it does");
	else
		fail_absent(command);
}

static void user_deleted(const struct store_result *result, void *state)
{
	user_changed(result, state);
}

/* ---- disable, enable ---- */

void command_user_disable(struct command *command)
{
	user_set_disabled(command->key, true, user_disabled, command);
}

/* Who is logged in has to go. */
static void user_disabled(const struct store_result *result, void *state)
{
	struct command *command = state;
	struct account *account = account_peek(command->jid);

	if (store_rc(result) == RC_OK && account != NULL) {
		account->disabled = true;
		sessions_end(account, SESSION_NOT_AUTHORIZED);
	}
	user_changed(result, state);
}

static void user_enabled(const struct store_result *result, void *state)
{
	struct command *command = state;
	struct account *account = account_peek(command->jid);

	if (store_rc(result) == RC_OK && account != NULL)
		account->disabled = false;
	user_changed(result, state);
}

void command_user_enable(struct command *command)
{
	user_set_disabled(command->key, false, user_enabled, command);
}

/* ---- show, list ---- */

/* A row of user_show() or user_list(). */
static json_t *user_describe(const struct store_result *result, size_t row, struct arena *arena)
{
	return json_pack("{s:s+++,s:b,s:s}", "jid", store_text(result, row, 1), "@",
	    store_text(result, row, 0), "", "disabled", store_integer(result, row, 2) != 0,
	    "created", time_format(arena, store_integer(result, row, 3)));
}

void command_user_show(struct command *command)
{
	user_show(command->key, user_shown, command);
}

static void user_shown(const struct store_result *result, void *state)
{
	struct command *command = state;
	struct account *account = account_peek(command->jid);
	json_t *user, *sessions;

	if (store_rc(result) != RC_OK) {
		command_fail_store(command, result);
		return;
	}
	if (store_rows(result) == 0) {
		fail_absent(command);
		return;
	}
	user = user_describe(result, 0, command->arena);
	sessions = json_array();
	if (account != NULL)
		sessions_describe(account, sessions);
	json_object_set_new(user, "sessions", sessions);
	command_succeed(command, user);
}

/* In pages: "after" is the last address of the page before. */
void command_user_list(struct command *command)
{
	const char *domain = command_text(command, "domain");
	const char *after = command_text(command, "after");
	const struct jid *last = after == NULL ? NULL : jid_parse(command->arena, after);
	struct account_key from = { "", "" };

	if (last != NULL)
		from = (struct account_key){ jid_domain(command->arena, last),
			jid_node(command->arena, last) };
	if (domain != NULL)
		domain = jid_prepare_domain(command->arena, domain);
	if (domain == NULL && command_text(command, "domain") != NULL) {
		command_fail(command, RC_BAD_REQUEST,
		    "\"%s\" is no domain; \"godwitctl user show\" tells about one account",
		    command_text(command, "domain"));
		return;
	}
	if (after != NULL && (last == NULL || from.username == NULL)) {
		command_fail(
		    command, RC_BAD_REQUEST, "\"%s\" is no account to go on behind", after);
		return;
	}
	user_list(domain, from, LIST_MAX, users_listed, command);
}

/* A domain that has been taken out of the configuration may have accounts still; one that has none
 * is a slip of the pen. */
static bool list_may_be_empty(struct command *command)
{
	const char *domain = command_text(command, "domain");

	return domain == NULL || command_text(command, "after") != NULL ||
	       command_check_served(command, jid_prepare_domain(command->arena, domain));
}

static void users_listed(const struct store_result *result, void *state)
{
	struct command *command = state;
	json_t *users = json_array();

	if (store_rc(result) != RC_OK) {
		json_decref(users);
		command_fail_store(command, result);
		return;
	}
	if (store_rows(result) == 0 && !list_may_be_empty(command)) {
		json_decref(users);
		return;
	}
	for (size_t row = 0; row < store_rows(result); row++)
		json_array_append_new(users, user_describe(result, row, command->arena));
	command_succeed(command,
	    json_pack("{s:o,s:b}", "users", users, "more", store_rows(result) == LIST_MAX));
}
