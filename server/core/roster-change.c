/* roster-change.c - what was changed in a roster from outside. Interested resources get a push
 * (RFC 6121 section 2.1.6); who may see the account from now on is shown its presence, who may not
 * any more sees it go (sections 3.1.5 and 3.2.2). Whom the account may see by a row of its own is
 * asked (section 4.3); on account of groups, that one's roster shows it. */
#include "core/roster-change.h"

#include "core/account.h"
#include "core/presence.h"
#include "core/roster-private.h"
#include "core/roster-push.h"
#include "loop/worker.h"

/* Contacts told of in one round of the loop. */
#define SLICE 256

struct difference {
	const struct jid *contact; /* in the change's arena */
	struct contact_before before;
};

struct roster_change {
	struct mail mail;
	struct account *account; /* referenced */
	struct arena *arena;
	struct difference *differences;
	size_t count, room, done;
	size_t pushes; /* behind the last difference that clients are pushed */
};

static void change_add(struct roster_change *change, const struct jid *contact,
    const struct roster *old, const struct roster_item *before, bool is_described)
{
	struct roster_view view = roster_view_of(
	    before, shares_subscription(old->shares, jid_text(contact), jid_bare_length(contact)));

	if (change->count == change->room) {
		change->room = change->room * 2 + 8;
		change->differences =
		    mem_realloc(change->differences, change->room * sizeof *change->differences);
	}
	change->differences[change->count++] =
	    (struct difference){ contact, { view.subscription, view.is_visible, is_described } };
}

static bool item_differs(const struct roster_item *before, const struct roster_item *now)
{
	if (before == NULL || now == NULL)
		return (before != NULL && before->listed) || (now != NULL && now->listed);
	return (before->listed || now->listed) && !roster_items_equal(before, now);
}

static const struct roster_item *item_same(
    const struct roster *roster, const struct roster_item *item)
{
	const char *contact = roster_item_contact(item);

	return items_find(roster, contact, strlen(contact));
}

static void change_collect(struct roster_change *change, const struct roster *old)
{
	const struct roster *roster = change->account->roster;
	const struct roster_item *item;

	for (size_t i = 0; i < roster->count; i++) {
		const struct roster_item *before;

		item = items_at(roster, i);
		before = item_same(old, item);
		if (item_differs(before, item))
			change_add(change, roster_item_jid(change->arena, item), old, before, true);
	}
	for (size_t i = 0; i < old->count; i++) {
		item = items_at(old, i);
		if (item_same(roster, item) == NULL && item->listed)
			change_add(change, roster_item_jid(change->arena, item), old, item, true);
	}
}

/* What is different on account of shared groups alone: the account sees others, or others see it.
 */
static void change_collect_shared(struct roster_change *change, const struct roster *old)
{
	const struct roster *roster = change->account->roster;
	const char **contacts;
	size_t count;

	contacts = shares_compare(old->shares, roster->shares, change->arena, &count);
	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(contacts[i]);
		const struct roster_item *before = items_find(old, contacts[i], length);
		const struct roster_item *now = items_find(roster, contacts[i], length);

		if (!item_differs(before, now))
			change_add(change, jid_of_prepared(change->arena, contacts[i]), old, before,
			    !shares_titles_equal(old->shares, roster->shares, contacts[i], length));
	}
}

/* ---- telling ---- */

static void contact_push(struct account *account, const struct jid *contact)
{
	struct arena *arena = arena_new(0);

	roster_push(account, roster_contact_element(arena, account, contact),
	    roster_push_version(account, arena));
	arena_free(&arena);
}

static bool is_pushed(const struct roster_view *now, const struct contact_before *before)
{
	return (now->is_visible || before->was_visible) &&
	       (before->is_described || now->is_visible != before->was_visible ||
		   now->subscription != before->subscription);
}

void contact_changed(
    struct account *account, const struct jid *contact, const struct contact_before *before)
{
	struct roster_view view = roster_view(account, contact);
	unsigned begun = view.subscription & ~before->subscription;
	unsigned ended = before->subscription & ~view.subscription;

	if (is_pushed(&view, before))
		contact_push(account, contact);
	if ((ended & SUBSCRIPTION_FROM) != 0)
		presence_hide(account, contact);
	if ((begun & SUBSCRIPTION_FROM) != 0)
		presence_show(account, contact);
	if ((begun & roster_item_state(view.item).subscription & SUBSCRIPTION_TO) != 0)
		presence_ask(account, contact);
}

static void change_free(struct roster_change *change)
{
	arena_free(&change->arena);
	mem_free(change->differences);
	account_unref(change->account);
	mem_free(change);
}

static void change_find_pushes(struct roster_change *change)
{
	for (size_t i = 0; i < change->count; i++) {
		const struct difference *difference = &change->differences[i];
		struct roster_view view = roster_view(change->account, difference->contact);

		if (is_pushed(&view, &difference->before))
			change->pushes = i + 1;
	}
}

static void change_go_on(struct mail *mail)
{
	struct roster_change *change = CONTAINER_OF(mail, struct roster_change, mail);

	for (size_t i = 0; i < SLICE && change->done < change->count; i++) {
		const struct difference *difference = &change->differences[change->done++];

		change->account->untold -= change->done == change->pushes;
		contact_changed(change->account, difference->contact, &difference->before);
	}
	if (change->done < change->count)
		worker_post(worker_current(), &change->mail, change_go_on);
	else
		change_free(change);
}

void roster_changed(struct account *account, const struct roster *old)
{
	struct roster_change *change = mem_alloc_zero(sizeof *change);

	change->account = account_ref(account);
	change->arena = arena_new(0);
	change_collect(change, old);
	change_collect_shared(change, old);
	change_find_pushes(change);
	account->untold += change->pushes > 0;
	change_go_on(&change->mail);
}
