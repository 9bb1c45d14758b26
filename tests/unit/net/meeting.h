/* meeting.h - what the tests of the transport share: its owner meets a peer, in clear or by TLS. */
#ifndef GODWIT_TESTS_NET_MEETING_H
#define GODWIT_TESTS_NET_MEETING_H

#include "peer.h"

/* The certificate of a.example, between set_up() and tear_down(). */
extern struct tls_set *set;
int set_up(void **state);
int tear_down(void **state);

/* The ways a connection can be: 0 (clear), TLS 1.2, TLS 1.3. */
extern const int ways[3];
/* Opens the owner and its peer, and waits for the handshake of that way. */
struct peer *meet(struct owner *owner, const struct transport_limits *limits, int way);
/* The same with another certificate. */
struct peer *meet_with(
    struct tls_set *with, struct owner *owner, const struct transport_limits *limits, int way);
/* So many bytes to be written by the owner. */
void put(struct owner *owner, size_t length);
/* So many that do not repeat; the caller's. */
char *bytes_new(size_t length);

#endif
