/* preload.c - what a client with windows cannot be told by settings, told by LD_PRELOAD: where its
 * server is, and which certificate to trust.
 *
 * GODWIT_TEST_SRV is "NAME PORT", the one SRV record there is; it leads to this machine. No
 * question leaves for a real name server. GODWIT_TEST_CERTIFICATE is a PEM file that GnuTLS, which
 * has no variable of its own for that, takes into the system's store. */
#include <arpa/nameser.h>
#include <dlfcn.h>
#include <netdb.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TARGET "localhost"

/* ---- the resolver ---- */

/* Splits GODWIT_TEST_SRV; returns whether `name` is its name. */
static bool srv_is_ours(const char *name, unsigned *port_out)
{
	const char *record = getenv("GODWIT_TEST_SRV");
	size_t length = strlen(name);

	if (length > 0 && name[length - 1] == '.')
		length--;
	if (record == NULL || strncasecmp(record, name, length) != 0 || record[length] != ' ')
		return false;
	*port_out = (unsigned)atoi(record + length + 1);
	return true;
}

/* Writes an answer with one record behind the question; returns its length, or -1. */
static int srv_answer(const char *name, unsigned port, unsigned char *answer, int size)
{
	unsigned char *at, *data;
	HEADER *header = (HEADER *)answer;
	int length = res_mkquery(QUERY, name, C_IN, T_SRV, NULL, 0, NULL, answer, size);

	if (length < 0 || length + 128 > size)
		return -1;
	header->qr = 1;
	header->ra = 1;
	header->ancount = htons(1);
	at = answer + length;
	NS_PUT16(0xc000 | HFIXEDSZ, at); /* the question's name */
	NS_PUT16(T_SRV, at);
	NS_PUT16(C_IN, at);
	NS_PUT32(60, at);
	data = at + 2;
	NS_PUT16(0, data); /* priority */
	NS_PUT16(0, data); /* weight */
	NS_PUT16(port, data);
	length = dn_comp(TARGET, data, (int)(answer + size - data), NULL, NULL);
	if (length < 0)
		return -1;
	NS_PUT16((unsigned)(6 + length), at);
	return (int)(data + length - answer);
}

int res_nquery(
    res_state state, const char *name, int class, int type, unsigned char *answer, int size)
{
	unsigned port;

	if (type == T_SRV && srv_is_ours(name, &port))
		return srv_answer(name, port, answer, size);
	state->res_h_errno = HOST_NOT_FOUND;
	h_errno = HOST_NOT_FOUND;
	return -1;
}

/* ---- trust ---- */

/* As in the header of GnuTLS, which need not be installed. */
typedef int trust_system(void *list, unsigned flags, unsigned verify_flags);
typedef int trust_file(void *list, const char *authorities, const char *revoked, int format,
    unsigned flags, unsigned verify_flags);
enum { FORMAT_PEM = 1 };

trust_system gnutls_x509_trust_list_add_system_trust;

int gnutls_x509_trust_list_add_system_trust(void *list, unsigned flags, unsigned verify_flags)
{
	const char *path = getenv("GODWIT_TEST_CERTIFICATE");
	void *gnutls = dlopen("libgnutls.so.30", RTLD_LAZY | RTLD_NOLOAD);
	trust_system *add_system;
	trust_file *add_file;
	int added;

	if (gnutls == NULL)
		return -1;
	add_system = (trust_system *)dlsym(gnutls, "gnutls_x509_trust_list_add_system_trust");
	add_file = (trust_file *)dlsym(gnutls, "gnutls_x509_trust_list_add_trust_file");
	added = add_system(list, flags, verify_flags);
	if (path == NULL)
		return added;
	return (added > 0 ? added : 0) +
	       add_file(list, path, NULL, FORMAT_PEM, flags, verify_flags);
}
