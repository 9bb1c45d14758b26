/* user-password.c - from a password in a row to keys in a row, one row at a time: a thousand rows
 * that somebody inserted at once are not to keep those waiting who log in. */
#include "core/user-password.h"

#include "core/config.h"
#include "core/home.h"
#include "core/module.h"
#include "core/user.h"

static const struct statement password_select =
    STATEMENT("SELECT domain, username, password FROM users WHERE password IS NOT NULL LIMIT 1");
static const struct statement password_wipe =
    STATEMENT("UPDATE users SET password = NULL"
	      " WHERE domain = $1 AND username = $2 AND password = $3");

/* The one under way. */
static _Thread_local struct {
	bool is_busy, again;
	struct arena *arena;
	struct account_key key;
	char *password;
} taking;

static store_done password_found, password_taken, password_wiped;

void passwords_take(void)
{
	taking.again = true;
	if (taking.is_busy)
		return;
	taking.is_busy = true;
	taking.again = false;
	store_run(&password_select, NO_PARAMS, password_found, NULL);
}

static void taking_end(void)
{
	if (taking.password != NULL)
		crypto_wipe(taking.password, strlen(taking.password));
	taking.password = NULL;
	arena_free(&taking.arena);
	taking.is_busy = false;
	if (taking.again)
		passwords_take();
}

static void password_found(const struct store_result *result, void *state)
{
	(void)state;
	if (store_one_row(result) != RC_OK) {
		taking_end();
		return;
	}
	taking.again = true;
	taking.arena = arena_new(0);
	taking.key.domain = arena_strdup(taking.arena, store_text(result, 0, 0));
	taking.key.username = arena_strdup(taking.arena, store_text(result, 0, 1));
	taking.password = arena_strdup(taking.arena, store_text(result, 0, 2));
	user_take_password(
	    taking.key, taking.password, home_config()->scram_iterations, password_taken, NULL);
}

/* While the database is away, or too much waits, it stays: the next change tries again. */
static void password_taken(const struct store_result *result, void *state)
{
	(void)state;
	if (store_rc(result) == RC_OK) {
		taking_end();
		return;
	}
	log_warning(NULL, "password set with SQL cannot be used",
	    KV("username", taking.key.username), KV("domain", taking.key.domain),
	    KV("why", store_message(result)));
	if (store_rc(result) == RC_NOT_ACCEPTABLE) {
		store_run(&password_wipe, PARAMS(taking.key, (const char *)taking.password),
		    password_wiped, NULL);
		return;
	}
	taking.again = false;
	taking_end();
}

static void password_wiped(const struct store_result *result, void *state)
{
	(void)state;
	if (store_rc(result) != RC_OK)
		taking.again = false;
	taking_end();
}
