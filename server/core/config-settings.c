/* config-settings.c - settings: the keys of godwit.conf that may change while the server runs, each
 * with a name of its own, under which the table settings may have a value. It wins over the file.
 */
#include "core/config-private.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/config-file.h"

/* ---- what there is ---- */

static bool key_is_setting(const struct config_kind *kind, const struct config_key *key)
{
	return kind->repeats == ONCE && !config_key_needs_restart(kind->name, key->name);
}

static size_t settings_count(const struct config_kind *kinds)
{
	size_t count = 0;

	for (; kinds->name != NULL; kinds++)
		for (const struct config_key *key = kinds->keys; key->type != KEY_END; key++)
			count += key_is_setting(kinds, key);
	return count;
}

static struct config_setting setting_of(const struct config_file *file,
    const struct config_kind *kind, const struct config_key *key, struct arena *arena)
{
	const struct config_part *part = config_file_part(file, kind->name, 0, arena);
	struct config_setting setting = { .kind = kind->name, .key = key };

	setting.name = text_equal(kind->name, "root")
	                   ? key->name
	                   : arena_printf(arena, "%s.%s", kind->name, key->name);
	if (config_part_sets(part, key->name))
		setting.configured = config_part_text(part, key, arena);
	return setting;
}

void config_settings_list(const struct config_file *file, const struct config_kind *kinds,
    struct config *config, struct arena *arena)
{
	struct config_setting *settings =
	    arena_alloc_zero(arena, (settings_count(kinds) + 1) * sizeof *settings);
	size_t count = 0;

	for (; kinds->name != NULL; kinds++)
		for (const struct config_key *key = kinds->keys; key->type != KEY_END; key++)
			if (key_is_setting(kinds, key))
				settings[count++] = setting_of(file, kinds, key, arena);
	config->settings = settings;
	config->setting_count = count;
}

static struct config_setting *setting_find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->setting_count; i++)
		if (text_equal(config->settings[i].name, name))
			return &config->settings[i];
	return NULL;
}

/* ---- what the table has ---- */

static const char *value_apply(const struct config_file *file, const struct config *config,
    const struct config_value *value, struct arena *scratch)
{
	const struct config_setting *setting = setting_find(config, value->name);

	if (setting == NULL)
		return "no module that is loaded has this setting";
	if (!utf8_valid(value->text, strlen(value->text)))
		return "must be text in UTF-8";
	return config_part_set(
	    config_file_part(file, setting->kind, 0, scratch), setting->key, value->text, scratch);
}

void config_settings_apply(const struct config_file *file, struct config *config,
    const struct config_tables *tables, const char **troubles, struct arena *scratch)
{
	for (size_t i = 0; tables != NULL && i < tables->value_count; i++)
		if (troubles[i] == NULL)
			troubles[i] = value_apply(file, config, &tables->values[i], scratch);
}

void config_settings_finish(const struct config_file *file, struct config *config,
    const struct config_tables *tables, const char *const *troubles, struct arena *arena)
{
	struct config_setting *setting;

	for (size_t i = 0; i < config->setting_count; i++) {
		setting = &config->settings[i];
		setting->in_force = config_part_text(
		    config_file_part(file, setting->kind, 0, arena), setting->key, arena);
	}
	for (size_t i = 0; tables != NULL && i < tables->value_count; i++) {
		setting = setting_find(config, tables->values[i].name);
		if (setting == NULL)
			continue;
		setting->value = arena_strdup(arena, tables->values[i].text);
		setting->trouble = troubles[i] == NULL ? NULL : arena_strdup(arena, troubles[i]);
	}
}

/* ---- what a setting is called ---- */

/* Names tell their unit, mostly at their end. */
const char *config_setting_unit(const struct config_setting *setting)
{
	static const struct {
		const char *part, *unit;
	} units[] = { { "bytes_per_second", "bytes per second" }, { "per_hour", "per hour" },
		{ "bytes", "bytes" }, { "seconds", "seconds" }, { "timeout", "seconds" },
		{ "days", "days" }, { "keepalive", "seconds" }, { "retry_max", "seconds" } };

	for (size_t i = 0; i < COUNT_OF(units); i++)
		if (strstr(setting->key->name, units[i].part) != NULL)
			return units[i].unit;
	return NULL;
}

/* Tables of keys have spaces between the items. */
static const char *list_default(const char *items, struct arena *arena)
{
	const char *all = "";

	while (*items != '\0') {
		size_t length = strcspn(items, " ");

		all = arena_printf(
		    arena, "%s%s%.*s", all, *all == '\0' ? "" : ", ", (int)length, items);
		items += length + (items[length] == ' ');
	}
	return all;
}

const char *config_setting_default(const struct config_setting *setting, struct arena *arena)
{
	switch (setting->key->type) {
	case KEY_BOOL:
		return setting->key->number != 0 ? "true" : "false";
	case KEY_SIZE:
	case KEY_NUMBER:
		return arena_printf(arena, "%lld", (long long)setting->key->number);
	case KEY_LIST:
		return list_default(setting->key->text, arena);
	default:
		return setting->key->text;
	}
}
