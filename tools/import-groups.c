/* import-groups.c - shared groups. There are few of them, so each is looked up and written when it
 * is read, before the accounts that are in it. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/text.h"
#include "tools/ctl.h"
#include "tools/import.h"
#include "xmpp/jid.h"

#define NAME_MAX_BYTES 1023

static const struct statement names_select = STATEMENT("SELECT name FROM groups WHERE domain = $1");
static const struct statement group_select =
    STATEMENT("SELECT COALESCE(title, ''), visible_to FROM groups WHERE domain = $1 AND name = $2");
static const struct statement group_write =
    STATEMENT("INSERT INTO groups (domain, name, title, visible_to) VALUES ($1, $2, $3, $4)"
	      " ON CONFLICT (domain, name) DO UPDATE SET title = excluded.title,"
	      " visible_to = excluded.visible_to WHERE CAST($5 AS BIGINT) = 1");
static const struct statement viewer_select =
    STATEMENT("SELECT group_name FROM group_viewers"
	      " WHERE domain = $1 AND group_name = $2 AND viewer_group = $3");
static const struct statement viewer_write =
    STATEMENT("INSERT INTO group_viewers (domain, group_name, viewer_group) VALUES ($1, $2, $3)"
	      " ON CONFLICT DO NOTHING");
static const struct statement change_note = STATEMENT_TWO(
    "WITH noted AS (INSERT INTO changes (domain, subject, operation, before, after)"
    " VALUES ($1, $2, $3, $4, $5) RETURNING id)"
    " SELECT pg_notify('godwit_changes', '') FROM noted",
    "INSERT INTO changes (domain, subject, operation, before, after) VALUES ($1, $2, $3, $4, $5)");

static const char *json_text(struct arena *arena, json_t *row)
{
	char *dump = row == NULL ? NULL : json_dumps(row, JSON_COMPACT);
	const char *text = arena_strdup(arena, dump);

	free(dump);
	json_decref(row);
	return text;
}

/* ---- the names that are known ---- */

/* Of one domain at a time. */
static void names_read(struct import *import, const char *domain)
{
	struct ctl_rows rows;

	if (import->groups != NULL && text_equal(import->groups_domain, domain))
		return;
	import_groups_free(import);
	import->groups = hash_new();
	import->groups_arena = arena_new(0);
	import->groups_domain = arena_strdup(import->groups_arena, domain);
	ctl_database_ask(
	    import->database, import->groups_arena, &names_select, PARAMS(domain), 1, &rows);
	ctl_database_wait(import->database);
	for (size_t i = 0; i < rows.count; i++)
		hash_put(
		    import->groups, ctl_cell(&rows, i, 0), strlen(ctl_cell(&rows, i, 0)), import);
}

bool import_group_is_known(struct import *import, const char *domain, const char *name)
{
	names_read(import, domain);
	return hash_get(import->groups, name, strlen(name)) != NULL;
}

void import_groups_free(struct import *import)
{
	hash_free(&import->groups);
	arena_free(&import->groups_arena);
}

/* ---- groups ---- */

static const char *served_domain(
    struct import *import, struct arena *arena, const char *where, const char *domain)
{
	const char *prepared = jid_prepare_domain(arena, domain);

	if (prepared == NULL)
		import_skip(import, where, "group: \"%.100s\" is not a domain", domain);
	return prepared;
}

static bool name_is_good(
    struct import *import, const char *where, const char *what, const char *name)
{
	if (name != NULL && *name != '\0' && strlen(name) <= NAME_MAX_BYTES)
		return true;
	import_skip(
	    import, where, "group: its %s is empty, or longer than %d bytes", what, NAME_MAX_BYTES);
	return false;
}

static bool write_is_good(struct import *import, const char *where, const struct ctl_rows *rows)
{
	if (rows->rc == RC_OK)
		return true;
	import->totals.failed++;
	import_skip(import, where, "group: the database refuses it: %s", rows->message);
	return false;
}

static json_t *group_json(
    const char *domain, const char *name, const char *title, const char *visible_to)
{
	return json_pack("{s:s,s:s,s:s?,s:s}", "domain", domain, "name", name, "title", title,
	    "visible_to", visible_to);
}

