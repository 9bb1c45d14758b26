/* command.c - finds what a request asks for, checks the address it is about, and takes it to the
 * worker that has to answer: an account's commands run at its home. */
#include "admin/command-private.h"

#include <stdarg.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/home.h"
#include "xmpp/jid.h"

enum about { ABOUT_SERVER, ABOUT_ACCOUNT, ABOUT_SESSION };

static const struct {
	const char *name;
	enum about about;
	void (*run)(struct command *command);
} table[] = {
	{ "user-add", ABOUT_ACCOUNT, command_user_add },
	{ "user-passwd", ABOUT_ACCOUNT, command_user_passwd },
	{ "user-delete", ABOUT_ACCOUNT, command_user_delete },
	{ "user-disable", ABOUT_ACCOUNT, command_user_disable },
	{ "user-enable", ABOUT_ACCOUNT, command_user_enable },
	{ "user-show", ABOUT_ACCOUNT, command_user_show },
	{ "user-list", ABOUT_SERVER, command_user_list },
	{ "session-list", ABOUT_SERVER, command_session_list },
	{ "session-kick", ABOUT_SESSION, command_session_kick },
	{ "link-list", ABOUT_SERVER, command_link_list },
	{ "link-close", ABOUT_SERVER, command_link_close },
	{ "link-test", ABOUT_SERVER, command_link_test },
	{ "status", ABOUT_SERVER, command_status },
	{ "reload", ABOUT_SERVER, command_reload },
	{ "stop", ABOUT_SERVER, command_stop },
};

/* What one worker adds to an answer. */
struct command_part {
	struct mail mail;
	struct command *command;
	json_t *json;
	void (*collect)(const struct command *command, json_t *part);
};

static const struct command_host *host;

void commands_start(const struct command_host *main_host)
{
	host = main_host;
}

const struct command_host *command_host(void)
{
	return host;
}

/* ---- the end of a command ---- */

json_t *command_refusal(const char *condition, const char *text)
{
	return json_pack("{s:b,s:s,s:s}", "ok", 0, "condition", condition, "error", text);
}

static void command_free(struct command *command)
{
	const char *password = command_text(command, "password");

	if (password != NULL)
		crypto_wipe((char *)(uintptr_t)password, strlen(password));
	for (size_t i = 0; command->parts != NULL && i < homes_count(); i++)
		json_decref(command->parts[i].json);
	mem_free(command->parts);
	json_decref(command->request);
	arena_free(&command->arena);
}

static void command_end(struct mail *mail)
{
	struct command *command = CONTAINER_OF(mail, struct command, mail);

	command->done(command->state, command->answer);
	command_free(command);
}

static void command_answer(struct command *command, json_t *answer)
{
	command->answer = answer;
	worker_post(command->asker, &command->mail, command_end);
}

void command_succeed(struct command *command, json_t *answer)
{
	if (answer == NULL)
		answer = json_object();
	json_object_set_new(answer, "ok", json_true());
	command_answer(command, answer);
}

void command_fail(struct command *command, enum rc rc, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	command_answer(command,
	    command_refusal(rc_name(rc), arena_vprintf(command->arena, format, arguments)));
	va_end(arguments);
}

void command_fail_store(struct command *command, const struct store_result *result)
{
	command_fail(command, store_rc(result), "the database: %s", store_message(result));
}

/* ---- the beginning ---- */

const char *command_text(const struct command *command, const char *name)
{
	return json_string_value(json_object_get(command->request, name));
}

static const char *domains_served(struct arena *arena)
{
	const struct config *config = home_config();
	const char *all = config->domains[0].name;

	for (size_t i = 1; i < config->domain_count; i++)
		all = arena_printf(arena, "%s, %s", all, config->domains[i].name);
	return all;
}

bool command_check_served(struct command *command, const char *domain)
{
	if (config_domain(home_config(), domain) != NULL)
		return true;
	command_fail(command, RC_ITEM_NOT_FOUND, "domain %s is not served here; served: %s", domain,
	    domains_served(command->arena));
	return false;
}

/* Strict: no account is made whose name only some versions of Unicode can write. */
static bool command_read_jid(struct command *command, enum about about)
{
	struct arena *arena = command->arena;
	const char *text = command_text(command, "jid");
	const struct jid *jid = text == NULL ? NULL : jid_parse(arena, text);
	const char *node = jid == NULL ? NULL : jid_node(arena, jid);

	if (node == NULL || jid_prepare_node(arena, node) == NULL ||
	    (about == ABOUT_ACCOUNT && !jid_is_bare(jid))) {
		command_fail(command, RC_JID_MALFORMED, "\"%s\" is not an address as user@%s%s",
		    text == NULL ? "" : text, home_config()->domains[0].name,
		    about == ABOUT_SESSION ? " or user@domain/resource" : "");
		return false;
	}
	if (!command_check_served(command, jid_domain(arena, jid)))
		return false;
	command->jid = jid;
	command->key = (struct account_key){ jid_domain(arena, jid), node };
	return true;
}

static void command_at_home(struct mail *mail)
{
	struct command *command = CONTAINER_OF(mail, struct command, mail);

	command->run(command);
}

void command_run(json_t *request, command_done *done, void *state)
{
	struct arena *arena = arena_new(0);
	struct command *command = arena_alloc_zero(arena, sizeof *command);
	const char *name;
	size_t i = 0;

	command->arena = arena;
	command->asker = worker_current();
	command->request = request;
	command->done = done;
	command->state = state;
	name = command_text(command, "command");
	while (i < COUNT_OF(table) && (name == NULL || strcmp(table[i].name, name) != 0))
		i++;
	if (i == COUNT_OF(table)) {
		command_fail(command, RC_FEATURE_NOT_IMPLEMENTED, "there is no command \"%s\"",
		    name == NULL ? "" : name);
		return;
	}
	command->run = table[i].run;
	if (table[i].about == ABOUT_SERVER)
		command->run(command);
	else if (command_read_jid(command, table[i].about))
		worker_post(home_of(command->jid), &command->mail, command_at_home);
}

/* ---- asking all workers ---- */

static void part_returned(struct mail *mail)
{
	struct command *command = CONTAINER_OF(mail, struct command_part, mail)->command;

	command->parts_missing--;
	if (command->parts_missing == 0)
		command->gathered(command);
}

static void part_collect(struct mail *mail)
{
	struct command_part *part = CONTAINER_OF(mail, struct command_part, mail);

	part->json = json_pack("{s:i}", "worker", (int)worker_index(worker_current()));
	part->collect(part->command, part->json);
	worker_post(part->command->asker, &part->mail, part_returned);
}

void command_gather(struct command *command,
    void (*collect)(const struct command *command, json_t *part),
    void (*gathered)(struct command *command))
{
	size_t count = homes_count();

	command->parts = mem_alloc_zero(count * sizeof *command->parts);
	command->parts_missing = count;
	command->gathered = gathered;
	for (size_t i = 0; i < count; i++) {
		command->parts[i].command = command;
		command->parts[i].collect = collect;
		worker_post(homes_worker(i), &command->parts[i].mail, part_collect);
	}
}

json_t *command_part(const struct command *command, size_t worker)
{
	return command->parts[worker].json;
}
