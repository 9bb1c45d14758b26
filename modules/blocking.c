/* blocking.c - XEP-0191, Blocking Command: whom an account does not want to hear of.
 * The list is loaded with the account. What a blocked JID sends is refused or dropped as if the
 * account were offline; what is sent to one is refused; and it sees no presence. A change takes
 * effect when it is committed. Nobody blocks himself, nor his own server. */
#include "core/module.h"

#define NS_BLOCKING "urn:xmpp:blocking"
#define NS_BLOCKING_ERRORS "urn:xmpp:blocking:errors"
/* Before everything else, and the same for each kind of stanza. */
#define FIRST 1000

struct blocking_config {
	unsigned max_jids;
};

static const struct config_key blocking_keys[] = {
	CONFIG_NUMBER(
	    struct blocking_config, max_jids, 1000, 0, 100000, "JIDs an account may block."),
	CONFIG_END,
};

static const struct statement blocking_load =
    STATEMENT("SELECT jid FROM blocked_jids WHERE domain = $1 AND username = $2");
static const struct statement blocking_insert =
    STATEMENT("INSERT INTO blocked_jids (domain, username, jid) VALUES ($1, $2, $3)"
	      " ON CONFLICT DO NOTHING");
static const struct statement blocking_delete =
    STATEMENT("DELETE FROM blocked_jids WHERE domain = $1 AND username = $2 AND jid = $3");
static const struct statement blocking_delete_all =
    STATEMENT("DELETE FROM blocked_jids WHERE domain = $1 AND username = $2");

static store_done block_saved, unblock_saved, unblock_all_saved;

/* The session asked for the list, so it is told of changes. */
static unsigned listens;

/* ---- the list: JIDs as text; an account that blocks nobody has none ---- */

static struct name_set *block_list(const struct account *account)
{
	return account_state(account, &godwit_module);
}

static struct name_set *block_list_need(struct account *account)
{
	struct name_set *list = block_list(account);

	if (list != NULL)
		return list;
	list = mem_alloc_zero(sizeof *list);
	account_set_state(account, &godwit_module, list);
	return list;
}

static bool list_has(const struct name_set *list, struct span jid)
{
	return name_set_has(list, jid.at, jid.length);
}

/* Whether it was there. */
static bool list_remove(struct account *account, const char *jid)
{
	return block_list(account) != NULL && name_set_remove(block_list(account), jid);
}

static void list_free(void *state)
{
	name_set_free(state);
	mem_free(state);
}

static void list_loaded(struct account *account, const struct store_result *rows)
{
	for (size_t row = 0; row < store_rows(rows); row++)
		name_set_append(block_list_need(account), store_text(rows, row, 0));
	if (store_rows(rows) > 0)
		name_set_sort(block_list(account));
}

/* Section 5: user@domain/resource, user@domain, domain/resource, domain. Each is a part of the
 * JID's text. */
static bool list_matches(const struct name_set *list, const struct jid *jid)
{
	const char *text = jid_text(jid);
	const char *at = memchr(text, '@', jid_bare_length(jid));
	struct span bare = { text, jid_bare_length(jid) };
	struct span domain = bare;

	if (at != NULL)
		domain = (struct span){ at + 1, bare.length - (size_t)(at + 1 - text) };
	return list_has(list, span_of(text)) || list_has(list, bare) ||
	       list_has(list, span_of(domain.at)) || list_has(list, domain);
}

static bool is_own(const struct account *account, const struct jid *jid)
{
	const struct jid *self = account_jid(account);
	const char *domain = strchr(jid_text(self), '@');

	return jid_equal_bare(self, jid) ||
	       (domain != NULL && strcmp(jid_text(jid), domain + 1) == 0);
}

static bool is_blocked_by(
    const struct account *account, const struct name_set *list, const struct jid *jid)
{
	if (list == NULL || list->count == 0 || jid == NULL || is_own(account, jid))
		return false;
	return list_matches(list, jid);
}

static bool is_blocked(const struct account *account, const struct jid *jid)
{
	return is_blocked_by(account, block_list(account), jid);
}

/* ---- section 3.3: what a block does ---- */

/* The error of section 3.3, with its condition, for a stanza to a blocked JID; NULL if none is due.
 */
