/* import.c - "godwitctl import": what was asked for, the lines about what is not taken, and the
 * sums at the end. Without --apply nothing is changed, and all else is the same. */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/text.h"
#include "core/config.h"
#include "tools/ctl.h"
#include "tools/import.h"
#include "tools/progress.h"
#include "xmpp/jid.h"

#define MAX_ACCOUNT_BYTES (64u << 20)

/* ---- lines ---- */

/* The JSON answer is written as it comes, for there may be a line for each of a million accounts.
 */
static void skip_print_json(struct import *import, const char *where, const char *what)
{
	json_t *line = json_pack("{s:s,s:s}", "where", where, "what", what);

	fputs(import->has_skipped ? ",\n    " : "\n    ", stdout);
	json_dumpf(line, stdout, JSON_PRESERVE_ORDER);
	json_decref(line);
	import->has_skipped = true;
}

/* Bytes of the control character that begins there, in one of both sets; 0: none does. */
static size_t control_length(const char *text)
{
	unsigned char byte = (unsigned char)text[0], next = (unsigned char)text[1];

	if (byte == 0xc2 && next >= 0x80 && next < 0xa0)
		return 2;
	return byte < ' ' || byte == 0x7f;
}

/* What was in a file is not to write anything else to the terminal. */
static void skip_print(const char *where, const char *what)
{
	printf("skipped: %s: ", where);
	while (*what != '\0') {
		size_t length = control_length(what);

		if (length == 0)
			putchar(*what++);
		else
			putchar('?');
		what += length;
	}
	putchar('\n');
}

/* What was cut short may end within a character, and a file may be called anything. */
static const char *utf8_only(struct arena *arena, const char *text)
{
	char *copy = arena_strdup(arena, text);
	size_t room = strlen(copy);

	for (char *at = copy; room > 0;) {
		size_t length = utf8_length((unsigned char *)at, room);

		if (length == 0) {
			*at = '?';
			length = 1;
		}
		at += length;
		room -= length;
	}
	return copy;
}

void import_skip(struct import *import, const char *where, const char *format, ...)
{
	struct arena *arena = arena_new(0);
	va_list arguments;
	const char *what;

	va_start(arguments, format);
	what = utf8_only(arena, arena_vprintf(arena, format, arguments));
	where = utf8_only(arena, where);
	va_end(arguments);
	progress_end();
	if (import->ctl->json)
		skip_print_json(import, where, what);
	else
		skip_print(where, what);
	import->totals.skipped++;
	arena_free(&arena);
}

const char *import_domain(
    struct import *import, struct arena *arena, const char *where, const char *domain)
{
	const char *prepared = jid_prepare_domain(arena, domain);

	if (prepared != NULL && config_domain(import->ctl->config, prepared) != NULL)
		return prepared;
	import_skip(import, where,
	    "\"%.200s\" and all its accounts: this domain is not served here; name it in the "
	    "configuration first",
	    domain);
	return NULL;
}

/* ---- sums ---- */

static const char *const plurals[IMPORT_KINDS] = { "contacts", "subscription requests", "vCards",
	"private elements", "blocked addresses", "last activities", "group memberships",
	"messages" };

static void totals_print(const struct import *import)
{
	const struct import_totals *totals = &import->totals;
	const char *would = import->applies ? "" : "would be ";

	printf("accounts: %zu %smade, %zu %schanged, %zu as they are, %zu left out\n", totals->made,
	    would, totals->changed, would, totals->same, totals->left_out);
	for (int kind = 0; kind < IMPORT_KINDS; kind++)
		if (totals->rows[kind] > 0)
			printf("%s: %zu %swritten\n", plurals[kind], totals->rows[kind], would);
	if (totals->groups > 0)
		printf("groups: %zu %swritten\n", totals->groups, would);
	if (totals->skipped > 0)
		printf("skipped: %zu (each has a line above)\n", totals->skipped);
	if (totals->made + totals->changed + totals->groups == 0)
		puts("there is nothing to do");
	else if (!import->applies)
		puts("nothing was changed: this was a dry run; --apply does it");
}

