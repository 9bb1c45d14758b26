/* shares.c - the groups of an account, and the contacts that they make. */
#define _GNU_SOURCE
#include "core/shares.h"

#include <stdlib.h>

#include "base/hash.h"
#include "core/account.h"
#include "core/shared-group.h"

struct shares {
	char *domain, *username; /* whose they are */
	size_t count;
	struct share list[];
};

/* A row for each group that the account is in, and, if there are groups that show themselves to
 * that one or to which it shows itself, for each of them; and one for each group that everybody
 * sees. */
const struct statement shares_select =
    STATEMENT("SELECT g.name, g.visible_to, v.group_name, v.viewer_group"
	      " FROM group_members m JOIN groups g ON g.domain = m.domain AND g.name = m.group_name"
	      " LEFT JOIN group_viewers v ON v.domain = m.domain"
	      " AND (v.viewer_group = m.group_name OR v.group_name = m.group_name)"
	      " WHERE m.domain = $1 AND m.username = $2"
	      " UNION ALL SELECT name, 'it', NULL, NULL FROM groups"
	      " WHERE domain = $1 AND visible_to = 'everybody'");

enum shares_column { COLUMN_NAME, COLUMN_VISIBLE_TO, COLUMN_SHOWN, COLUMN_VIEWER };

/* What a row can give. */
#define ROW_SHARES 3

/* ---- life ---- */

static void shares_take(struct shares *shares, const char *name, unsigned subscription)
{
	struct shared_group *group = shared_group_get(shares->domain, name);
	struct share *share = shares_find(shares, group);

	if (share == NULL) {
		share = &shares->list[shares->count++];
		share->group = shared_group_ref(group);
	}
	share->subscription |= subscription;
	shared_group_unref(group);
}

static void shares_take_row(struct shares *shares, const struct store_result *rows, size_t row)
{
	const char *name = store_text(rows, row, COLUMN_NAME);
	const char *visible_to = store_text(rows, row, COLUMN_VISIBLE_TO);
	const char *shown = store_text(rows, row, COLUMN_SHOWN);
	const char *viewer = store_text(rows, row, COLUMN_VIEWER);

	if (text_equal(visible_to, "it"))
		shares_take(shares, name, SUBSCRIPTION_TO);
	else if (text_equal(visible_to, "members"))
		shares_take(shares, name, SUBSCRIPTION_BOTH);
	else if (text_equal(visible_to, "everybody"))
		shares_take(shares, EVERYBODY, SUBSCRIPTION_FROM);
	if (viewer != NULL && text_equal(viewer, name))
		shares_take(shares, shown, SUBSCRIPTION_TO);
	if (shown != NULL && text_equal(shown, name))
		shares_take(shares, viewer, SUBSCRIPTION_FROM);
}

struct shares *shares_new(const struct account *account, const struct store_result *rows)
{
	size_t count = store_rows(rows);
	struct shares *shares;
	struct arena *arena;

	if (count == 0)
		return NULL;
	arena = arena_new(0);
	shares = mem_alloc_zero(sizeof *shares + ROW_SHARES * count * sizeof shares->list[0]);
	shares->domain = mem_strdup(jid_domain(arena, account->jid));
	shares->username = mem_strdup(jid_node(arena, account->jid));
	for (size_t row = 0; row < count; row++)
		shares_take_row(shares, rows, row);
	arena_free(&arena);
	return shares;
}

void shares_free(struct shares **shares_pointer)
{
	struct shares *shares = *shares_pointer;

	*shares_pointer = NULL;
	if (shares == NULL)
		return;
	for (size_t i = 0; i < shares->count; i++) {
		struct share *share = &shares->list[i];

		if (share->account != NULL)
			TAILQ_REMOVE(&share->group->watchers, share, sibling);
		shared_group_unref(share->group);
	}
	mem_free(shares->domain);
	mem_free(shares->username);
	mem_free(shares);
}

void shares_install(struct shares *shares, struct account *account)
{
	for (size_t i = 0; shares != NULL && i < shares->count; i++) {
		struct share *share = &shares->list[i];

		share->account = account;
		TAILQ_INSERT_TAIL(&share->group->watchers, share, sibling);
	}
}

struct share *shares_at(const struct shares *shares, size_t index)
{
	if (shares == NULL || index >= shares->count)
		return NULL;
	return (struct share *)(uintptr_t)(const void *)&shares->list[index];
}

struct share *shares_find(const struct shares *shares, const struct shared_group *group)
{
	struct share *share;

	for (size_t i = 0; (share = shares_at(shares, i)) != NULL; i++)
		if (share->group == group)
			return share;
	return NULL;
}

/* ---- one contact ---- */

/* The length of the part before the @; 0 for somebody who can be in no group of the account. */
static size_t username_length(const struct shares *shares, const char *contact, size_t length)
{
	size_t domain_length, name_length;

	if (shares == NULL)
		return 0;
	domain_length = strlen(shares->domain);
	if (length <= domain_length + 1 || contact[length - domain_length - 1] != '@' ||
	    memcmp(contact + length - domain_length, shares->domain, domain_length) != 0)
		return 0;
	name_length = length - domain_length - 1;
	if (name_length == strlen(shares->username) &&
	    memcmp(contact, shares->username, name_length) == 0)
		return 0;
	return name_length;
}

