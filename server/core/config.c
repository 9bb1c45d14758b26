/* config.c - godwit.conf to a struct config: the door to libconfuse.
 * Every section is described by a table of config_key, ours and the modules' alike; from it come
 * the parser's options, the defaults, the bounds and the struct that the code reads. */
#include "core/config.h"

#include <confuse.h>
#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/config-outline.h"
#include "core/module.h"
#include "net/tls.h"

#define DEFAULT_MODULES \
	"disco ping version time last private vcard register contact blocking offline"

/* What the file says outside of its sections. */
struct top {
	const char *database, *schema, *module_path, *control, *user;
	unsigned workers, scram_iterations;
	bool tls_required, allow_plain;
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
	const char *certificate, *key;
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
	CONFIG_LIST(struct top, modules, DEFAULT_MODULES, "What to load, in the order of hooks."),
	CONFIG_END
};

static const struct config_key log_keys[] = { CONFIG_TEXT(struct log_section, level, "info",
						  "debug, info, warning or error."),
	CONFIG_TEXT(struct log_section, format, "text", "text or json."),
	CONFIG_TEXT(struct log_section, file, "", "File to append to; empty: standard error."),
	CONFIG_END };

static const struct config_key c2s_keys[] = { CONFIG_TEXT(struct listen_section, address, "",
						  "Address; empty: all, IPv4 and IPv6."),
	CONFIG_NUMBER(struct listen_section, port, 5222, 0, 65535, "Port; 0: any free one."),
	CONFIG_END };

static const struct config_key c2s_tls_keys[] = { CONFIG_TEXT(struct listen_section, address, "",
						      "Address; empty: all, IPv4 and IPv6."),
	CONFIG_NUMBER(struct listen_section, port, 5223, 0, 65535, "Port; 0: any free one."),
	CONFIG_END };

static const struct config_key domain_keys[] = { CONFIG_TEXT(struct domain_section, certificate, "",
						     "PEM file: leaf, then intermediates."),
	CONFIG_TEXT(struct domain_section, key, "", "PEM file with its private key."), CONFIG_END };

#define LIMIT(member, default_, minimum_, maximum_, help_) \
	CONFIG_NUMBER(struct limits, member, default_, minimum_, maximum_, help_)
#define LIMIT_BYTES(member, default_, minimum_, help_) \
	{ \
		KEY_SIZE, #member, offsetof(struct limits, member), default_, minimum_, INT32_MAX, \
		    NULL, help_ \
	}

static const struct config_key limits_keys[] = {
	LIMIT_BYTES(stanza_bytes, 262144, 10000,
	    "Largest stanza after login (RFC 6120 section 13.12: at least 10000)."),
	LIMIT_BYTES(stanza_bytes_before_login, 16384, 4096, "The same before login."),
	LIMIT_BYTES(xml_depth, 64, 8, "Deepest nesting of elements in a stanza."),
	LIMIT_BYTES(xml_attributes, 64, 8, "Most attributes of an element."),
	LIMIT_BYTES(xml_elements, 8192, 16, "Most elements in a stanza."),
	LIMIT_BYTES(xml_name_bytes, 1024, 64, "Longest name or namespace."),
	LIMIT(login_timeout, 30, 1, 3600, "Seconds from connecting to having a resource."),
	LIMIT(tls_timeout, 15, 1, 3600, "Seconds for a TLS handshake."),
	LIMIT(
	    write_timeout, 60, 1, 3600, "Seconds a client may read nothing of what waits for it."),
	LIMIT(login_failures, 5, 1, 100, "Failed logins before a connection is closed."),
	LIMIT(connections_per_address, 1000, 1, 1000000,
	    "Connections of one IPv4 address or IPv6 /64."),
	LIMIT(pending_per_address, 50, 1, 1000000, "Of these, not logged in yet."),
	LIMIT(pending, 10000, 1, 10000000, "Connections not logged in yet, in all."),
	LIMIT(connections, 0, 0, 100000000, "Connections in all; 0: what descriptors allow."),
	LIMIT(sessions_per_account, 20, 1, 10000, "Clients of one account at a time."),
	LIMIT_BYTES(bytes_per_second, 65536, 0, "What a client may send, on average; 0: no bound."),
	LIMIT_BYTES(burst_bytes, 262144, 16384, "What it may send at once."),
	LIMIT_BYTES(output_soft_bytes, 1048576, 65536,
	    "Unread output after which a client is not listened to."),
	LIMIT_BYTES(output_hard_bytes, 4194304, 65536, "Unread output after which it is cut off."),
	LIMIT_BYTES(
	    unacked_stanzas, 1000, 10, "Stanzas a client may leave unacknowledged (XEP-0198)."),
	LIMIT_BYTES(unacked_bytes, 4194304, 65536, "Their bytes."),
	LIMIT(unacked_seconds, 1, 1, 60, "After which an unacknowledged message is stored."),
	LIMIT(roster_items, 1000, 1, 1000000, "Contacts of an account."),
	LIMIT(subscription_requests, 1000, 1, 1000000, "Unanswered requests kept for an account."),
	LIMIT(directed_presences, 1000, 1, 1000000, "Strangers a session may show itself to."),
	LIMIT(accounts_cached, 1000, 0, 10000000, "Accounts nobody uses kept in memory, a worker."),
	LIMIT(waiting_stanzas, 1000, 10, 1000000, "Stanzas that wait for an account to be loaded."),
	CONFIG_END
};

