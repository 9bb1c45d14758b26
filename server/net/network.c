/* network.c - ranges of internet addresses: read from text, and compared. */
#include "net/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

#define BITS 128
#define IPV4_BITS 32

static void network_set_ipv4(struct network *network, const void *address)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(network->bytes, mapped, sizeof mapped);
	memcpy(network->bytes + sizeof mapped, address, 4);
}

bool network_parse(const char *text, struct network *network_out)
{
	size_t length = strcspn(text, "/");
	char address[INET6_ADDRSTRLEN];
	unsigned char parsed[16];
	int64_t bits;
	bool is_ipv4;

	if (length >= sizeof address)
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	is_ipv4 = inet_pton(AF_INET, address, parsed) == 1;
	if (is_ipv4)
		network_set_ipv4(network_out, parsed);
	else if (inet_pton(AF_INET6, address, network_out->bytes) != 1)
		return false;
	bits = is_ipv4 ? IPV4_BITS : BITS;
	if (text[length] == '/' && !number_parse(text + length + 1, 0, bits, &bits))
		return false;
	network_out->bits = (unsigned)bits + (is_ipv4 ? BITS - IPV4_BITS : 0);
	return true;
}

bool network_of_peer(const struct sockaddr *peer, struct network *network_out)
{
	const struct sockaddr_in *ipv4 = (const void *)peer;
	const struct sockaddr_in6 *ipv6 = (const void *)peer;

	network_out->bits = BITS;
	if (peer->sa_family == AF_INET)
		network_set_ipv4(network_out, &ipv4->sin_addr);
	else if (peer->sa_family == AF_INET6)
		memcpy(network_out->bytes, &ipv6->sin6_addr, sizeof network_out->bytes);
	else
		return false;
	return true;
}

bool network_has(const struct network *network, const struct network *part)
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;

	if (part->bits < network->bits || memcmp(network->bytes, part->bytes, whole) != 0)
		return false;
	return rest == 0 || (network->bytes[whole] ^ part->bytes[whole]) >> (8 - rest) == 0;
}