unsigned shares_subscription_without(const struct shares *shares, const char *contact,
    size_t length, const struct shared_group *group)
{
	size_t name_length = username_length(shares, contact, length);
	unsigned subscription = SUBSCRIPTION_NONE;

	for (size_t i = 0; name_length > 0 && i < shares->count; i++) {
		const struct share *share = &shares->list[i];

		if ((share->subscription & ~subscription) != 0 && share->group != group &&
		    shared_group_has(share->group, contact, name_length))
			subscription |= share->subscription;
	}
	return subscription;
}

unsigned shares_subscription(const struct shares *shares, const char *contact, size_t length)
{
	return shares_subscription_without(shares, contact, length, NULL);
}

const char *shares_title(
    const struct shares *shares, const char *contact, size_t length, size_t *cursor)
{
	size_t name_length = username_length(shares, contact, length);

	while (name_length > 0 && *cursor < shares->count) {
		const struct share *share = &shares->list[(*cursor)++];

		if ((share->subscription & SUBSCRIPTION_TO) != 0 &&
		    shared_group_has(share->group, contact, name_length))
			return share->group->title;
	}
	return NULL;
}

/* In another order they count as different: that costs a push, no more. */
bool shares_titles_equal(
    const struct shares *a, const struct shares *b, const char *contact, size_t length)
{
	size_t cursor_a = 0, cursor_b = 0;
	const char *title;

	do {
		title = shares_title(a, contact, length, &cursor_a);
		if (!text_equal(title, shares_title(b, contact, length, &cursor_b)))
			return false;
	} while (title != NULL);
	return true;
}

/* ---- all contacts ---- */

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names that are gathered from several groups. */
struct gathering {
	const char **names;
	size_t count, room;
};

static void gathering_add(struct gathering *gathering, const struct name_set *members)
{
	size_t count = gathering->count + members->count;

	if (members->count == 0)
		return;
	if (count > gathering->room) {
		gathering->room = count * 2;
		gathering->names =
		    mem_realloc(gathering->names, gathering->room * sizeof *gathering->names);
	}
	memcpy(gathering->names + gathering->count, members->names,
	    members->count * sizeof *gathering->names);
	gathering->count = count;
}

/* Each once and in order, as bare JIDs in the arena; ends the gathering. */
static const char **gathering_end(struct gathering *gathering, const struct shares *shares,
    struct arena *arena, size_t *count_out)
{
	const char **contacts = arena_alloc(arena, (gathering->count + 1) * sizeof *contacts);
	const char *before = shares == NULL ? "" : shares->username;
	size_t count = 0;

	if (gathering->count > 1)
		qsort(gathering->names, gathering->count, sizeof *gathering->names, name_compare);
	for (size_t i = 0; i < gathering->count; i++) {
		const char *name = gathering->names[i];

		if (strcmp(name, shares->username) == 0 || (i > 0 && strcmp(name, before) == 0))
			continue;
		before = name;
		contacts[count++] = arena_printf(arena, "%s@%s", name, shares->domain);
	}
	mem_free(gathering->names);
	*count_out = count;
	return contacts;
}

const char **shares_contacts(
    const struct shares *shares, struct arena *arena, unsigned direction, size_t *count_out)
{
	struct gathering gathering = { .names = NULL };
	const struct share *share;

	for (size_t i = 0; (share = shares_at(shares, i)) != NULL; i++)
		if ((share->subscription & direction) != 0)
			gathering_add(&gathering, &share->group->members);
	return gathering_end(&gathering, shares, arena, count_out);
}

/* Of groups that are not in `other`, or differently. */
static void gather_different(
    struct gathering *gathering, const struct shares *shares, const struct shares *other)
{
	const struct share *share, *same;

	for (size_t i = 0; (share = shares_at(shares, i)) != NULL; i++) {
		same = shares_find(other, share->group);
		if (same == NULL || same->subscription != share->subscription)
			gathering_add(gathering, &share->group->members);
	}
}

const char **shares_compare(
    const struct shares *before, const struct shares *now, struct arena *arena, size_t *count_out)
{
	struct gathering gathering = { .names = NULL };

	gather_different(&gathering, before, now);
	gather_different(&gathering, now, before);
	return gathering_end(&gathering, now != NULL ? now : before, arena, count_out);
}

/* ---- the version ---- */

void shares_version(const struct shares *shares, uint64_t version[2])
{
	const struct share *share;

	for (size_t i = 0; (share = shares_at(shares, i)) != NULL; i++) {
		uint64_t digest = shared_group_digest(share->group, shares->username);

		if (digest == 0)
			continue;
		digest = hash_mix(digest + share->subscription);
		version[0] ^= digest;
		version[1] ^= hash_mix(digest);
	}
}
