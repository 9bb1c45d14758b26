/* world.h - the core without sockets: one worker with an empty SQLite database, and clients that
 * hand in XML and look at what they were sent. */
#ifndef GODWIT_TESTS_WORLD_H
#define GODWIT_TESTS_WORLD_H

#include "core/account.h"
#include "core/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct client {
	struct session *session;
	struct text heard; /* a line for each stanza */
};

/* Setup and teardown of each test. */
int world_setup(void **state);
int world_teardown(void **state);
#define WORLD_TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

/* Makes the accounts NAME@example.org; the last is NULL. */
void users_make(const char *name, ...);
/* Forgets every account that is idle, so that it is loaded again. */
void accounts_forget(void);
/* Runs one statement of SQL without parameters. */
void sql_run(const struct statement *statement);
/* Runs the worker until nothing is under way. */
void settle(void);

/* Logs in as USER@example.org/RESOURCE. */
void client_login(struct client *client, const char *user, const char *resource);
/* The same, and sends initial presence and asks for the roster; what it was sent is forgotten. */
void client_appear(struct client *client, const char *user, const char *resource);
void client_logout(struct client *client);
/* Hands in one stanza. */
void says(struct client *client, const char *xml);
/* Settles; fails unless this is what the client was sent since: stanzas in order, one a line,
 * without the ids of roster pushes and the digits of versions. Forgets them. */
void hears(struct client *client, const char *lines);
/* Settles, and forgets. */
void ignores(struct client *client);

#endif
