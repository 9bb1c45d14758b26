/* config-sections.c - what godwit.conf may say, as tables, and what becomes of it: paths made
 * whole, defaults, and what the tables cannot check. */
#include "core/config-private.h"

#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "core/config-file.h"
#include "core/module.h"

#define DEFAULT_MODULES \
	"disco ping version time last private vcard register contact blocking offline"

#define C2S_PORT 5222
#define C2S_TLS_PORT 5223

/* What the file says outside of its sections. */
struct top {
	const char *database, *schema, *module_path, *control, *user;
	unsigned workers, scram_iterations, changes_days;
	unsigned reserved_days; /* the database goes by the table settings */
	bool tls_required, allow_plain, reset_ends_sessions;
	const char *const *modules;
};

struct log_section {
	const char *level, *format, *file;
};

struct listen_section {
	const char *address;
	unsigned port;
};

struct domain_section {
	const char *certificate, *key, *client_ca;
};

static const struct config_key top_keys[] = {
	CONFIG_TEXT(struct top, database, "sqlite:" LOCALSTATEDIR "/lib/godwit/godwit.sqlite",
	    "sqlite:PATH, or a PostgreSQL URI."),
	CONFIG_TEXT(struct top, schema, PKGDATADIR "/schema", "Folder of the schema's steps."),
	CONFIG_TEXT(struct top, module_path, PKGLIBDIR, "Folders of the modules, ':' between."),
	CONFIG_TEXT(struct top, control, LOCALSTATEDIR "/run/godwit/control",
	    "Socket of godwitctl; empty: none."),
	CONFIG_TEXT(
	    struct top, user, "godwit", "Who to become when started as root; empty: stay root."),
	CONFIG_NUMBER(struct top, workers, 0, 0, 256, "Threads; 0: one for each core."),
	CONFIG_NUMBER(struct top, scram_iterations, 10000, 4096, 10000000,
	    "PBKDF2 rounds of new passwords (RFC 7677: at least 4096)."),
	CONFIG_BOOL(struct top, tls_required, true, "No login without TLS."),
	CONFIG_BOOL(struct top, allow_plain, true, "Offer SASL PLAIN, inside TLS only."),
	CONFIG_BOOL(struct top, reset_ends_sessions, true,
	    "A password set with SQL ends the sessions of its account."),
	CONFIG_NUMBER(struct top, changes_days, 365, 0, 36500,
	    "Days for which the log of changes made with SQL is kept; 0: for ever."),
	CONFIG_NUMBER(struct top, reserved_days, 30, 0, 36500,
	    "Days for which nobody else gets the name of a deleted account."),
	CONFIG_LIST(struct top, modules, DEFAULT_MODULES, "What to load, in the order of hooks."),
	CONFIG_END
};

static const struct config_key log_keys[] = { CONFIG_WORD(struct log_section, level, "info",
						  "debug info warning error",
						  "The least that is worth a line."),
	CONFIG_WORD(struct log_section, format, "text", "text json", "What a line looks like."),
	CONFIG_TEXT(struct log_section, file, "", "File to append to; empty: standard error."),
	CONFIG_END };

/* The port is that of c2s; c2s-tls has C2S_TLS_PORT if it says none. */
static const struct config_key listen_keys[] = {
	CONFIG_TEXT(struct listen_section, address, "",
	    "Address; empty: all, IPv4 and IPv6; component: 127.0.0.1 if none is given."),
	CONFIG_NUMBER(struct listen_section, port, C2S_PORT, 0, 65535,
	    "Port; c2s-tls: 5223, s2s: 5269, s2s-tls: 5270, component: 5347 if none is given; 0: "
	    "any free one."),
	CONFIG_END
};

static const struct config_key domain_keys[] = { CONFIG_TEXT(struct domain_section, certificate, "",
						     "PEM file: leaf, then intermediates."),
	CONFIG_TEXT(struct domain_section, key, "", "PEM file with its private key."),
	CONFIG_TEXT(struct domain_section, client_ca, "",
	    "PEM file of who issues certificates to users (SASL EXTERNAL); empty: none."),
	CONFIG_END };

#define LIMIT(member, default_, minimum_, maximum_, help_) \
	CONFIG_NUMBER(struct limits, member, default_, minimum_, maximum_, help_)
