/* test_sasl.c - SASL exchanges: offers, refusals, authzids, disabled and unknown accounts, and
 * elements that come when nobody asked for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "stream/external.h"
#include "stream/sasl.h"
#include "stream/scram.h"
#include "trial.h"
#include "xmpp/jid.h"

static struct arena *arena;
static struct scram_keys sha1, sha256;

/* All bindings, their names' lengths as data. */
static size_t bindings_all(void *state, enum binding binding, unsigned char *out)
{
	if (out != NULL)
		memset(out, 'b', 12);
	return 12;
}

static size_t bindings_old(void *state, enum binding binding, unsigned char *out)
{
	return binding == BINDING_TLS_UNIQUE ? bindings_all(state, binding, out) : 0;
}

static const struct sasl_channel secure_channel = { .domain = "example.org",
	.secure = true,
	.tls_required = true,
	.allow_plain = true,
	.iterations = 10,
	.binding = bindings_all };

static struct sasl *sasl_secure(void)
{
	return sasl_new(&secure_channel);
}

static const char *encode(const char *bytes, size_t length)
{
	return base64_encode(arena, bytes, length);
}

#define PLAIN(literal) encode(literal, sizeof(literal) - 1)

static enum sasl_failure failure_of(struct sasl *sasl, enum sasl_step step)
{
	assert_int_equal(step, SASL_FAILURE);
	assert_non_null(sasl_why(sasl));
	return sasl_failure(sasl);
}

static enum sasl_step keys_give(
    struct sasl *sasl, enum rc rc, const struct scram_keys *first, const struct scram_keys *second)
{
	return trial_make(sasl, sasl_keys(sasl, rc, first, second));
}

/* What is not offered is not accepted. */
static void test_not_offered(void **state)
{
	static const struct {
		const char *mechanism;
		bool secure, tls_required, allow_plain, binds;
		enum sasl_failure failure;
	} cases[] = {
		{ "ANONYMOUS", true, true, true, true, SASL_INVALID_MECHANISM },
		{ "EXTERNAL", true, true, true, true, SASL_INVALID_MECHANISM },
		{ "DIGEST-MD5", true, true, true, true, SASL_INVALID_MECHANISM },
		{ "plain", true, true, true, true, SASL_INVALID_MECHANISM },
		{ "", true, true, true, true, SASL_INVALID_MECHANISM },
		{ NULL, true, true, true, true, SASL_INVALID_MECHANISM },
		{ "PLAIN", true, true, false, true, SASL_INVALID_MECHANISM },
		{ "PLAIN", false, true, true, false, SASL_ENCRYPTION_REQUIRED },
		{ "PLAIN", false, false, true, false, SASL_ENCRYPTION_REQUIRED },
		{ "SCRAM-SHA-1", false, true, true, false, SASL_ENCRYPTION_REQUIRED },
		{ "SCRAM-SHA-256-PLUS", true, true, true, false, SASL_INVALID_MECHANISM },
		{ "SCRAM-SHA-256-PLUS", false, false, true, false, SASL_ENCRYPTION_REQUIRED },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct sasl_channel channel = secure_channel;
		struct sasl *sasl;

		channel.secure = cases[i].secure;
		channel.tls_required = cases[i].tls_required;
		channel.allow_plain = cases[i].allow_plain;
		channel.binding = cases[i].binds ? bindings_all : NULL;
		sasl = sasl_new(&channel);
		assert_int_equal(
		    failure_of(sasl, sasl_auth(sasl, cases[i].mechanism, PLAIN("\0romeo\0secret"))),
		    cases[i].failure);
		sasl_free(&sasl);
	}
}

static void test_plain(void **state)
{
	struct sasl *sasl = sasl_secure();

	assert_int_equal(sasl_auth(sasl, "PLAIN", PLAIN("\0Romeo\0secret")), SASL_KEYS);
	assert_string_equal(sasl_username(sasl), "romeo");
	assert_string_equal(sasl_mechanism(sasl), "PLAIN");
	assert_int_equal(keys_give(sasl, RC_OK, &sha1, &sha256), SASL_SUCCESS);
	assert_string_equal(sasl_data(sasl), "");
	assert_string_equal(sasl_username(sasl), "romeo");
	sasl_free(&sasl);
}

