/* import-rows.c - the tables of an account: what the file has, what the database has, and the
 * difference. All rows of a kind are one statement, as a list in JSON: an import asks about as much
 * of the database as a few logins do. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "tools/import.h"

#define ACCOUNT " WHERE domain = $1 AND username = $2"
#define ROWS " FROM json_array_elements($3::JSON) AS r"
#define SQLITE_ROWS " FROM json_each($3)"
#define CELL(n) "json_extract(value, '$[" #n "]')"
#define IF_REPLACED " WHERE CAST($4 AS BIGINT) = 1"

const char *const import_names[IMPORT_KINDS] = { "contact", "subscription request", "vCard",
	"private element", "blocked address", "last activity", "group membership", "message" };

static const struct kind {
	unsigned keys, columns; /* rows with the same keys are the same thing */
	bool is_compared;       /* what stands behind the keys */
	struct statement present, write;
} kinds[IMPORT_KINDS] = {
	[IMPORT_CONTACTS] = { 1, 6, true,
	    STATEMENT_TWO(
		"SELECT contact, name, subscription, CASE WHEN ask THEN '1' ELSE '0' END,"
		" CASE WHEN approved THEN '1' ELSE '0' END, COALESCE((SELECT string_agg(group_name,"
		" chr(31) ORDER BY group_name COLLATE \"C\") FROM roster_groups g WHERE"
		" g.domain = i.domain AND g.username = i.username AND g.contact = i.contact), '')"
		" FROM roster_items i" ACCOUNT,
		"SELECT contact, name, subscription, CASE WHEN ask THEN '1' ELSE '0' END,"
		" CASE WHEN approved THEN '1' ELSE '0' END, COALESCE((SELECT group_concat(n,"
		" char(31)) FROM (SELECT group_name AS n FROM roster_groups g WHERE"
		" g.domain = i.domain AND g.username = i.username AND g.contact = i.contact"
		" ORDER BY group_name)), '') FROM roster_items i" ACCOUNT),
	    STATEMENT_TWO(
		"INSERT INTO roster_items (domain, username, contact, name, subscription, ask,"
		" approved) SELECT $1, $2, r->>0, r->>1, r->>2, (r->>3)::BOOLEAN, "
		"(r->>4)::BOOLEAN" ROWS
		" ON CONFLICT (domain, username, contact) DO UPDATE SET name = excluded.name,"
		" subscription = excluded.subscription, ask = excluded.ask,"
		" approved = excluded.approved" IF_REPLACED,
		"INSERT INTO roster_items (domain, username, contact, name, subscription, ask,"
		" approved) SELECT $1, $2, " CELL(0) ", " CELL(1) ", " CELL(2) ", " CELL(
		    3) ", " CELL(4) SQLITE_ROWS
		" WHERE true ON CONFLICT (domain, username, contact) DO UPDATE"
		" SET name = excluded.name, subscription = excluded.subscription,"
		" ask = excluded.ask, approved = excluded.approved" IF_REPLACED) },
	[IMPORT_REQUESTS] = { 1, 3, false,
	    STATEMENT("SELECT contact FROM subscription_requests" ACCOUNT),
	    STATEMENT_TWO("INSERT INTO subscription_requests (domain, username, contact, stanza,"
			  " requested_at) SELECT $1, $2, r->>0, r->>1, (r->>2)::BIGINT" ROWS
			  " WHERE $4::BIGINT >= 0 ON CONFLICT DO NOTHING",
		"INSERT INTO subscription_requests (domain, username, contact, stanza,"
		" requested_at) SELECT $1, $2, " CELL(0) ", " CELL(1) ", " CELL(2) SQLITE_ROWS
		" WHERE $4 >= 0 ON CONFLICT DO NOTHING") },
	[IMPORT_VCARDS] = { 0, 1, true, STATEMENT("SELECT vcard FROM vcards" ACCOUNT),
	    STATEMENT_TWO(
		"INSERT INTO vcards (domain, username, vcard) SELECT $1, $2, r->>0" ROWS
		" ON CONFLICT (domain, username) DO UPDATE SET vcard = excluded.vcard" IF_REPLACED,
		"INSERT INTO vcards (domain, username, vcard) SELECT $1, $2, " CELL(0) SQLITE_ROWS
		" WHERE true ON CONFLICT (domain, username) DO UPDATE SET vcard = "
		"excluded.vcard" IF_REPLACED) },
	[IMPORT_PRIVATE] = { 2, 3, true,
	    STATEMENT("SELECT namespace, name, data FROM private_xml" ACCOUNT),
	    STATEMENT_TWO("INSERT INTO private_xml (domain, username, namespace, name, data)"
			  " SELECT $1, $2, r->>0, r->>1, r->>2" ROWS
			  " ON CONFLICT (domain, username, namespace, name) DO UPDATE SET"
			  " data = excluded.data" IF_REPLACED,
		"INSERT INTO private_xml (domain, username, namespace, name, data)"
		" SELECT $1, $2, " CELL(0) ", " CELL(1) ", " CELL(2) SQLITE_ROWS
		" WHERE true ON CONFLICT (domain, username, namespace, name) DO UPDATE SET"
		" data = excluded.data" IF_REPLACED) },
	[IMPORT_BLOCKED] = { 1, 1, false, STATEMENT("SELECT jid FROM blocked_jids" ACCOUNT),
	    STATEMENT_TWO(
		"INSERT INTO blocked_jids (domain, username, jid) SELECT $1, $2, r->>0" ROWS
		" WHERE $4::BIGINT >= 0 ON CONFLICT DO NOTHING",
		"INSERT INTO blocked_jids (domain, username, jid) SELECT $1, $2, " CELL(0)
		    SQLITE_ROWS " WHERE $4 >= 0 ON CONFLICT DO NOTHING") },
	[IMPORT_LAST] = { 0, 2, false, STATEMENT("SELECT at FROM last_activity" ACCOUNT),
	    STATEMENT_TWO("INSERT INTO last_activity (domain, username, at, status)"
			  " SELECT $1, $2, (r->>0)::BIGINT, r->>1" ROWS
			  " WHERE $4::BIGINT >= 0 ON CONFLICT DO NOTHING",
		"INSERT INTO last_activity (domain, username, at, status)"
		" SELECT $1, $2, " CELL(0) ", " CELL(1) SQLITE_ROWS
		" WHERE $4 >= 0 ON CONFLICT DO NOTHING") },
	[IMPORT_MEMBERS] = { 1, 1, false, STATEMENT("SELECT group_name FROM group_members" ACCOUNT),
	    STATEMENT_TWO("INSERT INTO group_members (domain, username, group_name)"
			  " SELECT $1, $2, r->>0" ROWS
			  " WHERE $4::BIGINT >= 0 ON CONFLICT DO NOTHING",
		"INSERT INTO group_members (domain, username, group_name)"
		" SELECT $1, $2, " CELL(0) SQLITE_ROWS " WHERE $4 >= 0 ON CONFLICT DO NOTHING") },
	[IMPORT_MESSAGES] = { 1, 5, false,
	    /* Those of the file that wait here already. */
	    STATEMENT_TWO("SELECT r->>0" ROWS " WHERE EXISTS (SELECT FROM offline_messages" ACCOUNT
			  " AND stanza = r->>2)",
		"SELECT " CELL(0) SQLITE_ROWS
		" WHERE EXISTS (SELECT 1 FROM offline_messages" ACCOUNT
		" AND stanza = " CELL(2) ")"),
	    STATEMENT_TWO("INSERT INTO offline_messages (domain, username, id, stanza, bytes,"
			  " stored_at) SELECT $1, $2, (r->>1)::BIGINT, r->>2, (r->>3)::BIGINT,"
			  " (r->>4)::BIGINT" ROWS " WHERE $4::BIGINT >= 0 ON CONFLICT DO NOTHING",
		"INSERT INTO offline_messages (domain, username, id, stanza, bytes, stored_at)"
		" SELECT $1, $2, " CELL(1) ", " CELL(2) ", " CELL(3) ", " CELL(4) SQLITE_ROWS
		" WHERE $4 >= 0 ON CONFLICT DO NOTHING") },
};

