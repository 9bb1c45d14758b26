/* config-file.c - godwit.conf by libconfuse: its options are made from our tables of keys, and what
 * it complains about is told with the nearest name there is. */
#define _GNU_SOURCE /* asprintf() */
#include "core/config-file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/config-file-private.h"
#include "core/config-outline.h"

/* Names longer than this are not compared for likeness. */
#define NAME_MAX_BYTES 40
/* What the callbacks of libconfuse, which have no argument of ours, belong to. The first message is
 * the one that helps. */
static _Thread_local struct {
	struct arena *arena;
	const char *path;
	const struct config_kind *kinds;
	const char *message;
} parsing;

const struct config_kind *config_kind_find(const struct config_kind *kinds, const char *name)
{
	while (kinds->name != NULL && !text_equal(kinds->name, name))
		kinds++;
	return kinds->name == NULL ? NULL : kinds;
}

/* ---- complaints ---- */

/* How many letters have to be changed, put in or taken out. */
static size_t names_distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_BYTES + 1], a_length = strlen(a), b_length = strlen(b);

	if (a_length > NAME_MAX_BYTES || b_length > NAME_MAX_BYTES)
		return NAME_MAX_BYTES;
	for (size_t j = 0; j <= b_length; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			best = diagonal + 1 < best ? diagonal + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
		}
	}
	return row[b_length];
}

/* What was probably meant: a name of which less than half is different. */
static const char *name_nearest(const char *name, const cfg_opt_t *options)
{
	size_t best = (strlen(name) + 1) / 2;
	const char *nearest = NULL;

	for (; options->name != NULL; options++) {
		size_t distance = names_distance(name, options->name);

		if (distance < best) {
			best = distance;
			nearest = options->name;
		}
	}
	return nearest;
}

/* "no such option 'NAME'" */
static const char *unknown_explain(const cfg_t *cfg, const char *text)
{
	const char *from = strchr(text, '\'') + 1, *nearest;
	char *name = arena_strndup(parsing.arena, from, strcspn(from, "'"));

	nearest = name_nearest(name, cfg->opts);
	if (nearest != NULL)
		return arena_printf(
		    parsing.arena, "there is no \"%s\" here; \"%s\"?", name, nearest);
	return arena_printf(parsing.arena,
	    "there is no \"%s\" here; godwit.conf(5) lists what there is%s", name,
	    text_equal(cfg->name, "root")
		? ". A module that it belongs to has to be named in \"modules\""
		: "");
}

__attribute__((format(printf, 2, 0))) static void confuse_complains(
    cfg_t *cfg, const char *format, va_list arguments)
{
	const char *text;

	if (parsing.message != NULL)
		return;
	text = arena_vprintf(parsing.arena, format, arguments);
	if (cfg != NULL && strstr(text, "no such option '") != NULL)
		text = unknown_explain(cfg, text);
	/* A section knows its line but not its file. */
	if (cfg != NULL && cfg->line > 0)
		text = arena_printf(parsing.arena, "%s:%d: %s", parsing.path, cfg->line, text);
	parsing.message = text;
}

/* ---- checks while the line is known ---- */

static const struct config_key *key_of(const cfg_t *cfg, const cfg_opt_t *option)
{
	const struct config_key *key = config_kind_find(parsing.kinds, cfg->name)->keys;

	while (!text_equal(key->name, option->name))
		key++;
	return key;
}

static int number_check(cfg_t *cfg, cfg_opt_t *option)
{
	const struct config_key *key = key_of(cfg, option);
	int64_t number = cfg_opt_getnint(option, cfg_opt_size(option) - 1);

	if (number >= key->minimum && number <= key->maximum)
		return 0;
	cfg_error(cfg, "%s is %" PRId64 ", but must be from %" PRId64 " to %" PRId64 ": %s",
	    key->name, number, key->minimum, key->maximum, key->help);
	return -1;
}

static int word_check(cfg_t *cfg, cfg_opt_t *option)
{
	const struct config_key *key = key_of(cfg, option);
	const char *word = cfg_opt_getnstr(option, cfg_opt_size(option) - 1);

	if (config_key_has_word(key, word))
		return 0;
	cfg_error(cfg, "%s is \"%s\", but must be %s", key->name, word,
	    config_key_words(key, parsing.arena));
	return -1;
}

/* A section that may come again has just ended: makes its title one of a kind. */
static int section_make_unique(cfg_t *cfg, cfg_opt_t *option)
{
	unsigned index = cfg_opt_size(option) - 1;
	cfg_t *section = cfg_opt_getnsec(option, index);
	char *title = NULL;

	(void)cfg;
	if (section->title != NULL && strchr(section->title, TITLE_END) == NULL &&
	    asprintf(&title, "%s%c%u", section->title, TITLE_END, index) > 0) {
		free(section->title);
		section->title = title;
	}
	return 0;
}

/* ---- options from tables ---- */

/* A list's default is written "{a, b}". */
static cfg_opt_t option_of(const struct config_key *key, struct arena *arena)
{
	cfg_opt_t number = CFG_INT(key->name, (long)key->number, CFGF_NONE);
	cfg_opt_t truth = CFG_BOOL(key->name, key->number != 0 ? cfg_true : cfg_false, CFGF_NONE);
	cfg_opt_t text = CFG_STR(key->name, key->text, CFGF_NONE);
	char *items = arena_printf(arena, "{%s}", key->text == NULL ? "" : key->text);
	cfg_opt_t list = CFG_STR_LIST(key->name, items, CFGF_NONE);

	for (char *at = items; *at != '\0'; at++)
		if (*at == ' ')
			*at = ',';
	number.validcb = number_check;
	if (key->type == KEY_WORD)
		text.validcb = word_check;
	switch (key->type) {
	case KEY_BOOL:
		return truth;
	case KEY_TEXT:
	case KEY_WORD:
		return text;
	case KEY_LIST:
		return list;
	default:
		return number;
	}
}

