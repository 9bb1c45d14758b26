/* name-set.h - a sorted set of names on the heap: the members of a group, a block list. */
#ifndef GODWIT_BASE_NAME_SET_H
#define GODWIT_BASE_NAME_SET_H

#include <stdbool.h>
#include <stddef.h>

/* All zero is a valid empty one. In byte order. */
struct name_set {
	char **names;
	size_t count, room;
};

/* Whether the name, NUL-terminated or not, is in it. */
bool name_set_has(const struct name_set *set, const char *name, size_t length);
/* Both return whether that changed anything. */
bool name_set_add(struct name_set *set, const char *name);
bool name_set_remove(struct name_set *set, const char *name);
/* Many at once: each appended in any order, then sorted. */
void name_set_append(struct name_set *set, const char *name);
void name_set_sort(struct name_set *set);
/* Takes what it has not out of the other, which need not be sorted and has nothing twice. */
void name_set_merge(struct name_set *set, struct name_set *other);
void name_set_free(struct name_set *set);

#endif
