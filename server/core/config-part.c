/* config-part.c - the parts of godwit.conf: its top and its sections, read into the structs that
 * tables of keys describe, and each value as text. */
#include "core/config-file.h"

#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "core/config-file-private.h"

struct config_part *config_file_part(
    const struct config_file *file, const char *kind, size_t index, struct arena *arena)
{
	struct config_part *part = arena_alloc_zero(arena, sizeof *part);

	part->file = file;
	part->kind = config_kind_find(file->kinds, kind);
	if (part->kind == file->kinds)
		part->cfg = file->root;
	else if (index < cfg_size(file->root, kind))
		part->cfg = cfg_getnsec(file->root, kind, (unsigned)index);
	return part->cfg == NULL ? NULL : part;
}

const char *config_part_title(const struct config_part *part)
{
	char *title = part->cfg->title, *end;

	end = title == NULL ? NULL : strchr(title, TITLE_END);
	if (end != NULL)
		*end = '\0';
	return title;
}

const char *config_part_path(const struct config_part *part)
{
	return part->file->path;
}

/* libconfuse marks what it has only from its defaults. */
bool config_part_sets(const struct config_part *part, const char *key)
{
	const cfg_opt_t *option = cfg_getopt(part->cfg, key);

	return option != NULL && (option->flags & CFGF_RESET) == 0;
}

/* ---- reading ---- */

static const char *const *list_read(cfg_t *cfg, const char *name, struct arena *arena)
{
	unsigned count = cfg_size(cfg, name);
	const char **items = arena_alloc_zero(arena, (count + 1) * sizeof *items);

	for (unsigned i = 0; i < count; i++)
		items[i] = arena_strdup(arena, cfg_getnstr(cfg, name, i));
	return items;
}

void config_part_read(const struct config_part *part, void *section, struct arena *arena)
{
	const struct config_key *key = part->kind->keys;
	cfg_t *cfg = part->cfg;

	for (; key != NULL && key->type != KEY_END; key++) {
		void *field = (char *)section + key->offset;

		switch (key->type) {
		case KEY_SIZE:
			*(size_t *)field = (size_t)cfg_getint(cfg, key->name);
			break;
		case KEY_NUMBER:
			*(unsigned *)field = (unsigned)cfg_getint(cfg, key->name);
			break;
		case KEY_BOOL:
			*(bool *)field = cfg_getbool(cfg, key->name) == cfg_true;
			break;
		case KEY_TEXT:
		case KEY_WORD:
			*(const char **)field = arena_strdup(arena, cfg_getstr(cfg, key->name));
			break;
		default:
			*(const char *const **)field = list_read(cfg, key->name, arena);
		}
	}
}

static const char *list_join(const char *const *items, struct arena *arena)
{
	const char *all = "";

	for (; *items != NULL; items++)
		all = *all == '\0' ? *items : arena_printf(arena, "%s, %s", all, *items);
	return all;
}

const char *config_part_text(
    const struct config_part *part, const struct config_key *key, struct arena *arena)
{
	cfg_t *cfg = part->cfg;

	switch (key->type) {
	case KEY_BOOL:
		return cfg_getbool(cfg, key->name) == cfg_true ? "true" : "false";
	case KEY_TEXT:
	case KEY_WORD:
		return arena_strdup(arena, cfg_getstr(cfg, key->name));
	case KEY_LIST:
		return list_join(list_read(cfg, key->name, arena), arena);
	default:
		return arena_printf(arena, "%ld", cfg_getint(cfg, key->name));
	}
}

/* ---- setting ---- */

static const char *number_set(
    cfg_t *cfg, const struct config_key *key, const char *text, struct arena *arena)
{
	int64_t number;

	if (!number_parse(text, key->minimum, key->maximum, &number))
		return arena_printf(arena, "must be a number from %" PRId64 " to %" PRId64 ": %s",
		    key->minimum, key->maximum, key->help);
	cfg_setint(cfg, key->name, (long)number);
	return NULL;
}

/* SQLite has 1 and 0 for TRUE and FALSE. */
static const char *truth_set(cfg_t *cfg, const struct config_key *key, const char *text)
{
	bool is_true = text_equal(text, "true") || text_equal(text, "1");

	if (!is_true && !text_equal(text, "false") && !text_equal(text, "0"))
		return "must be true or false";
	cfg_setbool(cfg, key->name, is_true ? cfg_true : cfg_false);
	return NULL;
}

static const char *word_set(
    cfg_t *cfg, const struct config_key *key, const char *text, struct arena *arena)
{
	if (!config_key_has_word(key, text))
		return arena_printf(arena, "must be %s", config_key_words(key, arena));
	cfg_setstr(cfg, key->name, text);
	return NULL;
}

static void list_set(
    cfg_t *cfg, const struct config_key *key, const char *text, struct arena *arena)
{
	unsigned count = 0;

	cfg_free_value(cfg_getopt(cfg, key->name));
	while (*(text += strspn(text, ", ")) != '\0') {
		size_t whole = strcspn(text, ","), length = whole;

		while (text[length - 1] == ' ')
			length--;
		cfg_setnstr(cfg, key->name, arena_strndup(arena, text, length), count++);
		text += whole;
	}
}

const char *config_part_set(const struct config_part *part, const struct config_key *key,
    const char *text, struct arena *arena)
{
	switch (key->type) {
	case KEY_BOOL:
		return truth_set(part->cfg, key, text);
	case KEY_TEXT:
		cfg_setstr(part->cfg, key->name, text);
		return NULL;
	case KEY_WORD:
		return word_set(part->cfg, key, text, arena);
	case KEY_LIST:
		list_set(part->cfg, key, text, arena);
		return NULL;
	default:
		return number_set(part->cfg, key, text, arena);
	}
}

bool config_key_has_word(const struct config_key *key, const char *word)
{
	size_t length = strlen(word);
	const char *at = key->words;

	for (; *at != '\0'; at += strcspn(at, " "), at += strspn(at, " "))
		if (strcspn(at, " ") == length && memcmp(at, word, length) == 0)
			return true;
	return false;
}

const char *config_key_words(const struct config_key *key, struct arena *arena)
{
	const char *all = "", *at = key->words;

	while (*at != '\0') {
		size_t length = strcspn(at, " ");
		const char *rest = at + length + (at[length] == ' ');

		all = arena_printf(arena, "%s%s%.*s", all,
		    *all == '\0'    ? ""
		    : *rest == '\0' ? " or "
				    : ", ",
		    (int)length, at);
		at = rest;
	}
	return all;
}

/* ---- complaints ---- */

/* The line is where the section ends; the top ends with the file, which helps nobody. */
const char *config_part_wrong(
    const struct config_part *part, struct arena *arena, const char *format, ...)
{
	const char *text;
	va_list arguments;

	va_start(arguments, format);
	text = arena_vprintf(arena, format, arguments);
	va_end(arguments);
	if (part->cfg == part->file->root || part->cfg->line <= 0)
		return arena_printf(arena, "%s: %s", part->file->path, text);
	return arena_printf(arena, "%s:%d: %s", part->file->path, part->cfg->line, text);
}