/* A configuration and what it is made of. */
struct config_owner {
	struct config config; /* first: what others hold a pointer to */
	atomic_uint references;
	struct arena *arena;
	struct tls_set *tls;
};

/* ---- libconfuse ---- */

/* Its error callback has no argument of ours. The first message is the one that helps. */
static _Thread_local struct {
	struct arena *arena;
	const char *path;
	const char *message;
} complaint;

__attribute__((format(printf, 2, 0))) static void confuse_complains(
    cfg_t *cfg, const char *format, va_list arguments)
{
	const char *text;

	if (complaint.message != NULL)
		return;
	text = arena_vprintf(complaint.arena, format, arguments);
	/* A section knows its line but not its file. */
	if (cfg != NULL && cfg->line > 0)
		text = arena_printf(complaint.arena, "%s:%d: %s", complaint.path, cfg->line, text);
	if (strstr(text, "no such option") != NULL)
		text =
		    arena_printf(complaint.arena, "%s; godwit.conf(5) lists what there is", text);
	complaint.message = text;
}

/* The option of libconfuse for one key. A list's default is written "{a, b}". */
static cfg_opt_t option_of(const struct config_key *key, struct arena *arena)
{
	cfg_opt_t number = CFG_INT(key->name, (long)key->number, CFGF_NONE);
	cfg_opt_t truth = CFG_BOOL(key->name, key->number != 0 ? cfg_true : cfg_false, CFGF_NONE);
	cfg_opt_t text = CFG_STR(key->name, key->text, CFGF_NONE);
	char *items = arena_printf(arena, "{%s}", key->text == NULL ? "" : key->text);
	cfg_opt_t list = CFG_STR_LIST(key->name, items, CFGF_NONE);

	for (char *at = items; *at != '\0'; at++)
		if (*at == ' ')
			*at = ',';
	switch (key->type) {
	case KEY_BOOL:
		return truth;
	case KEY_TEXT:
		return text;
	case KEY_LIST:
		return list;
	default:
		return number;
	}
}

/* Options for a table of keys, with room for `more` behind them. */
static cfg_opt_t *options_of(
    const struct config_key *keys, size_t more, struct arena *arena, size_t *count_out)
{
	size_t count = 0;
	cfg_opt_t *options;
	cfg_opt_t end = CFG_END();

	while (keys != NULL && keys[count].type != KEY_END)
		count++;
	options = arena_alloc(arena, (count + more + 1) * sizeof *options);
	for (size_t i = 0; i < count; i++)
		options[i] = option_of(&keys[i], arena);
	for (size_t i = count; i <= count + more; i++)
		options[i] = end;
	*count_out = count;
	return options;
}