static const struct statement groups_delete =
    STATEMENT_TWO("DELETE FROM roster_groups" ACCOUNT " AND contact IN (SELECT r->>0" ROWS ")",
	"DELETE FROM roster_groups" ACCOUNT " AND contact IN (SELECT " CELL(0) SQLITE_ROWS ")");
static const struct statement groups_insert =
    STATEMENT_TWO("INSERT INTO roster_groups (domain, username, contact, group_name)"
		  " SELECT $1, $2, r->>0, r->>1" ROWS " ON CONFLICT DO NOTHING",
	"INSERT INTO roster_groups (domain, username, contact, group_name)"
	" SELECT $1, $2, " CELL(0) ", " CELL(1) SQLITE_ROWS " WHERE true ON CONFLICT DO NOTHING");

/* One line for each account: who reads the log loads it again, whatever it was. A membership is of
 * a group, too, and has one of its own. */
static const struct statement change_note = STATEMENT_TWO(
    "WITH noted AS (INSERT INTO changes (domain, username, subject, operation, before, after)"
    " VALUES ($1, $2, 'users', $3, $4, $5) RETURNING id)"
    " SELECT pg_notify('godwit_changes', '') FROM noted",
    "INSERT INTO changes (domain, username, subject, operation, before, after)"
    " VALUES ($1, $2, 'users', $3, $4, $5)");
