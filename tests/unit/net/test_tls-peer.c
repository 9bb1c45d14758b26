/* Certificates of clients: who is asked for one, which are trusted, and what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/mem.h"
#include "peer.h"

#define ROMEO "otherName:1.3.6.1.5.5.7.8.5;UTF8:romeo@first.example"
#define JULIET "otherName:1.3.6.1.5.5.7.8.5;UTF8:juliet@first.example"
/* The same up to the text, of five bytes. */
#define XMPP_ADDR_DER "DER:30:15:a0:13:06:08:2b:06:01:05:05:07:08:05:a0:07:0c:05:"
#define CA "critical,CA:TRUE"

/* A certificate with its key. */
struct card {
	X509 *certificate;
	EVP_PKEY *key;
};

/* What a card says; unset: nothing of that. */
struct wording {
	const char *names;     /* subjectAltName */
	const char *purposes;  /* extendedKeyUsage */
	const char *authority; /* basicConstraints */
	int days;              /* until it expires; 0: 30 */
};

static struct arena *arena;
static struct tls_set *set;
static struct card root, branch, other_root;
static struct tls_certificate certificates[3];

static void extend(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension;

	if (value == NULL)
		return;
	extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	assert_non_null(extension);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

static X509 *certificate_begin(const char *name, const struct wording *wording, EVP_PKEY *key)
{
	static int serial = 1;
	X509 *certificate = X509_new();

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -40 * 86400);
	X509_gmtime_adj(
	    X509_getm_notAfter(certificate), (wording->days == 0 ? 30 : wording->days) * 86400L);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_pubkey(certificate, key);
	extend(certificate, NID_subject_alt_name, wording->names);
	extend(certificate, NID_ext_key_usage, wording->purposes);
	extend(certificate, NID_basic_constraints, wording->authority);
	return certificate;
}

static void certificate_sign(X509 *certificate, const struct card *issuer)
{
	X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate));
	assert_true(X509_sign(certificate, issuer->key, EVP_sha256()) > 0);
}

/* `issuer` NULL: by itself. */
static struct card card_make(
    const char *name, const struct wording *wording, const struct card *issuer)
{
	struct card card = { .key = EVP_EC_gen("P-256") };

	card.certificate = certificate_begin(name, wording, card.key);
	certificate_sign(card.certificate, issuer == NULL ? &card : issuer);
	return card;
}

static void card_free(struct card *card)
{
	X509_free(card->certificate);
	EVP_PKEY_free(card->key);
}

static const char *card_file(const struct card *card)
{
	const char *path = make_file("");
	FILE *file = fopen(path, "w");

	PEM_write_X509(file, card->certificate);
	fclose(file);
	return path;
}

/* A list of what the root has revoked: that one, or nothing. */
static void revoke(const char *path, const X509 *certificate)
{
	X509_CRL *list = X509_CRL_new();
	X509_REVOKED *revoked = X509_REVOKED_new();
	ASN1_TIME *time = ASN1_TIME_new();
	FILE *file = fopen(path, "a");

	X509_CRL_set_version(list, 1);
	X509_CRL_set_issuer_name(list, X509_get_subject_name(root.certificate));
	X509_gmtime_adj(time, -86400);
	X509_CRL_set1_lastUpdate(list, time);
	if (certificate != NULL) {
		X509_REVOKED_set_revocationDate(revoked, time);
		X509_REVOKED_set_serialNumber(
		    revoked, X509_get_serialNumber((X509 *)(uintptr_t)certificate));
		X509_CRL_add0_revoked(list, revoked);
	} else {
		X509_REVOKED_free(revoked);
	}
	X509_gmtime_adj(time, 86400);
	X509_CRL_set1_nextUpdate(list, time);
	assert_true(X509_CRL_sign(list, root.key, EVP_sha256()) > 0);
	PEM_write_X509_CRL(file, list);
	fclose(file);
	ASN1_TIME_free(time);
	X509_CRL_free(list);
}

/* ---- */

/* Two domains that ask for certificates, of different issuers, and one that does not. */
static int set_up(void **state)
{
	const struct wording authority = { .authority = CA };
	const char *error = NULL;

	office_open();
	arena = arena_new(0);
	root = card_make("Root", &authority, NULL);
	branch = card_make("Branch", &authority, &root);
	other_root = card_make("Other", &authority, NULL);
	certificates[0] = make_certificate("first.example", 30, "SHA256");
	certificates[0].client_ca = card_file(&root);
	certificates[1] = make_certificate("second.example", 30, "SHA256");
	certificates[1].client_ca = card_file(&other_root);
	certificates[2] = make_certificate("open.example", 30, "SHA256");
	set = tls_set_new(certificates, 3, arena, &error);
	assert_null(error);
	return 0;
}

static int tear_down(void **state)
{
	tls_set_unref(&set);
	card_free(&root);
	card_free(&branch);
	card_free(&other_root);
	arena_free(&arena);
	office_close();
	return 0;
}

struct meeting {
	struct peer *peer;
	struct owner owner;
};

