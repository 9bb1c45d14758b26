/* shared-change.c - telling the accounts that have to do with a shared group who has joined or
 * left. Rosters are not loaded again for that: the group is in memory, and each account is told of
 * the few contacts that are different. */
#include "core/shared-change.h"

#include "core/account.h"
#include "core/roster-change.h"
#include "core/roster-private.h"
#include "core/shared-group.h"
#include "loop/worker.h"

/* Pushes in one round of the loop. */
#define SLICE 64

struct changed_member {
	const struct jid *jid; /* in the arena */
	bool was_in;
};

struct watcher {
	struct account *account; /* referenced */
	unsigned subscription;   /* of its share of the group */
};

struct shared_change {
	struct mail mail;
	struct arena *arena;
	struct shared_group *group; /* referenced */
	struct changed_member *members;
	struct watcher *watchers;
	size_t member_count, member_room, watcher_count;
	size_t member, watcher; /* the next to be told of, and whom */
};

static _Thread_local size_t busy;

struct shared_change *shared_change_new(struct shared_group *group)
{
	struct shared_change *change = mem_alloc_zero(sizeof *change);

	change->arena = arena_new(0);
	change->group = shared_group_ref(group);
	busy++;
	return change;
}

void shared_change_add(struct shared_change *change, const char *username, bool was_in)
{
	const char *text = arena_printf(change->arena, "%s@%s", username, change->group->domain);

	if (change->member_count == change->member_room) {
		change->member_room = change->member_room * 2 + 8;
		change->members =
		    mem_realloc(change->members, change->member_room * sizeof *change->members);
	}
	change->members[change->member_count++] =
	    (struct changed_member){ jid_of_prepared(change->arena, text), was_in };
}

static void change_free(struct shared_change *change)
{
	for (size_t i = change->watcher; i < change->watcher_count; i++)
		account_unref(change->watchers[i].account);
	shared_group_unref(change->group);
	arena_free(&change->arena);
	mem_free(change->members);
	mem_free(change->watchers);
	mem_free(change);
	busy--;
}

/* Whoever comes online from now on knows it already. */
static void change_find_watchers(struct shared_change *change)
{
	struct share *share;
	size_t count = 0;

	TAILQ_FOREACH (share, &change->group->watchers, sibling)
		count += share->account->session_count > 0;
	change->watchers = mem_alloc((count + 1) * sizeof *change->watchers);
	TAILQ_FOREACH (share, &change->group->watchers, sibling) {
		if (share->account->session_count == 0)
			continue;
		share->account->untold++;
		change->watchers[change->watcher_count++] =
		    (struct watcher){ account_ref(share->account), share->subscription };
	}
}

/* ---- telling ---- */

static void watcher_tell(const struct shared_change *change, const struct watcher *watcher,
    const struct changed_member *member)
{
	struct account *account = watcher->account;
	struct roster_view view;
	unsigned shared;

	if (jid_equal(account->jid, member->jid))
		return;
	shared = shares_subscription_without(account->roster->shares, jid_text(member->jid),
	    strlen(jid_text(member->jid)), change->group);
	if (member->was_in)
		shared |= watcher->subscription;
	view = roster_view_of(roster_find(account, member->jid), shared);
	contact_changed(account, member->jid,
	    &(struct contact_before){ view.subscription, view.is_visible, member->was_in });
}

/* Of its own joining an account is told nothing here. */
static bool is_last_for(const struct shared_change *change, const struct account *account)
{
	size_t left = change->member_count - change->member - 1;

	return left == 0 ||
	       (left == 1 && jid_equal(change->members[change->member + 1].jid, account->jid));
}

/* One member to one account. */
static void change_step(struct shared_change *change)
{
	struct watcher *watcher = &change->watchers[change->watcher];
	bool is_last = is_last_for(change, watcher->account);

	watcher->account->untold -= is_last;
	watcher_tell(change, watcher, &change->members[change->member]);
	change->member++;
	if (!is_last)
		return;
	account_unref(watcher->account);
	change->watcher++;
	change->member = 0;
}

static void change_go_on(struct mail *mail)
{
	struct shared_change *change = CONTAINER_OF(mail, struct shared_change, mail);

	for (size_t i = 0; i < SLICE && change->watcher < change->watcher_count; i++)
		change_step(change);
	if (change->watcher < change->watcher_count)
		worker_post(worker_current(), &change->mail, change_go_on);
	else
		change_free(change);
}

void shared_change_tell(struct shared_change *change)
{
	if (change->member_count > 0)
		change_find_watchers(change);
	change_go_on(&change->mail);
}

size_t shared_changes_busy(void)
{
	return busy;
}
