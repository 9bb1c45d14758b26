/* roster-iq.c - the roster as its owner's clients manage it: gets, sets and removals (RFC 6121
 * sections 2.2 to 2.6). */
#include "core/account.h"
#include "core/hooks.h"
#include "core/roster.h"
#include "core/roster-push.h"
#include "core/roster-write.h"
#include "core/session.h"
#include "core/subscription.h"

/* Section 2.3.3 leaves the lengths to the server. */
#define NAME_MAX_BYTES 1023
#define GROUPS_MAX 64

/* What a roster set asks for. */
struct roster_set {
	const struct jid *contact;
	const char *name;
	const char **groups;
	size_t group_count;
	bool remove;
};

/* Section 2.3.3, for contacts. Others must not learn that there is such an account (RFC 6120
 * section 8.3.3.19). */
static enum verdict roster_deny(struct task *task)
{
	bool knows = account_shows_presence_to(task_account(task), stanza_from(task_stanza(task)));

	return task_fail(task, knows ? RC_FORBIDDEN : RC_SERVICE_UNAVAILABLE);
}

/* ---- get ---- */

static struct element *roster_query(struct task *task)
{
	return element_new_lent(task_arena(task), NS_ROSTER, "query");
}

static struct element *roster_whole(struct task *task)
{
	struct arena *arena = task_arena(task);
	const struct account *account = task_account(task);
	struct element *query = roster_query(task);
	const struct jid **contacts;
	size_t count;

	element_set(arena, query, "ver", roster_version(account, arena));
	contacts = roster_visible(account, arena, &count);
	for (size_t i = 0; i < count; i++)
		element_add(query, roster_contact_element(arena, account, contacts[i]));
	return query;
}

/* Sections 2.1.3 and 2.2; 2.6.3 for a client that has a version. */
static enum verdict roster_get(struct task *task)
{
	struct session *session = task_session(task);
	const char *version = element_attribute(task_payload(task), "ver");

	if (!task_by_owner(task))
		return roster_deny(task);
	if (session != NULL)
		session->wants_roster = true;
	if (text_equal(version, roster_version(task_account(task), task_arena(task))))
		return task_reply(task, NULL);
	return task_reply(task, roster_whole(task));
}

/* ---- set: what is asked ---- */

/* Section 2.3.3: a group must have a name of reasonable length, and stand there once. */
static enum rc group_check(const struct roster_set *set, const char *group)
{
	size_t length = strlen(group);

	if (length == 0 || length > NAME_MAX_BYTES || set->group_count == GROUPS_MAX)
		return RC_NOT_ACCEPTABLE;
	for (size_t i = 0; i < set->group_count; i++)
		if (strcmp(set->groups[i], group) == 0)
			return RC_BAD_REQUEST;
	return RC_OK;
}

static enum rc groups_read(struct roster_set *set, const struct element *item, struct arena *arena)
{
	set->groups = arena_alloc(arena, GROUPS_MAX * sizeof *set->groups);
	for (const struct element *child = element_child(item, NS_ROSTER, "group"); child != NULL;
	     child = element_next(child, NS_ROSTER, "group")) {
		const char *group = element_text(arena, child);
		enum rc rc = group_check(set, group);

		if (rc != RC_OK)
			return rc;
		set->groups[set->group_count++] = group;
	}
	return RC_OK;
}

/* The one <item/>, or NULL. */
static const struct element *query_item(const struct element *query)
{
	const struct element *item = element_child(query, NS_ROSTER, "item");

	if (item == NULL || element_next(item, NS_ROSTER, "item") != NULL)
		return NULL;
	return item;
}

/* Section 2.1.5: attributes that only the server sets are ignored. */
static enum rc set_read(struct roster_set *set, struct task *task)
{
	struct arena *arena = task_arena(task);
	const struct element *item = query_item(task_payload(task));
	const char *jid = item == NULL ? NULL : element_attribute(item, "jid");

	if (jid == NULL)
		return RC_BAD_REQUEST;
	set->contact = jid_parse(arena, jid);
	if (set->contact == NULL)
		return RC_JID_MALFORMED;
	if (!jid_is_bare(set->contact))
		return RC_BAD_REQUEST;
	if (jid_equal(set->contact, account_jid(task_account(task))))
		return RC_NOT_ALLOWED;
	set->remove = text_equal(element_attribute(item, "subscription"), "remove");
	if (set->remove)
		return RC_OK;
	set->name = element_attribute(item, "name");
	if (set->name != NULL && strlen(set->name) > NAME_MAX_BYTES)
		return RC_NOT_ACCEPTABLE;
	return groups_read(set, item, arena);
}

/* ---- set: what is done ---- */

/* Section 2.5.2. A request of theirs is refused with it. What shared groups give stays. */
static enum verdict roster_remove(struct task *task, const struct roster_set *set)
{
	struct account *account = task_account(task);
	struct roster_item *item = roster_find(account, set->contact);
	struct roster_write *write;

	if (item == NULL || !item->listed)
		return task_fail(task, roster_view(account, set->contact).is_visible
					   ? RC_NOT_ALLOWED
					   : RC_ITEM_NOT_FOUND);
	write = roster_write_new(account, task);
	roster_write_removal(write, item);
	if (item->request)
		roster_write_no_request(write, set->contact);
	subscription_cancel(account, item);
	roster_drop(account, set->contact);
	roster_write_push(write, set->contact);
	roster_write_end(write);
	return DONE;
}

/* Clients send back what they were told: titles of shared groups do not become groups of its own.
 */
static void groups_drop_shared(struct roster_set *set, const struct account *account)
{
	size_t count = set->group_count;

	set->group_count = 0;
	for (size_t i = 0; i < count; i++)
		if (!roster_is_title(account, set->contact, set->groups[i]))
			set->groups[set->group_count++] = set->groups[i];
}

/* Sections 2.3.2 and 2.4.2. */
static enum verdict roster_put(struct task *task, struct roster_set *set)
{
	struct account *account = task_account(task);
	struct roster_item *item = roster_find(account, set->contact);
	struct roster_write *write;
	size_t bytes;

	groups_drop_shared(set, account);
	bytes = roster_item_bytes(set->contact, set->name, set->groups, set->group_count);
	if (!roster_has_room(account, item, bytes))
		return task_fail(task, RC_NOT_ALLOWED);
	item = roster_describe(account, set->contact, set->name, set->groups, set->group_count);
	if (item == NULL)
		return task_fail(task, RC_NOT_ALLOWED);
	write = roster_write_new(account, task);
	roster_write_item(write, item);
	roster_write_groups(write, item);
	roster_write_push(write, set->contact);
	roster_write_end(write);
	return DONE;
}

static enum verdict roster_set(struct task *task)
{
	struct roster_set set = { .contact = NULL };
	enum rc rc;

	if (!task_by_owner(task))
		return roster_deny(task);
	rc = set_read(&set, task);
	if (rc != RC_OK)
		return task_fail(task, rc);
	return set.remove ? roster_remove(task, &set) : roster_put(task, &set);
}

const struct hook roster_hooks[] = {
	/* stanza  namespace  addressed to  priority  function */
	{ IQ_GET, NS_ROSTER, TO_ACCOUNT, 0, roster_get },
	{ IQ_SET, NS_ROSTER, TO_ACCOUNT, 0, roster_set }, HOOK_END
};
