/* tls-certificate.c - reading certificates and keys, and telling an admin what is wrong with them.
 * Every refusal names the file, the trouble and the cure, since a wrong certificate is what most
 * often goes wrong when a server is set up. */
#define _GNU_SOURCE
#include "net/tls-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/mem.h"
#include "net/tls.h"

/* The authorities of a whole system are some hundred kilobytes. */
#define MAX_PEM_BYTES (16 << 20)
/* Names of a certificate that are told. */
#define NAMES_MAX 10

const char *tls_reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = NULL;

	if (ERR_SYSTEM_ERROR(code))
		reason = strerrordesc_np(ERR_GET_REASON(code));
	else if (code != 0)
		reason = ERR_reason_error_string(code);
	ERR_clear_error();
	return reason == NULL ? "no reason given" : reason;
}

/* Why this is no file of certificates; NULL: it may be one. What has no end, or keeps who reads it
 * waiting, would hold up the whole server. */
static const char *pem_refusal(int fd, struct stat *about_out)
{
	if (fstat(fd, about_out) != 0)
		return strerror(errno);
	if (S_ISDIR(about_out->st_mode))
		return strerror(EISDIR);
	if (!S_ISREG(about_out->st_mode))
		return "it is a device or a pipe";
	return about_out->st_size > MAX_PEM_BYTES ? "it is too large" : NULL;
}

/* Some files of the kernel say that they are empty and have no end: their word is taken. */
static FILE *pem_stream(int fd, const struct stat *about)
{
	if (about->st_size > 0)
		return fdopen(fd, "r");
	close(fd);
	return fopen("/dev/null", "re");
}

FILE *tls_open_pem(const char *what, const char *file, struct arena *arena, const char **error_out)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool is_closed = fd < 0 && errno != ENOENT;
	struct stat about;
	const char *why = fd < 0 ? strerror(errno) : pem_refusal(fd, &about);

	if (why == NULL)
		return pem_stream(fd, &about);
	*error_out = arena_printf(arena, "%s %s cannot be read: %s; %s, or correct the path", what,
	    file, why, is_closed ? "let the server's user read it (chown, chmod)" : "put it there");
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* A passphrase cannot be asked for by a server. */
static int no_passphrase(char *buffer, int size, int writing, void *asked)
{
	(void)buffer;
	(void)size;
	(void)writing;
	*(bool *)asked = true;
	return -1;
}

static X509 *load_leaf(FILE *stream, const char *file, struct arena *arena, const char **error_out)
{
	X509 *leaf = PEM_read_X509_AUX(stream, NULL, NULL, NULL);

	if (leaf != NULL)
		return leaf;
	*error_out = arena_printf(arena,
	    "certificate %s holds no certificate in PEM form (%s); it has to begin with "
	    "-----BEGIN CERTIFICATE-----, the server's own certificate first",
	    file, tls_reason());
	return NULL;
}

/* What follows the leaf: the end of the file is the only good reason to stop. */
static STACK_OF(X509) *
    load_chain(FILE *stream, const char *file, struct arena *arena, const char **error_out)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *next;

	while ((next = PEM_read_X509(stream, NULL, NULL, NULL)) != NULL)
		sk_X509_push(chain, next);
	if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
		ERR_clear_error();
		return chain;
	}
	*error_out = arena_printf(arena,
	    "certificate %s: intermediate certificate %d cannot be read (%s); "
	    "fetch the chain again from who issued it",
	    file, sk_X509_num(chain) + 1, tls_reason());
	sk_X509_pop_free(chain, X509_free);
	return NULL;
}

static bool load_certificates(
    struct tls_pair *pair, const char *file, struct arena *arena, const char **error_out)
{
	FILE *stream = tls_open_pem("certificate", file, arena, error_out);

	if (stream == NULL)
		return false;
	pair->leaf = load_leaf(stream, file, arena, error_out);
	if (pair->leaf != NULL)
		pair->chain = load_chain(stream, file, arena, error_out);
	fclose(stream);
	return pair->chain != NULL;
}

static bool load_key(
    struct tls_pair *pair, const char *file, struct arena *arena, const char **error_out)
{
	FILE *stream = tls_open_pem("key", file, arena, error_out);
	bool asked = false;

