/* config.c - a configuration as a whole: loaded, with its certificates, and shared. What the
 * file may say stands in config-sections.c; config-file.c reads it. */
#include "core/config.h"

#include <stdatomic.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/config-file.h"
#include "core/config-private.h"
#include "core/module.h"
#include "net/tls.h"

/* A configuration and what it is made of. */
struct config_owner {
	struct config config; /* first: what others hold a pointer to */
	atomic_uint references;
	struct arena *arena;
	struct tls_set *tls;
};

/* ---- loading ---- */

const struct config *config_top(const char *path, struct arena *arena, const char **error_out)
{
	static const struct module *const none[] = { NULL };
	struct config *config = arena_alloc_zero(arena, sizeof *config);
	struct config_file *file =
	    config_file_open(path, config_kinds(none, arena, error_out), true, arena, error_out);

	if (file == NULL)
		return NULL;
	config->path = arena_strdup(arena, path);
	config_top_read(file, config, arena);
	config_file_free(&file);
	return config;
}

bool config_modules(const char *path, struct arena *arena, const char *const **names_out,
    const char **path_out, const char **error_out)
{
	const struct config *top = config_top(path, arena, error_out);

	if (top == NULL)
		return false;
	*names_out = top->modules;
	*path_out = top->module_path;
	return true;
}

/* Reads the file, without certificates. */
static struct config_owner *owner_load(const char *path, const struct module *const *modules,
    struct arena *arena, const char **error_out)
{
	const struct config_kind *kinds = config_kinds(modules, arena, error_out);
	struct config_file *file =
	    kinds == NULL ? NULL : config_file_open(path, kinds, false, arena, error_out);
	struct config_owner *owner;
	struct config *config;

	if (file == NULL)
		return NULL;
	owner = mem_alloc_zero(sizeof *owner);
	config = &owner->config;
	owner->arena = arena_new(0);
	atomic_init(&owner->references, 1);
	config->path = arena_strdup(owner->arena, path);
	*error_out = config_read(file, config, modules, owner->arena);
	config_file_free(&file);
	if (*error_out == NULL)
		return owner;
	*error_out = arena_strdup(arena, *error_out);
	config_unref(&config);
	return NULL;
}

/* What the domains say of certificates, as the TLS sets want it. */
static const struct tls_certificate *certificates_of(
    const struct config *config, struct arena *arena)
{
	struct tls_certificate *certificates =
	    arena_alloc(arena, config->domain_count * sizeof *certificates);

	for (size_t i = 0; i < config->domain_count; i++)
		certificates[i] = (struct tls_certificate){ config->domains[i].name,
			config->domains[i].certificate, config->domains[i].key,
			config->domains[i].client_ca };
	return certificates;
}

struct config *config_load(const char *path, const struct module *const *modules, bool certificates,
    struct arena *arena, const char **error_out)
{
	struct config_owner *owner = owner_load(path, modules, arena, error_out);
	struct config *config = owner == NULL ? NULL : &owner->config;

	if (owner == NULL || !certificates)
		return config;
	owner->tls =
	    tls_set_new(certificates_of(config, arena), config->domain_count, arena, error_out);
	config->tls = owner->tls;
	if (owner->tls == NULL)
		config_unref(&config);
	return config;
}

struct config *config_reload(const struct config *old, const struct module *const *modules,
    config_warning *warn, void *state, struct arena *arena, const char **error_out)
{
	struct config_owner *owner = owner_load(old->path, modules, arena, error_out);
	struct config *config = owner == NULL ? NULL : &owner->config;

	if (owner == NULL)
		return NULL;
	owner->tls = tls_set_renew(old->tls, certificates_of(config, arena), config->domain_count,
	    warn, state, arena, error_out);
	config->tls = owner->tls;
	if (owner->tls == NULL)
		config_unref(&config);
	return config;
}

struct config *config_ref(const struct config *config)
{
	struct config_owner *owner = (struct config_owner *)(uintptr_t)config;

	atomic_fetch_add_explicit(&owner->references, 1, memory_order_relaxed);
	return &owner->config;
}

void config_unref(struct config **config)
{
	struct config_owner *owner = (struct config_owner *)(void *)*config;

	*config = NULL;
	if (owner == NULL ||
	    atomic_fetch_sub_explicit(&owner->references, 1, memory_order_acq_rel) != 1)
		return;
	tls_set_unref(&owner->tls);
	arena_free(&owner->arena);
	mem_free(owner);
}

/* ---- questions ---- */

const struct config_domain *config_domain(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->domain_count; i++)
		if (text_equal(config->domains[i].name, name))
			return &config->domains[i];
	return NULL;
}

bool config_serves(const struct config *config, const struct jid *jid)
{
	for (size_t i = 0; i < config->domain_count; i++)
		if (jid_has_domain(jid, config->domains[i].name))
			return true;
	return false;
}

struct xml_limits config_xml_limits(const struct config *config, size_t max_bytes)
{
	const struct limits *limits = &config->limits;

	return (struct xml_limits){
		.max_bytes = max_bytes,
		.max_depth = limits->xml_depth,
		.max_attributes = limits->xml_attributes,
		.max_elements = limits->xml_elements,
		.max_name_bytes = limits->xml_name_bytes,
	};
}
