/* roster.c - the contacts of an account in memory. Fifty of them cost about 60 bytes each beyond
 * their texts: one piece of the heap for an item and one pointer in a sorted array. */
#include "core/roster.h"

#include "base/hash.h"
#include "core/account.h"
#include "core/config.h"
#include "core/home.h"
#include "core/roster-private.h"

/* ---- items ---- */

static int group_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *item_append(char *at, const char *text)
{
	size_t length = strlen(text);

	memcpy(at, text, length + 1);
	return at + length + 1;
}

size_t roster_item_bytes(
    const struct jid *contact, const char *name, const char *const *groups, size_t group_count)
{
	size_t bytes = jid_bare_length(contact) + 1 + (name == NULL ? 0 : strlen(name)) + 1 + 1;

	for (size_t i = 0; i < group_count; i++)
		bytes += strlen(groups[i]) + 1;
	return bytes;
}

/* Packs an item; its state is all false. Sorts the groups, so that equal items have equal bytes. */
static struct roster_item *item_new(
    const struct jid *contact, const char *name, const char **groups, size_t group_count)
{
	size_t jid_length = jid_bare_length(contact);
	size_t bytes = roster_item_bytes(contact, name, groups, group_count);
	struct roster_item *item;
	char *at;

	if (group_count > 1)
		qsort(groups, group_count, sizeof *groups, group_compare);
	item = mem_alloc_zero(sizeof *item + bytes);
	item->bytes = (uint32_t)bytes;
	item->contact.hash = contact->hash;
	item->contact.node_length = contact->node_length;
	item->contact.domain_length = contact->domain_length;
	memcpy(item->contact.text, contact->text, jid_length);
	at = item_append(item->contact.text + jid_length + 1, name == NULL ? "" : name);
	for (size_t i = 0; i < group_count; i++)
		at = item_append(at, groups[i]);
	*at = '\0';
	return item;
}

