/* private.c - XEP-0049, Private XML Storage: elements that an account's clients keep for
 * themselves, one for each name and namespace. */
#include "core/module.h"

#define NS_PRIVATE "jabber:iq:private"

struct private_config {
	size_t max_bytes;
	unsigned max_elements;
};

static const struct config_key private_keys[] = {
	CONFIG_SIZE(struct private_config, max_bytes, 65536, "Largest element, in bytes of XML."),
	CONFIG_NUMBER(
	    struct private_config, max_elements, 100, 0, 100000, "Elements an account may keep."),
	CONFIG_END,
};

static const struct statement private_select =
    STATEMENT("SELECT data FROM private_xml"
	      " WHERE domain = $1 AND username = $2 AND namespace = $3 AND name = $4");
/* Changes no row if there are enough others already. */
static const struct statement private_replace = STATEMENT(
    "INSERT INTO private_xml (domain, username, namespace, name, data)"
    " SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT),"
    " CAST($5 AS TEXT)"
    " WHERE (SELECT count(*) FROM private_xml WHERE domain = $1 AND username = $2"
    " AND NOT (namespace = $3 AND name = $4)) < CAST($6 AS BIGINT)"
    " ON CONFLICT (domain, username, namespace, name) DO UPDATE SET data = excluded.data");

/* A set of several elements: answered when the last is written. In the task's arena. */
struct private_write {
	struct task *task;
	size_t left;
	enum rc rc;
};

static store_done private_loaded, private_saved;

/* The elements of a query, or NULL if there is none to be kept: each needs a namespace of its own.
 */
static struct element *private_first(struct task *task)
{
	struct element *first = element_child(task_payload(task), NULL, NULL);

	for (struct element *child = first; child != NULL; child = element_next(child, NULL, NULL))
		if (*element_ns(child) == '\0' || element_is(child, NS_PRIVATE, NULL))
			return NULL;
	return first;
}

/* Of others' elements nothing is said, not even that there is such an account. */
static enum verdict private_get(struct task *task)
{
	struct element *wanted = private_first(task);

	if (!task_by_owner(task))
		return PASS;
	if (wanted == NULL || element_next(wanted, NULL, NULL) != NULL)
		return task_fail(task, RC_NOT_ACCEPTABLE);
	store_run(&private_select,
	    PARAMS(account_key(task), element_ns(wanted), element_name(wanted)), private_loaded,
	    task_hold(task));
	return DONE;
}

/* What was never stored is answered with the same element, empty. */
static void private_loaded(const struct store_result *result, void *state)
{
	struct task *task = state;
	struct arena *arena = task_arena(task);
	struct element *wanted = private_first(task);
	struct element *query = element_new_lent(arena, NS_PRIVATE, "query");
	struct element *stored = store_element(result, 0, arena);

	if (stored == NULL)
		stored = element_new(arena, element_ns(wanted), element_name(wanted));
	element_add(query, stored);
	task_finish(task, store_rc(result), query);
}

static bool private_fits(struct task *task, const struct element *element)
{
	const struct private_config *config = task_config(task);

	return strlen(element_to_text(task_arena(task), element)) <= config->max_bytes;
}

static void private_write(struct private_write *write, const struct element *element)
{
	struct task *task = write->task;
	const struct private_config *config = task_config(task);

	write->left++;
	store_run(&private_replace,
	    PARAMS(account_key(task), element_ns(element), element_name(element),
		element_to_text(task_arena(task), element), config->max_elements),
	    private_saved, write);
}

static enum verdict private_set(struct task *task)
{
	struct element *first = private_first(task);
	struct private_write *write;

	if (!task_by_owner(task))
		return PASS;
	if (first == NULL)
		return task_fail(task, RC_NOT_ACCEPTABLE);
	for (struct element *child = first; child != NULL; child = element_next(child, NULL, NULL))
		if (!private_fits(task, child))
			return task_fail(task, RC_POLICY_VIOLATION);
	write = arena_alloc_zero(task_arena(task), sizeof *write);
	write->task = task_hold(task);
	for (struct element *child = first; child != NULL; child = element_next(child, NULL, NULL))
		private_write(write, child);
	return DONE;
}

static void private_saved(const struct store_result *result, void *state)
{
	struct private_write *write = state;

	if (write->rc == RC_OK)
		write->rc = store_rc(result);
	if (write->rc == RC_OK && store_changed(result) == 0)
		write->rc = RC_POLICY_VIOLATION;
	write->left--;
	if (write->left == 0)
		task_finish(write->task, write->rc, NULL);
}

static const struct hook private_hooks[] = {
	{ IQ_GET, NS_PRIVATE, TO_ACCOUNT, 0, private_get },
	{ IQ_SET, NS_PRIVATE, TO_ACCOUNT, 0, private_set },
	HOOK_END,
};

GODWIT_MODULE(private, .feature = NS_PRIVATE, .config = private_keys,
    .config_bytes = sizeof(struct private_config), .hooks = private_hooks);