/* The options of a table, with room for `more` behind them, which come after `*count_out`. */
static cfg_opt_t *options_of(
    const struct config_key *keys, size_t more, struct arena *arena, size_t *count_out)
{
	cfg_opt_t *options, end = CFG_END();
	size_t count = 0;

	while (keys != NULL && keys[count].type != KEY_END)
		count++;
	options = arena_alloc(arena, (count + more + 1) * sizeof *options);
	for (size_t i = 0; i < count; i++)
		options[i] = option_of(&keys[i], arena);
	for (size_t i = count; i <= count + more; i++)
		options[i] = end;
	*count_out = count;
	return options;
}

static cfg_opt_t section_of(const struct config_kind *kind, struct arena *arena)
{
	static const cfg_flag_t flags[] = { [ONCE] = CFGF_NONE,
		[NAMED] = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES,
		[NAMED_AGAIN] = CFGF_MULTI | CFGF_TITLE };
	size_t unused;
	cfg_opt_t section =
	    CFG_SEC(kind->name, options_of(kind->keys, 0, arena, &unused), flags[kind->repeats]);

	if (kind->repeats == NAMED_AGAIN)
		section.validcb = section_make_unique;
	return section;
}

static cfg_opt_t *options_of_file(const struct config_kind *kinds, struct arena *arena)
{
	size_t sections = 0, count;
	cfg_opt_t *options;

	while (kinds[1 + sections].name != NULL)
		sections++;
	options = options_of(kinds[0].keys, sections, arena, &count);
	for (size_t i = 0; i < sections; i++)
		options[count + i] = section_of(&kinds[1 + i], arena);
	return options;
}

/* ---- the file ---- */

/* NULL, with errno, if it cannot be read. */
static char *text_read(const char *path, struct arena *arena, size_t *length_out)
{
	FILE *file = fopen(path, "re");
	struct text text = { 0 };
	char *copy = NULL;
	size_t length;

	if (file == NULL)
		return NULL;
	do {
		length = fread(text_reserve(&text, BUFSIZ), 1, BUFSIZ, file);
		text.length += length;
	} while (length > 0);
	*length_out = text.length;
	if (!ferror(file))
		copy = arena_strndup(arena, text.at, text.length);
	text_free(&text);
	fclose(file);
	return copy;
}

/* Blanks: libconfuse reads no text of length 0. */
static bool text_parse(cfg_t *root, const char *text, size_t length)
{
	FILE *file = length == 0 ? NULL : fmemopen((char *)(uintptr_t)text, length, "r");
	bool good = length == 0 || (file != NULL && cfg_parse_fp(root, file) == CFG_SUCCESS);

	if (file != NULL)
		fclose(file);
	return good;
}

static const char *read_cure(int reason)
{
	if (reason == EACCES)
		return "be root, or the user the server runs as, or ";
	return reason == ENOENT ? "write it, or " : "";
}

const char *config_file_text(const char *path, struct arena *arena, const char **error_out)
{
	size_t length;
	char *text = text_read(path, arena, &length);

	if (text == NULL)
		*error_out =
		    arena_printf(arena, "%s: cannot be read: %s; %sname another with --config FILE",
			path, strerror(errno), read_cure(errno));
	else if (!utf8_valid(text, length) || strlen(text) != length)
		*error_out = arena_printf(arena, "%s: is not text in UTF-8; save it as that", path);
	else
		return text;
	return NULL;
}

/* Overwrites what libconfuse does not understand. */
static const char *file_parse(struct config_file *file, char *text, bool only_top)
{
	struct arena *arena = parsing.arena;
	size_t line = config_uncomment(text);

	if (line > 0)
		return arena_printf(
		    arena, "%s:%zu: this comment is never closed; add */", file->path, line);
	line = config_unclosed_line(text);
	if (line > 0)
		return arena_printf(
		    arena, "%s:%zu: this { is never closed; add a }", file->path, line);
	if (only_top)
		config_outline(text);
	if (text_parse(file->root, text, strlen(text)))
		return NULL;
	return parsing.message != NULL ? parsing.message
	                               : arena_printf(arena, "%s: syntax error", file->path);
}

struct config_file *config_file_open(const char *path, const char *text,
    const struct config_kind *kinds, bool only_top, struct arena *arena, const char **error_out)
{
	struct config_file *file = mem_alloc_zero(sizeof *file);

	parsing.arena = arena;
	parsing.path = path;
	parsing.kinds = kinds;
	parsing.message = NULL;
	file->path = path;
	file->kinds = kinds;
	file->root = cfg_init(options_of_file(kinds, arena), CFGF_NONE);
	cfg_set_error_function(file->root, confuse_complains);
	*error_out = file_parse(file, arena_strdup(arena, text), only_top);
	if (*error_out != NULL)
		config_file_free(&file);
	return file;
}

void config_file_free(struct config_file **file)
{
	if (*file == NULL)
		return;
	cfg_free((*file)->root);
	mem_free(*file);
	*file = NULL;
}
