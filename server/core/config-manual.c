/* config-manual.c - the tables of keys, printed: what godwit.conf(5) and etc/godwit.conf have to
 * explain. */
#include <inttypes.h>
#include <stdio.h>

#include "base/arena.h"
#include "core/config-file.h"
#include "core/config-private.h"

static const char *const type_names[] = {
	[KEY_SIZE] = "number",
	[KEY_NUMBER] = "number",
	[KEY_BOOL] = "truth",
	[KEY_TEXT] = "text",
	[KEY_LIST] = "list",
	[KEY_WORD] = "word",
};

const char *config_key_type(const struct config_key *key)
{
	return type_names[key->type];
}

static void key_print(const char *section, const struct config_key *key)
{
	printf("%s\t%s\t%s\t", section, key->name, config_key_type(key));
	if (key->type == KEY_BOOL)
		printf("%s\t\t", key->number != 0 ? "true" : "false");
	else if (key->type == KEY_TEXT || key->type == KEY_LIST)
		printf("%s\t\t", key->text);
	else if (key->type == KEY_WORD)
		printf("%s\t%s\t", key->text, key->words);
	else
		printf("%" PRId64 "\t%" PRId64 "-%" PRId64 "\t", key->number, key->minimum,
		    key->maximum);
	printf("%s\n", key->help);
}

bool config_print_keys(
    const struct module *const *modules, struct arena *arena, const char **error_out)
{
	const struct config_kind *kind = config_kinds(modules, arena, error_out);

	if (kind == NULL)
		return false;
	for (; kind->name != NULL; kind++)
		for (const struct config_key *key = kind->keys; key->type != KEY_END; key++)
			key_print(kind->name, key);
	return true;
}
