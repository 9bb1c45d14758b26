/* bytes.c - the table of bytes.h (XML 1.0 sections 2.2 to 2.4), and what it is looked up for. */
#include "xml/bytes.h"

#define SIGN (BYTE_AS_IS | BYTE_IN_TEXT | BYTE_IN_VALUE)
#define QUOTE (BYTE_AS_IS | BYTE_IN_TEXT)
#define NAME (SIGN | BYTE_IN_NAME)
#define LETTER (NAME | BYTE_BEGINS_NAME)
/* A reader makes spaces of these in values. */
#define LINE (BYTE_BLANK | BYTE_IN_TEXT)
/* As UTF-8, which is not checked one by one. */
#define NO_ASCII (BYTE_IN_TEXT | BYTE_IN_VALUE)

const unsigned char byte_kinds[256] = {
	['\t' ... '\n'] = LINE,
	[' '] = SIGN | BYTE_BLANK,
	['!'] = SIGN,
	['"'] = QUOTE,
	['#' ... '%'] = SIGN,
	['\''] = QUOTE,
	['(' ... ','] = SIGN,
	['-' ... '.'] = NAME,
	['/'] = SIGN,
	['0' ... '9'] = NAME,
	[':' ... ';'] = SIGN,
	['='] = SIGN,
	['?' ... '@'] = SIGN,
	['A' ... 'Z'] = LETTER,
	['[' ... '^'] = SIGN,
	['_'] = LETTER,
	['`'] = SIGN,
	['a' ... 'z'] = LETTER,
	['{' ... 0x7f] = SIGN,
	[0x80 ... 0xff] = NO_ASCII,
};

/* The kinds that eight bytes have in common. */
static unsigned eight_kinds(const unsigned char *at)
{
	return byte_kinds[at[0]] & byte_kinds[at[1]] & byte_kinds[at[2]] & byte_kinds[at[3]] &
	       byte_kinds[at[4]] & byte_kinds[at[5]] & byte_kinds[at[6]] & byte_kinds[at[7]];
}

size_t byte_run(const char *bytes, size_t length, enum byte_kind kind)
{
	size_t run = 0;

	while (length - run >= 8 && (eight_kinds((const unsigned char *)bytes + run) & kind) != 0)
		run += 8;
	while (run < length && byte_is(bytes[run], kind))
		run++;
	return run;
}