static void group_save(struct import *import, struct arena *arena, const char *where,
    const struct ctl_rows *old, const char *domain, const char *name, const char *title,
    const char *visible_to)
{
	struct ctl_rows written, noted;
	const char *before = NULL;

	if (old->count > 0)
		before = json_text(
		    arena, group_json(domain, name, ctl_cell(old, 0, 0), ctl_cell(old, 0, 1)));
	ctl_database_ask(import->database, arena, &group_write,
	    PARAMS(domain, name, title, visible_to, import->replaces), 0, &written);
	ctl_database_ask(import->database, arena, &change_note,
	    PARAMS(domain, "groups", old->count > 0 ? "update" : "insert", before,
		json_text(arena, group_json(domain, name, title, visible_to))),
	    0, &noted);
	ctl_database_wait(import->database);
	write_is_good(import, where, &written);
}

/* Whether it is to be written. */
static bool group_differs(struct import *import, const char *where, const struct ctl_rows *old,
    const char *name, const char *title, const char *visible_to)
{
	if (old->count == 0)
		return true;
	if (text_equal(ctl_cell(old, 0, 0), title == NULL ? "" : title) &&
	    text_equal(ctl_cell(old, 0, 1), visible_to))
		return false;
	if (!import->replaces)
		import_skip(import, where,
		    "group \"%.200s\": there is another one here, which stays; --replace takes "
		    "that "
		    "of the file",
		    name);
	return import->replaces;
}

static bool is_audience(const char *text)
{
	return text_equal(text, "nobody") || text_equal(text, "members") ||
	       text_equal(text, "everybody");
}

void import_group(struct import *import, const char *where, const char *domain_in, const char *name,
    const char *title, const char *visible_to)
{
	struct arena *arena = arena_new(0);
	const char *domain = served_domain(import, arena, where, domain_in);
	struct ctl_rows old;

	if (title != NULL && *title == '\0')
		title = NULL;
	if (domain == NULL || !name_is_good(import, where, "name", name) ||
	    (title != NULL && !name_is_good(import, where, "title", title))) {
		arena_free(&arena);
		return;
	}
	if (!is_audience(visible_to))
		visible_to = "members";
	names_read(import, domain);
	ctl_database_ask(import->database, arena, &group_select, PARAMS(domain, name), 2, &old);
	ctl_database_wait(import->database);
	if (group_differs(import, where, &old, name, title, visible_to)) {
		import->totals.groups++;
		if (import->applies)
			group_save(import, arena, where, &old, domain, name, title, visible_to);
	}
	name = arena_strdup(import->groups_arena, name);
	hash_put(import->groups, name, strlen(name), import);
	arena_free(&arena);
}

/* ---- who sees which ---- */

static void viewer_save(struct import *import, struct arena *arena, const char *where,
    const char *domain, const char *group, const char *viewer)
{
	struct ctl_rows written, noted;
	const char *after = json_text(arena, json_pack("{s:s,s:s,s:s}", "domain", domain,
						 "group_name", group, "viewer_group", viewer));

	ctl_database_ask(
	    import->database, arena, &viewer_write, PARAMS(domain, group, viewer), 0, &written);
	ctl_database_ask(import->database, arena, &change_note,
	    PARAMS(domain, "group_viewers", "insert", (const char *)NULL, after), 0, &noted);
	ctl_database_wait(import->database);
	write_is_good(import, where, &written);
}

void import_group_viewer(struct import *import, const char *where, const char *domain_in,
    const char *group, const char *viewer)
{
	struct arena *arena = arena_new(0);
	const char *domain = served_domain(import, arena, where, domain_in);
	struct ctl_rows old;

	if (domain != NULL &&
	    (group == NULL || viewer == NULL || !import_group_is_known(import, domain, group) ||
		!import_group_is_known(import, domain, viewer))) {
		import_skip(import, where,
		    "group \"%.200s\", to be seen by \"%.200s\": there is no such group",
		    group == NULL ? "" : group, viewer == NULL ? "" : viewer);
	} else if (domain != NULL) {
		ctl_database_ask(import->database, arena, &viewer_select,
		    PARAMS(domain, group, viewer), 1, &old);
		ctl_database_wait(import->database);
		if (old.count == 0 && import->applies)
			viewer_save(import, arena, where, domain, group, viewer);
	}
	arena_free(&arena);
}
