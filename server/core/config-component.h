/* config-component.h - external components (XEP-0114) in godwit.conf. */
#ifndef GODWIT_CORE_CONFIG_COMPONENT_H
#define GODWIT_CORE_CONFIG_COMPONENT_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct config;
struct config_listen;

struct config_component {
	const char *name; /* its domain, prepared */
	const char *secret;
	unsigned connections; /* that it may have at a time */
	size_t bytes_per_second, burst_bytes;
};

/* Whether that is the kind of a listener for components, which then gets its defaults. */
bool config_component_listen(
    const char *title, bool sets_address, bool sets_port, struct config_listen *listen);

/* The names of those below that domain: a list in the arena, ended by NULL. */
const char *const *config_components_below(
    const struct config *config, const char *domain, struct arena *arena);
/* The component of that domain (prepared), or NULL. */
const struct config_component *config_component(const struct config *config, const char *domain);

#endif
