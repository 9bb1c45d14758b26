/* check.c - what is asked of a configuration without serving it: whether it is good, and what it
 * may say. */
#include <stdio.h>

#include "core/config.h"
#include "core/loader.h"
#include "core/module.h"
#include "process/process-private.h"
#include "process/server.h"

static void warn_on_terminal(void *state, const char *text)
{
	(void)state;
	fprintf(stderr, "godwit: warning: %s\n", text);
}

int server_check(void)
{
	const char *error = NULL;
	int status = 0;

	if (!server_prepare(&error)) {
		fprintf(stderr, "godwit: %s\n", error);
		status = 1;
	} else {
		config_warn(server.config, warn_on_terminal, NULL);
		printf("%s: good\n", server.config_path);
		puts("What the table settings has wins over it, and the table domains may add "
		     "to it: godwitctl check looks there, too.");
	}
	server_free();
	return status;
}

int server_print_keys(void)
{
	const char *error = NULL;
	bool printed = server_load_modules(&error) &&
	               config_print_keys(server_modules(), server.arena, &error);

	if (!printed)
		fprintf(stderr, "godwit: %s\n", error);
	server_free();
	return printed ? 0 : 1;
}
