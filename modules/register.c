/* register.c - XEP-0077, In-Band Registration: new passwords and farewells for those who are logged
 * in and, if the admin allows it, new accounts for those who are not. */
#include "core/module.h"

#include <stdatomic.h>

#define HOUR_US INT64_C(3600000000)

struct register_config {
	bool allow;
	bool change_password;
	bool remove;
	unsigned per_hour;
};

static const struct config_key register_keys[] = {
	CONFIG_BOOL(struct register_config, allow, false,
	    "Whether anyone may make an account without being logged in."),
	CONFIG_BOOL(struct register_config, change_password, true,
	    "Whether users may change their password from a client."),
	CONFIG_BOOL(struct register_config, remove, true,
	    "Whether users may delete their account from a client."),
	CONFIG_NUMBER(struct register_config, per_hour, 30, 1, 1000000,
	    "Accounts that may be made in an hour, by everyone together."),
	CONFIG_END,
};

static store_done register_changed, register_removed, register_created;

/* The account of whoever asks, to the server or to itself; NULL for strangers and for users of
 * another of our domains. */
static struct account *register_account(struct task *task)
{
	struct session *session = task_session(task);

	if (session == NULL)
		return NULL;
	return jid_has_domain(session_jid(session), task_domain(task)) ? session_account(session)
	                                                               : NULL;
}

/* Nobody registers with an account; it answers as if it did not exist. */
static bool is_for_other(struct task *task)
{
	return task_account(task) != NULL && !task_by_owner(task);
}

static const char *register_field(struct task *task, const char *name)
{
	return element_child_text(task_arena(task), task_payload(task), NS_REGISTER, name);
}

/* Nobody is logged in: c2s has passed on a stanza that it could not stamp. */
static bool register_is_early(struct task *task)
{
	return stanza_from(task_stanza(task)) == NULL;
}

/* ---- get: what is needed ---- */

/* Section 3.1: for who is registered, what is on file; the password is not. */
static struct element *register_form(struct task *task, const char *username)
{
	struct arena *arena = task_arena(task);
	struct element *query = element_new_lent(arena, NS_REGISTER, "query");

	if (username != NULL)
		element_add_new(arena, query, NULL, "registered");
	element_add_text_child(arena, query, NULL, "instructions",
	    username == NULL ? "Choose a username and a password for your new account."
			     : "Send your username with a new password to change it.");
	element_add_text_child(arena, query, NULL, "username", username);
	element_add_new(arena, query, NULL, "password");
	return query;
}

static enum verdict register_get(struct task *task)
{
	const struct register_config *config = task_config(task);
	struct account *account = register_account(task);

	if (is_for_other(task))
		return PASS;
	if (account != NULL)
		return task_reply(
		    task, register_form(task, jid_node(task_arena(task), account_jid(account))));
	if (!register_is_early(task) || !config->allow)
		return task_fail(task, RC_SERVICE_UNAVAILABLE);
	return task_reply(task, register_form(task, NULL));
}

/* ---- set by who is logged in ---- */

/* Section 3.2. */
static enum verdict register_remove(struct task *task, struct account *account)
{
	const struct register_config *config = task_config(task);
	struct element *first = element_child(task_payload(task), NULL, NULL);

	if (element_next(first, NULL, NULL) != NULL)
		return task_fail(task, RC_BAD_REQUEST);
	if (!config->remove)
		return task_fail(task, RC_NOT_ALLOWED);
	account_remove(account, register_removed, task_hold(task));
	return DONE;
}

/* The sessions end after this, with not-authorized. */
static void register_removed(const struct store_result *result, void *state)
{
	enum rc rc = store_rc(result);

	if (rc == RC_OK)
		log_info(NULL, "account removed by its owner",
		    KV("jid", jid_text(stanza_from(task_stanza(state)))));
	task_finish(state, rc, NULL);
}

/* Section 3.3. */
static enum verdict register_change(struct task *task, struct account *account)
{
	const struct register_config *config = task_config(task);
	struct arena *arena = task_arena(task);
	const char *username = register_field(task, "username");
	const char *password = register_field(task, "password");

