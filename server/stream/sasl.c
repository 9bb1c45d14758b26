/* sasl.c - the state machine of SASL exchanges.
 * Each element is one call, and each state takes exactly one kind of it. A failure ends the
 * exchange and leaves the machine idle, ready for the next. Who fails at the password and who fails
 * at the name take the same way and the same time: unknown names get keys that no password fits. */
#include "stream/sasl-private.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"
#include "stream/external.h"
#include "stream/plain.h"
#include "xmpp/jid.h"

static const char *const failure_names[] = {
	[SASL_ABORTED] = "aborted",
	[SASL_ACCOUNT_DISABLED] = "account-disabled",
	[SASL_ENCRYPTION_REQUIRED] = "encryption-required",
	[SASL_INCORRECT_ENCODING] = "incorrect-encoding",
	[SASL_INVALID_AUTHZID] = "invalid-authzid",
	[SASL_INVALID_MECHANISM] = "invalid-mechanism",
	[SASL_MALFORMED_REQUEST] = "malformed-request",
	[SASL_NOT_AUTHORIZED] = "not-authorized",
	[SASL_TEMPORARY_AUTH_FAILURE] = "temporary-auth-failure",
};

const char *sasl_failure_name(enum sasl_failure failure)
{
	return failure_names[failure];
}

bool sasl_failure_is_guess(enum sasl_failure failure)
{
	return failure == SASL_NOT_AUTHORIZED || failure == SASL_ACCOUNT_DISABLED ||
	       failure == SASL_INVALID_AUTHZID;
}

/* Both are in the arena of the exchange. */
static void secret_wipe(const char **secret)
{
	if (*secret != NULL)
		crypto_wipe((void *)(uintptr_t)*secret, strlen(*secret));
	*secret = NULL;
}

static void secrets_wipe(struct sasl *sasl)
{
	secret_wipe(&sasl->password);
	secret_wipe(&sasl->prepared);
	crypto_wipe(&sasl->tried, sizeof(sasl->tried));
	crypto_wipe(&sasl->scram.keys, sizeof(sasl->scram.keys));
}

static void exchange_end(struct sasl *sasl)
{
	secrets_wipe(sasl);
	arena_free(&sasl->arena);
	sasl->mechanism = NULL;
	sasl->username = NULL;
	sasl->data = "";
}

void sasl_free(struct sasl **sasl)
{
	struct sasl *dead = *sasl;

	if (dead == NULL)
		return;
	*sasl = NULL;
	exchange_end(dead);
	external_free(&dead->channel.external);
	mem_free(dead);
}

static enum sasl_step step_fail(struct sasl *sasl, enum sasl_failure failure, const char *why)
{
	secrets_wipe(sasl);
	sasl->state = STATE_IDLE;
	sasl->failure = failure;
	sasl->why = why;
	return SASL_FAILURE;
}

static enum sasl_step step_send(struct sasl *sasl, enum sasl_step step, const char *message)
{
	sasl->state = step == SASL_SUCCESS ? STATE_DONE : STATE_FINAL;
	sasl->data = base64_encode(sasl->arena, message, strlen(message));
	return step;
}

/* The name as an account's (RFC 7622 section 3.3), where it can be one, and the authorization
 * identity, which may only be oneself (RFC 6120 section 6.3.8). */
static enum sasl_step name_check(struct sasl *sasl, const char *username, const char *authzid)
{
	struct arena *arena = sasl->arena;
	const struct jid *self = jid_make(arena, username, sasl->channel.domain, NULL);
	const struct jid *wanted;

	sasl->username = self == NULL ? username : jid_node(arena, self);
	if (authzid != NULL && *authzid != '\0') {
		wanted = jid_parse(arena, authzid);
		if (self == NULL || !jid_equal(wanted, self))
			return step_fail(sasl, SASL_INVALID_AUTHZID, "authzid of somebody else");
	}
	sasl->state = STATE_KEYS;
	if (self == NULL)
		return sasl_keys(sasl, RC_ITEM_NOT_FOUND, NULL, NULL);
	return SASL_KEYS;
}

static enum sasl_step plain_message(struct sasl *sasl, char *message, size_t length)
{
	struct plain plain;

	if (!plain_parse(message, length, &plain))
		return step_fail(sasl, SASL_MALFORMED_REQUEST, "malformed PLAIN message");
	sasl->password = plain.password;
	return name_check(sasl, plain.username, plain.authzid);
}

/* XEP-0178 section 2: which of its users it is only has to be told by a certificate of several. */
static enum sasl_step external_message(struct sasl *sasl, const char *authzid, size_t length)
{
	switch (external_choose(sasl->channel.external, authzid, length, &sasl->username)) {
	case EXTERNAL_MALFORMED:
		return step_fail(sasl, SASL_MALFORMED_REQUEST, "malformed EXTERNAL message");
	case EXTERNAL_AMBIGUOUS:
		return step_fail(
		    sasl, SASL_INVALID_AUTHZID, "certificate of several users and no authzid");
	case EXTERNAL_STRANGER:
		return step_fail(sasl, SASL_INVALID_AUTHZID, "authzid is not in the certificate");
	case EXTERNAL_OK:
		break;
	}
	if (sasl->channel.is_server)
		return step_send(sasl, SASL_SUCCESS, "");
	sasl->state = STATE_KEYS;
	return SASL_KEYS;
}

