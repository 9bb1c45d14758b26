/* name-set.c - names in an array, found by a binary search. */
#include "base/name-set.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int name_order(const char *name, const char *wanted, size_t length)
{
	int order = strncmp(name, wanted, length);

	return order != 0 ? order : name[length] != '\0';
}

/* Where it is, or belongs. */
static size_t name_place(const struct name_set *set, const char *name, size_t length)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (name_order(set->names[middle], name, length) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool name_set_has(const struct name_set *set, const char *name, size_t length)
{
	size_t place = name_place(set, name, length);

	return place < set->count && name_order(set->names[place], name, length) == 0;
}

static void name_set_reserve(struct name_set *set)
{
	if (set->count < set->room)
		return;
	set->room += set->room / 2 + 8;
	set->names = mem_realloc(set->names, set->room * sizeof *set->names);
}

void name_set_append(struct name_set *set, const char *name)
{
	name_set_reserve(set);
	set->names[set->count++] = mem_strdup(name);
}

bool name_set_add(struct name_set *set, const char *name)
{
	size_t place = name_place(set, name, strlen(name));

	if (place < set->count && strcmp(set->names[place], name) == 0)
		return false;
	name_set_reserve(set);
	memmove(
	    set->names + place + 1, set->names + place, (set->count - place) * sizeof *set->names);
	set->names[place] = mem_strdup(name);
	set->count++;
	return true;
}

bool name_set_remove(struct name_set *set, const char *name)
{
	size_t place = name_place(set, name, strlen(name));

	if (place == set->count || strcmp(set->names[place], name) != 0)
		return false;
	mem_free(set->names[place]);
	set->count--;
	memmove(
	    set->names + place, set->names + place + 1, (set->count - place) * sizeof *set->names);
	return true;
}

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void name_set_sort(struct name_set *set)
{
	if (set->count > 1)
		qsort(set->names, set->count, sizeof *set->names, name_compare);
}

void name_set_merge(struct name_set *set, struct name_set *other)
{
	size_t sorted = set->count, left = 0;

	for (size_t i = 0; i < other->count; i++) {
		char *name = other->names[i];
		struct name_set before = { .names = set->names, .count = sorted };

		if (name_set_has(&before, name, strlen(name))) {
			other->names[left++] = name;
			continue;
		}
		name_set_reserve(set);
		set->names[set->count++] = name;
	}
	other->count = left;
	if (set->count > sorted)
		name_set_sort(set);
}

void name_set_free(struct name_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		mem_free(set->names[i]);
	mem_free(set->names);
	*set = (struct name_set){ .names = NULL };
}
