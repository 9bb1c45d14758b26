/* config-component.c - external components in godwit.conf: the keys of their sections, and their
 * secrets, which may lie in files of their own. */
#define _GNU_SOURCE /* explicit_bzero() */
#include "core/config-component.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/config-file.h"
#include "core/config-private.h"
#include "xmpp/jid.h"

/* The port that is used everywhere; no RFC has one. In clear, so not open to the world by default.
 */
#define COMPONENT_PORT 5347
#define COMPONENT_ADDRESS "127.0.0.1"

enum { SECRET_MAX_BYTES = 1024 };

struct component_section {
	const char *secret, *secret_file;
	unsigned connections;
	size_t bytes_per_second, burst_bytes;
};

const struct config_key config_component_keys[] = { CONFIG_TEXT(struct component_section, secret,
							"", "What the component has to know."),
	CONFIG_TEXT(struct component_section, secret_file, "",
	    "Instead of it: a file whose first line is the secret."),
	CONFIG_NUMBER(struct component_section, connections, 4, 1, 1000,
	    "Connections of the component at a time."),
	CONFIG_SIZE(struct component_section, bytes_per_second, 1048576,
	    "Bytes a connection may send, on average; 0: no bound."),
	{ .type = KEY_SIZE,
	    .name = "burst_bytes",
	    .offset = offsetof(struct component_section, burst_bytes),
	    .number = 4194304,
	    .minimum = 16384,
	    .maximum = INT32_MAX,
	    .help = "Bytes a connection may send at once." },
	CONFIG_END };

/* ---- reading ---- */

/* The first line of a file, or NULL and why not. */
static const char *line_read(const char *path, struct arena *arena, const char **why_out)
{
	char line[SECRET_MAX_BYTES + 2];
	FILE *file = fopen(path, "re");
	const char *secret = NULL;

	*why_out = strerror(errno);
	if (file == NULL)
		return NULL;
	if (fgets(line, sizeof line, file) == NULL)
		strcpy(line, "");
	line[strcspn(line, "\r\n")] = '\0';
	if (*line == '\0')
		*why_out = "its first line is empty";
	else if (strlen(line) > SECRET_MAX_BYTES)
		*why_out = "its first line is too long";
	else
		secret = arena_strdup(arena, line);
	explicit_bzero(line, sizeof line);
	fclose(file);
	return secret;
}

static const char *secret_read(const struct config_part *part,
    const struct component_section *section, struct config_component *component,
    struct arena *arena)
{
	const char *path, *why;

	if ((*section->secret == '\0') == (*section->secret_file == '\0'))
		return config_part_wrong(part, arena,
		    "component \"%s\" needs secret = \"TEXT\" or secret_file = \"FILE\", and not "
		    "both",
		    component->name);
	component->secret = section->secret;
	if (*section->secret_file == '\0')
		return NULL;
	path = config_path_resolve(config_part_path(part), section->secret_file, arena);
	component->secret = line_read(path, arena, &why);
	return component->secret != NULL ? NULL
	                                 : config_part_wrong(part, arena,
					       "component \"%s\": secret_file \"%s\" cannot be "
					       "used: %s; the server's user "
					       "must be able to read the secret there",
					       component->name, path, why);
}

static const char *component_read(const struct config_part *part, const struct config *config,
    struct config_component *component, struct arena *arena)
{
	struct component_section section;

	config_part_read(part, &section, arena);
	component->name = jid_prepare_domain(arena, config_part_title(part));
	component->connections = section.connections;
	component->bytes_per_second = section.bytes_per_second;
	component->burst_bytes = section.burst_bytes;
	if (component->name == NULL)
		return config_part_wrong(part, arena,
		    "component \"%s\" is no domain name; correct it", config_part_title(part));
	if (config_domain(config, component->name) != NULL)
		return config_part_wrong(part, arena,
		    "component \"%s\": the server itself serves that domain; give it another",
		    component->name);
	if (config_component(config, component->name) != NULL)
		return config_part_wrong(part, arena,
		    "component \"%s\" stands there twice; take one away", component->name);
	return secret_read(part, &section, component, arena);
}

const char *config_components_read(
    const struct config_file *file, struct config *config, struct arena *arena)
{
	struct config_component *components;
	const char *wrong = NULL;
	size_t count = 0;

	while (config_file_part(file, "component", count, arena) != NULL)
		count++;
	components = arena_alloc_zero(arena, (count + 1) * sizeof *components);
	config->components = components;
	for (size_t i = 0; i < count && wrong == NULL; i++) {
		wrong = component_read(
		    config_file_part(file, "component", i, arena), config, &components[i], arena);
		config->component_count += wrong == NULL;
	}
	return wrong;
}

bool config_component_listen(
    const char *title, bool sets_address, bool sets_port, struct config_listen *listen)
{
	if (!text_equal(title, "component"))
		return false;
	listen->kind = LISTEN_COMPONENT;
	if (!sets_address)
		listen->address = COMPONENT_ADDRESS;
	if (!sets_port)
		listen->port = COMPONENT_PORT;
	return true;
}

/* ---- questions ---- */

const struct config_component *config_component(const struct config *config, const char *domain)
{
	for (size_t i = 0; i < config->component_count; i++)
		if (text_equal(config->components[i].name, domain))
			return &config->components[i];
	return NULL;
}

static bool is_below(const char *name, const char *domain)
{
	size_t length = strlen(name), above = strlen(domain);

	return length > above + 1 && name[length - above - 1] == '.' &&
	       text_equal(name + length - above, domain);
}

const char *const *config_components_below(
    const struct config *config, const char *domain, struct arena *arena)
{
	const char **names = arena_alloc(arena, (config->component_count + 1) * sizeof *names);
	size_t count = 0;

	for (size_t i = 0; i < config->component_count; i++)
		if (is_below(config->components[i].name, domain))
			names[count++] = config->components[i].name;
	names[count] = NULL;
	return names;
}