/* Of the account only counts that there is one. */
static enum sasl_step external_end(struct sasl *sasl, enum rc rc)
{
	if (rc == RC_ITEM_NOT_FOUND)
		return step_fail(sasl, SASL_NOT_AUTHORIZED, "no such account");
	if (rc == RC_NOT_ALLOWED)
		return step_fail(sasl, SASL_ACCOUNT_DISABLED, "account disabled");
	return step_send(sasl, SASL_SUCCESS, "");
}

static enum sasl_step scram_fail(struct sasl *sasl, enum scram_result result)
{
	switch (result) {
	case SCRAM_BAD_BINDING:
		return step_fail(sasl, SASL_NOT_AUTHORIZED, "wrong channel binding");
	case SCRAM_DOWNGRADE:
		return step_fail(sasl, SASL_NOT_AUTHORIZED, "channel binding was taken out");
	case SCRAM_REFUSED:
		return step_fail(sasl, SASL_NOT_AUTHORIZED, sasl->refusal);
	case SCRAM_MALFORMED:
	case SCRAM_OK:
		break;
	}
	return step_fail(sasl, SASL_MALFORMED_REQUEST, "malformed SCRAM message");
}

static enum sasl_step scram_first(struct sasl *sasl, const char *message, size_t length)
{
	struct scram *scram = &sasl->scram;
	enum binding binding;
	enum scram_result result = scram_client_first(scram, sasl->arena, sasl->mechanism->digest,
	    sasl->mechanism->kind == KIND_PLUS, sasl->plus_offered, message, length);

	if (result != SCRAM_MALFORMED)
		sasl->username = scram->username;
	if (result != SCRAM_OK)
		return scram_fail(sasl, result);
	if (scram->plus && !sasl_binding_find(sasl, scram->binding_name, &binding))
		return step_fail(sasl, SASL_NOT_AUTHORIZED, "unknown channel binding");
	return name_check(sasl, scram->username, scram->authzid);
}

static enum sasl_step scram_final(struct sasl *sasl, const char *message, size_t length)
{
	unsigned char bytes[BINDING_MAX_BYTES];
	size_t byte_count = 0;
	enum binding binding;
	enum scram_result result;
	const char *final;

	if (sasl->scram.plus && sasl_binding_find(sasl, sasl->scram.binding_name, &binding))
		byte_count = sasl->channel.binding(sasl->channel.state, binding, bytes);
	result = scram_client_final(&sasl->scram, message, length, bytes, byte_count, &final);
	if (result != SCRAM_OK)
		return scram_fail(sasl, result);
	if (sasl->disabled)
		return step_fail(sasl, SASL_ACCOUNT_DISABLED, "account disabled");
	return step_send(sasl, SASL_SUCCESS, final);
}

/* The keys to try: those of the mechanism, for PLAIN the stronger ones; fakes where there are none.
 */
static struct scram_keys keys_choose(
    struct sasl *sasl, const struct scram_keys *sha1, const struct scram_keys *sha256)
{
	bool weak = sasl->mechanism->digest == DIGEST_SHA1 ||
	            (sasl->mechanism->kind == KIND_PLAIN && sha256 == NULL && sha1 != NULL);
	const struct scram_keys *keys = weak ? sha1 : sha256;
	struct scram_keys fakes;

	if (keys != NULL)
		return *keys;
	scram_keys_fake(&fakes, weak ? DIGEST_SHA1 : DIGEST_SHA256,
	    arena_printf(sasl->arena, "%s@%s", sasl->username, sasl->channel.domain),
	    sasl->channel.iterations);
	return fakes;
}

/* SASLprep (RFC 4013): what it refuses fits nobody, but is tried all the same. */
static enum sasl_step trial_begin(struct sasl *sasl, const struct scram_keys *keys)
{
	sasl->prepared = jid_prepare_password(sasl->arena, sasl->password);
	sasl->tried = *keys;
	sasl->state = STATE_TRIAL;
	return SASL_TRIAL;
}

const struct scram_keys *sasl_trial(const struct sasl *sasl, const char **password_out)
{
	*password_out = sasl->prepared == NULL ? sasl->password : sasl->prepared;
	return &sasl->tried;
}

enum sasl_step sasl_tried(struct sasl *sasl, enum rc rc)
{
	bool fits = rc == RC_OK && sasl->prepared != NULL;

