/* links.c - who knows the links to other servers. */
#include "core/links.h"

/* Written before the workers run. */
static const struct link_source *known_by;

void links_set_source(const struct link_source *source)
{
	known_by = source;
}

const struct link_source *links_source(void)
{
	return known_by;
}
