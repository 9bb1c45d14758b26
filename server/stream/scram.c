/* scram.c - SCRAM (RFC 5802, RFC 7677): the messages of an exchange, on the server's side.
 * Messages are read left to right by a cursor that only ever moves over what the grammar of section
 * 7 allows; what it refuses is malformed. What the other side proves is compared in constant time.
 */
#include "stream/scram.h"

#include "base/arena.h"
#include "base/text.h"

#include <string.h>

#define SERVER_NONCE_BYTES 18

/* What is left of a message; it ends with a NUL. */
struct cursor {
	struct arena *arena;
	const char *at;
};

/* "x=value" up to the next comma or the end: the value, or NULL if another attribute stands here.
 */
static char *attribute_take(struct cursor *cursor, char name)
{
	size_t length;
	char *value;

	if (cursor->at[0] != name || cursor->at[1] != '=')
		return NULL;
	length = strcspn(cursor->at + 2, ",");
	value = arena_strndup(cursor->arena, cursor->at + 2, length);
	cursor->at += 2 + length;
	return value;
}

static bool comma_take(struct cursor *cursor)
{
	if (*cursor->at != ',')
		return false;
	cursor->at++;
	return true;
}

/* Optional extensions behind what we know: ",x=value"... None may be mandatory (m=). */
static bool extensions_skip(struct cursor *cursor, char stop)
{
	while (cursor->at[0] == ',' && cursor->at[1] != stop) {
		char name = cursor->at[1];

		if (!((name >= 'a' && name <= 'z') || (name >= 'A' && name <= 'Z')) || name == 'm')
			return false;
		cursor->at++;
		if (attribute_take(cursor, name) == NULL)
			return false;
	}
	return true;
}

/* Undoes =2C and =3D in place; false for any other '='. */
static bool name_unescape(char *name)
{
	char *to = name;

	for (const char *from = name; *from != '\0'; from++) {
		if (*from != '=') {
			*to++ = *from;
			continue;
		}
		if (strncmp(from, "=2C", 3) == 0 || strncmp(from, "=2D", 3) == 0)
			*to++ = ',';
		else if (strncmp(from, "=3D", 3) == 0)
			*to++ = '=';
		else
			return false;
		from += 2;
	}
	*to = '\0';
	return to > name;
}

