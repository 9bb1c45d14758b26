/* loader.c - finds modules, checks that they were built for this server, and keeps them. */
#include "core/loader.h"

#include <dlfcn.h>
#include <unistd.h>

#include "core/module.h"

static const struct module **modules;
static size_t module_count;
static const struct module *const no_modules[] = { NULL };

const struct module *const *server_modules(void)
{
	return modules == NULL ? no_modules : modules;
}

size_t loader_count(void)
{
	return module_count;
}

/* The first folder of the path that has the file; NULL if none has. */
static const char *module_file(const char *path, const char *name, struct arena *arena)
{
	while (*path != '\0') {
		size_t length = strcspn(path, ":");
		const char *file = arena_printf(arena, "%.*s/%s.so", (int)length, path, name);

		if (length > 0 && access(file, R_OK) == 0)
			return file;
		path += length + (path[length] == ':');
	}
	return NULL;
}

static bool name_is_plain(const char *name)
{
	return *name != '\0' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(name);
}

/* Why a loaded object cannot be used as module `name`; NULL if it can. */
static const char *module_misfit(
    const struct module *module, const char *name, const char *file, struct arena *arena)
{
	if (module->api_version != GODWIT_API_VERSION)
		return arena_printf(arena,
		    "module %s: %s was built for interface %u, this server has %u; build it again",
		    name, file, module->api_version, GODWIT_API_VERSION);
	if (!text_equal(module->name, name))
		return arena_printf(arena, "module %s: %s calls itself \"%s\"; rename the file",
		    name, file, module->name);
	if (module->config != NULL && module->config_bytes == 0)
		return arena_printf(
		    arena, "module %s: has a table of settings but no .config_bytes", name);
	for (size_t i = 0; i < module_count; i++)
		if (text_equal(modules[i]->name, name))
			return arena_printf(arena, "module %s is named twice", name);
	return NULL;
}

static bool module_open(
    const char *path, const char *name, struct arena *arena, const char **error_out)
{
	const char *file = name_is_plain(name) ? module_file(path, name, arena) : NULL;
	struct module *module;
	void *object;

	if (file == NULL) {
		*error_out = arena_printf(arena,
		    "module %s: no %s.so in %s; take it out of \"modules\", or set \"module_path\"",
		    name, name, path);
		return false;
	}
	object = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (object == NULL) {
		*error_out =
		    arena_printf(arena, "module %s: cannot be loaded: %s", name, dlerror());
		return false;
	}
	module = dlsym(object, "godwit_module");
	if (module == NULL) {
		*error_out = arena_printf(
		    arena, "module %s: %s is no module: it lacks godwit_module", name, file);
		return false;
	}
	*error_out = module_misfit(module, name, file, arena);
	if (*error_out != NULL)
		return false;
	module->index = (unsigned)module_count;
	modules[module_count++] = module;
	return true;
}

bool loader_load(
    const char *path, const char *const *names, struct arena *arena, const char **error_out)
{
	size_t count = 0;

	while (names[count] != NULL)
		count++;
	modules = mem_alloc_zero((count + 1) * sizeof *modules);
	for (size_t i = 0; i < count; i++)
		if (!module_open(path, names[i], arena, error_out))
			return false;
	return true;
}

bool loader_start(void)
{
	for (size_t i = 0; i < module_count; i++)
		if (modules[i]->start != NULL && !modules[i]->start())
			return false;
	return true;
}

void loader_stop(void)
{
	while (module_count > 0) {
		module_count--;
		if (modules[module_count]->stop != NULL)
			modules[module_count]->stop();
	}
	mem_free(modules);
	modules = NULL;
}

unsigned module_flag(void)
{
	static unsigned next;

	ASSERT(next < 32);
	return next++;
}
