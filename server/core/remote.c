/* remote.c - the ways out of this server, in the order in which they are asked. */
#include "core/remote.h"

#include <stddef.h>

#include "base/mem.h"
#include "core/config.h"
#include "core/home.h"

/* Components, and links to servers. */
enum { WAYS_MAX = 4 };

static const struct remote_way *ways[WAYS_MAX];
static size_t way_count;

void remote_add(const struct remote_way *way)
{
	ASSERT(way_count < WAYS_MAX);
	ways[way_count++] = way;
}

void remote_clear(void)
{
	way_count = 0;
}

bool remote_is_ours(const char *domain)
{
	bool is = config_domain(home_config(), domain) != NULL;

	for (size_t i = 0; !is && i < way_count; i++)
		is = ways[i]->speaks_for != NULL && ways[i]->speaks_for(domain);
	return is;
}

bool remote_send(const struct stanza *stanza, struct receipt *receipt)
{
	for (size_t i = 0; i < way_count; i++)
		if (ways[i]->send(stanza, receipt))
			return true;
	return false;
}
