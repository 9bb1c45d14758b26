/* test_gsasl.c - our side of SASL against the client of GNU SASL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/scram-keys.h"
#include "base/text.h"
#include "stream/sasl.h"
#include "trial.h"
#include "xmpp/jid.h"

#define CHANNEL "0123456789abcdef0123456789abcdef"

static struct scram_keys sha1, sha256;

static size_t binding_here(void *state, enum binding binding, unsigned char *out)
{
	if (binding != BINDING_TLS_EXPORTER)
		return 0;
	if (out != NULL)
		memcpy(out, CHANNEL, 32);
	return 32;
}

struct conversation {
	const char *mechanism;
	const char *username, *authzid, *password;
	const char *channel; /* what the client believes; NULL: it cannot bind */
	bool offered;        /* whether we can bind */
	bool good;
	enum sasl_failure failure;
};

static enum sasl_step keys_give(struct sasl *sasl)
{
	return trial_make(sasl, sasl_keys(sasl, RC_OK, &sha1, &sha256));
}

/* Runs it and returns our last step. The client must agree to a success. */
static enum sasl_step converse(Gsasl *gsasl, const struct conversation *talk, struct sasl *sasl)
{
	struct arena *arena = arena_new(0);
	Gsasl_session *client;
	enum sasl_step step;
	char *out = NULL;
	int rc;

	assert_int_equal(gsasl_client_start(gsasl, talk->mechanism, &client), GSASL_OK);
	gsasl_property_set(client, GSASL_AUTHID, talk->username);
	gsasl_property_set(client, GSASL_PASSWORD, talk->password);
	if (talk->authzid != NULL)
		gsasl_property_set(client, GSASL_AUTHZID, talk->authzid);
	if (talk->channel != NULL)
		gsasl_property_set(client, GSASL_CB_TLS_EXPORTER,
		    base64_encode(arena, talk->channel, strlen(talk->channel)));
	rc = gsasl_step64(client, NULL, &out);
	assert_true(rc == GSASL_OK || rc == GSASL_NEEDS_MORE);
	step = sasl_auth(sasl, talk->mechanism, out);
	gsasl_free(out);
	while (step == SASL_KEYS || step == SASL_CHALLENGE) {
		if (step == SASL_KEYS) {
			assert_string_equal(sasl_username(sasl), "romeo");
			step = keys_give(sasl);
			continue;
		}
		rc = gsasl_step64(client, sasl_data(sasl), &out);
		assert_true(rc == GSASL_OK || rc == GSASL_NEEDS_MORE);
		step = sasl_response(sasl, out);
		gsasl_free(out);
	}
	if (step == SASL_SUCCESS && *sasl_data(sasl) != '\0') {
		assert_int_equal(gsasl_step64(client, sasl_data(sasl), &out), GSASL_OK);
		gsasl_free(out);
	}
	gsasl_finish(client);
	arena_free(&arena);
	return step;
}

static const struct conversation talks[] = {
	{ "SCRAM-SHA-1", "romeo", NULL, "secret", NULL, false, true },
	{ "SCRAM-SHA-256", "romeo", NULL, "secret", NULL, false, true },
	/* n: it cannot, whatever we offer */
	{ "SCRAM-SHA-256", "romeo", NULL, "secret", NULL, true, true },
	/* p; this client never says y, for which see test_scram.c */
	{ "SCRAM-SHA-1-PLUS", "romeo", NULL, "secret", CHANNEL, true, true },
	{ "SCRAM-SHA-256-PLUS", "romeo", NULL, "secret", CHANNEL, true, true },
	{ "SCRAM-SHA-1-PLUS", "romeo", NULL, "secret", "another channel", true, false,
	    SASL_NOT_AUTHORIZED },
	{ "SCRAM-SHA-256-PLUS", "romeo", NULL, "secret", "another channel", true, false,
	    SASL_NOT_AUTHORIZED },
	{ "SCRAM-SHA-256-PLUS", "romeo", NULL, "wrong", CHANNEL, true, false, SASL_NOT_AUTHORIZED },
	{ "SCRAM-SHA-1-PLUS", "romeo", NULL, "secret", CHANNEL, false, false,
	    SASL_INVALID_MECHANISM },
	{ "SCRAM-SHA-1", "romeo", NULL, "wrong", NULL, false, false, SASL_NOT_AUTHORIZED },
	{ "SCRAM-SHA-256", "romeo", "romeo@example.org", "secret", NULL, true, true },
	{ "SCRAM-SHA-256", "romeo", "juliet@example.org", "secret", NULL, true, false,
	    SASL_INVALID_AUTHZID },
	{ "PLAIN", "romeo", NULL, "secret", NULL, false, true },
	{ "PLAIN", "romeo", NULL, "wrong", NULL, false, false, SASL_NOT_AUTHORIZED },
	{ "PLAIN", "romeo", "juliet@example.org", "secret", NULL, true, false,
	    SASL_INVALID_AUTHZID },
};

static void test_conversations(void **state)
{
	Gsasl *gsasl;

	assert_int_equal(gsasl_init(&gsasl), GSASL_OK);
	for (size_t i = 0; i < COUNT_OF(talks); i++) {
		const struct sasl_channel channel = { .domain = "example.org",
			.secure = true,
			.allow_plain = true,
			.iterations = 10,
			.binding = talks[i].offered ? binding_here : NULL };
		struct sasl *sasl = sasl_new(&channel);
		enum sasl_step step = converse(gsasl, &talks[i], sasl);

		if ((step == SASL_SUCCESS) != talks[i].good)
			fail_msg("conversation %zu: %s", i, sasl_why(sasl));
		if (step == SASL_FAILURE)
			assert_int_equal(sasl_failure(sasl), talks[i].failure);
		sasl_free(&sasl);
	}
	gsasl_done(gsasl);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversations),
	};

	crypto_init();
	jid_init();
	scram_keys_make(&sha1, DIGEST_SHA1, "secret", 10);
	scram_keys_make(&sha256, DIGEST_SHA256, "secret", 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