static bool binding_name_valid(const char *name)
{
	return *name != '\0' &&
	       name[strspn(name,
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-")] == '\0';
}

/* "printable" of section 7: visible ASCII without the comma. */
static bool nonce_valid(const char *nonce)
{
	for (const char *at = nonce; *at != '\0'; at++)
		if (*at < '!' || *at > '~')
			return false;
	return *nonce != '\0';
}

/* The text ends where its length says: no NUL inside. */
static bool message_valid(const char *message, size_t length)
{
	return memchr(message, '\0', length) == NULL && utf8_valid(message, length);
}

/* gs2-header: whether and how the client binds the channel, and as whom it wants to act. */
static enum scram_result gs2_header_take(struct scram *scram, struct cursor *cursor)
{
	enum scram_result result = SCRAM_OK;

	if (*cursor->at == 'p') {
		scram->binding_name = attribute_take(cursor, 'p');
		if (scram->binding_name == NULL || !binding_name_valid(scram->binding_name))
			return SCRAM_MALFORMED;
		if (!scram->plus)
			result = SCRAM_BAD_BINDING;
	} else if (*cursor->at == 'n' || *cursor->at == 'y') {
		if (scram->plus)
			result = SCRAM_BAD_BINDING;
		else if (*cursor->at == 'y' && scram->plus_offered)
			result = SCRAM_DOWNGRADE;
		cursor->at++;
	} else {
		return SCRAM_MALFORMED;
	}
	if (!comma_take(cursor))
		return SCRAM_MALFORMED;
	if (*cursor->at != ',') {
		scram->authzid = attribute_take(cursor, 'a');
		if (scram->authzid == NULL || !name_unescape(scram->authzid))
			return SCRAM_MALFORMED;
	}
	return comma_take(cursor) ? result : SCRAM_MALFORMED;
}

enum scram_result scram_client_first(struct scram *scram, struct arena *arena, enum digest digest,
    bool plus, bool plus_offered, const char *message, size_t length)
{
	struct cursor cursor = { arena, arena_strndup(arena, message, length) };
	const char *start = cursor.at;
	enum scram_result result;

	memset(scram, 0, sizeof(*scram));
	scram->arena = arena;
	scram->digest = digest;
	scram->plus = plus;
	scram->plus_offered = plus_offered;
	if (!message_valid(message, length))
		return SCRAM_MALFORMED;
	result = gs2_header_take(scram, &cursor);
	if (result == SCRAM_MALFORMED)
		return result;
	scram->gs2_header = arena_strndup(arena, start, (size_t)(cursor.at - start));
	scram->client_first_bare = arena_strdup(arena, cursor.at);
	scram->username = attribute_take(&cursor, 'n');
	if (scram->username == NULL || !name_unescape(scram->username) || !comma_take(&cursor))
		return SCRAM_MALFORMED;
	scram->nonce = attribute_take(&cursor, 'r');
	if (scram->nonce == NULL || !nonce_valid(scram->nonce))
		return SCRAM_MALFORMED;
	if (!extensions_skip(&cursor, '\0') || *cursor.at != '\0')
		return SCRAM_MALFORMED;
	return result;
}

const char *scram_server_first(
    struct scram *scram, const struct scram_keys *keys, const char *server_nonce)
{
	unsigned char random[SERVER_NONCE_BYTES];

	if (server_nonce == NULL) {
		crypto_random(random, sizeof(random));
		server_nonce = base64_encode(scram->arena, random, sizeof(random));
	}
	scram->keys = *keys;
	scram->nonce = arena_printf(scram->arena, "%s%s", scram->nonce, server_nonce);
	scram->server_first = arena_printf(scram->arena, "r=%s,s=%s,i=%u", scram->nonce,
	    base64_encode(scram->arena, keys->salt, keys->salt_length), keys->iterations);
	return scram->server_first;
}

/* c= must be the gs2 header as it came first, and the data of this very channel behind it. */
static bool binding_fits(const struct scram *scram, const char *decoded, size_t length,
    const unsigned char *binding, size_t binding_length)
{
	size_t header_length = strlen(scram->gs2_header);

	if (!scram->plus)
		binding_length = 0;
	else if (binding == NULL || binding_length == 0)
		return false;
	if (length != header_length + binding_length ||
	    memcmp(decoded, scram->gs2_header, header_length) != 0)
		return false;
	return binding_length == 0 ||
	       crypto_equal(decoded + header_length, binding, binding_length);
}

/* Section 3: ClientProof XOR ClientSignature must be the preimage of StoredKey. */
static bool proof_fits(const struct scram *scram, const char *auth_message, const char *proof)
{
	size_t bytes = digest_bytes(scram->digest);
	unsigned char key[DIGEST_MAX_BYTES], hashed[DIGEST_MAX_BYTES];
	bool fit;

	crypto_hmac(
	    scram->digest, scram->keys.stored_key, bytes, auth_message, strlen(auth_message), key);
	for (size_t i = 0; i < bytes; i++)
		key[i] ^= (unsigned char)proof[i];
	crypto_hash(scram->digest, key, bytes, hashed);
	fit = crypto_equal(hashed, scram->keys.stored_key, bytes);
	crypto_wipe(key, sizeof(key));
	return fit;
}

static const char *final_make(struct scram *scram, const char *auth_message)
{
	unsigned char signature[DIGEST_MAX_BYTES];
	size_t bytes = digest_bytes(scram->digest);

	crypto_hmac(scram->digest, scram->keys.server_key, bytes, auth_message,
	    strlen(auth_message), signature);
	return arena_printf(scram->arena, "v=%s", base64_encode(scram->arena, signature, bytes));
}

enum scram_result scram_client_final(struct scram *scram, const char *message, size_t length,
    const unsigned char *binding, size_t binding_length, const char **final_out)
{
	struct cursor cursor = { scram->arena, arena_strndup(scram->arena, message, length) };
	const char *start = cursor.at, *c, *r, *p, *channel, *proof, *auth_message;
	size_t channel_length, proof_length, unproved_length;

	*final_out = NULL;
	if (!message_valid(message, length))
		return SCRAM_MALFORMED;
	c = attribute_take(&cursor, 'c');
	if (c == NULL || !comma_take(&cursor))
		return SCRAM_MALFORMED;
	r = attribute_take(&cursor, 'r');
	if (r == NULL || !extensions_skip(&cursor, 'p'))
		return SCRAM_MALFORMED;
	unproved_length = (size_t)(cursor.at - start);
	p = comma_take(&cursor) ? attribute_take(&cursor, 'p') : NULL;
	if (p == NULL || *cursor.at != '\0')
		return SCRAM_MALFORMED;
	channel = base64_decode(scram->arena, c, &channel_length);
	proof = base64_decode(scram->arena, p, &proof_length);
	if (channel == NULL || proof == NULL || proof_length != digest_bytes(scram->digest))
		return SCRAM_MALFORMED;
	if (!binding_fits(scram, channel, channel_length, binding, binding_length))
		return SCRAM_BAD_BINDING;
	auth_message = arena_printf(scram->arena, "%s,%s,%.*s", scram->client_first_bare,
	    scram->server_first, (int)unproved_length, start);
	if (strcmp(r, scram->nonce) != 0 || !proof_fits(scram, auth_message, proof))
		return SCRAM_REFUSED;
	*final_out = final_make(scram, auth_message);
	return SCRAM_OK;
}
