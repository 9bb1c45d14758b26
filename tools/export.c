/* export.c - "godwitctl export": all accounts, or those of a domain, into one file of XEP-0227. One
 * file rather than one for each account (XInclude): a million files are a burden for most file
 * systems and tools, one compresses well and is whole or not. What is in memory is a hundred
 * accounts at a time. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/arena.h"
#include "tools/ctl.h"
#include "tools/export.h"
#include "tools/progress.h"
#include "tools/xep-0227.h"
#include "xml/element.h"
#include "xml/writer.h"
#include "xmpp/jid.h"

#define FLUSH_BYTES 65536

static const struct statement groups_select = STATEMENT_TWO(
    "SELECT name, title, visible_to FROM groups WHERE domain = $1 ORDER BY name COLLATE \"C\"",
    "SELECT name, title, visible_to FROM groups WHERE domain = $1 ORDER BY name");
static const struct statement viewers_select =
    STATEMENT_TWO("SELECT group_name, viewer_group FROM group_viewers WHERE domain = $1"
		  " ORDER BY group_name COLLATE \"C\", viewer_group COLLATE \"C\"",
	"SELECT group_name, viewer_group FROM group_viewers WHERE domain = $1"
	" ORDER BY group_name, viewer_group");

void export_flush(struct export *export)
{
	if (export->out.length < FLUSH_BYTES)
		return;
	export->has_failed |=
	    fwrite(export->out.at, 1, export->out.length, export->file) < export->out.length;
	text_clear(&export->out);
}

/* ---- hosts ---- */

static void host_leave(struct export *export)
{
	if (*export->domain != '\0')
		text_puts(&export->out, "</host>\n");
	export->domain = "";
}

static void put(struct export *export, const struct element *element)
{
	xml_write(&export->out, element, NS_PIE);
	text_putc(&export->out, '\n');
}

/* The shared groups stand before those who are in them. */
static bool groups_write(struct export *export, struct arena *arena, const char **error_out)
{
	struct ctl_rows groups, viewers;

	ctl_database_ask(
	    export->database, arena, &groups_select, PARAMS(export->domain), 3, &groups);
	ctl_database_ask(
	    export->database, arena, &viewers_select, PARAMS(export->domain), 2, &viewers);
	ctl_database_wait(export->database);
	if (groups.rc != RC_OK || viewers.rc != RC_OK) {
		*error_out = arena_printf(arena, "the database: %s",
		    groups.rc != RC_OK ? groups.message : viewers.message);
		return false;
	}
	for (size_t row = 0; row < groups.count; row++) {
		struct element *group = element_new(arena, NS_EXPORT, "group");

		element_set(arena, group, "name", ctl_cell(&groups, row, 0));
		element_set(arena, group, "title", ctl_cell(&groups, row, 1));
		element_set(arena, group, "visible-to", ctl_cell(&groups, row, 2));
		put(export, group);
	}
	for (size_t row = 0; row < viewers.count; row++) {
		struct element *viewer = element_new(arena, NS_EXPORT, "group-viewer");

		element_set(arena, viewer, "group", ctl_cell(&viewers, row, 0));
		element_set(arena, viewer, "viewer", ctl_cell(&viewers, row, 1));
		put(export, viewer);
	}
	return true;
}

static bool host_enter(
    struct export *export, struct ctl *ctl, const char *domain, const char **error_out)
{
	if (text_equal(export->domain, domain))
		return true;
	host_leave(export);
	export->domain = arena_strdup(ctl->arena, domain);
	text_puts(&export->out, "<host");
	xml_write_attribute(&export->out, "jid", domain);
	text_puts(&export->out, ">\n");
	return groups_write(export, ctl->arena, error_out);
}

/* ---- all of them ---- */

static bool page_write(
    struct export *export, struct ctl *ctl, struct export_page *page, const char **error_out)
{
	for (size_t row = 0; row < page->users.count; row++)
		if (!host_enter(export, ctl, ctl_cell(&page->users, row, USER_DOMAIN), error_out) ||
		    !export_account(export, page, row, error_out))
			return false;
	return true;
}

