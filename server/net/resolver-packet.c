/* resolver-packet.c - reads the records of an answer as it came over the wire.
 * The packet went through libunbound, yet what stands in its records was written by whoever owns
 * the domain: each is checked for its size, and each name for being one. */
#include "net/resolver-private.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <string.h>

#include "base/arena.h"

/* RFC 2782; RFC 6698 section 2.1. */
enum { SRV_FIXED_BYTES = 6, TLSA_FIXED_BYTES = 3 };
/* A certificate as a whole fits. */
enum { TLSA_DATA_MAX_BYTES = 4096 };

/* The records of one type, one after the other. */
struct packet {
	ns_msg message;
	int type;
	int next, count;
};

static bool packet_open(struct packet *packet, const struct dns_reply *reply, enum dns_type type)
{
	if (reply->packet == NULL ||
	    ns_initparse(reply->packet, (int)reply->length, &packet->message) != 0)
		return false;
	packet->type = (int)type;
	packet->next = 0;
	packet->count = ns_msg_count(packet->message, ns_s_an);
	return true;
}

static bool packet_next(struct packet *packet, ns_rr *record_out)
{
	while (packet->next < packet->count) {
		if (ns_parserr(&packet->message, ns_s_an, packet->next++, record_out) != 0)
			return false;
		if ((int)ns_rr_type(*record_out) == packet->type &&
		    ns_rr_class(*record_out) == ns_c_in)
			return true;
	}
	return false;
}

static bool is_host_byte(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
	       byte == '_' || byte == '.';
}

/* Makes it lower case. */
static bool name_is_host(char *name)
{
	for (; *name != '\0'; name++) {
		if (*name >= 'A' && *name <= 'Z')
			*name = (char)(*name - 'A' + 'a');
		if (!is_host_byte(*name))
			return false;
	}
	return true;
}

static bool srv_read(
    const struct packet *packet, const ns_rr *record, struct arena *arena, struct srv *srv_out)
{
	const unsigned char *data = ns_rr_rdata(*record);
	int name_bytes = ns_rr_rdlen(*record) - SRV_FIXED_BYTES;
	char name[NS_MAXDNAME];

	/* The name ends where the record does. */
	if (name_bytes <= 0 ||
	    dn_expand(ns_msg_base(packet->message), ns_msg_end(packet->message),
		data + SRV_FIXED_BYTES, name, sizeof name) != name_bytes ||
	    !name_is_host(name))
		return false;
	srv_out->priority = ns_get16(data);
	srv_out->weight = ns_get16(data + 2);
	srv_out->port = ns_get16(data + 4);
	srv_out->target = arena_strdup(arena, name);
	return true;
}

size_t packet_srv(
    const struct dns_reply *reply, struct arena *arena, struct srv *records_out, size_t max)
{
	struct packet packet;
	size_t count = 0;
	ns_rr record;

	if (!packet_open(&packet, reply, DNS_SRV))
		return 0;
	while (count < max && packet_next(&packet, &record))
		count += srv_read(&packet, &record, arena, &records_out[count]);
	return count;
}

static bool address_read(
    const ns_rr *record, enum dns_type type, union resolver_address *address_out)
{
	memset(address_out, 0, sizeof *address_out);
	if (type == DNS_A && ns_rr_rdlen(*record) == sizeof address_out->ipv4.sin_addr) {
		address_out->ipv4.sin_family = AF_INET;
		memcpy(&address_out->ipv4.sin_addr, ns_rr_rdata(*record), ns_rr_rdlen(*record));
		return true;
	}
	if (type == DNS_AAAA && ns_rr_rdlen(*record) == sizeof address_out->ipv6.sin6_addr) {
		address_out->ipv6.sin6_family = AF_INET6;
		memcpy(&address_out->ipv6.sin6_addr, ns_rr_rdata(*record), ns_rr_rdlen(*record));
		return true;
	}
	return false;
}

size_t packet_addresses(const struct dns_reply *reply, enum dns_type type,
    union resolver_address *addresses_out, size_t max)
{
	struct packet packet;
	size_t count = 0;
	ns_rr record;

	if (!packet_open(&packet, reply, type))
		return 0;
	while (count < max && packet_next(&packet, &record))
		count += address_read(&record, type, &addresses_out[count]);
	return count;
}

static bool tlsa_read(const ns_rr *record, struct arena *arena, struct resolver_tlsa *tlsa_out)
{
	const unsigned char *data = ns_rr_rdata(*record);
	size_t length = ns_rr_rdlen(*record);

	if (length <= TLSA_FIXED_BYTES || length > TLSA_FIXED_BYTES + TLSA_DATA_MAX_BYTES)
		return false;
	tlsa_out->usage = data[0];
	tlsa_out->selector = data[1];
	tlsa_out->matching = data[2];
	tlsa_out->length = length - TLSA_FIXED_BYTES;
	tlsa_out->data = (const unsigned char *)arena_strndup(
	    arena, (const char *)data + TLSA_FIXED_BYTES, tlsa_out->length);
	return true;
}

size_t packet_tlsa(const struct dns_reply *reply, struct arena *arena,
    struct resolver_tlsa *records_out, size_t max)
{
	struct packet packet;
	size_t count = 0;
	ns_rr record;

	if (!packet_open(&packet, reply, DNS_TLSA))
		return 0;
	while (count < max && packet_next(&packet, &record))
		count += tlsa_read(&record, arena, &records_out[count]);
	return count;
}