static void item_set_state(struct roster_item *item, const struct subscription_state *state)
{
	item->subscription = state->subscription;
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

static const char *item_name_at(const struct roster_item *item)
{
	return item->contact.text + jid_bare_length(&item->contact) + 1;
}

const char *roster_item_name(const struct roster_item *item)
{
	const char *name = item_name_at(item);

	return *name == '\0' ? NULL : name;
}

const char *roster_item_group(const struct roster_item *item, const char *group)
{
	const char *next = group == NULL ? item_name_at(item) : group;

	next += strlen(next) + 1;
	return *next == '\0' ? NULL : next;
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
	       memcmp(a->contact.text, b->contact.text, a->bytes) == 0;
}

/* ---- version ---- */

/* The finaliser of SplitMix64: spreads the few bits of the state over all. */
static uint64_t version_mix(uint64_t hash, unsigned visible)
{
	hash += UINT64_C(0x9e3779b97f4a7c15) * (visible + 1);
	hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
	return hash ^ hash >> 31;
}

/* Adds an item to the version, or takes it out again. The lengths that stand in front of the text
 * make the second hash another function of it. */
static void version_toggle(struct roster *roster, const struct roster_item *item)
{
	const char *text = item->contact.text;
	const char *lengths = (const char *)&item->contact.node_length;
	size_t lead = (size_t)(text - lengths);
	unsigned visible = item_visible(item);

	roster->version[0] ^= version_mix(hash_bytes_stable(text, item->bytes), visible);
	roster->version[1] ^= version_mix(hash_bytes_stable(lengths, lead + item->bytes), visible);
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

	return arena_printf(
	    arena, "%016" PRIx64 "%016" PRIx64, roster->version[0], roster->version[1]);
}

/* ---- the array ---- */

static int jid_order(const struct jid *a, const struct jid *b)
{
	size_t a_length = jid_bare_length(a), b_length = jid_bare_length(b);

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (a_length != b_length)
		return a_length < b_length ? -1 : 1;
	return memcmp(a->text, b->text, a_length);
}

static int item_compare(const void *a, const void *b)
{
	return jid_order(&(*(struct roster_item *const *)a)->contact,
	    &(*(struct roster_item *const *)b)->contact);
}

/* Where the item of the contact is, or belongs. */
static size_t roster_place(const struct roster *roster, const struct jid *contact)
{
	size_t low = 0, high = roster->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (jid_order(&roster->items[middle]->contact, contact) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct roster_item *roster_lookup(const struct roster *roster, const struct jid *contact)
{
	size_t place = roster_place(roster, contact);

	if (place == roster->count || jid_order(&roster->items[place]->contact, contact) != 0)
		return NULL;
	return roster->items[place];
}

static void roster_insert(struct roster *roster, size_t place, struct roster_item *item)
{
	if (roster->count == roster->capacity) {
		roster->capacity += roster->capacity / 2 + 8;
		roster->items =
		    mem_realloc(roster->items, roster->capacity * sizeof *roster->items);
	}
	memmove(roster->items + place + 1, roster->items + place,
	    (roster->count - place) * sizeof *roster->items);
	roster->items[place] = item;
	roster->count++;
	roster_count(roster, item);
}

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
	for (size_t i = 0; i < roster->count; i++)
		mem_free(roster->items[i]);
	mem_free(roster->items);
	mem_free(roster);
}

struct roster_item *roster_append(struct roster *roster, const struct jid *contact,
    const char *name, const char **groups, size_t group_count,
    const struct subscription_state *state, bool listed)
{
	struct roster_item *item = item_new(contact, name, groups, group_count);

	item_set_state(item, state);
	item->listed = listed;
	roster_insert(roster, roster->count, item);
	return item;
}

/* What was grown in steps is fitted, too: most rosters seldom change. */
void roster_sort(struct roster *roster)
{
	if (roster->count == 0)
		return;
	qsort(roster->items, roster->count, sizeof *roster->items, item_compare);
	roster->items = mem_realloc(roster->items, roster->count * sizeof *roster->items);
	roster->capacity = roster->count;
}

void roster_note_request(struct roster *roster, const struct jid *contact)
{
	struct roster_item *item = roster_lookup(roster, contact);

	if (item == NULL) {
		item = item_new(contact, NULL, NULL, 0);
		item->request = true;
		roster_insert(roster, roster_place(roster, contact), item);
		return;
	}
	roster_uncount(roster, item);
	item->request = true;
	roster_count(roster, item);
}

/* ---- of an account ---- */

struct roster_item *roster_find(const struct account *account, const struct jid *contact)
{
	return account->roster == NULL ? NULL : roster_lookup(account->roster, contact);
}

struct roster_item *roster_next(const struct account *account, size_t *cursor)
{
	const struct roster *roster = account->roster;

	return roster == NULL || *cursor >= roster->count ? NULL : roster->items[(*cursor)++];
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
	struct roster *roster = account->roster;
	struct roster_item *item = roster_lookup(roster, contact);

	if (item != NULL)
		return item;
	item = item_new(contact, NULL, NULL, 0);
	roster_insert(roster, roster_place(roster, contact), item);
	return item;
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

struct roster_item *roster_describe(struct account *account, struct roster_item *item,
    const char *name, const char **groups, size_t group_count)
{
	struct roster *roster = account->roster;
	struct roster_item *described = item_new(&item->contact, name, groups, group_count);
	struct subscription_state state = roster_item_state(item);

	item_set_state(described, &state);
	described->listed = true;
	roster_uncount(roster, item);
	roster->items[roster_place(roster, &item->contact)] = described;
	roster_count(roster, described);
	mem_free(item);
	return described;
}

void roster_drop(struct account *account, struct roster_item *item)
{
	struct roster *roster = account->roster;
	size_t place = roster_place(roster, &item->contact);

	roster_uncount(roster, item);
	roster->count--;
	memmove(roster->items + place, roster->items + place + 1,
	    (roster->count - place) * sizeof *roster->items);
	mem_free(item);
}