	if (!config->change_password)
		return task_fail(task, RC_NOT_ALLOWED);
	if (username == NULL || password == NULL || *password == '\0')
		return task_fail(task, RC_BAD_REQUEST);
	if (!text_equal(jid_prepare_node(arena, username), jid_node(arena, account_jid(account))))
		return task_fail(task, RC_FORBIDDEN);
	account_set_password(
	    account_key_of(account, arena), password, register_changed, task_hold(task));
	return DONE;
}

static void register_changed(const struct store_result *result, void *state)
{
	enum rc rc = store_rc(result);

	if (rc == RC_OK)
		log_info(NULL, "password changed by its owner",
		    KV("jid", jid_text(stanza_from(task_stanza(state)))));
	task_finish(state, rc, NULL);
}

/* ---- set by who is not ---- */

/* Counts one more account of this hour, over all workers; false if there are enough. The hour and
 * the count are one number, so that no lock is needed. */
static bool register_take_turn(unsigned per_hour)
{
	static atomic_uint_fast64_t turns;
	uint_fast64_t hour = (uint_fast64_t)(time_now_us() / HOUR_US) << 32;
	uint_fast64_t seen = atomic_load(&turns), next;

	do {
		next = (seen >> 32 << 32) == hour ? seen + 1 : hour + 1;
		if ((next & UINT32_MAX) > per_hour)
			return false;
	} while (!atomic_compare_exchange_weak(&turns, &seen, next));
	return true;
}

/* Section 3.1. */
static enum verdict register_create(struct task *task)
{
	const struct register_config *config = task_config(task);
	const char *username = register_field(task, "username");
	const char *password = register_field(task, "password");
	struct account_key key = { .domain = task_domain(task) };

	if (!config->allow)
		return task_fail(task, RC_SERVICE_UNAVAILABLE);
	if (username == NULL || password == NULL || *password == '\0')
		return task_fail(task, RC_NOT_ACCEPTABLE);
	key.username = jid_prepare_node(task_arena(task), username);
	if (key.username == NULL)
		return task_fail_text(task, RC_NOT_ACCEPTABLE, "That is not a possible username.");
	if (!register_take_turn(config->per_hour)) {
		log_warning(NULL, "registration refused: per_hour is reached",
		    KV("domain", key.domain), KV("per_hour", config->per_hour));
		return task_fail_text(task, RC_RESOURCE_CONSTRAINT,
		    "Too many accounts are being made; try again later.");
	}
	account_create(key, password, register_created, task_hold(task));
	return DONE;
}

static void register_created(const struct store_result *result, void *state)
{
	struct task *task = state;
	enum rc rc = store_rc(result);

	if (rc == RC_OK)
		log_info(NULL, "account registered", KV("domain", task_domain(task)),
		    KV("username", register_field(task, "username")));
	task_finish(task, rc, NULL);
}

static enum verdict register_set(struct task *task)
{
	struct account *account = register_account(task);
	bool removes = element_child(task_payload(task), NS_REGISTER, "remove") != NULL;

	if (is_for_other(task))
		return PASS;
	if (account != NULL)
		return removes ? register_remove(task, account) : register_change(task, account);
	if (!register_is_early(task))
		return task_fail(task, removes ? RC_REGISTRATION_REQUIRED : RC_NOT_ALLOWED);
	return removes ? task_fail(task, RC_UNEXPECTED_REQUEST) : register_create(task);
}

static void register_stream_features(
    struct arena *arena, const char *domain, struct element *features, bool logged_in)
{
	const struct register_config *config = module_config(&godwit_module);

	if (!logged_in && config->allow)
		element_add_new(arena, features, NS_REGISTER_FEATURE, "register");
}

static const struct hook register_hooks[] = {
	{ IQ_GET, NS_REGISTER, TO_DOMAIN, 0, register_get },
	{ IQ_SET, NS_REGISTER, TO_DOMAIN, 0, register_set },
	{ IQ_GET, NS_REGISTER, TO_ACCOUNT, 0, register_get },
	{ IQ_SET, NS_REGISTER, TO_ACCOUNT, 0, register_set },
	HOOK_END,
};

GODWIT_MODULE(register, .feature = NS_REGISTER, .config = register_keys,
    .config_bytes = sizeof(struct register_config), .hooks = register_hooks,
    .stream_features = register_stream_features);
