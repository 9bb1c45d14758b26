/* ctl-user.c - the commands about accounts. */
#include <stdio.h>

#include "base/crypto.h"
#include "base/text.h"
#include "tools/ctl.h"
#include "xmpp/jid.h"

static const char *const user_columns[] = { "jid", "disabled", "created", NULL };
static const char *const session_columns[] = { "jid", "address", "tls", "since", "worker",
	"available", "priority", NULL };

static int user_run(struct ctl *ctl, const char *command, const char *jid, const char *done)
{
	int status = ctl_run(ctl, json_pack("{s:s,s:s}", "command", command, "jid", jid), NULL);

	if (status == CTL_GOOD && !ctl->json)
		printf("%s %s\n", done, jid);
	return status;
}

/* Whether it may be an account's; which domains are served, the server knows. */
static bool address_is_good(struct arena *arena, const char *text)
{
	const struct jid *jid = jid_parse(arena, text);

	return jid != NULL && jid_is_bare(jid) && jid_node(arena, jid) != NULL;
}

static int user_run_password(
    struct ctl *ctl, const char *command, const char *jid, const char *done)
{
	const char *error = NULL;
	char *password;
	json_t *request;
	int status;

	/* Rather before than after a password was typed. */
	if (!address_is_good(ctl->arena, jid))
		return ctl_fail("\"%s\" is not an address as user@example.org", jid);
	if (!ctl_read_top(ctl, &error) ||
	    (password = ctl_password(ctl->arena, jid, &error)) == NULL)
		return ctl_fail("%s", error);
	request = json_pack("{s:s,s:s,s:s}", "command", command, "jid", jid, "password", password);
	crypto_wipe(password, strlen(password));
	if (request == NULL)
		return ctl_fail("address or password is not UTF-8");
	status = ctl_run(ctl, request, NULL);
	if (status == CTL_GOOD && !ctl->json)
		printf("%s %s\n", done, jid);
	return status;
}

int ctl_user_add(struct ctl *ctl, char **arguments)
{
	return user_run_password(ctl, "user-add", arguments[0], "added");
}

int ctl_user_passwd(struct ctl *ctl, char **arguments)
{
	return user_run_password(ctl, "user-passwd", arguments[0], "changed the password of");
}

int ctl_user_delete(struct ctl *ctl, char **arguments)
{
	return user_run(ctl, "user-delete", arguments[0], "deleted");
}

int ctl_user_disable(struct ctl *ctl, char **arguments)
{
	return user_run(ctl, "user-disable", arguments[0], "disabled");
}

int ctl_user_enable(struct ctl *ctl, char **arguments)
{
	return user_run(ctl, "user-enable", arguments[0], "enabled");
}

static void user_print(const json_t *user)
{
	const json_t *sessions = json_object_get(user, "sessions");

	printf("jid       %s\n", json_string_value(json_object_get(user, "jid")));
	printf("disabled  %s\n", json_is_true(json_object_get(user, "disabled")) ? "yes" : "no");
	printf("created   %s\n", json_string_value(json_object_get(user, "created")));
	printf("sessions  %zu\n", json_array_size(sessions));
	if (json_array_size(sessions) > 0)
		ctl_print_table(sessions, session_columns);
}

int ctl_user_show(struct ctl *ctl, char **arguments)
{
	return ctl_run(
	    ctl, json_pack("{s:s,s:s}", "command", "user-show", "jid", arguments[0]), user_print);
}

/* Page by page, until there is no more. */
int ctl_user_list(struct ctl *ctl, char **arguments)
{
	json_t *all = json_array(), *answer;
	const char *after = NULL;
	bool more = true;
	int status = CTL_GOOD;

	while (more && status == CTL_GOOD) {
		status = ctl_request(ctl,
		    json_pack("{s:s,s:s*,s:s*}", "command", "user-list", "domain", arguments[0],
			"after", after),
		    &answer);
		if (status != CTL_GOOD)
			break;
		more = json_is_true(json_object_get(answer, "more"));
		json_array_extend(all, json_object_get(answer, "users"));
		json_decref(answer);
		after = json_string_value(
		    json_object_get(json_array_get(all, json_array_size(all) - 1), "jid"));
	}
	if (status == CTL_GOOD && ctl->json)
		ctl_print_json(all);
	else if (status == CTL_GOOD)
		ctl_print_table(all, user_columns);
	json_decref(all);
	return status;
}
