/* roster.c - the contacts of an account: found, counted, changed, and the version that tells one
 * state of them from another. roster-items.c has where they are. */
#include "core/roster.h"

#include "base/hash.h"
#include "core/account.h"
#include "core/config.h"
#include "core/home.h"
#include "core/roster-private.h"

/* ---- state ---- */

static void item_set_state(struct roster_item *item, const struct subscription_state *state)
{
	item->subscription = state->subscription & SUBSCRIPTION_BOTH;
	item->ask = state->ask;
	item->request = state->request;
	item->approved = state->approved;
}

struct subscription_state roster_item_state(const struct roster_item *item)
{
	if (item == NULL)
		return (struct subscription_state){ .subscription = SUBSCRIPTION_NONE };
	return (struct subscription_state){ item->subscription, item->ask, item->request,
		item->approved };
}

/* What of an item clients see, beside its texts. */
static unsigned item_visible(const struct roster_item *item)
{
	return item->subscription | (unsigned)item->ask << 2 | (unsigned)item->approved << 3 |
	       (unsigned)item->listed << 4;
}

bool roster_items_equal(const struct roster_item *a, const struct roster_item *b)
{
	return item_visible(a) == item_visible(b) && a->bytes == b->bytes &&
	       memcmp(a->texts, b->texts, a->bytes) == 0;
}

/* ---- version ---- */

/* Adds an item to the version, or takes it out again. Begun behind the first byte, the hash is
 * another function of the rest. */
static void version_toggle(struct roster *roster, const struct roster_item *item)
{
	const char *texts = item->texts;
	unsigned visible = item_visible(item);

	roster->version[0] ^= hash_mix(hash_bytes_stable(texts, item->bytes) + visible);
	roster->version[1] ^= hash_mix(hash_bytes_stable(texts + 1, item->bytes - 1) + visible);
}

/* Every change of an item stands between a roster_uncount() and a roster_count(). */
static void roster_count(struct roster *roster, const struct roster_item *item)
{
	roster->requests += item->request;
	if (!item->listed)
		return;
	roster->listed++;
	roster->bytes += item->bytes;
	version_toggle(roster, item);
}

static void roster_uncount(struct roster *roster, const struct roster_item *item)
{
	roster->requests -= item->request;
	if (!item->listed)
		return;
	roster->listed--;
	roster->bytes -= item->bytes;
	version_toggle(roster, item);
}

const char *roster_version(const struct account *account, struct arena *arena)
{
	const struct roster *roster = account->roster;
	uint64_t version[2] = { roster->version[0], roster->version[1] };

	shares_version(roster->shares, version);
	return arena_printf(arena, "%016" PRIx64 "%016" PRIx64, version[0], version[1]);
}

const char *roster_push_version(const struct account *account, struct arena *arena)
{
	const char *version = roster_version(account, arena);

	return account->untold == 0 ? version : arena_printf(arena, "%s+", version);
}

/* ---- making one ---- */

struct roster *roster_new(void)
{
	return mem_alloc_zero(sizeof(struct roster));
}

void roster_free(struct roster **roster_pointer)
{
	struct roster *roster = *roster_pointer;

	*roster_pointer = NULL;
	if (roster == NULL)
		return;
	mem_free(roster->items);
	mem_free(roster->places);
	shares_free(&roster->shares);
	mem_free(roster);
}

static struct description description_of(
    const struct jid *contact, const char *name, const char **groups, size_t group_count)
{
	return (struct description){ jid_text(contact), jid_bare_length(contact), name, groups,
		group_count };
}

bool roster_append(struct roster *roster, const struct jid *contact, const char *name,
    const char **groups, size_t group_count, const struct subscription_state *state)
{
	struct description description = description_of(contact, name, groups, group_count);
	struct roster_item *item = items_append(roster, &description);

	if (item == NULL)
		return false;
	item_set_state(item, state);
	item->listed = true;
	items_insert(roster, roster->count, item);
	roster_count(roster, item);
	return true;
}

/* The item of the contact, made if there is none; NULL if there is no room for it. */
static struct roster_item *roster_make(struct roster *roster, const struct jid *contact)
{
	struct description description = description_of(contact, NULL, NULL, 0);
	size_t length = description.contact_length;
	struct roster_item *item = items_find(roster, description.contact, length);

	if (item != NULL)
		return item;
	item = items_append(roster, &description);
	if (item != NULL)
		items_insert(roster, items_place(roster, description.contact, length), item);
	return item;
}

bool roster_note_request(struct roster *roster, const struct jid *contact)
{
	struct roster_item *item = roster_make(roster, contact);

	if (item == NULL)
		return false;
	roster_uncount(roster, item);
	item->request = true;
	roster_count(roster, item);
	return true;
}

/* ---- of an account ---- */

struct roster_item *roster_find(const struct account *account, const struct jid *contact)
{
	if (account->roster == NULL)
		return NULL;
	return items_find(account->roster, jid_text(contact), jid_bare_length(contact));
}

unsigned roster_shared(const struct account *account, const struct jid *contact)
{
	if (account->roster == NULL)
		return SUBSCRIPTION_NONE;
	return shares_subscription(
	    account->roster->shares, jid_text(contact), jid_bare_length(contact));
}

