/* import-user.c - the row of an account in table users: made if there is none. A password that was
 * set here since is newer than that of the file, and stays unless it is to be replaced; keys that
 * are missing are made of a password that is known to be the same. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/scram-keys.h"
#include "base/text.h"
#include "core/config.h"
#include "tools/ctl.h"
#include "tools/import.h"
#include "xmpp/jid.h"

static const struct statement user_write = STATEMENT(
    "INSERT INTO users (domain, username, scram_sha_1, scram_sha_256, disabled, disabled_until,"
    " created_at) VALUES ($1, $2, $3, $4, CAST($5 AS BIGINT) <> 0, CAST($6 AS BIGINT),"
    " CAST($7 AS BIGINT)) ON CONFLICT (domain, username) DO UPDATE SET"
    " scram_sha_1 = excluded.scram_sha_1, scram_sha_256 = excluded.scram_sha_256"
    " WHERE CAST($8 AS BIGINT) = 1");

enum { HAVE_SHA_1, HAVE_SHA_256 };

static const char *have(const struct import_account *account, size_t column)
{
	return account->is_there ? ctl_cell(&account->user, 0, column) : NULL;
}

static bool fits(const char *keys_text, const char *password)
{
	struct scram_keys keys;

	return scram_keys_parse(keys_text, &keys) && scram_keys_fit(&keys, password);
}

static const char *derive(
    const struct import *import, struct import_account *account, enum digest digest)
{
	struct scram_keys keys;
	const char *text;

	scram_keys_make(&keys, digest, account->password, import->ctl->config->scram_iterations);
	text = scram_keys_format(account->arena, &keys);
	crypto_wipe(&keys, sizeof keys);
	return text;
}

/* As it is compared at logins; NULL, after a line, if nobody could log in with it. */
static void password_prepare(struct import *import, struct import_account *account)
{
	const char *given = account->sha_256 != NULL ? account->sha_256 : account->sha_1;

	if (account->password == NULL)
		return;
	account->password = jid_prepare_password(account->arena, account->password);
	if (account->password == NULL) {
		import_skip(import, jid_text(account->jid),
		    "password: it is empty, too long, or has forbidden characters");
	} else if (given != NULL && !fits(given, account->password)) {
		import_skip(import, jid_text(account->jid),
		    "password: it is not that of the SCRAM key beside it, which is taken");
		account->password = NULL;
	}
}

enum comparison { SAME, OTHER, UNKNOWN };

/* One password has as many keys as there are salts: the same one may have been set again here. */
static enum comparison key_compare(const char *here, const char *key, const char *password)
{
	if (here == NULL)
		return UNKNOWN;
	if (key != NULL && text_equal(key, here))
		return SAME;
	if (password != NULL)
		return fits(here, password) ? SAME : OTHER;
	return key == NULL ? UNKNOWN : OTHER;
}

/* Whether the file's password is another one than that of the keys here. */
static bool password_differs(const struct import_account *account)
{
	const char *sha_1 = have(account, HAVE_SHA_1), *sha_256 = have(account, HAVE_SHA_256);
	enum comparison one = key_compare(sha_1, account->sha_1, account->password);
	enum comparison other =
	    one == OTHER ? OTHER : key_compare(sha_256, account->sha_256, account->password);

	if (one == OTHER || other == OTHER)
		return true;
	return one == UNKNOWN && other == UNKNOWN && (sha_1 != NULL || sha_256 != NULL);
}

/* Those of an account that is there, with what it lacks. */
static void keys_complete(struct import_account *account)
{
	if (have(account, HAVE_SHA_1) != NULL)
		account->sha_1 = have(account, HAVE_SHA_1);
	if (have(account, HAVE_SHA_256) != NULL)
		account->sha_256 = have(account, HAVE_SHA_256);
}

static void user_differs(struct import *import, struct import_account *account)
{
	if (import->replaces) {
		account->sets_keys = account->has_changes = true;
		return;
	}
	import_skip(import, jid_text(account->jid),
	    "password: there is another one here, which stays; --replace takes that of the file");
}

/* The work of making keys is left for when they are written. */
static bool has_keys_to_make(const struct import_account *account)
{
	return account->password != NULL && (account->sha_1 == NULL || account->sha_256 == NULL);
}

void import_user_compare(struct import *import, struct import_account *account)
{
	bool has_secret;

	password_prepare(import, account);
	has_secret =
	    account->sha_1 != NULL || account->sha_256 != NULL || account->password != NULL;
	if (!account->is_there) {
		if (!has_secret)
			import_skip(import, jid_text(account->jid),
			    "password: none is known; set one with \"godwitctl user passwd\"");
		account->sets_keys = account->has_changes = true;
		return;
	}
	if (!has_secret)
		return;
	if (password_differs(account)) {
		user_differs(import, account);
		return;
	}
	keys_complete(account);
	account->sets_keys = has_keys_to_make(account) ||
	                     !text_equal(account->sha_1, have(account, HAVE_SHA_1)) ||
	                     !text_equal(account->sha_256, have(account, HAVE_SHA_256));
	account->has_changes |= account->sets_keys;
}

static struct param number_or_null(const char *text)
{
	int64_t number;

	return text != NULL && number_parse(text, INT64_MIN, INT64_MAX, &number)
	           ? param_integer(number)
	           : (struct param){ .type = PARAM_NULL };
}

void import_user_write(struct import *import, struct import_account *account)
{
	char now[32];

	if (!account->sets_keys)
		return;
	if (account->password != NULL && account->sha_1 == NULL)
		account->sha_1 = derive(import, account, DIGEST_SHA1);
	if (account->password != NULL && account->sha_256 == NULL)
		account->sha_256 = derive(import, account, DIGEST_SHA256);
	snprintf(now, sizeof now, "%" PRId64, time_now_us());
	ctl_database_ask(import->database, account->arena, &user_write,
	    PARAMS(account->key, account->sha_1, account->sha_256, account->disabled,
		number_or_null(account->disabled_until),
		number_or_null(account->created == NULL ? now : account->created),
		account->is_there),
	    0, &account->written[account->write_count++]);
}