/* ---- from options to structs ---- */

static const char *const *list_read(cfg_t *cfg, const char *name, struct arena *arena)
{
	unsigned count = cfg_size(cfg, name);
	const char **items = arena_alloc_zero(arena, (count + 1) * sizeof *items);

	for (unsigned i = 0; i < count; i++)
		items[i] = arena_strdup(arena, cfg_getnstr(cfg, name, i));
	return items;
}

static const char *number_misfit(
    const struct config_key *key, int64_t number, cfg_t *cfg, struct arena *arena)
{
	if (number >= key->minimum && number <= key->maximum)
		return NULL;
	return arena_printf(arena,
	    "%s: %s is %" PRId64 ", but must be from %" PRId64 " to %" PRId64 ": %s", cfg->filename,
	    key->name, number, key->minimum, key->maximum, key->help);
}

/* Fills the struct of a section. Returns what is wrong, or NULL. */
static const char *section_read(
    cfg_t *cfg, const struct config_key *keys, void *section, struct arena *arena)
{
	for (; keys != NULL && keys->type != KEY_END; keys++) {
		void *field = (char *)section + keys->offset;
		const char *wrong = NULL;

		switch (keys->type) {
		case KEY_SIZE:
			*(size_t *)field = (size_t)cfg_getint(cfg, keys->name);
			wrong = number_misfit(keys, cfg_getint(cfg, keys->name), cfg, arena);
			break;
		case KEY_NUMBER:
			*(unsigned *)field = (unsigned)cfg_getint(cfg, keys->name);
			wrong = number_misfit(keys, cfg_getint(cfg, keys->name), cfg, arena);
			break;
		case KEY_BOOL:
			*(bool *)field = cfg_getbool(cfg, keys->name) == cfg_true;
			break;
		case KEY_TEXT:
			*(const char **)field = arena_strdup(arena, cfg_getstr(cfg, keys->name));
			break;
		default:
			*(const char *const **)field = list_read(cfg, keys->name, arena);
		}
		if (wrong != NULL)
			return wrong;
	}
	return NULL;
}

/* A path of the file is relative to the folder of the file. */
static const char *path_resolve(const char *config_path, const char *path, struct arena *arena)
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
		    path_resolve(config_path, arena_strndup(arena, paths, length), arena);

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
	return arena_printf(
	    arena, "sqlite:%s", path_resolve(config_path, database + sizeof sqlite - 1, arena));
}

/* ---- sections ---- */

static const char *domain_read(
    cfg_t *cfg, const char *path, struct config_domain *domain, struct arena *arena)
{
	struct domain_section section;
	const char *wrong = section_read(cfg, domain_keys, &section, arena);

	if (wrong != NULL)
		return wrong;
	domain->name = jid_prepare_domain(arena, cfg_title(cfg));
	if (domain->name == NULL)
		return arena_printf(
		    arena, "%s: domain \"%s\" is no domain name", path, cfg_title(cfg));
	if (*section.certificate == '\0' || *section.key == '\0')
		return arena_printf(arena,
		    "%s: domain \"%s\" needs certificate = \"FILE\" and key = \"FILE\"", path,
		    domain->name);
	domain->certificate = path_resolve(path, section.certificate, arena);
	domain->key = path_resolve(path, section.key, arena);
	return NULL;
}

static const char *domains_read(cfg_t *cfg, struct config *config, struct arena *arena)
{
	size_t count = cfg_size(cfg, "domain");
	struct config_domain *domains = arena_alloc_zero(arena, (count + 1) * sizeof *domains);

	if (count == 0)
		return arena_printf(arena,
		    "%s: no domain is served; add: domain \"example.org\" { certificate = \"FILE\" "
		    "key = \"FILE\" }",
		    config->path);
	for (size_t i = 0; i < count; i++) {
		const char *wrong = domain_read(
		    cfg_getnsec(cfg, "domain", (unsigned)i), config->path, &domains[i], arena);

		if (wrong != NULL)
			return wrong;
		for (size_t j = 0; j < i; j++)
			if (text_equal(domains[i].name, domains[j].name))
				return arena_printf(arena, "%s: domain \"%s\" stands there twice",
				    config->path, domains[i].name);
	}
	config->domains = domains;
	config->domain_count = count;
	return NULL;
}