	if (sasl->state != STATE_TRIAL)
		return step_fail(sasl, SASL_MALFORMED_REQUEST, "trial that nobody asked for");
	if (rc != RC_OK && rc != RC_NOT_AUTHORIZED)
		return step_fail(
		    sasl, SASL_TEMPORARY_AUTH_FAILURE, "too many passwords wait to be tried");
	if (!fits)
		return step_fail(sasl, SASL_NOT_AUTHORIZED, sasl->refusal);
	if (sasl->disabled)
		return step_fail(sasl, SASL_ACCOUNT_DISABLED, "account disabled");
	secrets_wipe(sasl);
	return step_send(sasl, SASL_SUCCESS, "");
}

enum sasl_step sasl_keys(
    struct sasl *sasl, enum rc rc, const struct scram_keys *sha1, const struct scram_keys *sha256)
{
	struct scram_keys keys;
	enum sasl_step step;

	if (sasl->state != STATE_KEYS)
		return step_fail(sasl, SASL_MALFORMED_REQUEST, "keys that nobody asked for");
	if (rc == RC_NOT_ALLOWED && sha1 == NULL && sha256 == NULL)
		return step_fail(sasl, SASL_ACCOUNT_DISABLED, "account disabled");
	if (rc != RC_OK && rc != RC_ITEM_NOT_FOUND && rc != RC_NOT_ALLOWED)
		return step_fail(sasl, SASL_TEMPORARY_AUTH_FAILURE, "accounts cannot be read now");
	if (sasl->mechanism->kind == KIND_EXTERNAL)
		return external_end(sasl, rc);
	sasl->disabled = rc == RC_NOT_ALLOWED;
	sasl->refusal = rc == RC_ITEM_NOT_FOUND ? "no such account" : "wrong password";
	keys = rc == RC_ITEM_NOT_FOUND ? keys_choose(sasl, NULL, NULL)
	                               : keys_choose(sasl, sha1, sha256);
	if (sasl->mechanism->kind == KIND_PLAIN)
		step = trial_begin(sasl, &keys);
	else
		step =
		    step_send(sasl, SASL_CHALLENGE, scram_server_first(&sasl->scram, &keys, NULL));
	crypto_wipe(&keys, sizeof(keys));
	return step;
}

/* Decodes (section 6.4.2: "=" stands for nothing) and hands on to the state's function. */
static enum sasl_step message_take(struct sasl *sasl, const char *text)
{
	size_t length = 0;
	char *message;

	if (strcmp(text, "=") == 0)
		text = "";
	message = base64_decode(sasl->arena, text, &length);
	if (message == NULL)
		return step_fail(sasl, SASL_INCORRECT_ENCODING, "not base64");
	if (sasl->state == STATE_FINAL)
		return scram_final(sasl, message, length);
	if (sasl->mechanism->kind == KIND_EXTERNAL)
		return external_message(sasl, message, length);
	if (sasl->mechanism->kind == KIND_PLAIN)
		return plain_message(sasl, message, length);
	return scram_first(sasl, message, length);
}

bool sasl_is_ongoing(const struct sasl *sasl)
{
	return sasl->state == STATE_FIRST || sasl->state == STATE_FINAL;
}

enum sasl_step sasl_auth(struct sasl *sasl, const char *mechanism, const char *text)
{
	enum sasl_failure failure;

	if (sasl->state == STATE_KEYS || sasl->state == STATE_TRIAL || sasl->state == STATE_DONE)
		return step_fail(sasl, SASL_MALFORMED_REQUEST, "auth inside an exchange");
	exchange_end(sasl);
	sasl->state = STATE_IDLE;
	sasl->arena = arena_new(0);
	sasl->disabled = false;
	sasl->mechanism = mechanism == NULL ? NULL : sasl_mechanism_find(mechanism);
	if (sasl->mechanism == NULL)
		return step_fail(sasl, SASL_INVALID_MECHANISM, "unknown mechanism");
	if (!sasl_mechanism_allowed(sasl, sasl->mechanism, &failure))
		return step_fail(sasl, failure, "mechanism not offered");
	sasl->state = STATE_FIRST;
	if (*text != '\0')
		return message_take(sasl, text);
	return SASL_CHALLENGE;
}

enum sasl_step sasl_response(struct sasl *sasl, const char *text)
{
	if (sasl->state != STATE_FIRST && sasl->state != STATE_FINAL)
		return step_fail(sasl, SASL_MALFORMED_REQUEST, "response without a challenge");
	return message_take(sasl, text);
}

enum sasl_step sasl_abort(struct sasl *sasl)
{
	return step_fail(sasl, SASL_ABORTED, "aborted by the client");
}

enum sasl_step sasl_malformed(struct sasl *sasl)
{
	return step_fail(sasl, SASL_MALFORMED_REQUEST, "malformed element");
}

const char *sasl_data(const struct sasl *sasl)
{
	return sasl->data;
}

const char *sasl_username(const struct sasl *sasl)
{
	return sasl->username;
}

const char *sasl_mechanism(const struct sasl *sasl)
{
	return sasl->mechanism == NULL ? NULL : sasl->mechanism->name;
}

enum sasl_failure sasl_failure(const struct sasl *sasl)
{
	return sasl->failure;
}

const char *sasl_why(const struct sasl *sasl)
{
	return sasl->why;
}
