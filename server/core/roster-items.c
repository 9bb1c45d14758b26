/* roster-items.c - how the contacts of an account lie in memory. All items are packed in one piece
 * of the heap, in no order: four bytes and the texts for each. A second piece has where they begin,
 * by contact. So a contact costs about a dozen bytes beyond its texts, and a binary search finds
 * it. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "core/roster-private.h"

#define ITEM_ALIGNMENT sizeof(struct roster_item)
/* When a roster grows, so much beyond an eighth of it is added. */
#define SPARE_BYTES 64

/* ---- the texts of an item ---- */

static int group_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t description_bytes(const struct description *description)
{
	size_t bytes = description->contact_length + 1;

	bytes += (description->name == NULL ? 0 : strlen(description->name)) + 1;
	for (size_t i = 0; i < description->group_count; i++)
		bytes += strlen(description->groups[i]) + 1;
	return bytes + 1;
}

static char *text_pack(char *at, const char *text, size_t length)
{
	memcpy(at, text, length);
	at[length] = '\0';
	return at + length + 1;
}

/* With the groups sorted, equal items have equal bytes. */
static void description_pack(const struct description *description, char *at)
{
	const char *name = description->name == NULL ? "" : description->name;
	const char **groups = description->groups;

	if (description->group_count > 1)
		qsort(groups, description->group_count, sizeof *groups, group_compare);
	at = text_pack(at, description->contact, description->contact_length);
	at = text_pack(at, name, strlen(name));
	for (size_t i = 0; i < description->group_count; i++)
		at = text_pack(at, groups[i], strlen(groups[i]));
	*at = '\0';
}

const char *roster_item_contact(const struct roster_item *item)
{
	return item->texts;
}

const struct jid *roster_item_jid(struct arena *arena, const struct roster_item *item)
{
	return jid_of_prepared(arena, item->texts);
}

static const char *item_name_at(const struct roster_item *item)
{
	return item->texts + strlen(item->texts) + 1;
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

/* ---- the piece with the items ---- */

static size_t item_size(size_t bytes)
{
	return (sizeof(struct roster_item) + bytes + ITEM_ALIGNMENT - 1) & ~(ITEM_ALIGNMENT - 1);
}

static struct roster_item *item_at(const char *items, uint32_t at)
{
	return (struct roster_item *)(uintptr_t)(const void *)(items + at);
}

/* Room for so many bytes more; false if that is more than any roster may have. */
static bool items_reserve(struct roster *roster, size_t size)
{
	size_t needed = roster->used + size;

	if (needed > ROSTER_MAX_BYTES)
		return false;
	if (needed <= roster->room)
		return true;
	roster->room = (uint32_t)(needed + needed / 8 + SPARE_BYTES);
	roster->items = mem_realloc(roster->items, roster->room);
	return true;
}

struct roster_item *items_append(struct roster *roster, const struct description *description)
{
	size_t bytes = description_bytes(description);
	struct roster_item *item;

	if (bytes > ROSTER_ITEM_MAX_BYTES || !items_reserve(roster, item_size(bytes)))
		return NULL;
	item = item_at(roster->items, roster->used);
	*item = (struct roster_item){ .bytes = bytes & ROSTER_ITEM_MAX_BYTES };
	description_pack(description, item->texts);
	roster->used += (uint32_t)item_size(bytes);
	return item;
}

/* Closes the gap of an item that is in no place any more. */
static void gap_close(struct roster *roster, uint32_t at)
{
	uint32_t size = (uint32_t)item_size(item_at(roster->items, at)->bytes);

	roster->used -= size;
	memmove(roster->items + at, roster->items + at + size, roster->used - at);
	for (size_t i = 0; i < roster->count; i++)
		if (roster->places[i] > at)
			roster->places[i] -= size;
}

/* ---- the piece with the places ---- */

struct roster_item *items_at(const struct roster *roster, size_t place)
{
	return item_at(roster->items, roster->places[place]);
}

static int contact_order(const struct roster_item *item, const char *contact, size_t length)
{
	int order = strncmp(item->texts, contact, length);

	return order != 0 ? order : item->texts[length] != '\0';
}

size_t items_place(const struct roster *roster, const char *contact, size_t length)
{
	size_t low = 0, high = roster->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (contact_order(items_at(roster, middle), contact, length) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct roster_item *items_find(const struct roster *roster, const char *contact, size_t length)
{
	size_t place = items_place(roster, contact, length);

	if (place == roster->count || contact_order(items_at(roster, place), contact, length) != 0)
		return NULL;
	return items_at(roster, place);
}

static uint32_t place_of(const struct roster *roster, const struct roster_item *item)
{
	return (uint32_t)((const char *)item - roster->items);
}

void items_insert(struct roster *roster, size_t place, const struct roster_item *item)
{
	if (roster->count == roster->capacity) {
		roster->capacity += roster->capacity / 8 + 8;
		roster->places =
		    mem_realloc(roster->places, roster->capacity * sizeof *roster->places);
	}
	memmove(roster->places + place + 1, roster->places + place,
	    (roster->count - place) * sizeof *roster->places);
	roster->places[place] = place_of(roster, item);
	roster->count++;
}

void items_replace(struct roster *roster, size_t place, const struct roster_item *item)
{
	uint32_t old = roster->places[place];

	roster->places[place] = place_of(roster, item);
	gap_close(roster, old);
}

void items_remove(struct roster *roster, size_t place)
{
	uint32_t old = roster->places[place];

	roster->count--;
	memmove(roster->places + place, roster->places + place + 1,
	    (roster->count - place) * sizeof *roster->places);
	gap_close(roster, old);
}

static int place_compare(const void *a, const void *b, void *items)
{
	return strcmp(item_at(items, *(const uint32_t *)a)->texts,
	    item_at(items, *(const uint32_t *)b)->texts);
}

/* What was grown in steps is fitted, too: most rosters seldom change. */
void items_sort(struct roster *roster)
{
	if (roster->count == 0)
		return;
	qsort_r(
	    roster->places, roster->count, sizeof *roster->places, place_compare, roster->items);
	roster->items = mem_realloc(roster->items, roster->used);
	roster->room = roster->used;
	roster->places = mem_realloc(roster->places, roster->count * sizeof *roster->places);
	roster->capacity = roster->count;
}
