/* config-private.h - what the files of the configuration share. */
#ifndef GODWIT_CORE_CONFIG_PRIVATE_H
#define GODWIT_CORE_CONFIG_PRIVATE_H

#include "core/config.h"
#include "core/keys.h"

struct arena;
struct config_file;
struct config_key;
struct config_kind;
struct tls_certificate;

/* Our kinds of sections, then those of the modules (ended by NULL). NULL and the reason if a module
 * has a name of ours. */
const struct config_kind *config_kinds(
    const struct module *const *modules, struct arena *arena, const char **error_out);
/* What stands outside of the sections. `config->path` is set. */
void config_top_read(const struct config_file *file, struct config *config, struct arena *arena);
/* The whole; NULL, or what is wrong. */
const char *config_read(const struct config_file *file, struct config *config,
    const struct module *const *modules, struct arena *arena);

/* config-sections.c: a path of the file is relative to the folder of the file. */
const char *config_path_resolve(const char *config_path, const char *path, struct arena *arena);

/* config-domains.c: these are served; the array and its strings are the configuration's. */
void config_domains_set(struct config *config, const struct config_domain *domains, size_t count,
    struct arena *arena);
/* Adds what the tables have to the domains of the file. */
void config_domains_add(
    struct config *config, const struct config_tables *tables, struct arena *arena);
/* What they say of certificates; `all_fresh`: all files are to be read again. */
const struct tls_certificate *config_certificates(
    const struct config *config, bool all_fresh, struct arena *arena);
/* With its set in the configuration: leaves out domains that have none there, and says in the rows
 * what became of each. `old` (NULL only if all is fresh) had the others. */
void config_domains_settle(struct config *config, const struct config *old,
    const char *const *troubles, bool all_fresh, struct arena *arena);

/* config-restart.c: whether a key of that kind of section waits for the next start. */
bool config_key_needs_restart(const char *kind, const char *key);

/* config-settings.c: puts what the file says for each setting into the configuration, before it is
 * read. */
void config_settings_list(const struct config_file *file, const struct config_kind *kinds,
    struct config *config, struct arena *arena);
/* Sets in the file what the table has, but for values that have a trouble already; `troubles` has
 * one for each value, and gets the reason of those that are none of their setting, made in
 * `scratch`. */
void config_settings_apply(const struct config_file *file, struct config *config,
    const struct config_tables *tables, const char **troubles, struct arena *scratch);
/* Afterwards: what is in force, and what became of the values. */
void config_settings_finish(const struct config_file *file, struct config *config,
    const struct config_tables *tables, const char *const *troubles, struct arena *arena);

/* config-component.c: keys of its sections, and what becomes of them; NULL, or what is wrong. Domains
 * have been read. */
extern const struct config_key config_component_keys[];
const char *config_components_read(
    const struct config_file *file, struct config *config, struct arena *arena);

/* config-s2s.c: keys of sections s2s and route, and what becomes of them; NULL, or what is wrong. */
extern const struct config_key config_s2s_keys[], config_route_keys[];
const char *config_s2s_read(
    const struct config_file *file, struct config_s2s *s2s, struct arena *arena);
/* Whether "listen TITLE" is one for servers: fills in kind and, unless it is set, port. */
bool config_s2s_listen(const char *title, bool sets_port, struct config_listen *listen);

#endif