static const struct statement members_note = STATEMENT_TWO(
    "INSERT INTO changes (domain, username, subject, operation, after) SELECT $1, $2,"
    " 'group_members', 'insert', json_build_object('domain', $1::TEXT, 'group_name', r->>0,"
    " 'username', $2::TEXT)::TEXT" ROWS,
    "INSERT INTO changes (domain, username, subject, operation, after) SELECT $1, $2,"
    " 'group_members', 'insert', json_object('domain', $1, 'group_name', " CELL(
	0) ","
	   " 'username', $2)" SQLITE_ROWS);

struct import_row *import_row_add(
    struct import_account *account, enum import_kind kind, const char *const *cells, size_t count)
{
	struct import_row *row = arena_alloc_zero(account->arena, sizeof *row);

	memcpy(row->cells, cells, count * sizeof *cells);
	STAILQ_INSERT_TAIL(&account->rows[kind], row, next);
	return row;
}

/* ---- as JSON ---- */

static json_t *row_json(const struct import_row *row, size_t columns)
{
	json_t *cells = json_array();

	for (size_t i = 0; i < columns; i++)
		json_array_append_new(
		    cells, row->cells[i] == NULL ? json_null() : json_string(row->cells[i]));
	return cells;
}

/* Takes the list. */
static const char *json_text(struct arena *arena, json_t *list)
{
	char *text = json_dumps(list, JSON_COMPACT);
	const char *copy = arena_strdup(arena, text);

	free(text);
	json_decref(list);
	return copy;
}

static bool is_written(const struct import *import, const struct import_row *row)
{
	return row->state == ROW_IS_NEW || (row->state == ROW_DIFFERS && import->replaces);
}

/* The rows to be written, or all. */
static json_t *rows_json(const struct import *import, const struct import_account *account,
    enum import_kind kind, bool all)
{
	json_t *list = json_array();
	const struct import_row *row;

	STAILQ_FOREACH (row, &account->rows[kind], next)
		if (all || is_written(import, row))
			json_array_append_new(list, row_json(row, kinds[kind].columns));
	return list;
}

/* ---- comparing ---- */

void import_rows_ask(struct import *import, struct import_account *account, enum import_kind kind)
{
	if (STAILQ_EMPTY(&account->rows[kind]))
		return;
	if (kind == IMPORT_MESSAGES)
		ctl_database_ask(import->database, account->arena, &kinds[kind].present,
		    PARAMS(account->key,
			json_text(account->arena, rows_json(import, account, kind, true))),
		    1, &account->present[kind]);
	else
		ctl_database_ask(import->database, account->arena, &kinds[kind].present,
		    PARAMS(account->key),
		    kinds[kind].is_compared ? kinds[kind].columns
		    : kinds[kind].keys == 0 ? 1
					    : kinds[kind].keys,
		    &account->present[kind]);
}

/* The keys of a row, joined; NULL cells cannot be keys. */
static const char *key_text(struct arena *arena, const char *const *cells, size_t keys)
{
	const char *key = keys == 0 ? "" : cells[0];

	return keys < 2 ? key : arena_printf(arena, "%s%c%s", key, IMPORT_SEPARATOR, cells[1]);
}

static bool cells_equal(const char *const *a, const char *const *b, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (!text_equal(a[i], b[i]))
			return false;
	return true;
}

/* What is in the file twice is one thing. */
static void rows_compare(struct import_account *account, enum import_kind kind)
{
	const struct ctl_rows *present = &account->present[kind];
	const struct kind *about = &kinds[kind];
	struct hash *known = hash_new();
	struct import_row *row;

	for (size_t i = 0; i < present->count; i++) {
		const char **cells = present->cells + i * present->columns;
		const char *key = key_text(account->arena, cells, about->keys);

		hash_put(known, key, strlen(key), cells);
	}
	STAILQ_FOREACH (row, &account->rows[kind], next) {
		const char *key = key_text(account->arena, row->cells, about->keys);
		const char *const *cells = hash_get(known, key, strlen(key));

		row->state = cells == NULL ? ROW_IS_NEW
		             : !about->is_compared || cells == row->cells ||
		                     cells_equal(cells, row->cells, about->keys, about->columns)
		                 ? ROW_IS_THERE
		                 : ROW_DIFFERS;
		if (cells == NULL)
			hash_put(known, key, strlen(key), row->cells);
	}
	hash_free(&known);
}

