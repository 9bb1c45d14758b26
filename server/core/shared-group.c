/* shared-group.c - shared groups in memory: loaded when an account first needs them, looked at
 * again when somebody has changed them, forgotten with the last account. */
#include "core/shared-group.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/everybody.h"
#include "core/home.h"
#include "core/shared-change.h"
#include "loop/timer.h"
#include "loop/worker.h"
#include "store/store.h"
#include "xmpp/jid.h"

/* When more members of a group have changed at once it is loaded as a whole. */
#define LOOK_UPS_MAX 64
/* Until what the database did not answer is asked again. */
#define RETRY_MS 1000

/* Of this worker. */
static _Thread_local struct {
	struct hash *all; /* by key */
	size_t busy;      /* queries under way */
	struct timer *retry;
} groups;

/* One member that may have changed. */
struct look_up {
	struct shared_group *group; /* referenced */
	char *username;
};

static const struct statement group_select =
    STATEMENT("SELECT COALESCE(g.title, g.name), m.username FROM groups g"
	      " LEFT JOIN group_members m ON m.domain = g.domain AND m.group_name = g.name"
	      " WHERE g.domain = $1 AND g.name = $2");
static const struct statement member_select = STATEMENT(
    "SELECT 1 FROM group_members WHERE domain = $1 AND group_name = $2 AND username = $3");

static store_done group_loaded, member_looked_up;

/* ---- life ---- */

static bool is_everybody(const struct shared_group *group)
{
	return *group->name == '\0';
}

static char *group_key(struct arena *arena, const char *domain, const char *name)
{
	return arena_printf(arena, "%s/%s", domain, name);
}

struct shared_group *shared_group_peek(const char *domain, const char *name)
{
	struct arena *arena = arena_new(0);
	const char *key = group_key(arena, domain, name);
	struct shared_group *group = hash_get(groups.all, key, strlen(key));

	arena_free(&arena);
	return group;
}

static struct shared_group *group_new(const char *domain, const char *name)
{
	struct shared_group *group = mem_alloc_zero(sizeof *group);
	struct arena *arena = arena_new(0);

	group->key = mem_strdup(group_key(arena, domain, name));
	group->domain = mem_strdup(domain);
	group->name = group->key + strlen(domain) + 1;
	group->title = mem_strdup("");
	STAILQ_INIT(&group->waiters);
	TAILQ_INIT(&group->watchers);
	hash_put(groups.all, group->key, strlen(group->key), group);
	arena_free(&arena);
	return group;
}

static void group_free(struct shared_group *group)
{
	hash_remove(groups.all, group->key, strlen(group->key));
	name_set_free(&group->members);
	mem_free(group->title);
	mem_free(group->domain);
	mem_free(group->key);
	mem_free(group);
}

struct shared_group *shared_group_ref(struct shared_group *group)
{
	group->references++;
	return group;
}

void shared_group_unref(struct shared_group *group)
{
	ASSERT(group->references > 0);
	group->references--;
	if (group->references == 0)
		group_free(group);
}

/* ---- what is in it ---- */

bool shared_group_has(const struct shared_group *group, const char *username, size_t length)
{
	return is_everybody(group) || name_set_has(&group->members, username, length);
}

static uint64_t member_digest(const char *username)
{
	return hash_bytes_stable(username, strlen(username));
}

uint64_t shared_group_digest(const struct shared_group *group, const char *username)
{
	bool is_in = name_set_has(&group->members, username, strlen(username));
	struct arena *arena;
	const char *names;
	uint64_t digest;

	/* Who is on the domain is not seen, but that they all see the account is. */
	if (is_everybody(group))
		return hash_bytes_stable(group->key, strlen(group->key));
	if (group->members.count <= is_in)
		return 0;
	arena = arena_new(0);
	names = arena_printf(arena, "%s/%s", group->key, group->title);
	digest = hash_bytes_stable(names, strlen(names)) ^ group->digest;
	arena_free(&arena);
	return is_in ? digest ^ member_digest(username) : digest;
}

static void group_digest(struct shared_group *group)
{
	group->digest = 0;
	for (size_t i = 0; i < group->members.count; i++)
		group->digest ^= member_digest(group->members.names[i]);
}

/* ---- loading it ---- */

static void group_load(struct shared_group *group)
{
	group->is_loading = true;
	group->is_overtaken = false;
	group->is_stale = false;
	if (is_everybody(group)) {
		everybody_gather(group);
		return;
	}
	shared_group_ref(group);
	groups.busy++;
	store_run(
	    &group_select, PARAMS((const char *)group->domain, group->name), group_loaded, group);
}

struct shared_group *shared_group_get(const char *domain, const char *name)
{
	struct shared_group *group = shared_group_peek(domain, name);

	if (group == NULL)
		group = group_new(domain, name);
	shared_group_ref(group);
	if (!group->is_known && !group->is_loading)
		group_load(group);
	return group;
}

void shared_group_wait(struct shared_group *group, struct group_waiter *waiter)
{
	ASSERT(group->is_loading);
	STAILQ_INSERT_TAIL(&group->waiters, waiter, next);
}

