/* ctl-link.c - the commands about other servers. */
#include <stdio.h>

#include "tools/ctl.h"

static const char *const columns[] = { "direction", "from", "to", "state", "by", "certificate",
	"address", "tls", "expires", "waiting", "error", NULL };

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

/* ---- test ---- */

static void cure_print(const json_t *step)
{
	const char *cure = json_string_value(json_object_get(step, "cure"));

	if (cure != NULL)
		printf("        cure: %s\n", cure);
}

static void step_print(const json_t *step)
{
	const char *address = json_string_value(json_object_get(step, "address"));
	bool is_good = json_is_true(json_object_get(step, "ok"));

	printf("%-6s  %-14s  %5" JSON_INTEGER_FORMAT " ms  %s%s%s\n", is_good ? "ok" : "FAILED",
	    json_string_value(json_object_get(step, "step")),
	    json_integer_value(json_object_get(step, "ms")), address == NULL ? "" : address,
	    address == NULL ? "" : ": ", json_string_value(json_object_get(step, "text")));
	cure_print(step);
}

static void test_print(const json_t *answer)
{
	const char *from = json_string_value(json_object_get(answer, "from"));
	const char *to = json_string_value(json_object_get(answer, "to"));
	const json_t *step;
	size_t index;

	json_array_foreach(json_object_get(answer, "steps"), index, step) step_print(step);
	printf("%s from %s to %s\n",
	    json_is_true(json_object_get(answer, "passed")) ? "a link comes up"
							    : "no link comes up",
	    from, to);
}

int ctl_link_test(struct ctl *ctl, char **arguments)
{
	json_t *answer;
	bool has_passed;
	int status = ctl_request(ctl,
	    json_pack("{s:s,s:s,s:s*}", "command", "link-test", "domain", arguments[0], "from",
		ctl->from),
	    &answer);

	if (status != CTL_GOOD)
		return status;
	has_passed = json_is_true(json_object_get(answer, "passed"));
	if (ctl->json)
		ctl_print_json(answer);
	else
		test_print(answer);
	json_decref(answer);
	return has_passed ? CTL_GOOD : CTL_FAILED;
}