bool roster_is_title(const struct account *account, const struct jid *contact, const char *title)
{
	const char *found;
	size_t cursor = 0;

	while ((found = shares_title(account->roster->shares, jid_text(contact),
		    jid_bare_length(contact), &cursor)) != NULL)
		if (strcmp(found, title) == 0)
			return true;
	return false;
}

struct roster_view roster_view_of(const struct roster_item *item, unsigned shared)
{
	return (struct roster_view){ item, roster_item_state(item).subscription | shared,
		(item != NULL && item->listed) || (shared & SUBSCRIPTION_TO) != 0 };
}

struct roster_view roster_view(const struct account *account, const struct jid *contact)
{
	return roster_view_of(roster_find(account, contact), roster_shared(account, contact));
}

struct roster_item *roster_next(const struct account *account, size_t *cursor)
{
	const struct roster *roster = account->roster;

	return roster == NULL || *cursor >= roster->count ? NULL : items_at(roster, (*cursor)++);
}

/* Direction none: those that stand on the list. */
static bool item_is_wanted(
    const struct roster *roster, const struct roster_item *item, unsigned direction)
{
	const char *contact = roster_item_contact(item);
	struct roster_view view =
	    roster_view_of(item, shares_subscription(roster->shares, contact, strlen(contact)));

	return direction == SUBSCRIPTION_NONE ? view.is_visible
	                                      : (view.subscription & direction) != 0;
}

static const struct jid **roster_wanted(
    const struct account *account, struct arena *arena, unsigned direction, size_t *count_out)
{
	const struct roster *roster = account->roster;
	size_t shared_count, count = 0, cursor = 0;
	const struct roster_item *item;
	const struct jid **contacts;
	const char **shared;

	*count_out = 0;
	if (roster == NULL)
		return NULL;
	shared = shares_contacts(roster->shares, arena,
	    direction == SUBSCRIPTION_NONE ? SUBSCRIPTION_TO : direction, &shared_count);
	contacts = arena_alloc(arena, (roster->count + shared_count) * sizeof *contacts);
	while ((item = roster_next(account, &cursor)) != NULL)
		if (item_is_wanted(roster, item, direction))
			contacts[count++] = roster_item_jid(arena, item);
	for (size_t i = 0; i < shared_count; i++)
		if (items_find(roster, shared[i], strlen(shared[i])) == NULL)
			contacts[count++] = jid_of_prepared(arena, shared[i]);
	*count_out = count;
	return contacts;
}

const struct jid **roster_visible(
    const struct account *account, struct arena *arena, size_t *count_out)
{
	return roster_wanted(account, arena, SUBSCRIPTION_NONE, count_out);
}

const struct jid **roster_subscribed(const struct account *account, struct arena *arena,
    enum subscription direction, size_t *count_out)
{
	return roster_wanted(account, arena, direction, count_out);
}

size_t roster_size(const struct account *account)
{
	return account->roster == NULL ? 0 : account->roster->listed;
}

size_t roster_items(const struct account *account)
{
	return account->roster == NULL ? 0 : account->roster->count;
}

size_t roster_requests(const struct account *account)
{
	return account->roster == NULL ? 0 : account->roster->requests;
}

size_t roster_item_bytes(
    const struct jid *contact, const char *name, const char **groups, size_t group_count)
{
	struct description description = description_of(contact, name, groups, group_count);

	return description_bytes(&description);
}

bool roster_has_room(const struct account *account, const struct roster_item *item, size_t bytes)
{
	const struct limits *limits = &home_config()->limits;
	size_t before = item != NULL && item->listed ? item->bytes : 0;

	if (before == 0 && roster_size(account) >= limits->roster_items)
		return false;
	return bytes <= before || account->roster->bytes - before + bytes <= limits->roster_bytes;
}

struct roster_item *roster_add(struct account *account, const struct jid *contact)
{
	return roster_make(account->roster, contact);
}

void roster_set_state(
    struct account *account, struct roster_item *item, const struct subscription_state *state)
{
	roster_uncount(account->roster, item);
	item_set_state(item, state);
	if (state->subscription != SUBSCRIPTION_NONE || state->ask || state->approved)
		item->listed = true;
	roster_count(account->roster, item);
}

struct roster_item *roster_describe(struct account *account, const struct jid *contact,
    const char *name, const char **groups, size_t group_count)
{
	struct roster *roster = account->roster;
	struct description description = description_of(contact, name, groups, group_count);
	struct subscription_state state = roster_item_state(roster_find(account, contact));
	size_t place = items_place(roster, description.contact, description.contact_length);
	struct roster_item *item = items_append(roster, &description);

	if (item == NULL)
		return NULL;
	item_set_state(item, &state);
	item->listed = true;
	if (items_find(roster, description.contact, description.contact_length) == NULL) {
		items_insert(roster, place, item);
	} else {
		roster_uncount(roster, items_at(roster, place));
		items_replace(roster, place, item);
	}
	roster_count(roster, items_at(roster, place));
	return items_at(roster, place);
}

void roster_drop(struct account *account, const struct jid *contact)
{
	struct roster *roster = account->roster;
	struct roster_item *item = roster_find(account, contact);

	if (item == NULL)
		return;
	roster_uncount(roster, item);
	items_remove(roster, items_place(roster, jid_text(contact), jid_bare_length(contact)));
}
