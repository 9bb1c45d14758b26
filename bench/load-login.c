/* load-login.c - see load-login.h.
 * A client is ready when its own presence has come back (RFC 6121 section 4.2.2): then the server
 * is done with it. */
#include "load-login.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/hash.h"
#include "base/mem.h"
#include "load-client.h"
#include "load-measure.h"

#define SASL "urn:ietf:params:xml:ns:xmpp-sasl"
#define MECHANISM "SCRAM-SHA-256"
#define KEY_BYTES 32
#define NONCE_BYTES 18

/* The keys that come of our password under one salt. */
struct keys {
	char *challenge; /* "s=...,i=..." as the server wrote it; what they are found by */
	unsigned char client[KEY_BYTES], stored[KEY_BYTES], server[KEY_BYTES];
};

/* Of a client that is logging in. */
struct login {
	const struct step *step;  /* what it waits for */
	struct arena *arena;      /* of the texts below */
	const char *first;        /* client-first-message-bare */
	const char *server_final; /* what the server must prove */
};

struct step {
	const char *element; /* that is waited for */
	void (*take)(struct client *client, struct span stanza);
};

static void take_offer(struct client *client, struct span features);
static void take_proceed(struct client *client, struct span stanza);
static void take_mechanisms(struct client *client, struct span features);
static void take_challenge(struct client *client, struct span challenge);
static void take_success(struct client *client, struct span success);
static void take_bind_offer(struct client *client, struct span features);
static void take_bound(struct client *client, struct span iq);
static void take_roster(struct client *client, struct span iq);
static void take_presence(struct client *client, struct span presence);

/* In the order in which they come. */
static const struct step steps[] = {
	{ "stream:features", take_offer },
	{ "proceed", take_proceed },
	{ "stream:features", take_mechanisms },
	{ "challenge", take_challenge },
	{ "success", take_success },
	{ "stream:features", take_bind_offer },
	{ "iq", take_bound },
	{ "iq", take_roster },
	{ "presence", take_presence },
};

/* By challenge; a server that gives every account a salt of its own makes us derive as often. */
static struct hash *known_keys;

void logins_begin(void)
{
	crypto_init();
	known_keys = hash_new();
}

static void client_ready(struct client *client)
{
	login_forget(client);
	client->is_ready = true;
	client->receive = client->events->stanza;
	client->events->ready(client);
}

static void login_receive(struct client *client, struct span stanza)
{
	const struct step *step = client->login->step;

	if (span_is(stanza, "failure")) {
		client_fail(client, "login refused");
	} else if (span_is(stanza, "stream:error")) {
		client_fail(client, "stream error during login");
	} else if (span_is(stanza, step->element)) {
		client->login->step++;
		step->take(client, stanza);
	} else {
		client->events->stanza(client, stanza);
	}
}

/* bench/floor has one word for everybody. */
static void group_receive(struct client *client, struct span stanza)
{
	if (span_is(stanza, "ok"))
		client_ready(client);
}

void login_start(struct client *client)
{
	client->login = mem_alloc_zero(sizeof *client->login);
	client->login->arena = arena_new(0);
	client->login->step = steps;
	client->begun_ns = now_ns();
	client->is_ready = false;
	client_open(client, client_settings()->is_raw ? group_receive : login_receive);
}

void login_forget(struct client *client)
{
	if (client->login == NULL)
		return;
	arena_free(&client->login->arena);
	mem_free(client->login);
	client->login = NULL;
}

/* ---- TLS ---- */