static struct stanza *blocked_error(const struct stanza *stanza)
{
	struct stanza *error = stanza_error(stanza, RC_NOT_ACCEPTABLE, NULL);
	struct element *element;

	if (error == NULL)
		return NULL;
	element = element_child(stanza_element(error), NS_CLIENT, "error");
	element_set(stanza_arena(error), element, "type", "cancel");
	element_add_new(stanza_arena(error), element, NS_BLOCKING_ERRORS, "blocked");
	return error;
}

/* The error goes to the session itself: routed, it would come from a blocked JID. */
static enum verdict blocking_outbound(struct task *task)
{
	struct session *session = task_session(task);
	struct stanza *error;

	if (!is_blocked(task_account(task), stanza_to(task_stanza(task))))
		return PASS;
	error = blocked_error(task_stanza(task));
	if (error != NULL && session != NULL)
		session_send(session, error, NULL);
	stanza_unref(&error);
	return DONE;
}

static enum verdict blocking_inbound(struct task *task)
{
	if (!is_blocked(task_account(task), stanza_from(task_stanza(task))))
		return PASS;
	if (stanza_kind(task_stanza(task)) == STANZA_PRESENCE)
		return DONE;
	return task_fail(task, RC_SERVICE_UNAVAILABLE);
}

/* ---- changes ---- */

/* A block or unblock under way. It holds at once for what comes behind it (RFC 6120 section 10.1);
 * what cannot be written is taken back. In the task's arena. */
struct change {
	struct task *task;
	struct element *push;  /* what listening sessions are told */
	struct name_set *list; /* that everything is taken from; owned */
	size_t left;           /* items not yet written */
	enum rc rc;
};

struct change_item {
	struct change *change;
	const struct jid *jid;
	bool is_news; /* it changed the list */
};

/* Changes the list, and says whether that makes a difference. */
typedef bool change_make(struct account *account, const struct jid *jid);

static struct change *change_new(struct task *task)
{
	struct change *change = arena_alloc_zero(task_arena(task), sizeof *change);

	change->task = task_hold(task);
	change->push =
	    element_new_lent(task_arena(task), NS_BLOCKING, element_name(task_payload(task)));
	return change;
}

static void push_add(struct arena *arena, struct element *push, const char *jid)
{
	element_set(arena, element_add_new(arena, push, NULL, "item"), "jid", jid);
}

static void push_send(
    struct arena *arena, const struct account *account, const struct element *payload)
{
	struct session *session = account_first_session(account);
	struct stanza *push;

	for (; session != NULL; session = session_next(session)) {
		if (!session_has_flag(session, listens))
			continue;
		push = stanza_new(IQ_TYPE_SET, NULL, session_jid(session),
		    arena_printf(arena, "block-%" PRIx64, time_now_us()));
		element_add(stanza_element(push), element_copy(stanza_arena(push), payload));
		session_send(session, push, NULL);
		stanza_unref(&push);
	}
}

/* One item is written, or not; with the last one the change is answered. What was written has taken
 * effect even if another item failed. */
static void change_advance(struct change *change, const struct jid *jid, enum rc rc)
{
	struct account *account = task_account(change->task);
	struct arena *arena = task_arena(change->task);

	if (rc == RC_OK)
		push_add(arena, change->push, jid_text(jid));
	else
		change->rc = rc;
	change->left--;
	if (change->left > 0)
		return;
	if (element_child(change->push, NULL, NULL) != NULL)
		push_send(arena, account, change->push);
	task_finish(change->task, change->rc, NULL);
}

/* Starts a change of all items of the request; every `jid` has been checked. */
static enum verdict change_start(
    struct task *task, change_make *make, const struct statement *statement, store_done *on_done)
{
	struct arena *arena = task_arena(task);
	struct element *item = element_child(task_payload(task), NS_BLOCKING, "item");
	struct change *change = change_new(task);

	for (; item != NULL; item = element_next(item, NS_BLOCKING, "item")) {
		struct change_item *write = arena_alloc(arena, sizeof *write);

		write->change = change;
		write->jid = jid_parse(arena, element_attribute(item, "jid"));
		write->is_news = make(task_account(task), write->jid);
		change->left++;
		store_run(
		    statement, PARAMS(account_key(task), jid_text(write->jid)), on_done, write);
	}
	return DONE;
}

