/* setting-rows.c - the rows of table settings: what there is to set, by the tables of keys, and
 * what is in force. Only those that say otherwise are written, and those that somebody has under
 * lock later. */
#include <jansson.h>
#include <stdlib.h>

#include "admin/config-rows-private.h"
#include "base/arena.h"
#include "core/config.h"
#include "core/home.h"
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

static const struct statement settings_insert =
    STATEMENT_EACH(FRESH " INSERT INTO settings (name, " COLUMNS ") SELECT name, " COLUMNS
			 " FROM fresh ON CONFLICT (name) DO NOTHING",
	SQLITE_FRESH " INSERT INTO settings (name, " COLUMNS ") SELECT name, " COLUMNS
		     " FROM fresh WHERE true ON CONFLICT (name) DO NOTHING");
static const struct statement settings_update = STATEMENT_EACH(FRESH UPDATE DIFFERS
    " AND settings.name = ANY (ARRAY(SELECT settings.name FROM settings, fresh"
    " WHERE settings.name = fresh.name AND " DIFFERS " FOR UPDATE OF settings SKIP LOCKED))",
    SQLITE_FRESH UPDATE SQLITE_DIFFERS);
/* Of modules that are not loaded; what has a value is kept for when they are. */
static const struct statement settings_forget =
    STATEMENT_EACH(FRESH " DELETE FROM settings WHERE value IS NULL"
			 " AND name NOT IN (SELECT name FROM fresh)",
	SQLITE_FRESH " DELETE FROM settings WHERE value IS NULL"
		     " AND name NOT IN (SELECT name FROM fresh)");
#define ABSENT \
	" UPDATE settings SET in_force = NULL, configured = NULL," \
	" error = 'no module that is loaded has this setting'" \
	" WHERE in_force IS NOT NULL AND name NOT IN (SELECT name FROM fresh)"
static const struct statement settings_keep = STATEMENT_EACH(FRESH ABSENT, SQLITE_FRESH ABSENT);
static const struct statement settings_look =
    STATEMENT_EACH(FRESH " SELECT settings.name FROM settings, fresh"
			 " WHERE settings.name = fresh.name AND " DIFFERS " LIMIT 1",
	SQLITE_FRESH " SELECT settings.name FROM settings, fresh"
		     " WHERE settings.name = fresh.name AND " SQLITE_DIFFERS " LIMIT 1");

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

static char *settings_json(const struct config *config)
{
	struct arena *arena = arena_new(0);
	json_t *all = json_array();
	char *text;

	for (size_t i = 0; i < config->setting_count; i++)
		json_array_append_new(all, setting_row(&config->settings[i], arena));
	text = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	arena_free(&arena);
	return text;
}

void setting_rows_write(void)
{
	char *all = settings_json(home_config());

	store_run(&settings_insert, PARAMS(all), config_row_written, NULL);
	store_run(&settings_forget, PARAMS(all), config_row_written, NULL);
	store_run(&settings_keep, PARAMS(all), config_row_written, NULL);
	store_run(&settings_update, PARAMS(all), config_row_written, NULL);
	store_run(&settings_look, PARAMS(all), config_rows_looked_at, NULL);
	free(all);
}
