/* plain.h - PLAIN (RFC 4616): its one message. */
#ifndef GODWIT_STREAM_PLAIN_H
#define GODWIT_STREAM_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

struct plain {
	const char *authzid; /* "" if there is none */
	const char *username;
	char *password;
};

/* Takes the message, behind which there is a NUL, apart where it lies. False if it is malformed. */
bool plain_parse(char *message, size_t length, struct plain *plain_out);

#endif