/* How many items there are; -1 and the reason if one is not a JID. */
static int items_check(struct task *task, enum rc *rc_out)
{
	struct element *item = element_child(task_payload(task), NS_BLOCKING, "item");
	int count = 0;

	for (; item != NULL; item = element_next(item, NS_BLOCKING, "item")) {
		const char *jid = element_attribute(item, "jid");

		*rc_out = jid == NULL ? RC_BAD_REQUEST : RC_JID_MALFORMED;
		if (jid == NULL || jid_parse(task_arena(task), jid) == NULL)
			return -1;
		count++;
	}
	return count;
}

/* ---- the commands ---- */

static enum verdict blocklist_get(struct task *task)
{
	struct arena *arena = task_arena(task);
	struct element *answer = element_new_lent(arena, NS_BLOCKING, "blocklist");
	const struct name_set *list = block_list(task_account(task));

	if (!task_by_owner(task))
		return PASS;
	if (!element_is(task_payload(task), NS_BLOCKING, "blocklist"))
		return task_fail(task, RC_BAD_REQUEST);
	if (task_session(task) != NULL)
		session_set_flag(task_session(task), listens);
	for (size_t i = 0; list != NULL && i < list->count; i++)
		element_set(
		    arena, element_add_new(arena, answer, NULL, "item"), "jid", list->names[i]);
	return task_reply(task, answer);
}

/* Whoever is blocked is told that the account is gone. */
static void blocked(struct account *account, const struct jid *jid)
{
	if (!jid_equal_bare(account_jid(account), jid))
		account_hide_from(account, jid);
}

static bool block_make(struct account *account, const struct jid *jid)
{
	const struct name_set *list = block_list(account);

	if (list != NULL && list_has(list, span_of(jid_text(jid))))
		return false;
	if (!is_blocked(account, jid))
		blocked(account, jid);
	name_set_add(block_list_need(account), jid_text(jid));
	return true;
}

static bool unblock_make(struct account *account, const struct jid *jid)
{
	return list_remove(account, jid_text(jid));
}

/* They see each other again: our presence to them, and a question for theirs. */
static void unblocked(struct account *account, const struct jid *jid)
{
	struct stanza *probe;

	if (jid_equal_bare(account_jid(account), jid) || is_blocked(account, jid))
		return;
	account_show_to(account, jid);
	if (account_first_session(account) == NULL || !jid_is_bare(jid) ||
	    !account_sees_presence_of(account, jid))
		return;
	probe = stanza_new(PRESENCE_PROBE, account_jid(account), jid, NULL);
	server_send(probe);
	stanza_unref(&probe);
}

static enum verdict block(struct task *task)
{
	const struct blocking_config *config = task_config(task);
	const struct name_set *list = block_list(task_account(task));
	enum rc rc = RC_BAD_REQUEST;
	int count = items_check(task, &rc);

	if (count <= 0)
		return task_fail(task, rc);
	if ((list == NULL ? 0 : list->count) + (size_t)count > config->max_jids)
		return task_fail(task, RC_POLICY_VIOLATION);
	return change_start(task, block_make, &blocking_insert, block_saved);
}

static enum rc change_rc(const struct account *account, const struct store_result *result)
{
	return account_is_gone(account) ? RC_ITEM_NOT_FOUND : store_rc(result);
}

static void block_saved(const struct store_result *result, void *state)
{
	struct change_item *item = state;
	struct account *account = task_account(item->change->task);
	enum rc rc = change_rc(account, result);

	if (rc != RC_OK && item->is_news) {
		list_remove(account, jid_text(item->jid));
		unblocked(account, item->jid);
	}
	change_advance(item->change, item->jid, rc);
}

/* Takes the whole list away. */
static enum verdict unblock_all(struct task *task)
{
	struct change *change = change_new(task);

	change->list = block_list(task_account(task));
	account_set_state(task_account(task), &godwit_module, NULL);
	store_run(&blocking_delete_all, PARAMS(account_key(task)), unblock_all_saved, change);
	return DONE;
}

static enum verdict unblock(struct task *task)
{
	const struct blocking_config *config = task_config(task);
	enum rc rc = RC_OK;
	int count = items_check(task, &rc);

