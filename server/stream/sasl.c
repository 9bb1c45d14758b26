/* sasl.c - the state machine of SASL exchanges.
 * Each element is one call, and each state takes exactly one kind of it. A failure ends the
 * exchange and leaves the machine idle, ready for the next. Who fails at the password and who fails
 * at the name take the same way and the same time: unknown names get keys that no password fits. */
#include "stream/sasl.h"

#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/text.h"
#include "stream/scram.h"
#include "xmpp/jid.h"

enum state {
	STATE_IDLE,  /* no exchange */
	STATE_FIRST, /* the mechanism is chosen; its first message is to come */
	STATE_KEYS,  /* the keys are asked for */
	STATE_FINAL, /* SCRAM: the proof is to come */
	STATE_DONE   /* succeeded: nothing may follow */
};

struct mechanism {
	const char *name;
	enum digest digest;
	bool plus;
	bool plain;
};

/* Best first. */
static const struct mechanism mechanisms[] = {
	{ "SCRAM-SHA-256-PLUS", DIGEST_SHA256, .plus = true },
	{ "SCRAM-SHA-1-PLUS", DIGEST_SHA1, .plus = true },
	{ "SCRAM-SHA-256", DIGEST_SHA256 },
	{ "SCRAM-SHA-1", DIGEST_SHA1 },
	{ "PLAIN", DIGEST_SHA256, .plain = true },
};

static const struct {
	const char *name;
	bool offered;
} bindings[] = {
	[BINDING_TLS_EXPORTER] = { "tls-exporter", true },
	[BINDING_TLS_SERVER_END_POINT] = { "tls-server-end-point", true },
	/* Some clients know no other (slixmpp, gloox); nobody shall be led to it. */
	[BINDING_TLS_UNIQUE] = { "tls-unique", false },
};

struct sasl {
	struct sasl_channel channel;
	bool bindings[COUNT_OF(bindings)]; /* which the channel can give */
	bool plus_offered;

	enum state state;
	const struct mechanism *mechanism;
	struct arena *arena; /* of this exchange */
	struct scram scram;
	const char *username;
	char *password;      /* PLAIN's */
	bool disabled;       /* to be told to who knows the password only */
	const char *refusal; /* for the log: why a proof cannot be right */
	const char *data;
	enum sasl_failure failure;
	const char *why;
};

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

struct sasl *sasl_new(const struct sasl_channel *channel)
{
	struct sasl *sasl = mem_alloc_zero(sizeof(*sasl));

	sasl->channel = *channel;
	for (size_t i = 0; i < COUNT_OF(bindings); i++) {
		sasl->bindings[i] = channel->binding != NULL &&
		                    channel->binding(channel->state, (enum binding)i, NULL) > 0;
		if (sasl->bindings[i] && bindings[i].offered)
			sasl->plus_offered = true;
	}
	return sasl;
}

static void secrets_wipe(struct sasl *sasl)
{
	if (sasl->password != NULL)
		crypto_wipe(sasl->password, strlen(sasl->password));
	sasl->password = NULL;
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
	mem_free(dead);
}

/* Why this channel may not use the mechanism; true if it may. The one place that decides, for
 * offers and for requests. */
static bool mechanism_allowed(
    const struct sasl *sasl, const struct mechanism *mechanism, enum sasl_failure *failure_out)
{
	const struct sasl_channel *channel = &sasl->channel;

	*failure_out = SASL_INVALID_MECHANISM;
	if (mechanism->plain && !channel->allow_plain)
		return false;
	if (mechanism->plus && channel->secure && !sasl->plus_offered)
		return false;
	*failure_out = SASL_ENCRYPTION_REQUIRED;
	return channel->secure || !(channel->tls_required || mechanism->plain || mechanism->plus);
}

const char *sasl_offered(const struct sasl *sasl, size_t *cursor)
{
	enum sasl_failure ignored;

	while (*cursor < COUNT_OF(mechanisms)) {
		const struct mechanism *mechanism = &mechanisms[(*cursor)++];

		if (mechanism_allowed(sasl, mechanism, &ignored))
			return mechanism->name;
	}
	return NULL;
}

