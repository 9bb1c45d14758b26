/* user-password.c - from a password in a row to keys in a row, one row at a time: a thousand rows
 * that somebody inserted at once are not to keep those waiting who log in. What cannot be done for
 * the moment is tried again: who has such a password cannot log in before. */
#include "core/user-password.h"

#include "core/config.h"
#include "core/home.h"
#include "core/module.h"
#include "core/user.h"
#include "loop/timer.h"

#define RETRY_MS 1000

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
	struct timer *retry; /* NULL: stopped */
} taking;

static store_done password_found, password_taken, password_wiped;

void passwords_take(void)
{
	taking.again = true;
	if (taking.is_busy || taking.retry == NULL)
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

/* The database is away or locked, or too much waits. */
static void taking_put_off(void)
{
	taking.again = false;
	if (taking.retry != NULL)
		timer_set(taking.retry, RETRY_MS);
	taking_end();
}

static void retry_due(void *state)
{
	(void)state;
	passwords_take();
}

static void password_found(const struct store_result *result, void *state)
{
	(void)state;
	if (store_rc(result) != RC_OK) {
		taking_put_off();
		return;
	}
	if (store_rows(result) == 0) {
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
	taking_put_off();
}

static void password_wiped(const struct store_result *result, void *state)
{
	(void)state;
	if (store_rc(result) == RC_OK)
		taking_end();
	else
		taking_put_off();
}

void passwords_start(void)
{
	taking.retry = timer_new(retry_due, NULL);
	passwords_take();
}

void passwords_stop(void)
{
	timer_free(&taking.retry);
}
