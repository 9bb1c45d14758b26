/* network.h - a range of internet addresses, as "192.0.2.0/24" or "2001:db8::/32". */
#ifndef GODWIT_NET_NETWORK_H
#define GODWIT_NET_NETWORK_H

#include <stdbool.h>

struct sockaddr;

/* IPv4 is kept as the part of IPv6 that stands for it. */
struct network {
	unsigned char bytes[16];
	unsigned bits; /* that count */
};

/* An address alone is a range of one. False for what is none. */
bool network_parse(const char *text, struct network *network_out);
/* The range of one that a peer is; false for what is no internet address. */
bool network_of_peer(const struct sockaddr *peer, struct network *network_out);
/* Whether all of `part` is in it. */
bool network_has(const struct network *network, const struct network *part);

#endif