const char *sasl_offered_binding(const struct sasl *sasl, size_t *cursor)
{
	while (*cursor < COUNT_OF(bindings)) {
		size_t i = (*cursor)++;

		if (sasl->bindings[i] && bindings[i].offered)
			return bindings[i].name;
	}
	return NULL;
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

/* Message of RFC 4616: authzid NUL authcid NUL passwd. */
static enum sasl_step plain_message(struct sasl *sasl, char *message, size_t length)
{
	const char *authzid = message, *username, *end = message + length;
	char *password;

	username = memchr(message, '\0', length);
	if (username == NULL || ++username >= end)
		return step_fail(sasl, SASL_MALFORMED_REQUEST, "malformed PLAIN message");
	password = memchr(username, '\0', (size_t)(end - username));
	if (password == NULL || password == username || ++password >= end ||
	    memchr(password, '\0', (size_t)(end - password)) != NULL ||
	    !utf8_valid(message, length))
		return step_fail(sasl, SASL_MALFORMED_REQUEST, "malformed PLAIN message");
	sasl->password = password;
	return name_check(sasl, username, authzid);
}

static bool binding_find(const struct sasl *sasl, const char *name, enum binding *binding_out)
{
	for (size_t i = 0; i < COUNT_OF(bindings); i++) {
		if (strcmp(bindings[i].name, name) != 0)
			continue;
		*binding_out = (enum binding)i;
		return sasl->bindings[i];
	}
	return false;
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
	    sasl->mechanism->plus, sasl->plus_offered, message, length);

	if (result != SCRAM_MALFORMED)
		sasl->username = scram->username;
	if (result != SCRAM_OK)
		return scram_fail(sasl, result);
	if (scram->plus && !binding_find(sasl, scram->binding_name, &binding))
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

	if (sasl->scram.plus && binding_find(sasl, sasl->scram.binding_name, &binding))
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
	            (sasl->mechanism->plain && sha256 == NULL && sha1 != NULL);
	const struct scram_keys *keys = weak ? sha1 : sha256;
	struct scram_keys fakes;

	if (keys != NULL)
		return *keys;
	scram_keys_fake(&fakes, weak ? DIGEST_SHA1 : DIGEST_SHA256,
	    arena_printf(sasl->arena, "%s@%s", sasl->username, sasl->channel.domain),
	    sasl->channel.iterations);
	return fakes;
}

/* A password that SASLprep (RFC 4013) refuses fits nobody, but is tried all the same. */
static enum sasl_step plain_try(struct sasl *sasl, struct scram_keys *keys)
{
	const char *prepared = jid_prepare_password(sasl->arena, sasl->password);
	bool fits = scram_keys_fit(keys, prepared == NULL ? sasl->password : prepared);

	crypto_wipe(keys, sizeof(*keys));
	if (!fits || prepared == NULL)
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

	if (sasl->state != STATE_KEYS)
		return step_fail(sasl, SASL_MALFORMED_REQUEST, "keys that nobody asked for");
	if (rc == RC_NOT_ALLOWED && sha1 == NULL && sha256 == NULL)
		return step_fail(sasl, SASL_ACCOUNT_DISABLED, "account disabled");
	if (rc != RC_OK && rc != RC_ITEM_NOT_FOUND && rc != RC_NOT_ALLOWED)
		return step_fail(sasl, SASL_TEMPORARY_AUTH_FAILURE, "accounts cannot be read now");
	sasl->disabled = rc == RC_NOT_ALLOWED;
	sasl->refusal = rc == RC_ITEM_NOT_FOUND ? "no such account" : "wrong password";
	keys = rc == RC_ITEM_NOT_FOUND ? keys_choose(sasl, NULL, NULL)
	                               : keys_choose(sasl, sha1, sha256);
	if (sasl->mechanism->plain)
		return plain_try(sasl, &keys);
	return step_send(sasl, SASL_CHALLENGE, scram_server_first(&sasl->scram, &keys, NULL));
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
	if (!sasl->mechanism->plain)
		return scram_first(sasl, message, length);
	return plain_message(sasl, message, length);
}

static const struct mechanism *mechanism_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(mechanisms); i++)
		if (strcmp(mechanisms[i].name, name) == 0)
			return &mechanisms[i];
	return NULL;
}

bool sasl_is_ongoing(const struct sasl *sasl)
{
	return sasl->state == STATE_FIRST || sasl->state == STATE_FINAL;
}

enum sasl_step sasl_auth(struct sasl *sasl, const char *mechanism, const char *text)
{
	enum sasl_failure failure;

	if (sasl->state == STATE_KEYS || sasl->state == STATE_DONE)
		return step_fail(sasl, SASL_MALFORMED_REQUEST, "auth inside an exchange");
	exchange_end(sasl);
	sasl->state = STATE_IDLE;
	sasl->arena = arena_new(0);
	sasl->disabled = false;
	sasl->mechanism = mechanism == NULL ? NULL : mechanism_find(mechanism);
	if (sasl->mechanism == NULL)
		return step_fail(sasl, SASL_INVALID_MECHANISM, "unknown mechanism");
	if (!mechanism_allowed(sasl, sasl->mechanism, &failure))
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
