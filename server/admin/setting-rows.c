/* setting-rows.c - the rows of table settings: what there is to set, by the tables of keys, and
 * what is in force. Only those that say otherwise are written, and those that somebody has under
 * lock later. */
#include <jansson.h>
#include <stdlib.h>

#include "admin/config-rows-private.h"
#include "base/arena.h"
#include "base/text.h"
#include "core/config.h"
#include "core/keys.h"
#include "store/store.h"

#define FRESH \
	"WITH fresh AS (SELECT r->>'name' AS name, r->>'type' AS type," \
	" r->>'default' AS default_value, r->>'unit' AS unit," \
	" (r->>'minimum')::BIGINT AS minimum, (r->>'maximum')::BIGINT AS maximum," \
	" r->>'words' AS words, r->>'description' AS description," \
	" r->>'configured' AS configured, r->>'in_force' AS in_force, r->>'error' AS error" \
	" FROM jsonb_array_elements($1::JSONB) AS r)"
#define SQLITE_FRESH \
	"WITH fresh AS (SELECT json_extract(value, '$.name') AS name," \
	" json_extract(value, '$.type') AS type," \
	" json_extract(value, '$.default') AS default_value," \
	" json_extract(value, '$.unit') AS unit, json_extract(value, '$.minimum') AS minimum," \
	" json_extract(value, '$.maximum') AS maximum, json_extract(value, '$.words') AS words," \
	" json_extract(value, '$.description') AS description," \
	" json_extract(value, '$.configured') AS configured," \
	" json_extract(value, '$.in_force') AS in_force, json_extract(value, '$.error') AS error" \
	" FROM json_each($1))"
#define COLUMNS \
	"type, default_value, unit, minimum, maximum, words, description, configured, in_force," \
	" error"
#define OF(table) \
	table ".type, " table ".default_value, " table ".unit, " table ".minimum, " table \
	      ".maximum, " table ".words, " table ".description, " table ".configured, " table \
	      ".in_force, " table ".error"
#define UPDATE \
	" UPDATE settings SET type = fresh.type, default_value = fresh.default_value," \
	" unit = fresh.unit, minimum = fresh.minimum, maximum = fresh.maximum," \
	" words = fresh.words, description = fresh.description, configured = fresh.configured," \
	" in_force = fresh.in_force, error = fresh.error FROM fresh" \
	" WHERE settings.name = fresh.name AND "
#define DIFFERS "(" OF("settings") ") IS DISTINCT FROM (" OF("fresh") ")"
#define SQLITE_DIFFERS "(" OF("settings") ") IS NOT (" OF("fresh") ")"

/* Only what is missing: to insert and do nothing would wait for somebody who changes the row. */
#define INSERT \
	" INSERT INTO settings (name, " COLUMNS ") SELECT name, " COLUMNS " FROM fresh" \
	" WHERE name NOT IN (SELECT name FROM settings) ON CONFLICT (name) DO NOTHING"
static const struct statement settings_insert = STATEMENT_EACH(FRESH INSERT, SQLITE_FRESH INSERT);

#define UNLOCKED(rows) \
	" AND settings.name = ANY (ARRAY(" rows " FOR UPDATE OF settings SKIP LOCKED))"
#define LOOK "SELECT settings.name FROM settings, fresh WHERE settings.name = fresh.name AND "
static const struct statement settings_update =
    STATEMENT_EACH(FRESH UPDATE DIFFERS UNLOCKED(LOOK DIFFERS), SQLITE_FRESH UPDATE SQLITE_DIFFERS);

/* Of modules that are not loaded; what has a value is kept for when they are. */
#define IS_ABSENT "name NOT IN (SELECT name FROM fresh)"
#define FORGET " DELETE FROM settings WHERE value IS NULL AND " IS_ABSENT
#define KEEP \
	" UPDATE settings SET in_force = NULL, configured = NULL," \
	" error = 'no module that is loaded has this setting'" \
	" WHERE value IS NOT NULL AND in_force IS NOT NULL AND " IS_ABSENT
#define LOOK_ABSENT \
	"SELECT name FROM settings WHERE (value IS NULL OR in_force IS NOT NULL) AND " IS_ABSENT
static const struct statement settings_forget =
    STATEMENT_EACH(FRESH FORGET UNLOCKED(LOOK_ABSENT), SQLITE_FRESH FORGET);
static const struct statement settings_keep =
    STATEMENT_EACH(FRESH KEEP UNLOCKED(LOOK_ABSENT), SQLITE_FRESH KEEP);

static const struct statement settings_look_at_some = STATEMENT_EACH(
    FRESH " " LOOK DIFFERS " LIMIT 1", SQLITE_FRESH " " LOOK SQLITE_DIFFERS " LIMIT 1");
/* The same, of all that there are. */
static const struct statement settings_look =
    STATEMENT_EACH(FRESH " " LOOK DIFFERS " UNION ALL " LOOK_ABSENT " LIMIT 1",
	SQLITE_FRESH " " LOOK SQLITE_DIFFERS " UNION ALL " LOOK_ABSENT " LIMIT 1");

static json_t *setting_row(const struct config_setting *setting, struct arena *arena)
{
	const struct config_key *key = setting->key;
	json_t *row = json_pack("{s:s,s:s,s:s,s:s*,s:s*,s:s,s:s*,s:s,s:s*}", "name", setting->name,
	    "type", config_key_type(key), "default", config_setting_default(setting, arena), "unit",
	    config_setting_unit(setting), "words", key->words, "description", key->help,
	    "configured", setting->configured, "in_force", setting->in_force, "error",
	    setting->trouble);

	if (key->type == KEY_NUMBER || key->type == KEY_SIZE) {
		json_object_set_new(row, "minimum", json_integer(key->minimum));
		json_object_set_new(row, "maximum", json_integer(key->maximum));
	}
	return row;
}

static bool says_so(const struct config_setting *setting, const struct config_setting *before)
{
	return text_equal(setting->in_force, before->in_force) &&
	       text_equal(setting->configured, before->configured) &&
	       text_equal(setting->trouble, before->trouble);
}

/* Modules are those of the start, so settings stand in the same places. */
static json_t *settings_json(
    const struct config *config, const struct config *before, struct arena *arena)
{
	json_t *all = json_array();

	for (size_t i = 0; i < config->setting_count; i++)
		if (before == NULL || !says_so(&config->settings[i], &before->settings[i]))
			json_array_append_new(all, setting_row(&config->settings[i], arena));
	return all;
}

bool setting_rows_write(const struct config *config, const struct config *before)
{
	struct arena *arena = arena_new(0);
	json_t *all = settings_json(config, before, arena);
	char *text = json_dumps(all, JSON_COMPACT);
	bool any = json_array_size(all) > 0;

	if (before == NULL) {
		store_run(&settings_insert, PARAMS(text), config_row_written, NULL);
		store_run(&settings_forget, PARAMS(text), config_row_written, NULL);
		store_run(&settings_keep, PARAMS(text), config_row_written, NULL);
	}
	if (any) {
		store_run(&settings_update, PARAMS(text), config_row_written, NULL);
		store_run(before == NULL ? &settings_look : &settings_look_at_some, PARAMS(text),
		    config_rows_looked_at, NULL);
	}
	json_decref(all);
	free(text);
	arena_free(&arena);
	return any;
}