#define LIMIT_BYTES(member, default_, minimum_, help_) \
	{ \
		KEY_SIZE, #member, offsetof(struct limits, member), default_, minimum_, INT32_MAX, \
		    NULL, help_, NULL \
	}

static const struct config_key limits_keys[] = {
	LIMIT_BYTES(stanza_bytes, 262144, 10000,
	    "Largest stanza after login (RFC 6120 section 13.12: at least 10000)."),
	LIMIT_BYTES(stanza_bytes_before_login, 16384, 4096, "Largest stanza before login."),
	LIMIT_BYTES(xml_depth, 64, 8, "Deepest nesting of elements in a stanza."),
	LIMIT_BYTES(xml_attributes, 64, 8, "Most attributes of an element."),
	LIMIT_BYTES(xml_elements, 8192, 16, "Most elements in a stanza."),
	LIMIT_BYTES(xml_name_bytes, 1024, 64, "Longest name or namespace."),
	LIMIT(login_timeout, 30, 1, 3600, "Seconds from connecting to having a resource."),
	LIMIT(tls_timeout, 15, 1, 3600, "Seconds for a TLS handshake."),
	LIMIT(
	    write_timeout, 60, 1, 3600, "Seconds a client may read nothing of what waits for it."),
	LIMIT(login_failures, 5, 1, 100, "Failed logins before a connection is closed."),
	LIMIT(bind_failures, 10, 1, 100, "Refused resources before a connection is closed."),
	LIMIT(connections_per_address, 1000, 1, 1000000,
	    "Connections of one IPv4 address or IPv6 /64."),
	LIMIT(pending_per_address, 50, 1, 1000000,
	    "Connections of one address that are not logged in yet."),
	LIMIT(pending, 10000, 1, 10000000, "Connections not logged in yet, in all."),
	LIMIT(connections, 0, 0, 100000000, "Connections in all; 0: what descriptors allow."),
	LIMIT(sessions_per_account, 20, 1, 10000, "Clients of one account at a time."),
	LIMIT_BYTES(bytes_per_second, 65536, 0, "What a client may send, on average; 0: no bound."),
	LIMIT_BYTES(burst_bytes, 262144, 16384, "What a client may send at once."),
	LIMIT_BYTES(output_soft_bytes, 1048576, 65536,
	    "Unread output after which a client is not listened to."),
	LIMIT_BYTES(
	    output_hard_bytes, 4194304, 65536, "Unread output after which a client is cut off."),
	LIMIT_BYTES(unwritten_stanzas, 5000, 100,
	    "Unread messages after which a client without XEP-0198 is cut off."),
	LIMIT_BYTES(
	    unacked_stanzas, 1000, 10, "Stanzas a client may leave unacknowledged (XEP-0198)."),
	LIMIT_BYTES(unacked_bytes, 4194304, 65536,
	    "Bytes of the stanzas a client may leave unacknowledged."),
	LIMIT(
	    unacked_seconds, 1, 1, 60, "Seconds after which an unacknowledged message is stored."),
	LIMIT(roster_items, 1000, 1, 1000000, "Contacts of an account."),
	LIMIT_BYTES(roster_bytes, 1048576, 4096,
	    "Bytes of the addresses, names and groups of an account's contacts."),
	LIMIT(subscription_requests, 1000, 1, 1000000, "Unanswered requests kept for an account."),
	LIMIT(directed_presences, 1000, 1, 1000000, "Strangers a session may show itself to."),
	LIMIT(accounts_cached, 1000, 0, 10000000, "Accounts nobody uses kept in memory, a worker."),
	LIMIT(waiting_stanzas, 1000, 10, 1000000, "Stanzas that wait for an account to be loaded."),
	CONFIG_END
};

/* The kinds of sections that are ours. */
static const struct config_key dns_keys[] = {
	CONFIG_LIST(struct resolver_config, forward, "",
	    "DNS servers to ask, \"ADDRESS\" or \"ADDRESS@PORT\"; none: those of "
	    "/etc/resolv.conf."),
	CONFIG_LIST(struct resolver_config, stub, "",
	    "Zones with a server of their own, \"ZONE ADDRESS\" or \"ZONE ADDRESS@PORT\"."),
	CONFIG_TEXT(struct resolver_config, trust_anchor_file, "auto",
	    "Keys of the root (DNSSEC); auto: those of the system, if any; empty: no DNSSEC."),
	CONFIG_LIST(struct resolver_config, local_data, "",
	    "Records nobody is asked for, as \"example.org. IN A 192.0.2.1\"."),
	CONFIG_NUMBER(
	    struct resolver_config, timeout, 5, 1, 60, "Seconds DNS may take for a domain."),
	CONFIG_END
};

