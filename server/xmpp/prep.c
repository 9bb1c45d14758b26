/* prep.c - nodeprep, resourceprep and domains; see prep.h. */
#include "xmpp/prep.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <unicode/uidna.h>
#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include "base/mem.h"

/* Preparing may shorten a part, but nobody needs more than this to write it down. */
#define RAW_MAX_BYTES (4 * JID_PART_MAX_BYTES)
#define LABEL_MAX_BYTES 63

static UStringPrepProfile *nodeprep, *resourceprep, *saslprep;
static UIDNA *idna;

void prep_init(void)
{
	UErrorCode status = U_ZERO_ERROR;

	if (idna != NULL)
		return;
	nodeprep = usprep_openByType(USPREP_RFC3920_NODEPREP, &status);
	resourceprep = usprep_openByType(USPREP_RFC3920_RESOURCEPREP, &status);
	saslprep = usprep_openByType(USPREP_RFC4013_SASLPREP, &status);
	idna = uidna_openUTS46(UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
				   UIDNA_CHECK_CONTEXTO | UIDNA_NONTRANSITIONAL_TO_ASCII |
				   UIDNA_NONTRANSITIONAL_TO_UNICODE,
	    &status);
	ASSERT(U_SUCCESS(status));
}

/* What becomes of each ASCII character: itself, another, or 0 if it is not allowed or needs ICU. */
#define UPPER_FOLDED \
	['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g', \
	['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n', \
	['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u', \
	['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z'
#define SAME(c) [c] = c
#define LOWER_AND_DIGITS \
	SAME('a'), SAME('b'), SAME('c'), SAME('d'), SAME('e'), SAME('f'), SAME('g'), SAME('h'), \
	    SAME('i'), SAME('j'), SAME('k'), SAME('l'), SAME('m'), SAME('n'), SAME('o'), \
	    SAME('p'), SAME('q'), SAME('r'), SAME('s'), SAME('t'), SAME('u'), SAME('v'), \
	    SAME('w'), SAME('x'), SAME('y'), SAME('z'), SAME('0'), SAME('1'), SAME('2'), \
	    SAME('3'), SAME('4'), SAME('5'), SAME('6'), SAME('7'), SAME('8'), SAME('9')

static const char domain_ascii[256] = { UPPER_FOLDED, LOWER_AND_DIGITS, SAME('-'), SAME('.') };
/* RFC 6122 appendix A.5 prohibits " & ' / : < > @ and space. */
static const char node_ascii[256] = { UPPER_FOLDED, LOWER_AND_DIGITS, SAME('!'), SAME('#'),
	SAME('$'), SAME('%'), SAME('('), SAME(')'), SAME('*'), SAME('+'), SAME(','), SAME('-'),
	SAME('.'), SAME(';'), SAME('='), SAME('?'), SAME('['), SAME('\\'), SAME(']'), SAME('^'),
	SAME('_'), SAME('`'), SAME('{'), SAME('|'), SAME('}'), SAME('~') };

/* Maps a part of at most JID_PART_MAX_BYTES; false if a byte is not in the table. */
static bool ascii_map(const char table[256], const char *bytes, size_t length, char *out)
{
	for (size_t i = 0; i < length; i++) {
		out[i] = table[(unsigned char)bytes[i]];
		if (out[i] == '\0')
			return false;
	}
	return true;
}

/* Runs a stringprep profile (RFC 3454). */
static size_t profile_run(const UStringPrepProfile *profile, const char *bytes, size_t length,
    enum prep_mode mode, char *out)
{
	UChar wide[RAW_MAX_BYTES], prepared[JID_PART_MAX_BYTES];
	int32_t options = mode == PREP_LENIENT ? USPREP_ALLOW_UNASSIGNED : USPREP_DEFAULT;
	int32_t wide_length, prepared_length, out_length;
	UErrorCode status = U_ZERO_ERROR;

	ASSERT(profile != NULL);
	u_strFromUTF8(wide, RAW_MAX_BYTES, &wide_length, bytes, (int32_t)length, &status);
	if (U_FAILURE(status))
		return 0;
	prepared_length = usprep_prepare(
	    profile, wide, wide_length, prepared, JID_PART_MAX_BYTES, options, NULL, &status);
	if (U_FAILURE(status))
		return 0;
	u_strToUTF8(out, JID_PART_MAX_BYTES, &out_length, prepared, prepared_length, &status);
	return U_FAILURE(status) ? 0 : (size_t)out_length;
}

/* Runs a profile, and again: an address that changes when it is prepared twice would be two
 * accounts in one place and one in another. */
static size_t profile_run_stable(const UStringPrepProfile *profile, const char *bytes,
    size_t length, enum prep_mode mode, char *out)
{
	char once[JID_PART_MAX_BYTES];
	size_t once_length, out_length;

	if (length > RAW_MAX_BYTES)
		return 0;
	once_length = profile_run(profile, bytes, length, mode, once);
	if (once_length == 0)
		return 0;
	out_length = profile_run(profile, once, once_length, mode, out);
	return out_length == once_length && memcmp(once, out, out_length) == 0 ? out_length : 0;
}

size_t prep_node(
    const char *bytes, size_t length, enum prep_mode mode, char out[JID_PART_MAX_BYTES])
{
	if (length <= JID_PART_MAX_BYTES && ascii_map(node_ascii, bytes, length, out))
		return length;
	return profile_run_stable(nodeprep, bytes, length, mode, out);
}

/* Resourceprep leaves printable ASCII as it is. */
static bool is_printable(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] < ' ' || bytes[i] > '~')
			return false;
	return true;
}

size_t prep_resource(const char *bytes, size_t length, char out[JID_PART_MAX_BYTES])
{
	if (length > JID_PART_MAX_BYTES || !is_printable(bytes, length))
		return profile_run_stable(resourceprep, bytes, length, PREP_LENIENT, out);
	memcpy(out, bytes, length);
	return length;
}

/* Not run twice: what comes out is never prepared again. */
size_t prep_password(const char *bytes, size_t length, char out[JID_PART_MAX_BYTES])
{
	if (length > JID_PART_MAX_BYTES)
		return 0;
	if (!is_printable(bytes, length))
		return profile_run(saslprep, bytes, length, PREP_LENIENT, out);
	memcpy(out, bytes, length);
	return length;
}

/* An IPv6 address in brackets (RFC 7622 section 3.2.1). */
static size_t prep_literal(const char *bytes, size_t length, char *out)
{
	char address[INET6_ADDRSTRLEN];
	unsigned char binary[16];

	if (length < 4 || length - 2 >= sizeof(address) || bytes[length - 1] != ']')
		return 0;
	memcpy(address, bytes + 1, length - 2);
	address[length - 2] = '\0';
	if (strlen(address) != length - 2 || inet_pton(AF_INET6, address, binary) != 1)
		return 0;
	memcpy(out, bytes, length);
	return length;
}

/* Whether a label of letters, digits and hyphens is one (RFC 5890 section 2.3.1). */
static bool label_is_valid(const char *label, size_t length)
{
	return length > 0 && length <= LABEL_MAX_BYTES && label[0] != '-' &&
	       label[length - 1] != '-';
}

/* Whether a mapped ASCII domain needs no more preparation. Names with "--" in the third place may
 * be encoded ones: these are ICU's. */
static bool domain_is_plain(const char *domain, size_t length)
{
	size_t start = 0;

	for (size_t i = 0; i <= length; i++) {
		if (i < length && domain[i] != '.')
			continue;
		if (!label_is_valid(domain + start, i - start))
			return false;
		if (i - start >= 4 && domain[start + 2] == '-' && domain[start + 3] == '-')
			return false;
		start = i + 1;
	}
	return true;
}

/* ICU has looked at each label already, except for whether it is empty. */
static bool has_empty_label(const char *domain, size_t length)
{
	char before = '.';

	for (size_t i = 0; i < length; i++) {
		if (before == '.' && domain[i] == '.')
			return true;
		before = domain[i];
	}
	return before == '.';
}

/* Whether each label fits into the DNS once encoded. The whole may be longer than a name in the
 * DNS: an address has room for 1023 bytes, and looking such a name up just fails. */
static bool labels_fit(const char *domain, size_t length)
{
	const uint32_t ignored = UIDNA_ERROR_DOMAIN_NAME_TOO_LONG | UIDNA_ERROR_HYPHEN_3_4;
	char encoded[RAW_MAX_BYTES];
	UIDNAInfo info = UIDNA_INFO_INITIALIZER;
	UErrorCode status = U_ZERO_ERROR;

	uidna_nameToASCII_UTF8(
	    idna, domain, (int32_t)length, encoded, sizeof(encoded), &info, &status);
	return U_SUCCESS(status) && (info.errors & ~ignored) == 0;
}

static size_t prep_international(const char *bytes, size_t length, char *out)
{
	UIDNAInfo info = UIDNA_INFO_INITIALIZER;
	UErrorCode status = U_ZERO_ERROR;
	int32_t out_length;

	ASSERT(idna != NULL);
	if (length > RAW_MAX_BYTES)
		return 0;
	out_length = uidna_nameToUnicodeUTF8(
	    idna, bytes, (int32_t)length, out, JID_PART_MAX_BYTES, &info, &status);
	if (U_FAILURE(status) || (info.errors & ~(uint32_t)UIDNA_ERROR_HYPHEN_3_4) != 0)
		return 0;
	if (out_length > 0 && out[out_length - 1] == '.')
		out_length--;
	if (has_empty_label(out, (size_t)out_length) || !labels_fit(out, (size_t)out_length))
		return 0;
	return (size_t)out_length;
}

size_t prep_domain(const char *bytes, size_t length, char out[JID_PART_MAX_BYTES])
{
	size_t without_dot = length > 0 && bytes[length - 1] == '.' ? length - 1 : length;

	if (length > 0 && bytes[0] == '[')
		return prep_literal(bytes, length, out);
	if (without_dot <= JID_PART_MAX_BYTES && ascii_map(domain_ascii, bytes, without_dot, out) &&
	    domain_is_plain(out, without_dot))
		return without_dot;
	return prep_international(bytes, length, out);
}
