/* test_tls-dane.c - the certificate of a server that was called, and what TLSA records say of it
 * (RFC 6698, RFC 7671, RFC 7673). */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/mem.h"
#include "net/resolver.h"
#include "peer.h"

#define DOMAIN "ours.example"
#define HOST "host.example"
#define NO_MATCH "no matching DANE TLSA records"

enum { PKIX_TA, PKIX_EE, DANE_TA, DANE_EE };
enum { WHOLE, KEY };
enum { FULL, SHA_256, SHA_512 };

/* A certificate with its key. */
struct card {
	X509 *certificate;
	EVP_PKEY *key;
};

/* A record for that certificate, or (NULL) for none that there is. */
struct record {
	unsigned usage, selector, matching;
	const struct card *of;
};

static struct owner ours, theirs;
static struct tls_set *our_set, *their_set;
static struct tls_trust *trust;
static struct arena *arena;
static struct card root, other_root, leaf;

/* ---- certificates */

static void extend(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

/* `issuer` NULL: by itself; `names` NULL: it is an authority. */
static struct card card_make(const char *names, long days, const struct card *issuer)
{
	static int serial = 1;
	struct card card = { X509_new(), EVP_EC_gen("P-256") };
	const struct card *signer = issuer == NULL ? &card : issuer;
	const char *name;

	arena = arena == NULL ? arena_new(0) : arena;
	name = arena_printf(arena, "Card %d", serial);
	X509_set_version(card.certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(card.certificate), serial++);
	X509_gmtime_adj(X509_getm_notBefore(card.certificate), -40 * 86400L);
	X509_gmtime_adj(X509_getm_notAfter(card.certificate), days * 86400L);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(card.certificate), "CN", MBSTRING_UTF8,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_pubkey(card.certificate, card.key);
	if (names != NULL)
		extend(card.certificate, NID_subject_alt_name, names);
	else
		extend(card.certificate, NID_basic_constraints, "critical,CA:TRUE");
	X509_set_issuer_name(card.certificate, X509_get_subject_name(signer->certificate));
	assert_true(X509_sign(card.certificate, signer->key, EVP_sha256()) > 0);
	return card;
}

static void card_free(struct card *card)
{
	X509_free(card->certificate);
	EVP_PKEY_free(card->key);
	*card = (struct card){ 0 };
}

/* With who has issued it behind it; NULL: nobody. */
static const char *card_file(const struct card *card, const struct card *issuer)
{
	const char *path = make_file("");
	FILE *file = fopen(path, "w");

	PEM_write_X509(file, card->certificate);
	if (issuer != NULL)
		PEM_write_X509(file, issuer->certificate);
	fclose(file);
	return path;
}

static const char *key_file(const struct card *card)
{
	const char *path = make_file("");
	FILE *file = fopen(path, "w");

	PEM_write_PrivateKey(file, card->key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	return path;
}

/* ---- two servers */

/* We call a server that shows `leaf` and trust who is named. */
static void meet(const struct card *issuer, const char *trusted)
{
	struct tls_certificate certificate = {
		.domain = DOMAIN, .certificate = card_file(&leaf, issuer), .key = key_file(&leaf)
	};
	const char *error = NULL;
	struct peer *peer;
	int fd;

	our_set = tls_set_new(&certificate, 1, arena, &error);
	assert_null(error);
	their_set = make_set("caller.example");
	trust = tls_trust_new(trusted, arena, &error);
	assert_null(error);
	peer = peer_new(&fd);
	owner_open(&ours, fd, &wide_limits);
	owner_open(&theirs, dup(peer->fd), &wide_limits);
	peer_free(&peer);
	transport_start_tls(ours.transport, our_set, "xmpp-server", NULL);
	transport_connect_tls(theirs.transport, their_set, NULL, "caller.example", DOMAIN);
	WAIT(ours.closed || (ours.secured && theirs.secured));
	office_settle();
}

static void part(void)
{
	owner_close(&ours);
	owner_close(&theirs);
	memset(&ours, 0, sizeof ours);
	memset(&theirs, 0, sizeof theirs);
	tls_set_unref(&our_set);
	tls_set_unref(&their_set);
	tls_trust_unref(&trust);
	card_free(&leaf);
}

/* ---- records */

static size_t bytes_of(const struct card *card, unsigned selector, unsigned char **bytes_out)
{
	unsigned char *bytes = NULL;
	int length = selector == KEY
	                 ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(card->certificate), &bytes)
	                 : i2d_X509(card->certificate, &bytes);

	assert_true(length > 0);
	*bytes_out = (unsigned char *)arena_strndup(arena, (const char *)bytes, (size_t)length);
	OPENSSL_free(bytes);
	return (size_t)length;
}

static struct resolver_tlsa tlsa_make(const struct record *record)
{
	static const unsigned char nothing[EVP_MAX_MD_SIZE] = "nobody's";
	struct resolver_tlsa tlsa = { (unsigned char)record->usage, (unsigned char)record->selector,
		(unsigned char)record->matching, nothing, 32 };
	unsigned char *bytes, *digest;
	unsigned length;

	if (record->of == NULL)
		return tlsa;
	tlsa.length = bytes_of(record->of, record->selector, &bytes);
	tlsa.data = bytes;
	if (record->matching == FULL)
		return tlsa;
	digest = arena_alloc(arena, EVP_MAX_MD_SIZE);
	EVP_Digest(bytes, tlsa.length, digest, &length,
	    record->matching == SHA_512 ? EVP_sha512() : EVP_sha256(), NULL);
	tlsa.data = digest;
	tlsa.length = length;
	return tlsa;
}

static enum tls_dane judge(
    const char *domain, const struct record *records, size_t count, const char **why_out)
{
	struct resolver_tlsa tlsa[8];
	struct resolver_host host = { .name = HOST, .has_srv = true, .is_secure = true };

	for (size_t i = 0; i < count; i++)
		tlsa[i] = tlsa_make(&records[i]);
	host.tlsa = tlsa;
	host.tlsa_count = count;
	*why_out = NULL;
	return transport_peer_dane(theirs.transport, trust, domain, &host, why_out);
}

#define RECORDS(...) \
	(const struct record[]){ __VA_ARGS__ }, COUNT_OF(((const struct record[]){ __VA_ARGS__ }))

static void proves_for(const char *domain, const struct record *records, size_t count)
{
	const char *why;

	if (judge(domain, records, count, &why) != TLS_DANE_PROVES)
		fail_msg("%u %u %u: %s", records->usage, records->selector, records->matching,
		    why == NULL ? "silent" : why);
}

static void proves(const struct record *records, size_t count)
{
	proves_for(DOMAIN, records, count);
}

static void refuses_for(
    const char *reason, const char *domain, const struct record *records, size_t count)
{
	const char *why;

	assert_int_equal(judge(domain, records, count, &why), TLS_DANE_REFUSES);
	assert_string_equal(why, reason);
}

static void refuses(const char *reason, const struct record *records, size_t count)
{
	refuses_for(reason, DOMAIN, records, count);
}

static void is_silent(const struct record *records, size_t count)
{
	const char *why;

	assert_int_equal(judge(DOMAIN, records, count, &why), TLS_DANE_SILENT);
}

/* ---- tests */

/* RFC 7671 section 5.1: neither its names nor its dates count. */
static void test_itself(void **state)
{
	(void)state;
	leaf = card_make("DNS:elsewhere.example", -1, NULL);
	meet(NULL, card_file(&root, NULL));
	for (unsigned selector = WHOLE; selector <= KEY; selector++)
		for (unsigned matching = FULL; matching <= SHA_512; matching++)
			proves(RECORDS({ DANE_EE, selector, matching, &leaf }));
	proves(RECORDS({ DANE_EE, KEY, SHA_256, NULL }, { DANE_EE, KEY, SHA_256, &leaf }));
	refuses(NO_MATCH, RECORDS({ DANE_EE, KEY, SHA_256, NULL }));
	refuses(NO_MATCH, RECORDS({ DANE_EE, KEY, SHA_256, &root }));
	refuses(NO_MATCH, RECORDS({ DANE_EE, WHOLE, FULL, &root }));
	part();
}

/* RFC 7671 section 4.1; an unknown digest, usage and selector, and a digest that is too short. */
static void test_unusable(void **state)
{
	(void)state;
	leaf = card_make("DNS:" DOMAIN, 30, &root);
	meet(&root, card_file(&root, NULL));
	is_silent(NULL, 0);
	is_silent(RECORDS({ DANE_EE, KEY, 9, NULL }));
	is_silent(RECORDS({ 4, KEY, SHA_256, &leaf }));
	is_silent(RECORDS({ DANE_EE, 2, SHA_256, NULL }));
	is_silent(RECORDS({ DANE_EE, KEY, SHA_512, NULL }));
	is_silent(RECORDS({ DANE_EE, KEY, FULL, NULL }));
	proves(RECORDS({ DANE_EE, KEY, 9, NULL }, { DANE_EE, KEY, SHA_256, &leaf }));
	/* Who has issued it does not count then. */
	refuses(NO_MATCH, RECORDS({ DANE_EE, KEY, 9, NULL }, { DANE_EE, KEY, SHA_256, NULL }));
	part();
}

/* An authority that nobody but DNS knows; names count. */
static void test_issuer(void **state)
{
	(void)state;
	leaf = card_make("DNS:" DOMAIN, 30, &root);
	meet(&root, card_file(&other_root, NULL));
	for (unsigned selector = WHOLE; selector <= KEY; selector++)
		for (unsigned matching = FULL; matching <= SHA_512; matching++)
			proves(RECORDS({ DANE_TA, selector, matching, &root }));
	assert_int_equal(
	    judge(DOMAIN, RECORDS({ DANE_TA, KEY, SHA_256, NULL }), &(const char *){ NULL }),
	    TLS_DANE_REFUSES);
	assert_int_equal(judge(DOMAIN, RECORDS({ DANE_TA, WHOLE, SHA_256, &other_root }),
			     &(const char *){ NULL }),
	    TLS_DANE_REFUSES);
	refuses_for("the certificate names other domains", "elsewhere.example",
	    RECORDS({ DANE_TA, WHOLE, SHA_256, &root }));
	proves_for("elsewhere.example", RECORDS({ DANE_EE, WHOLE, SHA_256, &leaf }));
	part();
}

/* The record is all there is of it. */
static void test_issuer_not_shown(void **state)
{
	(void)state;
	leaf = card_make("DNS:" DOMAIN, 30, &root);
	meet(NULL, card_file(&other_root, NULL));
	proves(RECORDS({ DANE_TA, WHOLE, FULL, &root }));
	proves(RECORDS({ DANE_TA, KEY, FULL, &root }));
	part();
}

/* RFC 7673 section 5: the domain has named the host safely. */
static void test_host_named(void **state)
{
	(void)state;
	leaf = card_make("DNS:" HOST, 30, &root);
	meet(&root, card_file(&root, NULL));
	proves(RECORDS({ DANE_TA, WHOLE, SHA_256, &root }));
	proves(RECORDS({ PKIX_TA, WHOLE, SHA_256, &root }));
	part();
}

static void test_expired(void **state)
{
	(void)state;
	leaf = card_make("DNS:" DOMAIN, -1, &root);
	meet(&root, card_file(&root, NULL));
	refuses("certificate has expired", RECORDS({ DANE_TA, WHOLE, SHA_256, &root }));
	refuses("certificate has expired", RECORDS({ PKIX_EE, WHOLE, SHA_256, &leaf }));
	part();
}

/* Usages 0 and 1 want somebody who is trusted besides. */
static void test_trusted(void **state)
{
	(void)state;
	leaf = card_make("DNS:" DOMAIN, 30, &root);
	meet(&root, card_file(&root, NULL));
	proves(RECORDS({ PKIX_TA, WHOLE, SHA_256, &root }));
	proves(RECORDS({ PKIX_EE, KEY, SHA_256, &leaf }));
	refuses_for("the certificate names other domains", "elsewhere.example",
	    RECORDS({ PKIX_EE, KEY, SHA_256, &leaf }));
	refuses(NO_MATCH, RECORDS({ PKIX_EE, KEY, SHA_256, &root }));
	part();
	leaf = card_make("DNS:" DOMAIN, 30, &root);
	meet(&root, card_file(&other_root, NULL));
	assert_int_equal(
	    judge(DOMAIN, RECORDS({ PKIX_TA, WHOLE, SHA_256, &root }), &(const char *){ NULL }),
	    TLS_DANE_REFUSES);
	assert_int_equal(
	    judge(DOMAIN, RECORDS({ PKIX_EE, KEY, SHA_256, &leaf }), &(const char *){ NULL }),
	    TLS_DANE_REFUSES);
	part();
}

/* A file of authorities with its list of what was revoked. */
static const char *file_with_list(void)
{
	const char *path = card_file(&other_root, NULL);
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *time = ASN1_TIME_new();
	FILE *file = fopen(path, "a");

	X509_CRL_set_version(list, 1);
	X509_CRL_set_issuer_name(list, X509_get_subject_name(other_root.certificate));
	X509_gmtime_adj(time, -86400);
	X509_CRL_set1_lastUpdate(list, time);
	X509_gmtime_adj(time, 86400);
	X509_CRL_set1_nextUpdate(list, time);
	assert_true(X509_CRL_sign(list, other_root.key, EVP_sha256()) > 0);
	PEM_write_X509_CRL(file, list);
	fclose(file);
	ASN1_TIME_free(time);
	X509_CRL_free(list);
	return path;
}

/* Those whom we trust have nothing to say about the authorities of others, nor to revoke. */
static void test_list_of_others(void **state)
{
	(void)state;
	leaf = card_make("DNS:" DOMAIN, 30, &root);
	meet(&root, file_with_list());
	proves(RECORDS({ DANE_TA, WHOLE, SHA_256, &root }));
	part();
}

static void test_no_tls(void **state)
{
	const char *why = NULL;
	struct resolver_host host = { .name = HOST };
	struct peer *peer;
	int fd;

	(void)state;
	peer = peer_new(&fd);
	owner_open(&theirs, fd, &wide_limits);
	assert_int_equal(
	    transport_peer_dane(theirs.transport, NULL, DOMAIN, &host, &why), TLS_DANE_SILENT);
	owner_close(&theirs);
	peer_free(&peer);
}

static int setup(void **state)
{
	(void)state;
	office_open();
	root = card_make(NULL, 30, NULL);
	other_root = card_make(NULL, 30, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	card_free(&root);
	card_free(&other_root);
	arena_free(&arena);
	office_close();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_itself),
		cmocka_unit_test(test_unusable),
		cmocka_unit_test(test_issuer),
		cmocka_unit_test(test_issuer_not_shown),
		cmocka_unit_test(test_host_named),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_trusted),
		cmocka_unit_test(test_list_of_others),
		cmocka_unit_test(test_no_tls),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
