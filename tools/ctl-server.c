/* ctl-server.c - the commands about the running server as a whole. */
#include <stdio.h>

#include "tools/ctl.h"

static const char *const worker_columns[] = { "worker", "connections", "sessions", "accounts",
	"database_up", NULL };
static const char *const listener_columns[] = { "kind", "address", "port", NULL };

static const char *member(const json_t *status, const char *key)
{
	const char *text = json_string_value(json_object_get(status, key));

	return text == NULL ? "-" : text;
}

static void uptime_print(const json_t *status)
{
	json_int_t seconds = json_integer_value(json_object_get(status, "uptime_seconds"));

	printf("uptime    %d days %02d:%02d:%02d, since %s\n", (int)(seconds / 86400),
	    (int)(seconds / 3600 % 24), (int)(seconds / 60 % 60), (int)(seconds % 60),
	    member(status, "started"));
}

static void status_print(const json_t *status)
{
	printf("godwit    %s\n", member(status, "version"));
	uptime_print(status);
	printf("config    %s\n", member(status, "config"));
	printf("database  %s, schema %d, %s\n", member(status, "database"),
	    (int)json_integer_value(json_object_get(status, "schema")),
	    json_is_true(json_object_get(status, "database_up")) ? "up" : "AWAY");
	printf("libraries %s, %s\n\n", member(status, "expat"), member(status, "openssl"));
	ctl_print_table(json_object_get(status, "listeners"), listener_columns);
	putchar('\n');
	ctl_print_table(json_object_get(status, "workers"), worker_columns);
}

int ctl_status(struct ctl *ctl, char **arguments)
{
	(void)arguments;
	return ctl_run(ctl, json_pack("{s:s}", "command", "status"), status_print);
}

static void reload_print(const json_t *answer)
{
	const char *warnings = json_string_value(json_object_get(answer, "warnings"));
	const json_t *setting;
	size_t i;

	puts("reloaded");
	if (warnings != NULL)
		fputs(warnings, stdout);
	json_array_foreach(json_object_get(answer, "needs_restart"), i, setting)
	    printf("\"%s\" takes effect after a restart\n", json_string_value(setting));
}

int ctl_reload(struct ctl *ctl, char **arguments)
{
	(void)arguments;
	return ctl_run(ctl, json_pack("{s:s}", "command", "reload"), reload_print);
}

static void stop_print(const json_t *answer)
{
	(void)answer;
	puts("stopping");
}

int ctl_stop(struct ctl *ctl, char **arguments)
{
	(void)arguments;
	return ctl_run(ctl, json_pack("{s:s}", "command", "stop"), stop_print);
}