static void totals_print_json(const struct import *import, bool good)
{
	const struct import_totals *totals = &import->totals;
	json_t *sums =
	    json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "accounts_made", (json_int_t)totals->made,
		"accounts_changed", (json_int_t)totals->changed, "accounts_same",
		(json_int_t)totals->same, "accounts_left_out", (json_int_t)totals->left_out,
		"groups", (json_int_t)totals->groups, "skipped", (json_int_t)totals->skipped);

	for (int kind = 0; kind < IMPORT_KINDS; kind++) {
		char *key = arena_strdup(import->ctl->arena, plurals[kind]);

		for (char *at = key; (at = strchr(at, ' ')) != NULL;)
			*at = '_';
		json_object_set_new(sums, key, json_integer((json_int_t)totals->rows[kind]));
	}
	fputs(import->has_skipped ? "\n  ],\n  \"totals\": " : "],\n  \"totals\": ", stdout);
	json_dumpf(sums, stdout, JSON_PRESERVE_ORDER);
	printf(",\n  \"applied\": %s,\n  \"ok\": %s\n}\n", import->applies ? "true" : "false",
	    good ? "true" : "false");
	json_decref(sums);
}

/* ---- files ---- */

static int is_xml(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 4 &&
	       strcmp(entry->d_name + length - 4, ".xml") == 0;
}

/* One file for each account, as Prosody keeps them. */
static bool folder_read(struct import *import, const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, is_xml, alphasort);
	bool good = count >= 0;

	if (!good)
		ctl_fail("%s: %s", path, strerror(errno));
	for (int i = 0; i < count; i++) {
		struct arena *arena = arena_new(0);

		good = good && import_xep_0227(
				   import, arena_printf(arena, "%s/%s", path, entries[i]->d_name));
		arena_free(&arena);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return good;
}

static bool files_read(struct import *import, char **arguments)
{
	struct stat about;

	for (; *arguments != NULL; arguments++)
		if (stat(*arguments, &about) == 0 && S_ISDIR(about.st_mode)
			? !folder_read(import, *arguments)
			: !import_xep_0227(import, *arguments))
			return false;
	return true;
}

/* ---- the commands ---- */

bool import_start(struct import *import)
{
	const char *error = NULL;

	STAILQ_INIT(&import->window);
	import->database = ctl_database_open(import->ctl, import->applies, &error);
	if (import->database == NULL ||
	    !ctl_read_tables(import->ctl, ctl_database_worker(import->database), &error)) {
		ctl_fail("%s", error);
		ctl_database_close(&import->database);
		return false;
	}
	if (import->ctl->json)
		fputs("{\n  \"skipped\": [", stdout);
	return true;
}

int import_end(struct import *import, bool good)
{
	struct import_account *account;

	good = good && import_window_end(import);
	while ((account = STAILQ_FIRST(&import->window)) != NULL) {
		STAILQ_REMOVE_HEAD(&import->window, next);
		import_account_free(&account);
	}
	progress_end();
	ctl_database_close(&import->database);
	import_groups_free(import);
	if (import->ctl->json)
		totals_print_json(import, good && import->totals.failed == 0);
	else
		totals_print(import);
	if (!good && import->applies)
		ctl_fail("broken off; what is counted above is done, and the same command goes on "
			 "from there");
	return good && import->totals.failed == 0 ? CTL_GOOD : CTL_FAILED;
}

struct import import_of(struct ctl *ctl)
{
	return (struct import){ .ctl = ctl,
		.applies = ctl->applies,
		.replaces = ctl->replaces,
		.max_account_bytes =
		    ctl->max_account_bytes == 0 ? MAX_ACCOUNT_BYTES : ctl->max_account_bytes };
}

int ctl_import(struct ctl *ctl, char **arguments)
{
	struct import import = import_of(ctl);

	if (!import_start(&import))
		return CTL_FAILED;
	return import_end(&import, files_read(&import, arguments));
}