/* Messages that were taken once, and have been read since. */
static void messages_compare(struct import_account *account)
{
	json_t *taken = account->imported.count == 0
	                    ? NULL
	                    : json_loads(ctl_cell(&account->imported, 0, 1), 0, NULL);
	struct hash *known = hash_new();
	struct import_row *row;
	json_t *one;
	size_t i;

	json_array_foreach(taken, i, one) if (json_is_string(one))
	    hash_put(known, json_string_value(one), json_string_length(one), one);
	STAILQ_FOREACH (row, &account->rows[IMPORT_MESSAGES], next)
		if (hash_get(known, row->cells[0], strlen(row->cells[0])) != NULL)
			row->state = ROW_IS_THERE;
	hash_free(&known);
	json_decref(taken);
}

static void difference_report(struct import *import, const struct import_account *account,
    enum import_kind kind, const struct import_row *row)
{
	const char *of = kinds[kind].keys == 0 ? "" : row->cells[kinds[kind].keys - 1];

	if (row->state == ROW_DIFFERS && !import->replaces)
		import_skip(import,
		    arena_printf(
			account->arena, "%s@%s", account->key.username, account->key.domain),
		    "%s%s%s: there is another one here, which stays; --replace takes that of the "
		    "file",
		    import_names[kind], *of == '\0' ? "" : " ", of);
}

void import_rows_compare(
    struct import *import, struct import_account *account, enum import_kind kind)
{
	struct import_row *row;

	rows_compare(account, kind);
	if (kind == IMPORT_MESSAGES)
		messages_compare(account);
	STAILQ_FOREACH (row, &account->rows[kind], next) {
		difference_report(import, account, kind, row);
		if (!is_written(import, row))
			continue;
		account->has_changes = true;
		import->totals.rows[kind]++;
	}
}

/* ---- writing ---- */

static struct ctl_rows *answer_slot(struct import_account *account)
{
	ASSERT(account->write_count < COUNT_OF(account->written));
	return &account->written[account->write_count++];
}

/* A row [contact, group] for each. */
static json_t *groups_json(const struct import *import, const struct import_account *account)
{
	json_t *list = json_array();
	const struct import_row *row;

	STAILQ_FOREACH (row, &account->rows[IMPORT_CONTACTS], next) {
		const char *at = row->cells[5];

		while (is_written(import, row) && *at != '\0') {
			size_t length = strcspn(at, "\x1f");

			json_array_append_new(list, json_pack("[s,s%]", row->cells[0], at, length));
			at += length + (at[length] != '\0');
		}
	}
	return list;
}

static void groups_write(
    struct import *import, struct import_account *account, const char *contacts)
{
	json_t *groups = groups_json(import, account);

	if (import->replaces)
		ctl_database_ask(import->database, account->arena, &groups_delete,
		    PARAMS(account->key, contacts), 0, answer_slot(account));
	if (json_array_size(groups) > 0)
		ctl_database_ask(import->database, account->arena, &groups_insert,
		    PARAMS(account->key, json_text(account->arena, json_incref(groups))), 0,
		    answer_slot(account));
	json_decref(groups);
}

void import_rows_write(struct import *import, struct import_account *account, enum import_kind kind)
{
	json_t *rows = rows_json(import, account, kind, false);
	bool is_empty = json_array_size(rows) == 0;
	const char *text = json_text(account->arena, rows);

	if (is_empty)
		return;
	ctl_database_ask(import->database, account->arena, &kinds[kind].write,
	    PARAMS(account->key, text, import->replaces), 0, answer_slot(account));
	if (kind == IMPORT_CONTACTS)
		groups_write(import, account, text);
	if (kind == IMPORT_MEMBERS)
		ctl_database_ask(import->database, account->arena, &members_note,
		    PARAMS(account->key, text), 0, answer_slot(account));
}

/* ---- the log of changes ---- */

static const char *note_row(struct import_account *account, bool is_new_row)
{
	json_t *row = json_pack(
	    "{s:s,s:s}", "domain", account->key.domain, "username", account->key.username);
	struct import_row *one;

	for (int kind = 0; is_new_row && kind < IMPORT_KINDS; kind++) {
		json_int_t count = 0;

		STAILQ_FOREACH (one, &account->rows[kind], next)
			count += one->state != ROW_IS_THERE;
		if (count > 0)
			json_object_set_new(row,
			    arena_printf(account->arena, "imported %s", import_names[kind]),
			    json_integer(count));
	}
	if (is_new_row && account->sets_keys)
		json_object_set_new(row, "scram_sha_1", json_string("changed"));
	return json_text(account->arena, row);
}

void import_note(struct import *import, struct import_account *account)
{
	ctl_database_ask(import->database, account->arena, &change_note,
	    PARAMS(account->key, account->is_there ? "update" : "insert",
		account->is_there ? note_row(account, false) : NULL, note_row(account, true)),
	    0, answer_slot(account));
}