static void meet(struct meeting *meeting, int version, const char *name, const struct card *card,
    const struct card *issuer)
{
	int fd;

	*meeting = (struct meeting){ 0 };
	meeting->peer = peer_new(&fd);
	if (card != NULL) {
		meeting->peer->certificate = card->certificate;
		meeting->peer->key = card->key;
	}
	if (issuer != NULL)
		meeting->peer->issuer = issuer->certificate;
	owner_open(&meeting->owner, fd, &wide_limits);
	transport_start_tls(meeting->owner.transport, set, NULL, NULL);
	peer_secure(meeting->peer, version, name, NULL);
	WAIT(meeting->owner.secured || meeting->owner.closed);
	office_settle();
	assert_true(meeting->owner.secured);
	assert_true(meeting->peer->secured);
}

static void part(struct meeting *meeting)
{
	owner_close(&meeting->owner);
	peer_free(&meeting->peer);
}

/* The addresses, each with a space behind it; or "-" and why not. */
static const char *found(struct meeting *meeting, const char *domain)
{
	const char *why;
	const char *const *addresses =
	    transport_peer_addresses(meeting->owner.transport, domain, arena, &why);
	const char *list = "";

	if (addresses == NULL)
		return arena_printf(arena, "-%s", why == NULL ? "" : why);
	assert_null(why);
	for (; *addresses != NULL; addresses++)
		list = arena_printf(arena, "%s%s ", list, *addresses);
	return list;
}

/* The same for a client that shows this card to the first domain. */
static const char *found_on(const struct card *card, const struct card *issuer)
{
	struct meeting meeting;
	const char *list;

	meet(&meeting, 0, "first.example", card, issuer);
	list = found(&meeting, "first.example");
	part(&meeting);
	return list;
}

static const char *found_by_wording(const struct wording *wording, const struct card *issuer)
{
	struct card card = card_make("A client", wording, issuer);
	const char *list = found_on(&card, NULL);

	card_free(&card);
	return list;
}

static void test_asked(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	const struct wording wording = { .names = ROMEO };
	struct card card = card_make("Romeo", &wording, &root);

	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		struct meeting meeting;
		const STACK_OF(X509_NAME) * names;

		meet(&meeting, versions[v], "first.example", &card, NULL);
		assert_string_equal(found(&meeting, "first.example"), "romeo@first.example ");
		names = SSL_get0_peer_CA_list(meeting.peer->ssl);
		assert_int_equal(sk_X509_NAME_num(names), 1);
		assert_int_equal(X509_NAME_cmp(sk_X509_NAME_value(names, 0),
				     X509_get_subject_name(root.certificate)),
		    0);
		part(&meeting);
		meet(&meeting, versions[v], "first.example", NULL, NULL);
		assert_string_equal(found(&meeting, "first.example"), "-");
		part(&meeting);
		/* Where nobody asks, nothing is shown, although the first domain would ask. */
		meet(&meeting, versions[v], "open.example", &card, NULL);
		assert_string_equal(found(&meeting, "open.example"), "-");
		assert_string_equal(found(&meeting, "first.example"), "-");
		part(&meeting);
	}
	card_free(&card);
}

