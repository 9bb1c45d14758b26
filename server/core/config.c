/* config.c - a configuration as a whole: loaded, with its certificates, and shared. What the
 * file may say stands in config-sections.c; config-file.c reads it. */
#include "core/config.h"

#include <stdatomic.h>
#include <string.h>

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
	const char *text; /* of the file */
	struct tls_set *tls;
	struct tls_trust *trust;
};

/* What one is to be made of. */
struct recipe {
	const char *path, *text;
	const struct module *const *modules;
	const struct config_tables *tables; /* NULL: none */
	const char **troubles;              /* of each value there: why it is left out */
	struct arena *arena;                /* of what is made on the way */
};

static struct config_owner *owner_of(const struct config *config)
{
	return (struct config_owner *)(uintptr_t)config;
}

/* ---- loading ---- */

const struct config *config_top(const char *path, struct arena *arena, const char **error_out)
{
	static const struct module *const none[] = { NULL };
	struct config *config = arena_alloc_zero(arena, sizeof *config);
	const char *text = config_file_text(path, arena, error_out);
	struct config_file *file =
	    text == NULL ? NULL
			 : config_file_open(path, text, config_kinds(none, arena, error_out), true,
			       arena, error_out);

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

/* ---- from the file and the tables ---- */

static const char *owner_read(struct config_owner *owner, const struct config_file *file,
    const struct config_kind *kinds, const struct recipe *recipe)
{
	struct config *config = &owner->config;
	const char *wrong;

	config->path = arena_strdup(owner->arena, recipe->path);
	owner->text = arena_strdup(owner->arena, recipe->text);
	config_settings_list(file, kinds, config, owner->arena);
	config_settings_apply(file, config, recipe->tables, recipe->troubles, recipe->arena);
	wrong = config_read(file, config, recipe->modules, owner->arena);
	if (wrong != NULL)
		return wrong;
	config_settings_finish(file, config, recipe->tables, recipe->troubles, owner->arena);
	config_domains_add(config, recipe->tables, owner->arena);
	return NULL;
}

/* Without certificates, and without the values that have a trouble. */
static struct config_owner *owner_try(const struct recipe *recipe, const char **error_out)
{
	const struct config_kind *kinds = config_kinds(recipe->modules, recipe->arena, error_out);
	struct config_file *file = kinds == NULL ? NULL
	                                         : config_file_open(recipe->path, recipe->text,
						       kinds, false, recipe->arena, error_out);
	struct config_owner *owner;
	struct config *config;

	if (file == NULL)
		return NULL;
	owner = mem_alloc_zero(sizeof *owner);
	owner->arena = arena_new(0);
	atomic_init(&owner->references, 1);
	*error_out = owner_read(owner, file, kinds, recipe);
	config_file_free(&file);
	if (*error_out == NULL)
		return owner;
	*error_out = arena_strdup(recipe->arena, *error_out);
	config = &owner->config;
	config_unref(&config);
	return NULL;
}

/* The place in the file is not where the value stands. */
static const char *trouble_of(const struct recipe *recipe, const char *error)
{
	size_t length = strlen(recipe->path);
	const char *text;

	if (strncmp(error, recipe->path, length) != 0 || error[length] != ':')
		return error;
	text = strstr(error + length, ": ");
	return text == NULL ? error : text + 2;
}

/* Lets the value in if the configuration is good with it. */
static bool value_admit(const struct recipe *recipe, size_t index)
{
	const char *error;
	struct config_owner *owner;
	struct config *config;

	recipe->troubles[index] = NULL;
	owner = owner_try(recipe, &error);
	if (owner == NULL) {
		recipe->troubles[index] = trouble_of(recipe, error);
		return false;
	}
	config = &owner->config;
	config_unref(&config);
	return recipe->troubles[index] == NULL;
}

/* The values do not fit together: finds as many as do, one after the other, as long as there is one
 * more. */
static void values_choose(const struct recipe *recipe)
{
	size_t count = recipe->tables->value_count;
	bool admitted = true;

	for (size_t i = 0; i < count; i++)
		recipe->troubles[i] = "";
	while (admitted) {
		admitted = false;
		for (size_t i = 0; i < count; i++)
			if (recipe->troubles[i] != NULL)
				admitted |= value_admit(recipe, i);
	}
}

static struct config_owner *owner_make(struct recipe *recipe, const char **error_out)
{
	size_t count = recipe->tables == NULL ? 0 : recipe->tables->value_count;
	struct config_owner *owner;

	recipe->troubles = arena_alloc_zero(recipe->arena, (count + 1) * sizeof *recipe->troubles);
	owner = owner_try(recipe, error_out);
	if (owner != NULL || count == 0)
		return owner;
	values_choose(recipe);
	return owner_try(recipe, error_out);
}

/* ---- with certificates ---- */

/* Whom to trust among servers: as before, if nothing about it has changed. */
static bool trust_take(struct config_owner *owner, const struct config *old, struct arena *arena,
    const char **error_out)
{
	const struct config_s2s *s2s = &owner->config.s2s;

	if (!s2s->enabled)
		return true;
	if (old != NULL && old->trust != NULL && text_equal(old->s2s.ca, s2s->ca))
		owner->trust = tls_trust_ref(old->trust);
	else
		owner->trust = tls_trust_new(s2s->ca, arena, error_out);
	owner->config.trust = owner->trust;
	return owner->trust != NULL;
}

/* Takes the owner, and gives its configuration; NULL and the reason if certificates cannot be used.
 * `all_fresh`: those of `old` (may be NULL) are read again. */
static struct config *owner_certify(struct config_owner *owner, const struct config *old,
    bool all_fresh, struct arena *arena, const char **error_out)
{
	struct config *config = &owner->config;
	size_t count = config->domain_count;
	const char **troubles = arena_alloc_zero(arena, (count + 1) * sizeof *troubles);

	owner->tls = tls_set_renew(old == NULL ? NULL : old->tls,
	    config_certificates(config, all_fresh, arena), count, troubles, arena, error_out);
	config->tls = owner->tls;
	if (owner->tls == NULL || !trust_take(owner, all_fresh ? NULL : old, arena, error_out))
		config_unref(&config);
	else
		config_domains_settle(config, old, troubles, all_fresh, owner->arena);
	return config;
}

/* Leaves the value of that setting out, if there is one. */
static bool value_drop(const struct recipe *recipe, const char *name, const char *why)
{
	size_t count = recipe->tables == NULL ? 0 : recipe->tables->value_count;

	for (size_t i = 0; i < count; i++)
		if (recipe->troubles[i] == NULL &&
		    text_equal(recipe->tables->values[i].name, name)) {
			recipe->troubles[i] = why;
			return true;
		}
	return false;
}

/* Of the values that ask for a file of authorities the one that names it, or else the one that has
 * any read. */
static bool trust_drop(const struct recipe *recipe, const char *why)
{
	return value_drop(recipe, "s2s.ca", why) || value_drop(recipe, "s2s.enabled", why);
}

/* With values that need a file that cannot be used, these do not count. */
static struct config *config_make(
    struct recipe *recipe, const struct config *old, bool all_fresh, const char **error_out)
{
	struct config_owner *owner = owner_make(recipe, error_out);
	struct config *config = NULL;

	while (owner != NULL) {
		config = owner_certify(owner, old, all_fresh, recipe->arena, error_out);
		if (config != NULL || !trust_drop(recipe, *error_out))
			return config;
		owner = owner_try(recipe, error_out);
	}
	return NULL;
}

struct config *config_load(const char *path, const struct module *const *modules, bool certificates,
    struct arena *arena, const char **error_out)
{
	struct recipe recipe = { .path = path, .modules = modules, .arena = arena };
	struct config_owner *owner;

	recipe.text = config_file_text(path, arena, error_out);
	if (recipe.text == NULL)
		return NULL;
	if (certificates)
		return config_make(&recipe, NULL, true, error_out);
	owner = owner_make(&recipe, error_out);
	return owner == NULL ? NULL : &owner->config;
}

struct config *config_reload(const struct config *old, const struct module *const *modules,
    const struct config_tables *tables, config_warning *warn, void *state, struct arena *arena,
    const char **error_out)
{
	struct recipe recipe = {
		.path = old->path,
		.text = config_file_text(old->path, arena, error_out),
		.modules = modules,
		.tables = tables,
		.arena = arena,
	};
	struct config *config =
	    recipe.text == NULL ? NULL : config_make(&recipe, old, true, error_out);

	for (size_t i = 0; config != NULL && i < config->row_count; i++)
		if (config->rows[i].trouble != NULL)
			warn(state, config->rows[i].trouble);
	return config;
}

struct config *config_amend(const struct config *old, const struct module *const *modules,
    const struct config_tables *tables, struct arena *arena, const char **error_out)
{
	struct recipe recipe = {
		.path = old->path,
		.text = owner_of(old)->text,
		.modules = modules,
		.tables = tables,
		.arena = arena,
	};
	struct config_owner *owner;

	if (old->tls != NULL)
		return config_make(&recipe, old, false, error_out);
	owner = owner_make(&recipe, error_out);
	return owner == NULL ? NULL : &owner->config;
}

void config_tables_free(struct config_tables **tables)
{
	struct arena *arena = *tables == NULL ? NULL : (*tables)->arena;

	*tables = NULL;
	arena_free(&arena);
}

/* ---- shared ---- */

struct config *config_ref(const struct config *config)
{
	struct config_owner *owner = owner_of(config);

	atomic_fetch_add_explicit(&owner->references, 1, memory_order_relaxed);
	return &owner->config;
}

void config_unref(struct config **config)
{
	struct config_owner *owner = owner_of(*config);

	*config = NULL;
	if (owner == NULL ||
	    atomic_fetch_sub_explicit(&owner->references, 1, memory_order_acq_rel) != 1)
		return;
	tls_set_unref(&owner->tls);
	tls_trust_unref(&owner->trust);
	arena_free(&owner->arena);
	mem_free(owner);
}

/* ---- questions ---- */

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
