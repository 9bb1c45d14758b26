/* meeting.c - see meeting.h. */
#include "meeting.h"

#include <string.h>

#include "base/mem.h"

struct tls_set *set;

const int ways[3] = { 0, TLS1_2_VERSION, TLS1_3_VERSION };

int set_up(void **state)
{
	office_open();
	set = make_set("a.example");
	return 0;
}

int tear_down(void **state)
{
	tls_set_unref(&set);
	office_close();
	return 0;
}

struct peer *meet_with(
    struct tls_set *with, struct owner *owner, const struct transport_limits *limits, int way)
{
	int fd;
	struct peer *peer = peer_new(&fd);

	owner_open(owner, fd, limits);
	if (way == 0)
		return peer;
	transport_start_tls(owner->transport, with, NULL, NULL);
	peer_secure(peer, way, NULL, NULL);
	WAIT(owner->secured && peer->secured);
	return peer;
}

struct peer *meet(struct owner *owner, const struct transport_limits *limits, int way)
{
	return meet_with(set, owner, limits, way);
}

void put(struct owner *owner, size_t length)
{
	struct text *output = transport_output(owner->transport);

	memset(text_reserve(output, length), 'x', length);
	output->length += length;
}

char *bytes_new(size_t length)
{
	char *bytes = mem_alloc(length);

	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	return bytes;
}
