/* vcard.c - XEP-0054, vcard-temp: one <vCard/> for each account.
 * The element is opaque here: what its owner stores is what everybody reads. The hash of its
 * picture that clients put into their presence (XEP-0153) passes through the server untouched. */
#include "core/module.h"

#define NS_VCARD "vcard-temp"

struct vcard_config {
	size_t max_bytes;
};

static const struct config_key vcard_keys[] = {
	CONFIG_SIZE(struct vcard_config, max_bytes, 65536, "Largest vCard, in bytes of XML."),
	CONFIG_END,
};

static const struct statement vcard_select =
    STATEMENT("SELECT vcard FROM vcards WHERE domain = $1 AND username = $2");
static const struct statement vcard_replace =
    STATEMENT("INSERT INTO vcards (domain, username, vcard) VALUES ($1, $2, $3)"
	      " ON CONFLICT (domain, username) DO UPDATE SET vcard = excluded.vcard");

static store_done vcard_loaded, vcard_saved;

/* Sections 3.1 and 3.3: anyone may ask, and the server answers for the account. */
static enum verdict vcard_get(struct task *task)
{
	store_run(&vcard_select, PARAMS(account_key(task)), vcard_loaded, task_hold(task));
	return DONE;
}

static void vcard_loaded(const struct store_result *result, void *state)
{
	struct task *task = state;
	enum rc rc = store_one_row(result);

	/* A stranger must not learn which accounts exist. */
	if (rc == RC_ITEM_NOT_FOUND && !task_by_owner(task))
		rc = RC_SERVICE_UNAVAILABLE;
	task_finish(task, rc, store_element(result, 0, task_arena(task)));
}

/* Others must not learn from it that there is such an account, unless they know. */
static enum verdict vcard_deny(struct task *task)
{
	bool knows = account_shows_presence_to(task_account(task), stanza_from(task_stanza(task)));

	return task_fail(task, knows ? RC_FORBIDDEN : RC_SERVICE_UNAVAILABLE);
}

/* Section 3.2: a set replaces the whole vCard. */
static enum verdict vcard_set(struct task *task)
{
	const struct vcard_config *config = task_config(task);
	const char *vcard;

	if (!task_by_owner(task))
		return vcard_deny(task);
	if (!element_is(task_payload(task), NS_VCARD, "vCard"))
		return task_fail(task, RC_BAD_REQUEST);
	vcard = element_to_text(task_arena(task), task_payload(task));
	if (strlen(vcard) > config->max_bytes)
		return task_fail(task, RC_POLICY_VIOLATION);
	store_run(&vcard_replace, PARAMS(account_key(task), vcard), vcard_saved, task_hold(task));
	return DONE;
}

/* After the commit: what we acknowledge is durable. */
static void vcard_saved(const struct store_result *result, void *state)
{
	task_finish(state, store_rc(result), NULL);
}

static const struct hook vcard_hooks[] = {
	/* stanza namespace addressed to priority function */
	{ IQ_GET, NS_VCARD, TO_ACCOUNT, 0, vcard_get },
	{ IQ_SET, NS_VCARD, TO_ACCOUNT, 0, vcard_set },
	HOOK_END,
};

GODWIT_MODULE(vcard, .feature = NS_VCARD, .account_feature = NS_VCARD, .config = vcard_keys,
    .config_bytes = sizeof(struct vcard_config), .hooks = vcard_hooks);
