/* config-private.h - what the files of the configuration share. */
#ifndef GODWIT_CORE_CONFIG_PRIVATE_H
#define GODWIT_CORE_CONFIG_PRIVATE_H

#include "core/config.h"

struct arena;
struct config_file;
struct config_kind;

/* Our kinds of sections, then those of the modules (ended by NULL). NULL and the reason if a module
 * has a name of ours. */
const struct config_kind *config_kinds(
    const struct module *const *modules, struct arena *arena, const char **error_out);
/* What stands outside of the sections. `config->path` is set. */
void config_top_read(const struct config_file *file, struct config *config, struct arena *arena);
/* The whole; NULL, or what is wrong. */
const char *config_read(const struct config_file *file, struct config *config,
    const struct module *const *modules, struct arena *arena);

#endif
