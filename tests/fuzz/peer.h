/* peer.h - the far end of a stream that is fuzzed: what it says, when the owner acts, and whether
 * what it hears is well-formed. */
#ifndef GODWIT_TESTS_FUZZ_PEER_H
#define GODWIT_TESTS_FUZZ_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"

struct transport;

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

/* Set by the target: what its owner does, and after each round (may be NULL). */
struct peer {
	void *owner;
	void (*act)(void *owner, uint8_t what);
	void (*round)(void *owner);
	int fd;
	struct text heard;
};

/* Makes the worker that all runs on; true the first time. */
bool peer_prepare(void);
/* Connects it; the other end is for the stream. */
struct transport *peer_open(struct peer *peer);
/* Lets the loop run until nothing more is due, and hears what was said. */
void peer_rounds(struct peer *peer);
void peer_say(struct peer *peer, const void *bytes, size_t length);
/* A NUL ends a piece; the letter behind it says what the owner does then. */
void peer_play(struct peer *peer, const uint8_t *data, size_t size);
/* It says nothing more. */
void peer_finish(struct peer *peer);
/* At the end: what it has heard is well-formed. */
void peer_close(struct peer *peer);

#endif
