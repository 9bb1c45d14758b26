/* fuzz_sasl.c - SASL exchanges of arbitrary elements in arbitrary order.
 * The first byte chooses the channel. Each line that follows is one step: its first letter says
 * which (a upper-case one: the text is base64 already), the rest is the text; <auth/> has the
 * mechanism up to a space. Nobody gets in who did not show the password, and after a failure
 * nothing is left. */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/scram-keys.h"
#include "base/text.h"
#include "stream/external.h"
#include "stream/sasl.h"
#include "xmpp/jid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

static struct scram_keys sha1, sha256;
static const char *const addresses[] = { "romeo@example.org", "juliet@example.org", NULL };

static void prepare(void)
{
	static bool prepared;

	if (prepared)
		return;
	prepared = true;
	crypto_init();
	jid_init();
	scram_keys_make(&sha1, DIGEST_SHA1, "secret", 1);
	scram_keys_make(&sha256, DIGEST_SHA256, "secret", 1);
}

static size_t binding(void *state, enum binding binding, unsigned char *out)
{
	if (out != NULL)
		memset(out, 'b', 32);
	return 32;
}

struct exchange {
	struct arena *arena;
	struct sasl *sasl;
	bool waits;  /* for keys */
	bool secret; /* the password was in the last message */
	bool done;
};

/* The text as it is, or in base64. */
static const char *text_of(struct exchange *exchange, bool raw, const char *line, size_t length)
{
	exchange->secret = memmem(line, length, "\0secret", 7) != NULL;
	if (raw)
		return arena_strndup(exchange->arena, line, length);
	return base64_encode(exchange->arena, line, length);
}

static enum sasl_step auth(struct exchange *exchange, bool raw, const char *line, size_t length)
{
	const char *space = memchr(line, ' ', length);
	size_t name = space == NULL ? length : (size_t)(space - line);
	const char *mechanism = arena_strndup(exchange->arena, line, name);

	if (space == NULL)
		return sasl_auth(exchange->sasl, mechanism, "");
	return sasl_auth(
	    exchange->sasl, mechanism, text_of(exchange, raw, space + 1, length - name - 1));
}

static enum sasl_step try_password(struct exchange *exchange)
{
	const char *password;
	const struct scram_keys *keys = sasl_trial(exchange->sasl, &password);

	return sasl_tried(
	    exchange->sasl, scram_keys_fit(keys, password) ? RC_OK : RC_NOT_AUTHORIZED);
}

static enum sasl_step keys(struct exchange *exchange, char how)
{
	switch (how) {
	case 'u':
		return sasl_keys(exchange->sasl, RC_ITEM_NOT_FOUND, NULL, NULL);
	case 'd':
		return sasl_keys(exchange->sasl, RC_NOT_ALLOWED, &sha1, &sha256);
	case 't':
		return sasl_keys(exchange->sasl, RC_RESOURCE_CONSTRAINT, NULL, NULL);
	case '1':
		return sasl_keys(exchange->sasl, RC_OK, &sha1, NULL);
	default:
		return sasl_keys(exchange->sasl, RC_OK, &sha1, &sha256);
	}
}

static enum sasl_step step_run(struct exchange *exchange, const char *line, size_t length)
{
	switch (line[0]) {
	case 'a':
	case 'A':
		return auth(exchange, line[0] == 'A', line + 1, length - 1);
	case 'r':
	case 'R':
		return sasl_response(
		    exchange->sasl, text_of(exchange, line[0] == 'R', line + 1, length - 1));
	case 'k':
		return keys(exchange, length > 1 ? line[1] : 'o');
	case 'm':
		return sasl_malformed(exchange->sasl);
	default:
		return sasl_abort(exchange->sasl);
	}
}

static void step_check(struct exchange *exchange, enum sasl_step step, bool secret)
{
	struct sasl *sasl = exchange->sasl;

	exchange->waits = step == SASL_KEYS;
	if (step == SASL_TRIAL)
		step = try_password(exchange);
	switch (step) {
	case SASL_CHALLENGE:
		REQUIRE(sasl_data(sasl) != NULL && sasl_mechanism(sasl) != NULL);
		return;
	case SASL_KEYS:
		REQUIRE(
		    jid_make(exchange->arena, sasl_username(sasl), "example.org", NULL) != NULL);
		return;
	case SASL_SUCCESS:
		/* A proof of SCRAM cannot be guessed. */
		if (strcmp(sasl_mechanism(sasl), "EXTERNAL") == 0)
			REQUIRE(strcmp(sasl_username(sasl), "romeo") == 0 ||
				strcmp(sasl_username(sasl), "juliet") == 0);
		else
			REQUIRE(strcmp(sasl_mechanism(sasl), "PLAIN") == 0 && secret);
		exchange->done = true;
		return;
	case SASL_FAILURE:
		REQUIRE(sasl_failure_name(sasl_failure(sasl)) != NULL && sasl_why(sasl) != NULL);
		REQUIRE(sasl_response(sasl, "") == SASL_FAILURE);
		REQUIRE(sasl_keys(sasl, RC_OK, &sha1, &sha256) == SASL_FAILURE);
		REQUIRE(sasl_tried(sasl, RC_OK) == SASL_FAILURE);
		return;
	case SASL_TRIAL:
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exchange exchange = { 0 };
	struct sasl_channel channel = { .domain = "example.org", .iterations = 1 };
	const char *at = (const char *)data + 1, *end = (const char *)data + size;

	if (size < 2)
		return 0;
	prepare();
	channel.secure = (data[0] & 1) == 0;
	channel.tls_required = (data[0] & 2) == 0;
	channel.allow_plain = (data[0] & 4) == 0;
	channel.binding = (data[0] & 8) == 0 ? binding : NULL;
	channel.external = (data[0] & 16) == 0 ? NULL : external_new(addresses, channel.domain);
	exchange.arena = arena_new(0);
	exchange.sasl = sasl_new(&channel);
	while (at < end && !exchange.done) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t length = newline == NULL ? (size_t)(end - at) : (size_t)(newline - at);
		bool secret = exchange.secret;

		if (length > 0)
			step_check(
			    &exchange, step_run(&exchange, at, length), secret || exchange.secret);
		at += length + 1;
	}
	sasl_free(&exchange.sasl);
	arena_free(&exchange.arena);
	return 0;
}
