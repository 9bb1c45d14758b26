/* roster-change.c - what was changed in a roster from outside. Interested resources get a push
 * (RFC 6121 section 2.1.6); who may see the account from now on is shown its presence, who may not
 * any more sees it go (sections 3.1.5 and 3.2.2). Whom the account may see is told by that one's
 * roster. */
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
	uint8_t subscription;      /* before */
};

struct roster_change {
	struct mail mail;
	struct account *account; /* referenced */
	struct arena *arena;
	struct difference *differences;
	size_t count, room, done;
};

static void change_add(
    struct roster_change *change, const struct roster_item *before, const struct roster_item *item)
{
	if (change->count == change->room) {
		change->room = change->room * 2 + 8;
		change->differences =
		    mem_realloc(change->differences, change->room * sizeof *change->differences);
	}
	change->differences[change->count++] =
	    (struct difference){ roster_item_jid(change->arena, item),
		    before == NULL ? SUBSCRIPTION_NONE : before->subscription };
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
			change_add(change, before, item);
	}
	for (size_t i = 0; i < old->count; i++) {
		item = items_at(old, i);
		if (item_same(roster, item) == NULL && item->listed)
			change_add(change, item, item);
	}
}

/* ---- telling ---- */

static void difference_push(struct account *account, const struct jid *contact, struct arena *arena)
{
	const struct roster_item *item = roster_find(account, contact);
	struct element *element = item != NULL && item->listed
	                              ? roster_item_element(arena, item)
	                              : roster_removal_element(arena, jid_text(contact));

	roster_push(account, element, roster_version(account, arena));
}

static void difference_tell(struct account *account, const struct difference *difference)
{
	const struct roster_item *item = roster_find(account, difference->contact);
	unsigned now = item == NULL ? SUBSCRIPTION_NONE : item->subscription;
	unsigned begun = now & ~difference->subscription;
	unsigned ended = difference->subscription & ~now;
	struct arena *arena = arena_new(0);

	difference_push(account, difference->contact, arena);
	arena_free(&arena);
	if ((ended & SUBSCRIPTION_FROM) != 0)
		presence_hide(account, difference->contact);
	if ((begun & SUBSCRIPTION_FROM) != 0)
		presence_show(account, difference->contact);
}

static void change_free(struct roster_change *change)
{
	arena_free(&change->arena);
	mem_free(change->differences);
	account_unref(change->account);
	mem_free(change);
}

static void change_go_on(struct mail *mail)
{
	struct roster_change *change = CONTAINER_OF(mail, struct roster_change, mail);

	for (size_t i = 0; i < SLICE && change->done < change->count; i++)
		difference_tell(change->account, &change->differences[change->done++]);
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
	change_go_on(&change->mail);
}
