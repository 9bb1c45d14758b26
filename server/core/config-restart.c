/* config-restart.c - which settings of a reloaded configuration wait for the next start. */
#include "core/config-private.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"

static bool lists_equal(const char *const *a, const char *const *b)
{
	while (*a != NULL && *b != NULL && text_equal(*a, *b)) {
		a++;
		b++;
	}
	return *a == NULL && *b == NULL;
}

static bool listens_equal(const struct config *a, const struct config *b)
{
	if (a->listen_count != b->listen_count)
		return false;
	for (size_t i = 0; i < a->listen_count; i++)
		if (a->listens[i].kind != b->listens[i].kind ||
		    a->listens[i].port != b->listens[i].port ||
		    !text_equal(a->listens[i].address, b->listens[i].address))
			return false;
	return true;
}

bool config_key_needs_restart(const char *kind, const char *key)
{
	static const char *const keys[][2] = { { "root", "database" }, { "root", "schema" },
		{ "root", "control" }, { "root", "user" }, { "root", "workers" },
		{ "root", "modules" }, { "root", "module_path" }, { "log", "file" },
		{ "log", "format" } };

	for (size_t i = 0; i < COUNT_OF(keys); i++)
		if (text_equal(keys[i][0], kind) && text_equal(keys[i][1], key))
			return true;
	return false;
}

const char *const *config_needs_restart(
    struct arena *arena, const struct config *old, const struct config *new_config)
{
	const struct {
		const char *setting;
		bool same;
	} settings[] = {
		{ "database", text_equal(old->database, new_config->database) },
		{ "schema", text_equal(old->schema, new_config->schema) },
		{ "control", text_equal(old->control, new_config->control) },
		{ "user", text_equal(old->user, new_config->user) },
		{ "workers", old->workers == new_config->workers },
		{ "modules", lists_equal(old->modules, new_config->modules) },
		{ "module_path", text_equal(old->module_path, new_config->module_path) },
		{ "listen", listens_equal(old, new_config) },
		{ "log file", text_equal(old->log_file, new_config->log_file) },
		{ "log format", old->log_format == new_config->log_format },
	};
	const char **names = arena_alloc(arena, (COUNT_OF(settings) + 1) * sizeof *names);
	size_t count = 0;

	for (size_t i = 0; i < COUNT_OF(settings); i++)
		if (!settings[i].same)
			names[count++] = settings[i].setting;
	names[count] = NULL;
	return names;
}
