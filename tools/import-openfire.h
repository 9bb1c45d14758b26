/* import-openfire.h - what the files that read an Openfire database share. */
#ifndef GODWIT_TOOLS_IMPORT_OPENFIRE_H
#define GODWIT_TOOLS_IMPORT_OPENFIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "store/foreign.h"

struct blowfish;
struct import;

/* Tables that not every version of Openfire has. */
enum openfire_part {
	OPENFIRE_USER_KEYS, /* ofUser has them, until 5.0 */
	OPENFIRE_SCRAM,     /* ofUserScram has them, later */
	OPENFIRE_FLAGS,     /* ofUserFlag: who is locked out */
	OPENFIRE_PRESENCE,  /* ofPresence: who was there last when */
	OPENFIRE_PRIVATE,   /* ofPrivate, until 4.3 */
	OPENFIRE_ITEMS,     /* ofPubsubItem: private XML is there since */
	OPENFIRE_PARTS
};

struct openfire {
	struct import *import;
	struct foreign *foreign;
	const char *domain;
	struct blowfish *cipher; /* NULL: passwords cannot be decrypted */
	bool has[OPENFIRE_PARTS];
};

/* A password out of the column encryptedPassword, in the arena; NULL if it is none under this key
 * (openfire-password.c). */
struct blowfish *openfire_cipher(const char *password_key);
const char *openfire_decrypt(struct blowfish *cipher, struct arena *arena, const char *encrypted);

/* The shared groups (import-openfire-groups.c). False after having said why. */
bool openfire_groups(struct openfire *openfire);
/* The accounts behind `*after`, some of them, which is moved behind them; NULL: there are no more
 * (import-openfire-users.c). */
bool openfire_users(struct openfire *openfire, struct arena *arena, const char **after);
/* Runs a SELECT; false after having said why not. */
bool openfire_read(struct openfire *openfire, struct arena *arena, const char *sql,
    const char *const *params, size_t count, struct foreign_rows *rows_out);

#endif
