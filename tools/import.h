/* import.h - what the files of "godwitctl import" share. A reader (XEP-0227, Openfire) makes
 * accounts and adds what they have; import-account.c checks it. Accounts gather in a window
 * (import-window.c), which compares them with the database and writes what is missing: one
 * transaction for some hundred accounts. What is there stays as it is, unless the file is to
 * replace it. */
#ifndef GODWIT_TOOLS_IMPORT_H
#define GODWIT_TOOLS_IMPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "tools/ctl-database.h"

struct ctl;
struct element;
struct hash;
struct jid;

/* What an account has, beside its keys; each a table. */
enum import_kind {
	IMPORT_CONTACTS, /* contact, name, subscription, ask, approved, groups */
	IMPORT_REQUESTS, /* contact, stanza, requested_at */
	IMPORT_VCARDS,   /* vcard */
	IMPORT_PRIVATE,  /* namespace, name, data */
	IMPORT_BLOCKED,  /* jid */
	IMPORT_LAST,     /* at, status */
	IMPORT_MEMBERS,  /* group_name */
	IMPORT_MESSAGES, /* fingerprint, id, stanza, bytes, stored_at */
	IMPORT_KINDS
};
#define IMPORT_COLUMNS 6
/* Between the groups of a contact in its last column, sorted; no XML can have it. */
#define IMPORT_SEPARATOR '\x1f'

/* A row without domain and username. NULL for SQL NULL, booleans "0" and "1". */
struct import_row {
	STAILQ_ENTRY(import_row) next;
	const char *cells[IMPORT_COLUMNS];
	enum { ROW_IS_NEW, ROW_IS_THERE, ROW_DIFFERS } state;
};
STAILQ_HEAD(import_rows, import_row);

struct import_account {
	STAILQ_ENTRY(import_account) next;
	struct arena *arena;
	struct account_key key;
	const struct jid *jid;
	const char *password;        /* as people type it; NULL: not known */
	const char *sha_1, *sha_256; /* keys; NULL: none */
	bool disabled;
	const char *disabled_until, *created; /* NULL: not known */
	struct import_rows rows[IMPORT_KINDS];
	int64_t last_id; /* of its messages */
	bool is_too_large;

	/* Of the window: what the database has. */
	struct ctl_rows user, reserved, imported, present[IMPORT_KINDS];
	const char *fingerprint;
	bool is_there, is_known, has_changes, sets_keys;
	struct ctl_rows written[IMPORT_KINDS + 8];
	size_t write_count;
};
STAILQ_HEAD(import_accounts, import_account);

struct import_totals {
	size_t made, changed, same, left_out;
	size_t rows[IMPORT_KINDS]; /* written */
	size_t groups;
	size_t skipped; /* lines */
	size_t failed;  /* among them: what the database refused */
};

struct import {
	struct ctl *ctl;
	struct ctl_database *database;
	bool applies, replaces;
	size_t max_account_bytes;
	struct import_accounts window;
	size_t window_count, window_bytes;
	struct import_totals totals;
	struct hash *groups; /* known, by domain and name; those of a domain are read when needed */
	struct arena *groups_arena;
	const char *groups_domain;
	bool has_skipped; /* of the JSON answer */
};

/* ---- import.c ---- */

struct import import_of(struct ctl *ctl);
/* Opens the database; false after having said why not. */
bool import_start(struct import *import);
/* Ends what was started, `good` or not, and reports; returns the exit status. */
int import_end(struct import *import, bool good);
/* One line about something that is not taken, and why; `where` is an address, or a place in a file.
 */
void import_skip(struct import *import, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The domain, prepared; NULL, after a line, if it is not served here. */
const char *import_domain(
    struct import *import, struct arena *arena, const char *where, const char *domain);

/* ---- import-account.c: all of it is checked, copied, and reported if it cannot be taken ---- */

/* NULL, after a line, if the name is no account's or the domain is not served. `where` as above. */
struct import_account *import_account_new(
    struct import *import, const char *where, const char *username, const char *domain);
void import_account_free(struct import_account **account);
/* Whether more may be kept: an account of any size must not need memory of any size. */
bool import_account_has_room(const struct import *import, struct import_account *account);
/* `groups` has `count` names. */
void import_contact(struct import *import, struct import_account *account, const char *jid,
    const char *name, const char *subscription, bool ask, bool approved, const char **groups,
    size_t count);
/* Takes the arena, which holds the element; both NULL: no stanza was kept. */
void import_request(struct import *import, struct import_account *account, const char *from,
    struct arena *arena, struct element *presence);
void import_vcard(
    struct import *import, struct import_account *account, const struct element *vcard);
void import_private(
    struct import *import, struct import_account *account, const struct element *element);
void import_blocked(struct import *import, struct import_account *account, const char *jid);
/* The list that is in force, as far as it blocks addresses (import-privacy.c). */
void import_privacy(
    struct import *import, struct import_account *account, const struct element *query);
void import_last(struct import_account *account, int64_t at_us, const char *status);
void import_member(struct import *import, struct import_account *account, const char *group);
/* Takes the arena, which holds the element; `received_us` 0: as its delay stamp says. */
void import_message(struct import *import, struct import_account *account, struct arena *arena,
    struct element *message, int64_t received_us);

/* ---- import-keys.c ---- */

/* "SCRAM-SHA-1" or "SCRAM-SHA-256"; salt and keys in base64. */
void import_keys(struct import *import, struct import_account *account, const char *mechanism,
    const char *iterations, const char *salt, const char *stored_key, const char *server_key);
/* ---- import-groups.c: shared groups, written at once ---- */

void import_group(struct import *import, const char *where, const char *domain, const char *name,
    const char *title, const char *visible_to);
void import_group_viewer(struct import *import, const char *where, const char *domain,
    const char *group, const char *viewer);
bool import_group_is_known(struct import *import, const char *domain, const char *name);
void import_groups_free(struct import *import);

/* ---- import-window.c ---- */

/* The account is complete: takes it. False if the database does not go on, after saying so. */
bool import_account_end(struct import *import, struct import_account *account);
/* Looks at what has gathered and writes it. */
bool import_window_end(struct import *import);

/* ---- import-user.c ---- */

/* Decides on the row of table users, asks for what is missing of the keys, and counts. */
void import_user_compare(struct import *import, struct import_account *account);
void import_user_write(struct import *import, struct import_account *account);

/* ---- import-rows.c ---- */

extern const char *const import_names[IMPORT_KINDS]; /* of one thing, for people */
/* Adds a row of `count` cells, which are lent to the account's arena. */
struct import_row *import_row_add(
    struct import_account *account, enum import_kind kind, const char *const *cells, size_t count);
/* Asks what the database has of this kind, if the account has any. */
void import_rows_ask(struct import *import, struct import_account *account, enum import_kind kind);
/* Sets the states, and reports what differs. */
void import_rows_compare(
    struct import *import, struct import_account *account, enum import_kind kind);
void import_rows_write(
    struct import *import, struct import_account *account, enum import_kind kind);
/* A line in the log of changes, by which the running server is told. */
void import_note(struct import *import, struct import_account *account);

/* ---- the readers: false after having said why not ---- */

bool import_xep_0227(struct import *import, const char *path);

#endif