static const struct config_kind own_kinds[] = {
	{ "root", top_keys, ONCE },
	{ "log", log_keys, ONCE },
	{ "domain", domain_keys, NAMED },
	{ "listen", listen_keys, NAMED_AGAIN },
	{ "limits", limits_keys, ONCE },
	{ "dns", dns_keys, ONCE },
	{ "component", config_component_keys, NAMED },
	{ "s2s", config_s2s_keys, ONCE },
	{ "route", config_route_keys, NAMED },
};

const struct config_kind *config_kinds(
    const struct module *const *modules, struct arena *arena, const char **error_out)
{
	size_t count = COUNT_OF(own_kinds), module_count = 0;
	struct config_kind *kinds;

	while (modules[module_count] != NULL)
		module_count++;
	kinds = arena_alloc_zero(arena, (count + module_count + 1) * sizeof *kinds);
	memcpy(kinds, own_kinds, sizeof own_kinds);
	for (; *modules != NULL; modules++) {
		for (size_t i = 0; i < COUNT_OF(own_kinds); i++)
			if (text_equal((*modules)->name, own_kinds[i].name)) {
				*error_out = arena_printf(arena,
				    "module %s: its name is that of a section of the server; "
				    "rename it",
				    (*modules)->name);
				return NULL;
			}
		if ((*modules)->config != NULL)
			kinds[count++] =
			    (struct config_kind){ (*modules)->name, (*modules)->config, ONCE };
	}
	return kinds;
}

/* ---- paths ---- */

const char *config_path_resolve(const char *config_path, const char *path, struct arena *arena)
{
	const char *slash = strrchr(config_path, '/');

	if (*path == '\0' || *path == '/' || slash == NULL)
		return path;
	return arena_printf(arena, "%.*s/%s", (int)(slash - config_path), config_path, path);
}

/* "a:b", each of them. */
static const char *paths_resolve(const char *config_path, const char *paths, struct arena *arena)
{
	const char *all = "";

	while (*paths != '\0') {
		size_t length = strcspn(paths, ":");
		const char *one =
		    config_path_resolve(config_path, arena_strndup(arena, paths, length), arena);

		all = *all == '\0' ? one : arena_printf(arena, "%s:%s", all, one);
		paths += length + (paths[length] == ':');
	}
	return all;
}

static const char *database_resolve(
    const char *config_path, const char *database, struct arena *arena)
{
	static const char sqlite[] = "sqlite:";

	if (strncmp(database, sqlite, sizeof sqlite - 1) != 0)
		return database;
	return arena_printf(arena, "sqlite:%s",
	    config_path_resolve(config_path, database + sizeof sqlite - 1, arena));
}

/* ---- sections ---- */

static const char *domain_read(
    const struct config_part *part, struct config_domain *domain, struct arena *arena)
{
	const char *path = config_part_path(part), *title = config_part_title(part);
	struct domain_section section;

	config_part_read(part, &section, arena);
	domain->name = jid_prepare_domain(arena, title);
	if (domain->name == NULL)
		return config_part_wrong(
		    part, arena, "\"%s\" is no domain name; correct it", title);
	if (*section.certificate == '\0' || *section.key == '\0')
		return config_part_wrong(part, arena,
		    "domain \"%s\" needs certificate = \"FILE\" and key = \"FILE\"", title);
	domain->certificate = config_path_resolve(path, section.certificate, arena);
	domain->key = config_path_resolve(path, section.key, arena);
	if (*section.client_ca != '\0')
		domain->client_ca = config_path_resolve(path, section.client_ca, arena);
	return NULL;
}

/* "A.example" and "a.example" are one. */
static bool domain_is_known(const struct config_domain *domains, size_t count, const char *name)
{
	while (count > 0 && !text_equal(domains[count - 1].name, name))
		count--;
	return count > 0;
}

