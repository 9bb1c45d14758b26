/* ctl-link.c - the commands about other servers. */
#include <stdio.h>

#include "tools/ctl.h"

static const char *const columns[] = { "direction", "from", "to", "state", "by", "address", "tls",
	"expires", "waiting", "error", NULL };

static void links_print(const json_t *answer)
{
	ctl_print_table(json_object_get(answer, "links"), columns);
}

int ctl_link_list(struct ctl *ctl, char **arguments)
{
	return ctl_run(ctl, json_pack("{s:s,s:s*}", "command", "link-list", "domain", arguments[0]),
	    links_print);
}

static void close_print(const json_t *answer)
{
	printf("closed %" JSON_INTEGER_FORMAT " connection(s)\n",
	    json_integer_value(json_object_get(answer, "closed")));
}

int ctl_link_close(struct ctl *ctl, char **arguments)
{
	return ctl_run(ctl, json_pack("{s:s,s:s}", "command", "link-close", "domain", arguments[0]),
	    close_print);
}