static const char *listen_read(
    cfg_t *cfg, const char *path, struct config_listen *listen, struct arena *arena)
{
	struct listen_section section;
	const char *title = cfg_title(cfg);
	const char *wrong;

	if (text_equal(title, "c2s"))
		listen->kind = LISTEN_C2S;
	else if (text_equal(title, "c2s-tls"))
		listen->kind = LISTEN_C2S_TLS;
	else
		return arena_printf(arena, "%s: listen %s: must be c2s or c2s-tls", path, title);
	wrong = section_read(cfg, c2s_keys, &section, arena);
	listen->address = *section.address == '\0' ? NULL : section.address;
	listen->port = section.port;
	if (listen->kind == LISTEN_C2S_TLS && cfg_opt_size(cfg_getopt(cfg, "port")) > 0 &&
	    (cfg_getopt(cfg, "port")->flags & CFGF_RESET) != 0)
		listen->port = (unsigned)c2s_tls_keys[1].number;
	return wrong;
}

static const char *listens_read(cfg_t *cfg, struct config *config, struct arena *arena)
{
	static const struct config_listen both[] = { { LISTEN_C2S, NULL, 5222 },
		{ LISTEN_C2S_TLS, NULL, 5223 } };
	size_t count = cfg_size(cfg, "listen");
	struct config_listen *listens = arena_alloc_zero(arena, (count + 1) * sizeof *listens);

	for (size_t i = 0; i < count; i++) {
		const char *wrong = listen_read(
		    cfg_getnsec(cfg, "listen", (unsigned)i), config->path, &listens[i], arena);

		if (wrong != NULL)
			return wrong;
	}
	config->listens = count == 0 ? both : listens;
	config->listen_count = count == 0 ? COUNT_OF(both) : count;
	return NULL;
}

static const char *log_read(cfg_t *cfg, struct config *config, struct arena *arena)
{
	struct log_section section;
	const char *wrong = section_read(cfg_getsec(cfg, "log"), log_keys, &section, arena);

	if (wrong != NULL)
		return wrong;
	if (!log_level_parse(section.level, &config->log_level))
		return arena_printf(arena,
		    "%s: log level \"%s\" must be debug, info, warning or error", config->path,
		    section.level);
	if (!text_equal(section.format, "text") && !text_equal(section.format, "json"))
		return arena_printf(arena, "%s: log format \"%s\" must be text or json",
		    config->path, section.format);
	config->log_format = text_equal(section.format, "json") ? LOG_JSON : LOG_TEXT;
	config->log_file =
	    *section.file == '\0' ? NULL : path_resolve(config->path, section.file, arena);
	return NULL;
}

static const char *modules_read(
    cfg_t *cfg, struct config *config, const struct module *const *modules, struct arena *arena)
{
	const void **sections;
	size_t count = 0;

	while (modules[count] != NULL)
		count++;
	sections = arena_alloc_zero(arena, (count + 1) * sizeof *sections);
	for (size_t i = 0; i < count; i++) {
		void *section;
		const char *wrong;

		if (modules[i]->config == NULL)
			continue;
		section = arena_alloc_zero(arena, modules[i]->config_bytes);
		wrong = section_read(
		    cfg_getsec(cfg, modules[i]->name), modules[i]->config, section, arena);
		if (wrong != NULL)
			return wrong;
		wrong = modules[i]->config_check == NULL ? NULL : modules[i]->config_check(section);
		if (wrong != NULL)
			return arena_printf(
			    arena, "%s: section %s: %s", config->path, modules[i]->name, wrong);
		sections[i] = section;
	}
	config->module_sections = sections;
	return NULL;
}

