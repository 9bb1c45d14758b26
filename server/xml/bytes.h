/* bytes.h - what a byte is in XML, for those who read and write it byte by byte: one small table,
 * which stays in the processor's cache. */
#ifndef GODWIT_XML_BYTES_H
#define GODWIT_XML_BYTES_H

#include <stdbool.h>
#include <stddef.h>

enum byte_kind {
	BYTE_BEGINS_NAME = 1, /* in ASCII, without the colon */
	BYTE_IN_NAME = 2,     /* the same */
	BYTE_BLANK = 4,       /* white space but for the carriage return */
	BYTE_AS_IS = 8,       /* ASCII that means itself wherever it is read, in text and values */
	BYTE_IN_TEXT = 16,    /* is written as it is in text */
	BYTE_IN_VALUE = 32    /* and in values */
};

extern const unsigned char byte_kinds[256];

static inline bool byte_is(char byte, enum byte_kind kind)
{
	return (byte_kinds[(unsigned char)byte] & kind) != 0;
}

/* How many bytes at the beginning are all of this kind. */
size_t byte_run(const char *bytes, size_t length, enum byte_kind kind);

#endif