static bool accounts_write(
    struct export *export, struct ctl *ctl, const char *only_domain, const char **error_out)
{
	struct text domain = { 0 }, username = { 0 };
	struct export_page page = { 0 };
	bool good;

	text_puts(&domain, "");
	text_puts(&username, "");
	do {
		page = (struct export_page){ .arena = arena_new(0) };
		good = export_page_read(
			   export, &page, only_domain, domain.at, username.at, error_out) &&
		       page_write(export, ctl, &page, error_out);
		if (!good)
			*error_out = arena_strdup(ctl->arena, *error_out);
		if (page.users.count > 0) {
			text_clear(&domain);
			text_clear(&username);
			text_puts(
			    &domain, ctl_cell(&page.users, page.users.count - 1, USER_DOMAIN));
			text_puts(
			    &username, ctl_cell(&page.users, page.users.count - 1, USER_NAME));
		}
		arena_free(&page.arena);
		progress_show("%zu accounts", export->accounts);
	} while (good && page.users.count > 0 && !export->has_failed);
	text_free(&domain);
	text_free(&username);
	return good;
}

static bool document_write(
    struct export *export, struct ctl *ctl, const char *only_domain, const char **error_out)
{
	text_puts(&export->out, "<?xml version='1.0' encoding='UTF-8'?>\n<server-data");
	xml_write_attribute(&export->out, "xmlns", NS_PIE);
	text_puts(&export->out, ">\n");
	if (!accounts_write(export, ctl, only_domain, error_out))
		return false;
	host_leave(export);
	text_puts(&export->out, "</server-data>\n");
	errno = 0;
	export->has_failed |=
	    fwrite(export->out.at, 1, export->out.length, export->file) < export->out.length;
	if (!export->has_failed && fflush(export->file) == 0)
		return true;
	*error_out = arena_printf(ctl->arena, "the file cannot be written: %s", strerror(errno));
	return false;
}

/* ---- the command ---- */

/* The file is its owner's alone, for there are keys in it; one that exists is not overwritten. */
static FILE *file_make(struct arena *arena, const char *path, const char **error_out)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return stdout;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fdopen(fd, "w");
	*error_out = arena_printf(arena, "%s: %s%s", path, strerror(errno),
	    errno == EEXIST ? "; remove it, or choose another name" : "");
	return NULL;
}

static void export_report(const struct ctl *ctl, const struct export *export)
{
	json_t *answer;

	if (export->file == stdout)
		return;
	if (!ctl->json) {
		printf("exported %zu accounts with %zu contacts and %zu messages\n",
		    export->accounts, export->contacts, export->messages);
		return;
	}
	answer = json_pack("{s:b,s:I,s:I,s:I,s:I}", "ok", true, "accounts",
	    (json_int_t) export->accounts, "contacts", (json_int_t) export->contacts, "messages",
	    (json_int_t) export->messages, "left_out", (json_int_t) export->left_out);
	ctl_print_json(answer);
	json_decref(answer);
}

int ctl_export(struct ctl *ctl, char **arguments)
{
	struct export export = { .domain = "" };
	const char *error = NULL, *domain = NULL;
	bool good;

	if (arguments[1] != NULL) {
		domain = jid_prepare_domain(ctl->arena, arguments[1]);
		if (domain == NULL)
			return ctl_fail("\"%s\" is not a domain", arguments[1]);
	}
	/* As who we are: the server's user may not write here. */
	export.file = file_make(ctl->arena, arguments[0], &error);
	if (export.file == NULL)
		return ctl_fail("%s", error);
	export.database = ctl_database_open(ctl, false, &error);
	good = export.database != NULL && document_write(&export, ctl, domain, &error);
	progress_end();
	ctl_database_close(&export.database);
	text_free(&export.out);
	/* Half a file is none. */
	if (!good && export.file != stdout && ftruncate(fileno(export.file), 0) != 0)
		error = "the file is not whole, and cannot be emptied";
	if (export.file != stdout && fclose(export.file) != 0 && good) {
		good = false;
		error = strerror(errno);
	}
	if (!good)
		return ctl_fail("%s", error);
	export_report(ctl, &export);
	return CTL_GOOD;
}
