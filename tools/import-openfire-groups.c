/* import-openfire-groups.c - shared groups out of an Openfire database. Its property showInRoster
 * is nobody, everybody or onlyGroup; the last is those who are in it and, if groupList names
 * others, those as well. */
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "tools/import-openfire.h"
#include "tools/import.h"

static const char groups_select[] =
    "SELECT g.groupName,"
    " (SELECT propValue FROM ofGroupProp p WHERE p.groupName = g.groupName"
    "  AND p.name = 'sharedRoster.displayName'),"
    " (SELECT propValue FROM ofGroupProp p WHERE p.groupName = g.groupName"
    "  AND p.name = 'sharedRoster.showInRoster'),"
    " (SELECT propValue FROM ofGroupProp p WHERE p.groupName = g.groupName"
    "  AND p.name = 'sharedRoster.groupList') FROM ofGroup g ORDER BY g.groupName";
static const char strangers_select[] =
    "SELECT DISTINCT groupName, username FROM ofGroupUser m WHERE NOT EXISTS"
    " (SELECT FROM ofUser u WHERE u.username = m.username) ORDER BY groupName, username";

enum { GROUP_NAME, GROUP_TITLE, GROUP_SHOWN, GROUP_LIST };

static const char *visible_to(const char *shown)
{
	if (text_equal(shown, "everybody"))
		return "everybody";
	return text_equal(shown, "onlyGroup") ? "members" : "nobody";
}

static char *trim(char *text)
{
	size_t length;

	text += strspn(text, " \t");
	length = strlen(text);
	while (length > 0 && strchr(" \t", text[length - 1]) != NULL)
		text[--length] = '\0';
	return text;
}

/* The names stand with commas between. */
static void viewers_take(
    struct openfire *openfire, struct arena *arena, const char *group, const char *list)
{
	char *rest = arena_strdup(arena, list), *one;

	while ((one = strsep(&rest, ",")) != NULL) {
		one = trim(one);
		if (*one != '\0' && strcmp(one, group) != 0)
			import_group_viewer(openfire->import,
			    arena_printf(arena, "group %s", group), openfire->domain, group, one);
	}
}

/* Members of other servers, or out of a directory. */
static bool strangers_report(struct openfire *openfire, struct arena *arena)
{
	struct foreign_rows rows;

	if (!openfire_read(openfire, arena, strangers_select, NULL, 0, &rows))
		return false;
	for (size_t i = 0; i < rows.count; i++)
		import_skip(openfire->import,
		    arena_printf(arena, "group %s", foreign_cell(&rows, i, 0)),
		    "member %.200s: it is not an account of this database",
		    foreign_cell(&rows, i, 1));
	return true;
}

static bool groups_take(struct openfire *openfire, struct arena *arena)
{
	struct foreign_rows rows;

	if (!openfire_read(openfire, arena, groups_select, NULL, 0, &rows))
		return false;
	for (size_t i = 0; i < rows.count; i++) {
		const char *name = foreign_cell(&rows, i, GROUP_NAME);

		import_group(openfire->import, arena_printf(arena, "group %s", name),
		    openfire->domain, name, foreign_cell(&rows, i, GROUP_TITLE),
		    visible_to(foreign_cell(&rows, i, GROUP_SHOWN)));
	}
	/* All there are, before one refers to another. */
	for (size_t i = 0; i < rows.count; i++)
		if (text_equal(foreign_cell(&rows, i, GROUP_SHOWN), "onlyGroup") &&
		    foreign_cell(&rows, i, GROUP_LIST) != NULL)
			viewers_take(openfire, arena, foreign_cell(&rows, i, GROUP_NAME),
			    foreign_cell(&rows, i, GROUP_LIST));
	return true;
}

bool openfire_groups(struct openfire *openfire)
{
	struct arena *arena = arena_new(0);
	bool good = groups_take(openfire, arena) && strangers_report(openfire, arena);

	arena_free(&arena);
	return good;
}