/* RFC 6120 section 13.7.1.4: other kinds of names are not looked at. */
static void test_addresses(void **state)
{
	static const struct {
		const char *names, *found;
	} cases[] = {
		{ ROMEO, "romeo@first.example " },
		{ ROMEO "," JULIET, "romeo@first.example juliet@first.example " },
		{ "email:romeo@first.example,DNS:first.example,URI:xmpp:romeo@first.example", "" },
		{ "email:x@first.example," JULIET ",DNS:x", "juliet@first.example " },
		{ "otherName:1.3.6.1.5.5.7.8.5;IA5:romeo@first.example", "" },
		{ "otherName:1.3.6.1.5.5.7.8.7;UTF8:romeo@first.example", "" },
		/* A NUL inside, and what is no UTF-8. */
		{ XMPP_ADDR_DER "72:00:6f:40:61", "" },
		{ XMPP_ADDR_DER "72:ff:6f:40:61", "" },
		{ XMPP_ADDR_DER "72:6f:6f:40:61", "roo@a " },
		{ "otherName:1.3.6.1.5.5.7.8.5;UTF8:", " " },
		{ NULL, "" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct wording wording = { .names = cases[i].names };

		assert_string_equal(found_by_wording(&wording, &root), cases[i].found);
	}
}

static void test_not_trusted(void **state)
{
	const struct wording good = { .names = ROMEO }, late = { .names = ROMEO, .days = -1 };
	const struct wording server = { .names = ROMEO, .purposes = "serverAuth" };
	const struct wording client = { .names = ROMEO, .purposes = "clientAuth" };
	struct card impostor, card;

	assert_string_equal(found_by_wording(&client, &root), "romeo@first.example ");
	assert_string_equal(
	    found_by_wording(&good, &other_root), "-unable to get local issuer certificate");
	assert_string_equal(found_by_wording(&good, NULL), "-self-signed certificate");
	assert_string_equal(found_by_wording(&late, &root), "-certificate has expired");
	assert_string_equal(found_by_wording(&server, &root), "-unsuitable certificate purpose");
	/* The name is the issuer's, the key is not. */
	impostor = card_make("Root", &(struct wording){ .authority = CA }, NULL);
	assert_string_equal(found_by_wording(&good, &impostor), "-certificate signature failure");
	card_free(&impostor);
	/* Issued by somebody's certificate that is no authority's. */
	card = card_make("Romeo", &good, &root);
	assert_string_equal(
	    found_by_wording(&good, &card), "-unable to get local issuer certificate");
	impostor = card_make("Juliet", &good, &card);
	assert_string_equal(found_on(&impostor, &card), "-invalid CA certificate");
	card_free(&impostor);
	card_free(&card);
}

/* By way of an authority that the client shows along. */
static void test_chain(void **state)
{
	const struct wording good = { .names = ROMEO };
	struct card card = card_make("Romeo", &good, &branch);

	assert_string_equal(found_on(&card, &branch), "romeo@first.example ");
	assert_string_equal(found_on(&card, NULL), "-unable to get local issuer certificate");
	card_free(&card);
}

/* The handshake was for one domain, the stream is for another: it is the stream's that says who may
 * vouch for its users. */
static void test_domains(void **state)
{
	const struct wording good = { .names = ROMEO };
	struct card card = card_make("Romeo", &good, &root);
	struct card other = card_make("Romeo", &good, &other_root);
	struct meeting meeting;

	meet(&meeting, 0, "second.example", &other, NULL);
	assert_string_equal(found(&meeting, "second.example"), "romeo@first.example ");
	assert_string_equal(
	    found(&meeting, "first.example"), "-unable to get local issuer certificate");
	assert_string_equal(
	    found(&meeting, "open.example"), "-this domain takes no certificates of clients");
	assert_string_equal(
	    found(&meeting, "nowhere.example"), "-this domain takes no certificates of clients");
	part(&meeting);
	meet(&meeting, 0, NULL, &card, NULL);
	assert_string_equal(found(&meeting, "first.example"), "romeo@first.example ");
	assert_string_equal(
	    found(&meeting, "second.example"), "-unable to get local issuer certificate");
	part(&meeting);
	card_free(&card);
	card_free(&other);
}

static void set_renew(void (*kept)(void *state, const char *why), void *state)
{
	const char *error = NULL, *troubles[3] = { NULL };
	struct tls_set *before = set;

	for (size_t i = 0; i < 3; i++)
		certificates[i].is_fresh = true;
	set = tls_set_renew(before, certificates, 3, troubles, arena, &error);
	assert_null(error);
	for (size_t i = 0; i < 3; i++)
		if (troubles[i] != NULL)
			kept(state, troubles[i]);
	tls_set_unref(&before);
}

static void not_kept(void *state, const char *why)
{
	fail_msg("%s", why);
}

/* A list in the file is heeded; one without it revokes nobody. */
static void test_revoked(void **state)
{
	const struct wording good = { .names = ROMEO };
	struct card card = card_make("Romeo", &good, &root);
	struct card second = card_make("Juliet", &good, &root);

	revoke(certificates[0].client_ca, NULL);
	set_renew(not_kept, NULL);
	assert_string_equal(found_on(&card, NULL), "romeo@first.example ");
	certificates[0].client_ca = card_file(&root);
	revoke(certificates[0].client_ca, card.certificate);
	set_renew(not_kept, NULL);
	assert_string_equal(found_on(&card, NULL), "-certificate revoked");
	assert_string_equal(found_on(&second, NULL), "romeo@first.example ");
	card_free(&card);
	card_free(&second);
}

static void test_files(void **state)
{
	static const struct {
		const char *content, *why;
	} cases[] = {
		{ "", "holds no certificate" },
		{ "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		    "holds no certificate" },
		{ NULL, "cannot be read: No such file" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct tls_certificate bad = certificates[0];
		const char *error = NULL;

		bad.client_ca = cases[i].content == NULL ? "/nowhere" : make_file(cases[i].content);
		assert_null(tls_set_new(&bad, 1, arena, &error));
		assert_non_null(strstr(error, bad.client_ca));
		assert_non_null(strstr(error, cases[i].why));
	}
}

static void note_kept(void *state, const char *why)
{
	*(const char **)state = why;
}

/* A file that a reload cannot use leaves what is loaded; one that it no longer names does not. */
static void test_renewed(void **state)
{
	const struct wording good = { .names = ROMEO };
	struct card card = card_make("Romeo", &good, &root);
	const char *why = NULL;

	certificates[0].client_ca = "/nowhere";
	set_renew(note_kept, &why);
	assert_non_null(
	    strstr(why, "first.example keeps its client_ca of before: client_ca /nowhere"));
	assert_string_equal(found_on(&card, NULL), "romeo@first.example ");
	set_renew(note_kept, &why);
	assert_string_equal(found_on(&card, NULL), "romeo@first.example ");
	certificates[0].client_ca = NULL;
	set_renew(not_kept, NULL);
	assert_string_equal(found_on(&card, NULL), "-");
	card_free(&card);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_asked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_addresses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_trusted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_chain, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_domains, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_revoked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_renewed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
