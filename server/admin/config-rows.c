/* config-rows.c - between the table settings and the configuration that is in force. Rows of
 * settings are the server's, but for their values: they say what there is to set, by the tables of
 * keys. So they are written after every change of the configuration, which comes to nothing for
 * those that say so already. Rows that an administrator has under lock are passed over and written
 * later. */
#include "admin/config-rows.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "admin/command-private.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/config.h"
#include "core/home.h"
#include "core/keys.h"
#include "loop/timer.h"
#include "store/store.h"

#define RETRY_MS 1000

/* A reading under way. */
struct reading {
	config_rows_done *done;
	void *state;
	unsigned number;
};

/* On its way to the main thread: what was read last. */
static _Atomic(struct config_tables *) fresh;

/* Of the first worker. */
static struct {
	unsigned asked, in_force;  /* numbers of readings */
	struct timer *again;       /* what could not be read is read again */
	struct timer *mend;        /* rows that could not be written are written again */
	void (*done)(void *state); /* who waits for them to be written; NULL: nobody */
	void *done_state;
} rows;

static store_done settings_read, settings_updated, settings_looked_at;

/* ---- reading ---- */

static const struct statement settings_select =
    STATEMENT("SELECT name, value FROM settings WHERE value IS NOT NULL ORDER BY changed_at, name");

void config_rows_read(config_rows_done *done, void *state)
{
	struct reading *reading = mem_alloc_zero(sizeof *reading);

	reading->done = done;
	reading->state = state;
	reading->number = rows.asked;
	store_run(&settings_select, NO_PARAMS, settings_read, reading);
}

static struct config_tables *tables_of(const struct store_result *result)
{
	struct arena *arena = arena_new(0);
	struct config_tables *tables = arena_alloc_zero(arena, sizeof *tables);

	tables->arena = arena;
	tables->value_count = store_rows(result);
	tables->values =
	    arena_alloc_zero(arena, (tables->value_count + 1) * sizeof *tables->values);
	for (size_t i = 0; i < tables->value_count; i++) {
		tables->values[i].name = arena_strdup(arena, store_text(result, i, 0));
		tables->values[i].text = arena_strdup(arena, store_text(result, i, 1));
	}
	return tables;
}

static void settings_read(const struct store_result *result, void *state)
{
	struct reading *reading = state;
	struct config_tables *tables = NULL;

	if (store_rc(result) == RC_OK) {
		tables = tables_of(result);
		tables->number = reading->number;
	}
	reading->done(reading->state, tables, store_message(result));
	mem_free(reading);
}

/* ---- to the main thread ---- */

static void tables_read(void *state, struct config_tables *tables, const char *why)
{
	(void)state;
	if (tables == NULL) {
		log_warning(
		    NULL, "settings cannot be read; those known stay in force", KV("why", why));
		if (rows.again != NULL)
			timer_set(rows.again, RETRY_MS);
		return;
	}
	tables = atomic_exchange(&fresh, tables);
	config_tables_free(&tables);
	command_host()->amend();
}

static void load_again(void *state)
{
	(void)state;
	config_rows_read(tables_read, NULL);
}

void config_rows_load(void)
{
	if (rows.again == NULL)
		rows.again = timer_new(load_again, NULL);
	rows.asked++;
	config_rows_read(tables_read, NULL);
}

struct config_tables *config_rows_take(void)
{
	return atomic_exchange(&fresh, NULL);
}

bool config_rows_pending(void)
{
	return rows.in_force != rows.asked;
}

/* ---- writing ---- */

#define FRESH \
	"WITH fresh AS (SELECT r->>'name' AS name, r->>'type' AS type," \
	" r->>'default' AS default_value, r->>'unit' AS unit," \
	" (r->>'minimum')::BIGINT AS minimum, (r->>'maximum')::BIGINT AS maximum," \
	" r->>'words' AS words, r->>'description' AS description," \
	" r->>'configured' AS configured, r->>'in_force' AS in_force, r->>'error' AS error" \
	" FROM jsonb_array_elements($1::JSONB) AS r)"
#define SQLITE_FRESH \
	"WITH fresh AS (SELECT json_extract(value, '$.name') AS name," \
	" json_extract(value, '$.type') AS type, json_extract(value, '$.default') AS " \
	"default_value," \
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

static void settings_write(void)
{
	char *all = settings_json(home_config());

	store_run(&settings_insert, PARAMS(all), NULL, NULL);
	store_run(&settings_forget, PARAMS(all), NULL, NULL);
	store_run(&settings_keep, PARAMS(all), NULL, NULL);
	store_run(&settings_update, PARAMS(all), settings_updated, NULL);
	store_run(&settings_look, PARAMS(all), settings_looked_at, NULL);
	free(all);
}

static void mend_later(void)
{
	if (rows.mend != NULL)
		timer_set(rows.mend, RETRY_MS);
}

static void settings_updated(const struct store_result *result, void *state)
{
	(void)state;
	if (store_rc(result) != RC_OK)
		mend_later();
}

/* One that is under lock is as it was. */
static void settings_looked_at(const struct store_result *result, void *state)
{
	void (*done)(void *state) = rows.done;

	(void)state;
	if (store_rows(result) > 0)
		mend_later();
	rows.done = NULL;
	if (done != NULL)
		done(rows.done_state);
}

static void mend(void *state)
{
	(void)state;
	settings_write();
}

void config_rows_in_force(const struct config_tables *tables)
{
	if (tables != NULL)
		rows.in_force = tables->number;
	if (rows.mend == NULL)
		rows.mend = timer_new(mend, NULL);
	settings_write();
}

void config_rows_await(void (*done)(void *state), void *state)
{
	rows.done = done;
	rows.done_state = state;
	settings_write();
}

void config_rows_stop(void)
{
	struct config_tables *left = config_rows_take();

	config_tables_free(&left);
	timer_free(&rows.again);
	timer_free(&rows.mend);
}
