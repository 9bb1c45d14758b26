/* hello.c - a module as somebody else writes one, built against an installed godwit
 * (doc/modules.md). It answers <hello xmlns='urn:example:hello'/>, greets whoever comes online,
 * counts how often each account has come, and sends back messages that shout. */
#include <core/module.h>

#define NS_HELLO "urn:example:hello"

struct hello_config {
	const char *greeting;
	bool allow_shouting;
};

static const struct config_key hello_keys[] = {
	CONFIG_TEXT(struct hello_config, greeting, "Hello", "What to say."),
	CONFIG_BOOL(struct hello_config, allow_shouting, false,
	    "Whether a message may be in capitals throughout."),
	CONFIG_END,
};

static const char *hello_check(const void *section)
{
	const struct hello_config *config = section;

	return *config->greeting == '\0' ? "greeting is empty; leave it out for \"Hello\"" : NULL;
}

/* ---- a question to the server ---- */

static enum verdict hello_get(struct task *task)
{
	const struct hello_config *config = task_config(task);
	struct arena *arena = task_arena(task);
	struct element *answer = element_new_lent(arena, NS_HELLO, "hello");
	const char *name = jid_node(arena, stanza_from(task_stanza(task)));

	element_add_text(arena, answer, arena_printf(arena, "%s, %s", config->greeting, name));
	return task_reply(task, answer);
}

/* ---- a look at every message that our users send ---- */

static bool is_shouting(const char *text)
{
	bool letters = false;

	for (; *text != '\0'; text++) {
		if (*text >= 'a' && *text <= 'z')
			return false;
		letters = letters || (*text >= 'A' && *text <= 'Z');
	}
	return letters;
}

static enum verdict hello_message(struct task *task)
{
	const struct hello_config *config = task_config(task);
	const char *body = element_child_text(
	    task_arena(task), stanza_element(task_stanza(task)), NS_CLIENT, "body");

	if (body == NULL || config->allow_shouting || !is_shouting(body))
		return PASS;
	return task_fail_text(task, RC_POLICY_VIOLATION, "Please do not shout.");
}

/* ---- something to remember of each account, as long as it is in memory ---- */

static void hello_session(struct session *session)
{
	const struct hello_config *config = module_config(&godwit_module);
	struct account *account = session_account(session);
	unsigned *times = account_state(account, &godwit_module);
	struct stanza *welcome = stanza_new(MESSAGE_HEADLINE, account_jid(account), NULL, NULL);
	struct arena *arena = stanza_arena(welcome);

	if (times == NULL) {
		times = mem_alloc_zero(sizeof *times);
		account_set_state(account, &godwit_module, times);
	}
	(*times)++;
	element_add_text_child(arena, stanza_element(welcome), NULL, "body",
	    arena_printf(arena, "%s for the %u. time", config->greeting, *times));
	session_send(session, welcome, session_jid(session));
	stanza_unref(&welcome);
}

static const struct hook hello_hooks[] = {
	{ IQ_GET, NS_HELLO, TO_DOMAIN, 0, hello_get },
	{ ANY_MESSAGE, NULL, FROM_ACCOUNT, 0, hello_message },
	HOOK_END,
};

GODWIT_MODULE(hello, .feature = NS_HELLO, .hooks = hello_hooks, .config = hello_keys,
    .config_bytes = sizeof(struct hello_config), .config_check = hello_check,
    .account_free = mem_free, .session_available = hello_session);
