/* version.c - XEP-0092, Software Version: which server this is, and on which system if the admin
 * wants it told. */
#include "core/module.h"

#include <sys/utsname.h>

#define NS_VERSION "jabber:iq:version"

struct version_config {
	bool show_os;
};

static const struct config_key version_keys[] = {
	CONFIG_BOOL(struct version_config, show_os, false,
	    "Whether the answer names the operating system."),
	CONFIG_END,
};

static enum verdict version_get(struct task *task)
{
	const struct version_config *config = task_config(task);
	struct arena *arena = task_arena(task);
	struct element *query = element_new_lent(arena, NS_VERSION, "query");
	struct utsname os;

	element_add_text_child(arena, query, NULL, "name", "godwit");
	element_add_text_child(arena, query, NULL, "version", server_version());
	if (config->show_os && uname(&os) == 0)
		element_add_text_child(
		    arena, query, NULL, "os", arena_printf(arena, "%s %s", os.sysname, os.release));
	return task_reply(task, query);
}

static const struct hook version_hooks[] = {
	{ IQ_GET, NS_VERSION, TO_DOMAIN, 0, version_get },
	HOOK_END,
};

GODWIT_MODULE(version, .feature = NS_VERSION, .config = version_keys,
    .config_bytes = sizeof(struct version_config), .hooks = version_hooks);