static void top_apply(const struct top *top, struct config *config, struct arena *arena)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	config->database = database_resolve(config->path, top->database, arena);
	config->schema = path_resolve(config->path, top->schema, arena);
	config->module_path = paths_resolve(config->path, top->module_path, arena);
	config->control =
	    *top->control == '\0' ? NULL : path_resolve(config->path, top->control, arena);
	config->user = top->user;
	config->workers = top->workers != 0 ? top->workers : cores > 0 ? (unsigned)cores : 1;
	config->scram_iterations = top->scram_iterations;
	config->tls_required = top->tls_required;
	config->allow_plain = top->allow_plain;
	config->modules = top->modules;
}

static const char *config_read(
    cfg_t *cfg, struct config *config, const struct module *const *modules, struct arena *arena)
{
	struct top top;
	const char *wrong = section_read(cfg, top_keys, &top, arena);

	if (wrong != NULL)
		return wrong;
	top_apply(&top, config, arena);
	if ((wrong = log_read(cfg, config, arena)) != NULL ||
	    (wrong = domains_read(cfg, config, arena)) != NULL ||
	    (wrong = listens_read(cfg, config, arena)) != NULL ||
	    (wrong = section_read(
		 cfg_getsec(cfg, "limits"), limits_keys, &config->limits, arena)) != NULL)
		return wrong;
	if (config->limits.output_hard_bytes < config->limits.output_soft_bytes)
		return arena_printf(arena,
		    "%s: output_hard_bytes is less than output_soft_bytes; raise it", config->path);
	return modules_read(cfg, config, modules, arena);
}

/* ---- files ---- */

/* The text of a file; NULL, with errno, if it cannot be read. */
static char *file_read(const char *path, struct arena *arena)
{
	FILE *file = fopen(path, "re");
	struct text text = { 0 };
	char *copy = NULL;
	size_t length;

	if (file == NULL)
		return NULL;
	do {
		length = fread(text_reserve(&text, BUFSIZ), 1, BUFSIZ, file);
		text.length += length;
	} while (length > 0);
	if (!ferror(file))
		copy = arena_strndup(arena, text.at, text.length);
	text_free(&text);
	fclose(file);
	return copy;
}

/* Parses the file, or only its outline. */
static bool confuse_parse(cfg_opt_t *options, bool outline, const char *path, struct arena *arena,
    cfg_t **cfg_out, const char **error_out)
{
	char *text = file_read(path, arena);
	FILE *file;
	cfg_t *cfg;
	int result;

	if (text == NULL) {
		*error_out =
		    arena_printf(arena, "%s: cannot be read: %s; name another with --config FILE",
			path, strerror(errno));
		return false;
	}
	if (outline)
		config_outline(text);
	complaint.arena = arena;
	complaint.path = path;
	complaint.message = NULL;
	cfg = cfg_init(options, CFGF_NONE);
	cfg_set_error_function(cfg, confuse_complains);
	file = fmemopen(text, strlen(text), "r");
	result = file == NULL ? CFG_SUCCESS : cfg_parse_fp(cfg, file);
	if (file != NULL)
		fclose(file);
	*cfg_out = cfg;
	if (result == CFG_SUCCESS)
		return true;
	*error_out = complaint.message != NULL ? complaint.message : "syntax error";
	cfg_free(cfg);
	return false;
}