/* How many sections of a kind there are. */
static size_t parts_count(const struct config_file *file, const char *kind, struct arena *arena)
{
	size_t count = 0;

	while (config_file_part(file, kind, count, arena) != NULL)
		count++;
	return count;
}

static const char *domains_read(
    const struct config_file *file, struct config *config, struct arena *arena)
{
	size_t count = parts_count(file, "domain", arena);
	struct config_domain *domains = arena_alloc_zero(arena, (count + 1) * sizeof *domains);

	if (count == 0)
		return arena_printf(arena,
		    "%s: no domain is served; add: domain \"example.org\" { certificate = \"FILE\" "
		    "key = \"FILE\" }",
		    config->path);
	for (size_t i = 0; i < count; i++) {
		const struct config_part *part = config_file_part(file, "domain", i, arena);
		const char *wrong = domain_read(part, &domains[i], arena);

		if (wrong != NULL)
			return wrong;
		if (domain_is_known(domains, i, domains[i].name))
			return config_part_wrong(part, arena,
			    "domain \"%s\" stands there twice; take one away", domains[i].name);
	}
	config_domains_set(config, domains, count, arena);
	return NULL;
}

static const char *listen_read(
    const struct config_part *part, struct config_listen *listen, struct arena *arena)
{
	const char *title = config_part_title(part);
	struct listen_section section;

	config_part_read(part, &section, arena);
	listen->address = *section.address == '\0' ? NULL : section.address;
	listen->port = section.port;
	if (text_equal(title, "c2s")) {
		listen->kind = LISTEN_C2S;
		return NULL;
	}
	if (config_s2s_listen(title, config_part_sets(part, "port"), listen) ||
	    config_component_listen(
		title, config_part_sets(part, "address"), config_part_sets(part, "port"), listen))
		return NULL;
	listen->kind = LISTEN_C2S_TLS;
	if (!config_part_sets(part, "port"))
		listen->port = C2S_TLS_PORT;
	return text_equal(title, "c2s-tls") ? NULL
	                                    : config_part_wrong(part, arena,
						  "\"listen %s\": listen c2s or s2s (STARTTLS), "
						  "c2s-tls or s2s-tls (direct TLS), or component",
						  title);
}

static bool is_for_clients(const struct config_listen *listen)
{
	return listen->kind == LISTEN_C2S || listen->kind == LISTEN_C2S_TLS;
}

/* Clients can connect even if only others are spoken of. */
static const char *listens_read(
    const struct config_file *file, struct config *config, struct arena *arena)
{
	static const struct config_listen both[] = { { LISTEN_C2S, NULL, C2S_PORT },
		{ LISTEN_C2S_TLS, NULL, C2S_TLS_PORT } };
	size_t count = parts_count(file, "listen", arena);
	struct config_listen *listens =
	    arena_alloc_zero(arena, (count + COUNT_OF(both)) * sizeof *listens);
	bool has_clients = false;

	for (size_t i = 0; i < count; i++) {
		const char *wrong =
		    listen_read(config_file_part(file, "listen", i, arena), &listens[i], arena);

		if (wrong != NULL)
			return wrong;
		has_clients = has_clients || is_for_clients(&listens[i]);
	}
	if (!has_clients) {
		memcpy(listens + count, both, sizeof both);
		count += COUNT_OF(both);
	}
	config->listens = listens;
	config->listen_count = count;
	return NULL;
}

static void log_read(const struct config_file *file, struct config *config, struct arena *arena)
{
	struct log_section section;

	config_part_read(config_file_part(file, "log", 0, arena), &section, arena);
	log_level_parse(section.level, &config->log_level);
	config->log_format = text_equal(section.format, "json") ? LOG_JSON : LOG_TEXT;
	config->log_file =
	    *section.file == '\0' ? NULL : config_path_resolve(config->path, section.file, arena);
}

static const char *limits_read(
    const struct config_file *file, struct config *config, struct arena *arena)
{
	const struct config_part *part = config_file_part(file, "limits", 0, arena);

	config_part_read(part, &config->limits, arena);
	if (config->limits.output_hard_bytes < config->limits.output_soft_bytes)
		return config_part_wrong(
		    part, arena, "output_hard_bytes is less than output_soft_bytes; raise it");
	return NULL;
}

