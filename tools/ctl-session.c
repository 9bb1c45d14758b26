/* ctl-session.c - the commands about who is logged in. */
#include <stdio.h>

#include "tools/ctl.h"

static const char *const columns[] = { "jid", "address", "tls", "since", "worker", "available",
	"priority", NULL };

static void sessions_print(const json_t *answer)
{
	json_int_t more = json_integer_value(json_object_get(answer, "more"));

	ctl_print_table(json_object_get(answer, "sessions"), columns);
	if (more > 0)
		printf("and %" JSON_INTEGER_FORMAT " more; name a domain to see fewer\n", more);
}

int ctl_session_list(struct ctl *ctl, char **arguments)
{
	return ctl_run(ctl,
	    json_pack("{s:s,s:s*}", "command", "session-list", "domain", arguments[0]),
	    sessions_print);
}

static void kick_print(const json_t *answer)
{
	printf("ended %" JSON_INTEGER_FORMAT " session(s)\n",
	    json_integer_value(json_object_get(answer, "kicked")));
}

int ctl_session_kick(struct ctl *ctl, char **arguments)
{
	return ctl_run(ctl, json_pack("{s:s,s:s}", "command", "session-kick", "jid", arguments[0]),
	    kick_print);
}
