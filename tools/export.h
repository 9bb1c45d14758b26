/* export.h - what the files of "godwitctl export" share: a page of accounts as the database has
 * them, and the file that they go to. */
#ifndef GODWIT_TOOLS_EXPORT_H
#define GODWIT_TOOLS_EXPORT_H

#include <stdio.h>

#include "base/text.h"
#include "tools/ctl-database.h"

/* The tables of an account, each read for all accounts of a page at once. */
enum export_table {
	EXPORT_CONTACTS,
	EXPORT_CONTACT_GROUPS,
	EXPORT_REQUESTS,
	EXPORT_VCARDS,
	EXPORT_PRIVATE,
	EXPORT_BLOCKED,
	EXPORT_LAST,
	EXPORT_MEMBERS,
	EXPORT_MAILBOXES, /* one row for each account that has messages */
	EXPORT_TABLES
};

/* Columns of the users of a page. */
enum {
	USER_DOMAIN,
	USER_NAME,
	USER_SHA_1,
	USER_SHA_256,
	USER_DISABLED,
	USER_UNTIL,
	USER_CREATED,
	USER_COLUMNS
};

struct export_page {
	struct arena *arena;
	struct ctl_rows users;
	struct ctl_rows tables[EXPORT_TABLES];
	size_t next[EXPORT_TABLES]; /* the first row that is not written yet */
};

struct export
{
	struct ctl_database *database;
	struct text out;
	FILE *file;
	const char *domain; /* the host that is open; "": none */
	size_t accounts, contacts, messages, left_out;
	bool has_failed;
};

/* The accounts behind this one, of all domains or of one (export-page.c). Domain and username ""
 * are before all. False and *error_out if the database fails. */
bool export_page_read(struct export *export, struct export_page *page, const char *only_domain,
    const char *domain, const char *username, const char **error_out);
/* The next row of a table, without domain and username, if it is of the account `row` of the page:
 * it is taken by that; else NULL. Accounts and rows come in the same order. */
const char *const *export_page_take(struct export_page *page, enum export_table table, size_t row);

/* Appends <user/> (export-account.c); false if the database fails. */
bool export_account(
    struct export *export, struct export_page *page, size_t row, const char **error_out);
/* Writes what has gathered into the file. */
void export_flush(struct export *export);

#endif