/* While a password is tried nothing else is taken; one that cannot be tried is not refused for
 * ever.
 */
static void test_plain_trial(void **state)
{
	struct sasl *sasl = sasl_secure();
	const char *password;

	assert_int_equal(failure_of(sasl, sasl_tried(sasl, RC_OK)), SASL_MALFORMED_REQUEST);
	assert_int_equal(sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0secret")), SASL_KEYS);
	assert_int_equal(failure_of(sasl, sasl_tried(sasl, RC_OK)), SASL_MALFORMED_REQUEST);
	assert_int_equal(sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0secret")), SASL_KEYS);
	assert_int_equal(sasl_keys(sasl, RC_OK, &sha1, &sha256), SASL_TRIAL);
	assert_memory_equal(sasl_trial(sasl, &password), &sha256, sizeof(sha256));
	assert_string_equal(password, "secret");
	assert_int_equal(failure_of(sasl, sasl_tried(sasl, RC_RESOURCE_CONSTRAINT)),
	    SASL_TEMPORARY_AUTH_FAILURE);
	assert_int_equal(sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0secret")), SASL_KEYS);
	assert_int_equal(sasl_keys(sasl, RC_OK, &sha1, &sha256), SASL_TRIAL);
	assert_int_equal(failure_of(sasl, sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0x"))),
	    SASL_MALFORMED_REQUEST);
	sasl_free(&sasl);
}

/* With one kind of keys only; without an initial response; after a failure. */
static void test_plain_ways(void **state)
{
	struct sasl *sasl = sasl_secure();

	assert_int_equal(sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0wrong")), SASL_KEYS);
	assert_int_equal(
	    failure_of(sasl, keys_give(sasl, RC_OK, &sha1, &sha256)), SASL_NOT_AUTHORIZED);
	assert_string_equal(sasl_username(sasl), "romeo");
	assert_int_equal(sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0wrong")), SASL_KEYS);
	assert_int_equal(
	    failure_of(sasl, keys_give(sasl, RC_OK, &sha1, NULL)), SASL_NOT_AUTHORIZED);
	assert_int_equal(sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0secret")), SASL_KEYS);
	assert_int_equal(failure_of(sasl, keys_give(sasl, RC_OK, NULL, NULL)), SASL_NOT_AUTHORIZED);
	assert_int_equal(sasl_auth(sasl, "PLAIN", ""), SASL_CHALLENGE);
	assert_string_equal(sasl_data(sasl), "");
	assert_int_equal(sasl_response(sasl, PLAIN("\0romeo\0secret")), SASL_KEYS);
	assert_int_equal(keys_give(sasl, RC_OK, &sha1, NULL), SASL_SUCCESS);
	sasl_free(&sasl);
}

static void test_plain_malformed(void **state)
{
	struct sasl *sasl = sasl_secure();

	assert_int_equal(failure_of(sasl, sasl_auth(sasl, "PLAIN", "=")), SASL_MALFORMED_REQUEST);
	assert_int_equal(
	    failure_of(sasl, sasl_auth(sasl, "PLAIN", PLAIN("\0romeo"))), SASL_MALFORMED_REQUEST);
	sasl_free(&sasl);
}

static void test_encoding(void **state)
{
	static const char *const wrong[] = { "====", "A", "AA", "AAA", "AA=A", "AA==AA==",
		"AHJvbWVvAHNlY3JldA= =", " AHJvbWVvAHNlY3JldA==", "AHJvbWVvAHNlY3JldA==\n",
		"AHJvbWVvAHNlY3JldB==", "AHJv_mVv", "\xc3\xa4", "==" };
	struct sasl *sasl = sasl_secure();

	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		assert_int_equal(
		    failure_of(sasl, sasl_auth(sasl, "PLAIN", wrong[i])), SASL_INCORRECT_ENCODING);
		assert_int_equal(failure_of(sasl, sasl_auth(sasl, "SCRAM-SHA-1", wrong[i])),
		    SASL_INCORRECT_ENCODING);
	}
	sasl_free(&sasl);
}

/* RFC 6120 section 6.3.8: whoever's password it is, that is who it is. */
static void test_authzid(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		bool good;
	} cases[] = {
#define CASE(literal, good) { literal, sizeof(literal) - 1, good }
		CASE("romeo@example.org\0romeo\0secret", true),
		CASE("ROMEO@Example.ORG\0romeo\0secret", true),
		CASE("juliet@example.org\0romeo\0secret", false),
		CASE("romeo@example.net\0romeo\0secret", false),
		CASE("romeo@example.org/orchard\0romeo\0secret", false),
		CASE("romeo\0romeo\0secret", false),
		CASE("example.org\0romeo\0secret", false),
		CASE("@\0romeo\0secret", false),
		CASE("nobody@example.org\0romeo\0secret", false),
#undef CASE
	};
	struct sasl *sasl = sasl_secure();

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		enum sasl_step step =
		    sasl_auth(sasl, "PLAIN", encode(cases[i].bytes, cases[i].length));

		if (cases[i].good) {
			assert_int_equal(step, SASL_KEYS);
			assert_int_equal(keys_give(sasl, RC_OK, &sha1, &sha256), SASL_SUCCESS);
			sasl_free(&sasl);
			sasl = sasl_secure();
		} else {
			assert_int_equal(failure_of(sasl, step), SASL_INVALID_AUTHZID);
		}
	}
	assert_int_equal(failure_of(sasl, sasl_auth(sasl, "SCRAM-SHA-1",
					      PLAIN("n,a=juliet@example.org,n=romeo,r=x"))),
	    SASL_INVALID_AUTHZID);
	assert_int_equal(
	    sasl_auth(sasl, "SCRAM-SHA-1", PLAIN("n,a=romeo@example.org,n=romeo,r=x")), SASL_KEYS);
	sasl_free(&sasl);
}

/* Names that cannot be anybody's: nobody is asked, and the answer is that of a wrong password. */
static void test_impossible_names(void **state)
{
	struct sasl *sasl = sasl_secure();
	enum sasl_step step = sasl_auth(sasl, "PLAIN", PLAIN("\0ro meo\0secret"));

	assert_int_equal(step, SASL_TRIAL);
	assert_int_equal(failure_of(sasl, trial_make(sasl, step)), SASL_NOT_AUTHORIZED);
	step = sasl_auth(sasl, "PLAIN", PLAIN("\0romeo@example.org\0secret"));
	assert_int_equal(failure_of(sasl, trial_make(sasl, step)), SASL_NOT_AUTHORIZED);
	assert_int_equal(sasl_auth(sasl, "SCRAM-SHA-1", PLAIN("n,,n=ro meo,r=x")), SASL_CHALLENGE);
	sasl_free(&sasl);
}

static void test_trouble(void **state)
{
	static const enum rc rcs[] = { RC_INTERNAL_SERVER_ERROR, RC_RESOURCE_CONSTRAINT,
		RC_REMOTE_SERVER_TIMEOUT };
	struct sasl *sasl = sasl_secure();

	for (size_t i = 0; i < COUNT_OF(rcs); i++) {
		assert_int_equal(sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0secret")), SASL_KEYS);
		assert_int_equal(failure_of(sasl, keys_give(sasl, rcs[i], NULL, NULL)),
		    SASL_TEMPORARY_AUTH_FAILURE);
	}
	sasl_free(&sasl);
}

/* Who does not know the password does not learn that the account is disabled. */
static void test_disabled(void **state)
{
	struct sasl *sasl = sasl_secure();

	assert_int_equal(sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0secret")), SASL_KEYS);
	assert_int_equal(failure_of(sasl, keys_give(sasl, RC_NOT_ALLOWED, &sha1, &sha256)),
	    SASL_ACCOUNT_DISABLED);
	assert_int_equal(sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0wrong")), SASL_KEYS);
	assert_int_equal(
	    failure_of(sasl, keys_give(sasl, RC_NOT_ALLOWED, &sha1, &sha256)), SASL_NOT_AUTHORIZED);
	assert_int_equal(sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0wrong")), SASL_KEYS);
	assert_int_equal(
	    failure_of(sasl, keys_give(sasl, RC_NOT_ALLOWED, NULL, NULL)), SASL_ACCOUNT_DISABLED);
	sasl_free(&sasl);
}

static struct sasl *sasl_external(const char *const *addresses)
{
	struct sasl_channel channel = secure_channel;

	channel.external = external_new(addresses, channel.domain);
	return sasl_new(&channel);
}

static void test_external(void **state)
{
	static const char *const one[] = { "romeo@example.org", NULL };
	static const char *const two[] = { "romeo@example.org", "juliet@example.org", NULL };
	struct sasl *sasl = sasl_external(one);
	size_t cursor = 0;

	assert_string_equal(sasl_offered(sasl, &cursor), "EXTERNAL");
	assert_string_equal(sasl_offered(sasl, &cursor), "SCRAM-SHA-256-PLUS");
	assert_int_equal(sasl_auth(sasl, "EXTERNAL", "="), SASL_KEYS);
	assert_string_equal(sasl_username(sasl), "romeo");
	assert_string_equal(sasl_mechanism(sasl), "EXTERNAL");
	assert_int_equal(sasl_keys(sasl, RC_OK, NULL, NULL), SASL_SUCCESS);
	assert_string_equal(sasl_data(sasl), "");
	assert_string_equal(sasl_username(sasl), "romeo");
	sasl_free(&sasl);

	sasl = sasl_external(two);
	assert_int_equal(failure_of(sasl, sasl_auth(sasl, "EXTERNAL", "=")), SASL_INVALID_AUTHZID);
	assert_int_equal(
	    failure_of(sasl, sasl_auth(sasl, "EXTERNAL", PLAIN("mercutio@example.org"))),
	    SASL_INVALID_AUTHZID);
	assert_int_equal(
	    failure_of(sasl, sasl_auth(sasl, "EXTERNAL", PLAIN("\xff"))), SASL_MALFORMED_REQUEST);
	assert_int_equal(
	    failure_of(sasl, sasl_auth(sasl, "EXTERNAL", "!")), SASL_INCORRECT_ENCODING);
	assert_int_equal(sasl_auth(sasl, "EXTERNAL", PLAIN("juliet@example.org")), SASL_KEYS);
	assert_string_equal(sasl_username(sasl), "juliet");
	/* Without an initial response; an account may have no password. */
	assert_int_equal(sasl_keys(sasl, RC_RESOURCE_CONSTRAINT, NULL, NULL), SASL_FAILURE);
	assert_int_equal(sasl_auth(sasl, "EXTERNAL", ""), SASL_CHALLENGE);
	assert_string_equal(sasl_data(sasl), "");
	assert_int_equal(sasl_response(sasl, PLAIN("romeo@example.org")), SASL_KEYS);
	assert_int_equal(sasl_keys(sasl, RC_OK, &sha1, &sha256), SASL_SUCCESS);
	sasl_free(&sasl);
}

static void test_external_refused(void **state)
{
	static const char *const one[] = { "romeo@example.org", NULL };
	static const struct {
		enum rc rc;
		bool has_keys;
		enum sasl_failure failure;
	} cases[] = {
		{ RC_ITEM_NOT_FOUND, false, SASL_NOT_AUTHORIZED },
		{ RC_NOT_ALLOWED, false, SASL_ACCOUNT_DISABLED },
		{ RC_NOT_ALLOWED, true, SASL_ACCOUNT_DISABLED },
		{ RC_RESOURCE_CONSTRAINT, false, SASL_TEMPORARY_AUTH_FAILURE },
	};
	struct sasl *sasl = sasl_external(one);

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(sasl_auth(sasl, "EXTERNAL", "="), SASL_KEYS);
		assert_int_equal(failure_of(sasl, sasl_keys(sasl, cases[i].rc,
						      cases[i].has_keys ? &sha1 : NULL, NULL)),
		    cases[i].failure);
		assert_string_equal(sasl_username(sasl), "romeo");
	}
	sasl_free(&sasl);
}

/* The answers for an unknown account have the form of those for a known one, salt included. */
static void test_unknown(void **state)
{
	const char *first, *again;
	struct sasl *sasl = sasl_secure();

	assert_int_equal(sasl_auth(sasl, "SCRAM-SHA-256", PLAIN("n,,n=nobody,r=x")), SASL_KEYS);
	assert_int_equal(keys_give(sasl, RC_ITEM_NOT_FOUND, NULL, NULL), SASL_CHALLENGE);
	first = strstr(base64_decode(arena, sasl_data(sasl), &(size_t){ 0 }), ",s=");
	assert_int_equal(failure_of(sasl, sasl_response(sasl, PLAIN("c=biws,r=x,p=AAAA"))),
	    SASL_MALFORMED_REQUEST);
	assert_int_equal(sasl_auth(sasl, "SCRAM-SHA-256", PLAIN("n,,n=nobody,r=x")), SASL_KEYS);
	assert_int_equal(keys_give(sasl, RC_ITEM_NOT_FOUND, NULL, NULL), SASL_CHALLENGE);
	again = strstr(base64_decode(arena, sasl_data(sasl), &(size_t){ 0 }), ",s=");
	assert_string_equal(first, again);
	assert_non_null(strstr(first, ",i=10"));
	assert_int_equal(strlen(strstr(first, ",s=")), strlen(",s=") + 24 + strlen(",i=10"));
	sasl_free(&sasl);
}

static int64_t cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t refusal_us(struct sasl *sasl, enum rc rc, const struct scram_keys *keys)
{
	int64_t before = cpu_us();

	sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0wrong"));
	assert_int_equal(keys_give(sasl, rc, NULL, keys), SASL_FAILURE);
	return cpu_us() - before;
}

static bool are_close(int64_t a, int64_t b)
{
	return a * 10 <= b * 12 && b * 10 <= a * 12;
}

/* At most 1.2 times, to either side. Both in turn, and the least of each: another program, or the
 * processor's mood, can only make one take longer. */
static void test_unknown_time(void **state)
{
	struct sasl_channel channel = secure_channel;
	struct scram_keys keys;
	int64_t known = INT64_MAX, unknown = INT64_MAX, took;
	struct sasl *sasl;

	channel.iterations = 4096;
	sasl = sasl_new(&channel);
	scram_keys_make(&keys, DIGEST_SHA256, "secret", 4096);
	for (int i = 0; i < 20 || (i < 500 && !are_close(known, unknown)); i++) {
		took = refusal_us(sasl, RC_OK, &keys);
		known = took < known ? took : known;
		took = refusal_us(sasl, RC_ITEM_NOT_FOUND, NULL);
		unknown = took < unknown ? took : unknown;
	}
	sasl_free(&sasl);
	assert_true(are_close(known, unknown));
}

/* SASLprep (RFC 4013): what looks the same is the same; what is prohibited fits nobody. */
static void test_password_prepared(void **state)
{
	struct scram_keys keys;
	struct sasl *sasl = sasl_secure();

	scram_keys_make(&keys, DIGEST_SHA256, jid_prepare_password(arena, "\xc3\xa4 IV"), 10);
	assert_int_equal(
	    sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0a\xcc\x88\xc2\xa0\xe2\x85\xa3")), SASL_KEYS);
	assert_int_equal(keys_give(sasl, RC_OK, NULL, &keys), SASL_SUCCESS);
	sasl_free(&sasl);
	sasl = sasl_secure();
	scram_keys_make(&keys, DIGEST_SHA256, "a\x07", 10);
	assert_int_equal(sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0a\x07")), SASL_KEYS);
	assert_int_equal(
	    failure_of(sasl, keys_give(sasl, RC_OK, NULL, &keys)), SASL_NOT_AUTHORIZED);
	sasl_free(&sasl);
}

/* Section 6.4 has an order; what is out of it fails and leaves nothing behind. */
/* RFC 6120 section 6.4.2: the exchange that was under way is forgotten. */
static void test_begun_anew(void **state)
{
	struct sasl *sasl = sasl_secure();

	assert_false(sasl_is_ongoing(sasl));
	assert_int_equal(sasl_auth(sasl, "PLAIN", ""), SASL_CHALLENGE);
	assert_true(sasl_is_ongoing(sasl));
	assert_int_equal(sasl_auth(sasl, "SCRAM-SHA-1", PLAIN("n,,n=juliet,r=x")), SASL_KEYS);
	assert_false(sasl_is_ongoing(sasl));
	assert_int_equal(keys_give(sasl, RC_OK, &sha1, &sha256), SASL_CHALLENGE);
	assert_int_equal(failure_of(sasl, sasl_auth(sasl, "NONSENSE", "")), SASL_INVALID_MECHANISM);
	assert_int_equal(failure_of(sasl, sasl_response(sasl, "AAAA")), SASL_MALFORMED_REQUEST);
	assert_int_equal(sasl_auth(sasl, "SCRAM-SHA-1", PLAIN("n,,n=juliet,r=x")), SASL_KEYS);
	assert_int_equal(keys_give(sasl, RC_OK, &sha1, &sha256), SASL_CHALLENGE);
	assert_int_equal(sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0secret")), SASL_KEYS);
	assert_string_equal(sasl_username(sasl), "romeo");
	assert_int_equal(keys_give(sasl, RC_OK, &sha1, &sha256), SASL_SUCCESS);
	sasl_free(&sasl);
}

static void test_out_of_order(void **state)
{
	struct sasl *sasl = sasl_secure();

	assert_int_equal(failure_of(sasl, sasl_response(sasl, "")), SASL_MALFORMED_REQUEST);
	assert_int_equal(failure_of(sasl, sasl_response(sasl, "AAAA")), SASL_MALFORMED_REQUEST);
	assert_int_equal(failure_of(sasl, sasl_abort(sasl)), SASL_ABORTED);
	assert_int_equal(
	    failure_of(sasl, keys_give(sasl, RC_OK, &sha1, &sha256)), SASL_MALFORMED_REQUEST);
	assert_int_equal(failure_of(sasl, sasl_response(sasl, PLAIN("\0romeo\0secret"))),
	    SASL_MALFORMED_REQUEST);
	assert_int_equal(sasl_auth(sasl, "SCRAM-SHA-1", PLAIN("n,,n=romeo,r=x")), SASL_KEYS);
	assert_int_equal(failure_of(sasl, sasl_response(sasl, "")), SASL_MALFORMED_REQUEST);
	assert_int_equal(
	    failure_of(sasl, keys_give(sasl, RC_OK, &sha1, &sha256)), SASL_MALFORMED_REQUEST);
	assert_int_equal(sasl_auth(sasl, "SCRAM-SHA-1", PLAIN("n,,n=romeo,r=x")), SASL_KEYS);
	assert_int_equal(keys_give(sasl, RC_OK, &sha1, &sha256), SASL_CHALLENGE);
	assert_int_equal(failure_of(sasl, sasl_abort(sasl)), SASL_ABORTED);
	assert_int_equal(failure_of(sasl, sasl_response(sasl, "")), SASL_MALFORMED_REQUEST);
	assert_int_equal(failure_of(sasl, sasl_malformed(sasl)), SASL_MALFORMED_REQUEST);
	assert_int_equal(sasl_auth(sasl, "PLAIN", PLAIN("\0romeo\0secret")), SASL_KEYS);
	assert_int_equal(keys_give(sasl, RC_OK, &sha1, &sha256), SASL_SUCCESS);
	sasl_free(&sasl);
}

static void test_bindings(void **state)
{
	static const struct {
		const char *mechanism, *message;
		bool old; /* the connection can do tls-unique only */
		enum sasl_step step;
		enum sasl_failure failure;
	} cases[] = {
		{ "SCRAM-SHA-1-PLUS", "p=tls-exporter,,n=romeo,r=x", false, SASL_KEYS },
		{ "SCRAM-SHA-1-PLUS", "p=tls-server-end-point,,n=romeo,r=x", false, SASL_KEYS },
		{ "SCRAM-SHA-1-PLUS", "p=tls-unique,,n=romeo,r=x", false, SASL_KEYS },
		{ "SCRAM-SHA-1-PLUS", "p=tls-nonsense,,n=romeo,r=x", false, SASL_FAILURE,
		    SASL_NOT_AUTHORIZED },
		{ "SCRAM-SHA-1-PLUS", "n,,n=romeo,r=x", false, SASL_FAILURE, SASL_NOT_AUTHORIZED },
		{ "SCRAM-SHA-1-PLUS", "y,,n=romeo,r=x", false, SASL_FAILURE, SASL_NOT_AUTHORIZED },
		{ "SCRAM-SHA-1", "p=tls-exporter,,n=romeo,r=x", false, SASL_FAILURE,
		    SASL_NOT_AUTHORIZED },
		/* our offer of -PLUS was taken out on its way */
		{ "SCRAM-SHA-1", "y,,n=romeo,r=x", false, SASL_FAILURE, SASL_NOT_AUTHORIZED },
		/* there was none */
		{ "SCRAM-SHA-1", "y,,n=romeo,r=x", true, SASL_KEYS },
		{ "SCRAM-SHA-1", "n,,n=romeo,r=x", false, SASL_KEYS },
		{ "SCRAM-SHA-1-PLUS", "p=tls-unique,,n=romeo,r=x", true, SASL_FAILURE,
		    SASL_INVALID_MECHANISM },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct sasl_channel channel = secure_channel;
		struct sasl *sasl;
		enum sasl_step step;

		channel.binding = cases[i].old ? bindings_old : bindings_all;
		sasl = sasl_new(&channel);
		step = sasl_auth(
		    sasl, cases[i].mechanism, encode(cases[i].message, strlen(cases[i].message)));
		if (step != cases[i].step)
			fail_msg("%s: %d", cases[i].message, (int)step);
		if (step == SASL_FAILURE)
			assert_int_equal(sasl_failure(sasl), cases[i].failure);
		sasl_free(&sasl);
	}
}

static void test_names(void **state)
{
	assert_string_equal(sasl_failure_name(SASL_ABORTED), "aborted");
	assert_string_equal(
	    sasl_failure_name(SASL_TEMPORARY_AUTH_FAILURE), "temporary-auth-failure");
	assert_true(sasl_failure_is_guess(SASL_NOT_AUTHORIZED));
	assert_false(sasl_failure_is_guess(SASL_TEMPORARY_AUTH_FAILURE));
	assert_false(sasl_failure_is_guess(SASL_ABORTED));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_offered),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_plain_trial),
		cmocka_unit_test(test_plain_ways),
		cmocka_unit_test(test_plain_malformed),
		cmocka_unit_test(test_encoding),
		cmocka_unit_test(test_authzid),
		cmocka_unit_test(test_impossible_names),
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_disabled),
		cmocka_unit_test(test_external),
		cmocka_unit_test(test_external_refused),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_unknown_time),
		cmocka_unit_test(test_password_prepared),
		cmocka_unit_test(test_begun_anew),
		cmocka_unit_test(test_out_of_order),
		cmocka_unit_test(test_bindings),
		cmocka_unit_test(test_names),
	};
	int failed;

	crypto_init();
	jid_init();
	arena = arena_new(0);
	scram_keys_make(&sha1, DIGEST_SHA1, "secret", 10);
	scram_keys_make(&sha256, DIGEST_SHA256, "secret", 10);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return failed;
}