/* Where the settings say nothing they are not tried out: that takes a moment, and memory. */
static const char *dns_read(
    const struct config_file *file, struct config *config, struct arena *arena)
{
	const struct config_part *part = config_file_part(file, "dns", 0, arena);
	struct resolver_config *dns = &config->dns;
	const char *wrong = NULL;

	config_part_read(part, dns, arena);
	if (text_equal(dns->trust_anchor_file, "auto"))
		dns->trust_anchor_file = NULL;
	else if (*dns->trust_anchor_file != '\0')
		dns->trust_anchor_file =
		    config_path_resolve(config->path, dns->trust_anchor_file, arena);
	if (config_part_sets(part, "forward") || config_part_sets(part, "stub") ||
	    config_part_sets(part, "trust_anchor_file") || config_part_sets(part, "local_data"))
		wrong = resolver_config_wrong(dns, arena);
	return wrong == NULL ? NULL : config_part_wrong(part, arena, "%s", wrong);
}

/* A listener for servers turns it on, too. */
static const char *s2s_read(
    const struct config_file *file, struct config *config, struct arena *arena)
{
	const char *wrong = config_s2s_read(file, &config->s2s, arena);

	if (config->s2s.ca != NULL)
		config->s2s.ca = config_path_resolve(config->path, config->s2s.ca, arena);
	for (size_t i = 0; i < config->listen_count; i++)
		if (config->listens[i].kind >= LISTEN_S2S)
			config->s2s.enabled = true;
	return wrong;
}

static const char *module_read(const struct config_file *file, const struct module *module,
    const void **section_out, struct arena *arena)
{
	const struct config_part *part = config_file_part(file, module->name, 0, arena);
	void *section = arena_alloc_zero(arena, module->config_bytes);
	const char *wrong;

	config_part_read(part, section, arena);
	*section_out = section;
	wrong = module->config_check == NULL ? NULL : module->config_check(section);
	return wrong == NULL
	           ? NULL
	           : config_part_wrong(part, arena, "section %s: %s", module->name, wrong);
}

static const char *modules_read(const struct config_file *file, struct config *config,
    const struct module *const *modules, struct arena *arena)
{
	const void **sections;
	const char *wrong = NULL;
	size_t count = 0;

	while (modules[count] != NULL)
		count++;
	sections = arena_alloc_zero(arena, (count + 1) * sizeof *sections);
	for (size_t i = 0; i < count && wrong == NULL; i++)
		if (modules[i]->config != NULL)
			wrong = module_read(file, modules[i], &sections[i], arena);
	config->module_sections = sections;
	return wrong;
}

void config_top_read(const struct config_file *file, struct config *config, struct arena *arena)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct top top;

	config_part_read(config_file_part(file, "root", 0, arena), &top, arena);
	config->database = database_resolve(config->path, top.database, arena);
	config->schema = config_path_resolve(config->path, top.schema, arena);
	config->module_path = paths_resolve(config->path, top.module_path, arena);
	config->control =
	    *top.control == '\0' ? NULL : config_path_resolve(config->path, top.control, arena);
	config->user = top.user;
	config->workers = top.workers != 0 ? top.workers : cores > 0 ? (unsigned)cores : 1;
	config->scram_iterations = top.scram_iterations;
	config->tls_required = top.tls_required;
	config->allow_plain = top.allow_plain;
	config->changes_days = top.changes_days;
	config->reset_ends_sessions = top.reset_ends_sessions;
	config->modules = top.modules;
}

const char *config_read(const struct config_file *file, struct config *config,
    const struct module *const *modules, struct arena *arena)
{
	const char *wrong;

	config_top_read(file, config, arena);
	log_read(file, config, arena);
	if ((wrong = domains_read(file, config, arena)) != NULL ||
	    (wrong = config_components_read(file, config, arena)) != NULL ||
	    (wrong = listens_read(file, config, arena)) != NULL ||
	    (wrong = limits_read(file, config, arena)) != NULL ||
	    (wrong = dns_read(file, config, arena)) != NULL ||
	    (wrong = s2s_read(file, config, arena)) != NULL)
		return wrong;
	return modules_read(file, config, modules, arena);
}