	if (stream == NULL)
		return false;
	pair->key = PEM_read_PrivateKey(stream, NULL, no_passphrase, &asked);
	fclose(stream);
	if (pair->key != NULL)
		return true;
	if (asked)
		*error_out = arena_printf(arena,
		    "key %s is protected by a passphrase, which nobody can type here; "
		    "remove it with: openssl pkey -in %s -out NEW",
		    file, file);
	else
		*error_out = arena_printf(arena,
		    "key %s holds no private key in PEM form (%s); it has to contain "
		    "-----BEGIN PRIVATE KEY-----",
		    file, tls_reason());
	ERR_clear_error();
	return false;
}

bool tls_pair_load(struct tls_pair *pair_out, const struct tls_certificate *certificate,
    struct arena *arena, const char **error_out)
{
	struct tls_pair pair = { 0 };

	ERR_clear_error();
	if (!load_certificates(&pair, certificate->certificate, arena, error_out) ||
	    !load_key(&pair, certificate->key, arena, error_out)) {
		tls_pair_free(&pair);
		return false;
	}
	if (X509_check_private_key(pair.leaf, pair.key) != 1) {
		*error_out = arena_printf(arena,
		    "key %s does not belong to the certificate in %s; give the key it was "
		    "issued for, and see that the server's own certificate comes first in the file",
		    certificate->key, certificate->certificate);
		tls_pair_free(&pair);
		ERR_clear_error();
		return false;
	}
	*pair_out = pair;
	return true;
}

void tls_pair_free(struct tls_pair *pair)
{
	X509_free(pair->leaf);
	sk_X509_pop_free(pair->chain, X509_free);
	EVP_PKEY_free(pair->key);
	*pair = (struct tls_pair){ 0 };
}

/* Whatever is no plain ASCII is escaped: it may be a stranger's. */
static const char *name_text(const X509_NAME *name, unsigned long flags, struct arena *arena)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const char *text = "";
	char *bytes;
	long length;

	if (bio == NULL)
		return text;
	X509_NAME_print_ex(bio, name, 0, flags);
	length = BIO_get_mem_data(bio, &bytes);
	if (length > 0)
		text = arena_strndup(arena, bytes, (size_t)length);
	BIO_free(bio);
	return text;
}

int64_t tls_time_us(const ASN1_TIME *time)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return 0;
	return (int64_t)timegm(&tm) * 1000000;
}

bool tls_certificate_names(X509 *leaf, const char *domain)
{
	const unsigned flags =
	    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
	char ascii[TLS_NAME_MAX];

	return tls_name_ascii(domain, ascii) && X509_check_host(leaf, ascii, 0, flags, NULL) == 1;
}

/* A name as people can read it, whatever is in it. */
static const char *dns_name_text(const ASN1_IA5STRING *name, struct arena *arena)
{
	int length = ASN1_STRING_length(name);
	char *text =
	    arena_strndup(arena, (const char *)ASN1_STRING_get0_data(name), (size_t)length);

	for (int i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~')
			text[i] = '?';
	return text;
}

static const char *names_text(X509 *leaf, struct arena *arena)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	const char *text = "";

	for (int i = 0, count = 0; count < NAMES_MAX && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_DNS)
			continue;
		text = arena_printf(arena, "%s%s%s", text, count == 0 ? "" : ", ",
		    dns_name_text(name->d.dNSName, arena));
		count++;
	}
	GENERAL_NAMES_free(names);
	return text;
}

void tls_facts_read(X509 *leaf, const char *domain, unsigned long flags, struct arena *arena,
    struct tls_facts *facts_out)
{
	*facts_out = (struct tls_facts){
		.not_after_us = tls_time_us(X509_get0_notAfter(leaf)),
		.names_domain = tls_certificate_names(leaf, domain),
		.subject = name_text(X509_get_subject_name(leaf), flags, arena),
		.issuer = name_text(X509_get_issuer_name(leaf), flags, arena),
		.names = names_text(leaf, arena),
	};
	ERR_clear_error();
}

bool tls_certificate_facts(const char *file, const char *domain, struct arena *arena,
    struct tls_facts *facts_out, const char **error_out)
{
	FILE *stream;
	X509 *leaf;

	ERR_clear_error();
	stream = tls_open_pem("certificate", file, arena, error_out);
	if (stream == NULL)
		return false;
	leaf = load_leaf(stream, file, arena, error_out);
	fclose(stream);
	if (leaf == NULL)
		return false;
	tls_facts_read(leaf, domain, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB, arena, facts_out);
	X509_free(leaf);
	return true;
}