static void group_tell_waiters(struct shared_group *group, enum rc rc)
{
	struct group_waiter *waiter;

	while ((waiter = STAILQ_FIRST(&group->waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&group->waiters, next);
		waiter->known(waiter, rc);
	}
}

void shared_group_complete(struct shared_group *group)
{
	group->is_loading = false;
	group->is_known = true;
	group_tell_waiters(group, RC_OK);
}

/* What of the members is different, both being sorted. */
static void members_compare(
    struct shared_change *change, const struct name_set *old, const struct name_set *now, bool all)
{
	size_t i = 0, j = 0;

	while (i < old->count || j < now->count) {
		int order = i == old->count   ? 1
		            : j == now->count ? -1
		                              : strcmp(old->names[i], now->names[j]);

		if (order < 0)
			shared_change_add(change, old->names[i++], true);
		else if (order > 0)
			shared_change_add(change, now->names[j++], false);
		else if (i++, j++, all)
			shared_change_add(change, old->names[i - 1], true);
	}
}

static void group_take(struct shared_group *group, const struct store_result *rows)
{
	const char *title = store_rows(rows) == 0 ? "" : store_text(rows, 0, 0);
	bool is_renamed = store_rows(rows) > 0 && !text_equal(title, group->title);
	struct shared_change *change = group->is_known ? shared_change_new(group) : NULL;
	struct name_set members = { .names = NULL };

	for (size_t row = 0; row < store_rows(rows); row++)
		if (store_text(rows, row, 1) != NULL)
			name_set_append(&members, store_text(rows, row, 1));
	name_set_sort(&members);
	if (change != NULL)
		members_compare(change, &group->members, &members, is_renamed);
	name_set_free(&group->members);
	group->members = members;
	group_digest(group);
	mem_free(group->title);
	group->title = mem_strdup(title);
	group->is_known = true;
	if (change != NULL)
		shared_change_tell(change);
}

static void group_set_stale(struct shared_group *group)
{
	group->is_stale = true;
	if (!timer_is_set(groups.retry))
		timer_set(groups.retry, RETRY_MS);
}

static void group_loaded(const struct store_result *result, void *state)
{
	struct shared_group *group = state;

	groups.busy--;
	group->is_loading = false;
	if (store_rc(result) == RC_OK && group->is_overtaken) {
		group_load(group);
	} else {
		if (store_rc(result) == RC_OK)
			group_take(group, result);
		else if (group->is_known)
			group_set_stale(group);
		group_tell_waiters(group, store_rc(result));
	}
	shared_group_unref(group);
}

static void retry_due(void *state)
{
	struct shared_group *group;
	size_t cursor = 0;

	(void)state;
	while ((group = hash_next(groups.all, &cursor)) != NULL)
		if (group->is_stale && !group->is_loading)
			group_load(group);
}

/* ---- changes ---- */

static void group_changed(struct shared_group *group)
{
	if (group->is_loading)
		group->is_overtaken = true;
	else
		group_load(group);
}

void shared_group_changed(const char *domain, const char *name)
{
	struct shared_group *group = shared_group_peek(domain, name);

	if (group != NULL)
		group_changed(group);
}

static void member_changed(struct shared_group *group, const char *username)
{
	struct look_up *look_up;

	if (group->is_loading || group->look_ups >= LOOK_UPS_MAX) {
		group_changed(group);
		return;
	}
	look_up = mem_alloc(sizeof *look_up);
	*look_up = (struct look_up){ shared_group_ref(group), mem_strdup(username) };
	group->look_ups++;
	groups.busy++;
	store_run(&member_select, PARAMS((const char *)group->domain, group->name, username),
	    member_looked_up, look_up);
}

static void member_set(struct shared_group *group, const char *username, bool is_in)
{
	struct shared_change *change;

	if (!(is_in ? name_set_add(&group->members, username)
		    : name_set_remove(&group->members, username)))
		return;
	group->digest ^= member_digest(username);
	change = shared_change_new(group);
	shared_change_add(change, username, !is_in);
	shared_change_tell(change);
}

static void member_looked_up(const struct store_result *result, void *state)
{
	struct look_up *look_up = state;
	struct shared_group *group = look_up->group;

	groups.busy--;
	group->look_ups--;
	if (store_rc(result) == RC_OK)
		member_set(group, look_up->username, store_rows(result) > 0);
	else
		group_set_stale(group);
	mem_free(look_up->username);
	mem_free(look_up);
	shared_group_unref(group);
}

void shared_group_member_changed(const char *domain, const char *name, const char *username)
{
	struct shared_group *group = shared_group_peek(domain, name);

	if (group != NULL)
		member_changed(group, username);
}

void shared_groups_user_changed(const char *domain, const char *username)
{
	struct shared_group *group;
	size_t cursor = 0;

	while ((group = hash_next(groups.all, &cursor)) != NULL)
		if (!is_everybody(group) && text_equal(group->domain, domain) &&
		    shared_group_has(group, username, strlen(username)))
			member_changed(group, username);
}

/* An account that was made or deleted, on its way to a worker. */
struct announcement {
	struct mail mail;
	struct jid *user;
};

static void announcement_arrived(struct mail *mail)
{
	struct announcement *announcement = CONTAINER_OF(mail, struct announcement, mail);
	struct arena *arena = arena_new(0);

	shared_groups_user_changed(
	    jid_domain(arena, announcement->user), jid_node(arena, announcement->user));
	arena_free(&arena);
	jid_free(&announcement->user);
	mem_free(announcement);
}

void shared_groups_announce(const struct jid *user)
{
	for (size_t i = 0; i < homes_count(); i++) {
		struct announcement *announcement = mem_alloc_zero(sizeof *announcement);

		announcement->user = jid_copy_heap(user);
		worker_post(homes_worker(i), &announcement->mail, announcement_arrived);
	}
}

/* ---- from start to stop ---- */

void shared_groups_start(void)
{
	groups.all = hash_new();
	groups.busy = 0;
	groups.retry = timer_new(retry_due, NULL);
}

void shared_groups_stop(void)
{
	struct shared_group *group;
	size_t cursor = 0;

	while ((group = hash_next(groups.all, &cursor)) != NULL)
		if (is_everybody(group))
			everybody_forget(group);
	timer_free(&groups.retry);
	hash_free(&groups.all);
}

size_t shared_groups_busy(void)
{
	return groups.busy + shared_changes_busy() + everybody_busy();
}