static void take_offer(struct client *client, struct span features)
{
	if (span_contains(features, "<starttls"))
		client_printf(client, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
	else
		client_fail(client, "no STARTTLS offered");
}

static void take_proceed(struct client *client, struct span stanza)
{
	(void)stanza;
	client_start_tls(client);
}

/* ---- SCRAM (RFC 5802) ---- */

static void take_mechanisms(struct client *client, struct span features)
{
	struct login *login = client->login;
	unsigned char nonce[NONCE_BYTES];
	const char *message;

	if (!span_contains(features, ">" MECHANISM "<")) {
		client_fail(client, "no " MECHANISM " offered");
		return;
	}
	crypto_random(nonce, sizeof nonce);
	login->first = arena_printf(login->arena, "n=%s%zu,r=%s", client->prefix, client->number,
	    base64_encode(login->arena, nonce, sizeof nonce));
	message = arena_printf(login->arena, "n,,%s", login->first);
	client_printf(client, "<auth xmlns='" SASL "' mechanism='" MECHANISM "'>%s</auth>",
	    base64_encode(login->arena, message, strlen(message)));
}

static void hmac(const unsigned char *key, const char *text, unsigned char *out)
{
	crypto_hmac(DIGEST_SHA256, key, KEY_BYTES, text, strlen(text), out);
}

/* NULL if the challenge makes no sense. */
static struct keys *keys_derive(struct arena *arena, const char *challenge)
{
	const char *password = client_settings()->password;
	char salt_text[256];
	unsigned char salted[KEY_BYTES];
	unsigned iterations;
	size_t salt_length;
	char *salt = NULL;
	struct keys *keys;

	if (sscanf(challenge, "s=%255[^,],i=%u", salt_text, &iterations) == 2)
		salt = base64_decode(arena, salt_text, &salt_length);
	if (salt == NULL)
		return NULL;
	keys = mem_alloc(sizeof *keys);
	keys->challenge = mem_strdup(challenge);
	crypto_pbkdf2(
	    DIGEST_SHA256, password, strlen(password), salt, salt_length, iterations, salted);
	hmac(salted, "Client Key", keys->client);
	hmac(salted, "Server Key", keys->server);
	crypto_hash(DIGEST_SHA256, keys->client, KEY_BYTES, keys->stored);
	hash_put(known_keys, keys->challenge, strlen(keys->challenge), keys);
	return keys;
}

static const struct keys *keys_get(struct arena *arena, const char *challenge)
{
	struct keys *keys = hash_get(known_keys, challenge, strlen(challenge));

	return keys == NULL ? keys_derive(arena, challenge) : keys;
}

/* The client's last message; what the server has to answer is kept. */
static const char *proof_make(
    struct login *login, const struct keys *keys, const char *server_first, const char *nonce)
{
	const char *without_proof = arena_printf(login->arena, "c=biws,r=%s", nonce);
	const char *message =
	    arena_printf(login->arena, "%s,%s,%s", login->first, server_first, without_proof);
	unsigned char proof[KEY_BYTES], signature[KEY_BYTES];

	hmac(keys->server, message, signature);
	login->server_final = arena_printf(
	    login->arena, "v=%s", base64_encode(login->arena, signature, sizeof signature));
	hmac(keys->stored, message, signature);
	for (size_t i = 0; i < sizeof proof; i++)
		proof[i] = keys->client[i] ^ signature[i];
	return arena_printf(login->arena, "%s,p=%s", without_proof,
	    base64_encode(login->arena, proof, sizeof proof));
}

static void take_challenge(struct client *client, struct span challenge)
{
	struct login *login = client->login;
	struct span inside = span_inside(challenge);
	size_t length;
	const char *message = base64_decode(
	    login->arena, arena_strndup(login->arena, inside.at, inside.length), &length);
	const char *salt = message == NULL ? NULL : strstr(message, ",s=");
	const struct keys *keys = salt == NULL ? NULL : keys_get(login->arena, salt + 1);

	if (keys == NULL || strncmp(message, "r=", 2) != 0) {
		client_fail(client, "bad SCRAM challenge");
		return;
	}
	message = proof_make(login, keys, message,
	    arena_strndup(login->arena, message + 2, (size_t)(salt - message - 2)));
	client_printf(client, "<response xmlns='" SASL "'>%s</response>",
	    base64_encode(login->arena, message, strlen(message)));
}

static void take_success(struct client *client, struct span success)
{
	struct login *login = client->login;
	struct span inside = span_inside(success);
	size_t length;
	const char *message = base64_decode(
	    login->arena, arena_strndup(login->arena, inside.at, inside.length), &length);

	if (text_equal(message, login->server_final))
		client_open_stream(client);
	else
		client_fail(client, "the server does not know the password");
}

/* ---- the session ---- */

static void take_bind_offer(struct client *client, struct span features)
{
	(void)features;
	client_printf(client, "<iq type='set' id='bind'><bind "
			      "xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>load</resource>"
			      "</bind></iq>");
}

static void take_bound(struct client *client, struct span iq)
{
	if (!span_attribute_is(iq, "type", "result")) {
		client_fail(client, "bind refused");
		return;
	}
	client_printf(client, "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
}

static void take_roster(struct client *client, struct span iq)
{
	if (span_attribute_is(iq, "type", "result"))
		client_printf(client, "<presence/>");
	else
		client_fail(client, "roster refused");
}

static void take_presence(struct client *client, struct span presence)
{
	(void)presence;
	client_ready(client);
}
