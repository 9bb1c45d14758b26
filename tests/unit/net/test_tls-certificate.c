/* What is said about certificates and keys that do not serve. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>

#include "base/arena.h"
#include "base/mem.h"
#include "net/tls-private.h"
#include "peer.h"

static struct arena *arena;
static struct tls_certificate good, other;

static int set_up(void **state)
{
	office_open();
	arena = arena_new(0);
	good = make_certificate("a.example", 30, "SHA256");
	other = make_certificate("b.example", 30, "SHA256");
	return 0;
}

static int tear_down(void **state)
{
	arena_free(&arena);
	office_close();
	return 0;
}

/* Loads and returns the refusal, NULL for none. */
static const char *refusal(const char *certificate, const char *key)
{
	const struct tls_certificate wanted = { "a.example", certificate, key };
	const char *error = NULL;
	struct tls_pair pair = { 0 };
	bool loaded = tls_pair_load(&pair, &wanted, arena, &error);

	assert_int_equal(loaded, error == NULL);
	tls_pair_free(&pair);
	return error;
}

static void assert_says(const char *error, const char *file, const char *trouble, const char *cure)
{
	assert_non_null(error);
	assert_non_null(strstr(error, file));
	if (strstr(error, trouble) == NULL || strstr(error, cure) == NULL)
		fail_msg("unexpected: %s", error);
}

static void test_good(void **state)
{
	assert_null(refusal(good.certificate, good.key));
	assert_null(refusal(other.certificate, other.key));
}

static void test_missing(void **state)
{
	assert_says(refusal("/nowhere/c.pem", good.key), "/nowhere/c.pem", "No such file",
	    "correct the path");
	assert_says(refusal(good.certificate, "/nowhere/k.pem"), "/nowhere/k.pem", "No such file",
	    "correct the path");
}

static void test_not_pem(void **state)
{
	const char *empty = make_file("");
	const char *bad =
	    make_file("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");

	assert_says(refusal(empty, good.key), empty, "no certificate", "BEGIN CERTIFICATE");
	assert_says(refusal(bad, good.key), bad, "no certificate", "BEGIN CERTIFICATE");
	assert_says(refusal(good.key, good.key), good.key, "no certificate", "BEGIN CERTIFICATE");
	assert_says(refusal(good.certificate, empty), empty, "no private key", "BEGIN PRIVATE KEY");
	assert_says(refusal(good.certificate, good.certificate), good.certificate, "no private key",
	    "BEGIN PRIVATE KEY");
}

static void test_mismatch(void **state)
{
	assert_says(
	    refusal(good.certificate, other.key), other.key, "does not belong", good.certificate);
}

static void test_passphrase(void **state)
{
	const char *path = make_file("");
	EVP_PKEY *key = EVP_EC_gen("P-256");
	FILE *file = fopen(path, "w");

	PEM_write_PrivateKey(
	    file, key, EVP_aes_128_cbc(), (const unsigned char *)"secret", 6, NULL, NULL);
	fclose(file);
	EVP_PKEY_free(key);
	assert_says(refusal(good.certificate, path), path, "passphrase", "openssl pkey");
}

static void append(const char *to, const char *from)
{
	char bytes[8192];
	FILE *in = fopen(from, "r"), *out = fopen(to, "a");
	size_t length = fread(bytes, 1, sizeof(bytes), in);

	fwrite(bytes, 1, length, out);
	fclose(in);
	fclose(out);
}

static void test_chain(void **state)
{
	const char *chain = make_file("");
	const struct tls_certificate wanted = { "a.example", chain, good.key };
	const char *error = NULL;
	struct tls_pair pair;
	FILE *file;

	append(chain, good.certificate);
	append(chain, other.certificate);
	append(chain, other.certificate);
	assert_true(tls_pair_load(&pair, &wanted, arena, &error));
	assert_int_equal(sk_X509_num(pair.chain), 2);
	tls_pair_free(&pair);

	file = fopen(chain, "a");
	fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", file);
	fclose(file);
	assert_says(refusal(chain, good.key), chain, "intermediate certificate 3", "chain");
}

static void test_facts(void **state)
{
	struct tls_certificate expired = make_certificate("*.example.org", -2, "SHA256");
	struct tls_facts facts;
	const char *error = NULL;

	assert_true(tls_certificate_facts(good.certificate, "a.example", arena, &facts, &error));
	assert_true(facts.names_domain);
	assert_string_equal(facts.subject, "CN=A test");
	assert_string_equal(facts.issuer, "CN=A test");
	assert_true(facts.not_after_us > time_now_us() + INT64_C(29) * 86400 * 1000000);
	assert_true(facts.not_after_us < time_now_us() + INT64_C(31) * 86400 * 1000000);

	assert_true(tls_certificate_facts(good.certificate, "b.example", arena, &facts, &error));
	assert_false(facts.names_domain);
	/* The subject's common name is no name of a domain (RFC 9525 section 2). */
	assert_true(tls_certificate_facts(good.certificate, "A test", arena, &facts, &error));
	assert_false(facts.names_domain);

	assert_true(
	    tls_certificate_facts(expired.certificate, "x.example.org", arena, &facts, &error));
	assert_true(facts.names_domain);
	assert_true(facts.not_after_us < time_now_us());
	assert_true(
	    tls_certificate_facts(expired.certificate, "example.org", arena, &facts, &error));
	assert_false(facts.names_domain);

	assert_null(error);
	assert_false(tls_certificate_facts("/nowhere", "a.example", arena, &facts, &error));
	assert_says(error, "/nowhere", "No such file", "correct");
}

static void test_facts_unicode(void **state)
{
	struct tls_certificate made = make_certificate("xn--mnchen-3ya.example", 30, "SHA256");
	struct tls_facts facts;
	const char *error = NULL;

	assert_true(
	    tls_certificate_facts(made.certificate, "münchen.example", arena, &facts, &error));
	assert_true(facts.names_domain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_not_pem),
		cmocka_unit_test(test_mismatch),
		cmocka_unit_test(test_passphrase),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_facts_unicode),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
