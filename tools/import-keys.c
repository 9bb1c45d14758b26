/* import-keys.c - SCRAM keys as other servers write them: checked, and put into our form. */
#include <string.h>

#include "base/arena.h"
#include "base/scram-keys.h"
#include "base/text.h"
#include "tools/import.h"
#include "xmpp/jid.h"

static bool key_decode(
    struct import_account *account, const char *text, unsigned char *out, size_t length)
{
	size_t found;
	const char *bytes = text == NULL ? NULL : base64_decode(account->arena, text, &found);

	if (bytes == NULL || found != length)
		return false;
	memcpy(out, bytes, length);
	return true;
}

static bool salt_decode(struct import_account *account, const char *text, struct scram_keys *keys)
{
	const char *bytes =
	    text == NULL ? NULL : base64_decode(account->arena, text, &keys->salt_length);

	if (bytes == NULL || keys->salt_length == 0 || keys->salt_length > sizeof keys->salt)
		return false;
	memcpy(keys->salt, bytes, keys->salt_length);
	return true;
}

/* ejabberd 23.01 exports keys and salts that are encoded twice: what is inside, if this is such a
 * one of `length` bytes; else NULL. */
static const char *twice_decode(struct import_account *account, const char *text, size_t length)
{
	size_t outer, inner;
	const char *once = text == NULL ? NULL : base64_decode(account->arena, text, &outer);

	if (once == NULL || outer == length || strlen(once) != outer ||
	    base64_decode(account->arena, once, &inner) == NULL || inner != length)
		return NULL;
	return once;
}

/* Reads what was found; false if it is no key. */
static bool keys_decode(struct import_account *account, struct scram_keys *keys, const char *salt,
    const char *stored_key, const char *server_key)
{
	size_t length = digest_bytes(keys->digest), salt_length;
	const char *inside = twice_decode(account, stored_key, length);

	if (inside != NULL && salt != NULL && server_key != NULL) {
		stored_key = inside;
		server_key = base64_decode(account->arena, server_key, &length);
		salt = base64_decode(account->arena, salt, &salt_length);
	}
	length = digest_bytes(keys->digest);
	return salt_decode(account, salt, keys) &&
	       key_decode(account, stored_key, keys->stored_key, length) &&
	       key_decode(account, server_key, keys->server_key, length);
}

void import_keys(struct import *import, struct import_account *account, const char *mechanism,
    const char *iterations, const char *salt, const char *stored_key, const char *server_key)
{
	struct scram_keys keys = { .digest = DIGEST_SHA1 };
	const char **slot = &account->sha_1;
	int64_t number;

	if (text_equal(mechanism, "SCRAM-SHA-256")) {
		keys.digest = DIGEST_SHA256;
		slot = &account->sha_256;
	} else if (!text_equal(mechanism, "SCRAM-SHA-1")) {
		import_skip(import, jid_text(account->jid),
		    "key for %.100s: that is not offered here",
		    mechanism == NULL ? "no mechanism" : mechanism);
		return;
	}
	if (iterations == NULL || !number_parse(iterations, 1, 10000000, &number) ||
	    !keys_decode(account, &keys, salt, stored_key, server_key)) {
		import_skip(import, jid_text(account->jid), "key for %s: it is not one", mechanism);
		return;
	}
	keys.iterations = (unsigned)number;
	*slot = scram_keys_format(account->arena, &keys);
}