/* The options of the whole file: our keys, our sections, one section for each module with keys. */
static cfg_opt_t *all_options(const struct module *const *modules, struct arena *arena)
{
	size_t module_count = 0, count, unused;
	cfg_opt_t *options;

	while (modules[module_count] != NULL)
		module_count++;
	options = options_of(top_keys, 4 + module_count, arena, &count);
	cfg_opt_t log = CFG_SEC("log", options_of(log_keys, 0, arena, &unused), CFGF_NONE);
	cfg_opt_t domain = CFG_SEC("domain", options_of(domain_keys, 0, arena, &unused),
	    CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
	cfg_opt_t listen =
	    CFG_SEC("listen", options_of(c2s_keys, 0, arena, &unused), CFGF_MULTI | CFGF_TITLE);
	cfg_opt_t limits = CFG_SEC("limits", options_of(limits_keys, 0, arena, &unused), CFGF_NONE);

	options[count++] = log;
	options[count++] = domain;
	options[count++] = listen;
	options[count++] = limits;
	for (size_t i = 0; i < module_count; i++) {
		cfg_opt_t *keys = options_of(modules[i]->config, 0, arena, &unused);
		cfg_opt_t section = CFG_SEC(modules[i]->name, keys, CFGF_NONE);

		if (modules[i]->config != NULL)
			options[count++] = section;
	}
	return options;
}

bool config_modules(const char *path, struct arena *arena, const char *const **names_out,
    const char **path_out, const char **error_out)
{
	static const struct module *const none[] = { NULL };
	cfg_opt_t *options = all_options(none, arena);
	struct top top;
	cfg_t *cfg;

	if (!confuse_parse(options, true, path, arena, &cfg, error_out))
		return false;
	*error_out = section_read(cfg, top_keys, &top, arena);
	cfg_free(cfg);
	if (*error_out != NULL)
		return false;
	*names_out = top.modules;
	*path_out = paths_resolve(path, top.module_path, arena);
	return true;
}

static bool config_load_certificates(
    struct config_owner *owner, struct arena *arena, const char **error_out)
{
	const struct config *config = &owner->config;
	struct tls_certificate *certificates =
	    arena_alloc(arena, config->domain_count * sizeof *certificates);

	for (size_t i = 0; i < config->domain_count; i++)
		certificates[i] = (struct tls_certificate){ config->domains[i].name,
			config->domains[i].certificate, config->domains[i].key };
	owner->tls = tls_set_new(certificates, config->domain_count, arena, error_out);
	owner->config.tls = owner->tls;
	return owner->tls != NULL;
}

struct config *config_load(const char *path, const struct module *const *modules, bool certificates,
    struct arena *arena, const char **error_out)
{
	struct config_owner *owner = mem_alloc_zero(sizeof *owner);
	struct config *config = &owner->config;
	cfg_t *cfg;

	owner->arena = arena_new(0);
	atomic_init(&owner->references, 1);
	config->path = arena_strdup(owner->arena, path);
	if (!confuse_parse(all_options(modules, arena), false, path, arena, &cfg, error_out)) {
		config_unref(&config);
		return NULL;
	}
	*error_out = config_read(cfg, config, modules, owner->arena);
	cfg_free(cfg);
	if (*error_out != NULL) {
		*error_out = arena_strdup(arena, *error_out);
		config_unref(&config);
		return NULL;
	}
	if (certificates && !config_load_certificates(owner, arena, error_out))
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

static bool lists_equal(const char *const *a, const char *const *b)
{
	while (*a != NULL && *b != NULL && text_equal(*a, *b)) {
		a++;
		b++;
	}
	return *a == NULL && *b == NULL;
}

static bool listens_equal(const struct config *a, const struct config *b)
{
	if (a->listen_count != b->listen_count)
		return false;
	for (size_t i = 0; i < a->listen_count; i++)
		if (a->listens[i].kind != b->listens[i].kind ||
		    a->listens[i].port != b->listens[i].port ||
		    !text_equal(a->listens[i].address, b->listens[i].address))
			return false;
	return true;
}

const char *config_needs_restart(const struct config *old, const struct config *new_config)
{
	if (!text_equal(old->database, new_config->database))
		return "database";
	if (!text_equal(old->schema, new_config->schema))
		return "schema";
	if (!text_equal(old->control, new_config->control))
		return "control";
	if (!text_equal(old->user, new_config->user))
		return "user";
	if (old->workers != new_config->workers)
		return "workers";
	if (!lists_equal(old->modules, new_config->modules) ||
	    !text_equal(old->module_path, new_config->module_path))
		return "modules";
	if (!listens_equal(old, new_config))
		return "listen";
	return text_equal(old->log_file, new_config->log_file) ? NULL : "log file";
}
