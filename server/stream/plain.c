/* plain.c - PLAIN (RFC 4616): authzid NUL authcid NUL passwd. */
#include "stream/plain.h"

#include <string.h>

#include "base/text.h"

bool plain_parse(char *message, size_t length, struct plain *plain_out)
{
	const char *end = message + length;
	char *username = memchr(message, '\0', length), *password;

	if (username == NULL || ++username >= end || !utf8_valid(message, length))
		return false;
	password = memchr(username, '\0', (size_t)(end - username));
	if (password == NULL || password == username || ++password >= end ||
	    memchr(password, '\0', (size_t)(end - password)) != NULL)
		return false;
	*plain_out = (struct plain){ message, username, password };
	return true;
}