	if (count < 0)
		return task_fail(task, rc);
	if ((unsigned)count > config->max_jids)
		return task_fail(task, RC_POLICY_VIOLATION);
	if (count == 0)
		return unblock_all(task);
	return change_start(task, unblock_make, &blocking_delete, unblock_saved);
}

static void unblock_saved(const struct store_result *result, void *state)
{
	struct change_item *item = state;
	struct account *account = task_account(item->change->task);
	enum rc rc = change_rc(account, result);

	if (item->is_news && rc == RC_OK)
		unblocked(account, item->jid);
	else if (item->is_news && !account_is_gone(account))
		name_set_add(block_list_need(account), jid_text(item->jid));
	change_advance(item->change, item->jid, rc);
}

static void unblock_all_saved(const struct store_result *result, void *state)
{
	struct change *change = state;
	struct account *account = task_account(change->task);
	struct name_set *list = change->list;
	struct arena *arena = task_arena(change->task);
	enum rc rc = change_rc(account, result);

	for (size_t i = 0; list != NULL && i < list->count && !account_is_gone(account); i++) {
		const struct jid *jid = jid_parse(arena, list->names[i]);

		if (rc != RC_OK)
			name_set_add(block_list_need(account), list->names[i]);
		else if (jid != NULL)
			unblocked(account, jid);
	}
	if (list != NULL)
		list_free(list);
	if (rc == RC_OK)
		push_send(arena, account, change->push);
	task_finish(change->task, rc, NULL);
}

static enum verdict blocking_set(struct task *task)
{
	if (!task_by_owner(task))
		return PASS;
	if (element_is(task_payload(task), NS_BLOCKING, "block"))
		return block(task);
	if (element_is(task_payload(task), NS_BLOCKING, "unblock"))
		return unblock(task);
	return task_fail(task, RC_BAD_REQUEST);
}

/* ---- changes that were made with SQL ---- */

/* What stands in one list and not in the other has its effect, and clients are told. */
static void lists_tell(struct account *account, const char *command, const struct name_set *list,
    const struct name_set *other, void (*tell)(struct account *account, const struct jid *jid))
{
	struct arena *arena = arena_new(0);
	struct element *push = element_new_lent(arena, NS_BLOCKING, command);

	for (size_t i = 0; list != NULL && i < list->count; i++) {
		const struct jid *jid = jid_parse(arena, list->names[i]);

		if (jid == NULL || (other != NULL && list_has(other, span_of(list->names[i]))))
			continue;
		if (!is_blocked_by(account, other, jid))
			tell(account, jid);
		push_add(arena, push, list->names[i]);
	}
	if (element_child(push, NULL, NULL) != NULL)
		push_send(arena, account, push);
	arena_free(&arena);
}

static void list_reloaded(struct account *account, const void *before)
{
	lists_tell(account, "block", block_list(account), before, blocked);
	lists_tell(account, "unblock", before, block_list(account), unblocked);
}

static bool blocking_start(void)
{
	listens = module_flag();
	return true;
}

static const struct hook blocking_hooks[] = {
	{ ANY_MESSAGE, NULL, TO_ACCOUNT, FIRST, blocking_inbound },
	{ ANY_PRESENCE, NULL, TO_ACCOUNT, FIRST, blocking_inbound },
	{ ANY_IQ, NULL, TO_ACCOUNT, FIRST, blocking_inbound },
	{ ANY_MESSAGE, NULL, FROM_ACCOUNT, FIRST, blocking_outbound },
	{ ANY_PRESENCE, NULL, FROM_ACCOUNT, FIRST, blocking_outbound },
	{ ANY_IQ, NULL, FROM_ACCOUNT, FIRST, blocking_outbound },
	{ IQ_GET, NS_BLOCKING, TO_ACCOUNT, 0, blocklist_get },
	{ IQ_SET, NS_BLOCKING, TO_ACCOUNT, 0, blocking_set },
	HOOK_END,
};

GODWIT_MODULE(blocking, .feature = NS_BLOCKING, .account_feature = NS_BLOCKING,
    .hooks = blocking_hooks, .config = blocking_keys,
    .config_bytes = sizeof(struct blocking_config), .account_load = &blocking_load,
    .account_loaded = list_loaded, .account_reloaded = list_reloaded, .account_free = list_free,
    .hides_presence = is_blocked, .start = blocking_start);
