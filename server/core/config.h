/* config.h - godwit.conf, read and checked: the door to libconfuse.
 * A configuration is immutable and reference-counted. A reload makes another, and each worker takes
 * it over by its mailbox; a task keeps the one it began with. */
#ifndef GODWIT_CORE_CONFIG_H
#define GODWIT_CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "core/config-component.h"
#include "core/config-s2s.h"
#include "net/resolver.h"
#include "xml/parser.h"

struct arena;
struct config_key;
struct jid;
struct module;
struct tls_set;
struct tls_trust;

enum listen_kind { LISTEN_C2S, LISTEN_C2S_TLS, LISTEN_COMPONENT, LISTEN_S2S, LISTEN_S2S_TLS };

struct config_listen {
	enum listen_kind kind;
	const char *address; /* NULL: all, both families */
	unsigned port;
};

struct config_domain {
	const char *name; /* prepared */
	const char *certificate;
	const char *key;
	const char *client_ca;         /* NULL: no SASL EXTERNAL */
	struct config_domain_row *row; /* of table domains, what it is to say */
};

/* Section limits; etc/godwit.conf explains each. */
struct limits {
	size_t stanza_bytes, stanza_bytes_before_login;
	size_t xml_depth, xml_attributes, xml_elements, xml_name_bytes;
	unsigned login_timeout, tls_timeout, write_timeout; /* seconds */
	unsigned login_failures;
	unsigned bind_failures;
	unsigned connections_per_address, pending_per_address, pending, connections;
	unsigned sessions_per_account;
	size_t bytes_per_second, burst_bytes;
	size_t output_soft_bytes, output_hard_bytes;
	size_t unwritten_stanzas;
	size_t unacked_stanzas, unacked_bytes;
	unsigned unacked_seconds; /* after which an unacknowledged message is stored */
	unsigned roster_items;
	size_t roster_bytes;
	unsigned subscription_requests; /* pending ones kept for an account */
	unsigned directed_presences;    /* remembered for a session */
	unsigned accounts_cached;       /* accounts without sessions kept in memory, a worker */
	unsigned waiting_stanzas;       /* for one account that is being loaded */
};

/* What may change while the server runs: a key of a section that is there once. */
struct config_setting {
	const char *name; /* "limits.stanza_bytes"; of the top of the file: "changes_days" */
	const char *kind;
	const struct config_key *key;
	const char *configured; /* what the file says; NULL: nothing, so the default counts */
	const char *value;      /* what the table says; NULL: nothing */
	const char *trouble;    /* why that is not in force; NULL: it is */
	const char *in_force;
};

/* A row of table domains, as the table should have it. */
struct config_domain_row {
	const char *name, *certificate, *key;
	const char *client_ca; /* or NULL */
	enum { ROW_WAITING, ROW_SERVED, ROW_FAILED } state;
	const char *error;   /* what is wrong with it; NULL: nothing */
	const char *trouble; /* the same, if a file cannot be used */
	bool is_of_file;     /* it stands in the file, too, which wins */
	bool is_fresh;       /* its files are to be read again */
	bool is_known;       /* the table says this already */
};

struct config {
	const char *path;
	const char *database;
	const char *schema;      /* folder of the migrations */
	const char *module_path; /* folders of the modules, ':' between */
	const char *control;     /* socket of godwitctl; NULL or "": none */
	const char *user;        /* to become after binding, when started as root; "" stays */
	unsigned workers;
	unsigned scram_iterations;
	bool tls_required;
	bool allow_plain;
	unsigned changes_days;    /* for which the log of changes is kept; 0: for ever */
	bool reset_ends_sessions; /* a password set with SQL ends the sessions */
	enum log_level log_level;
	enum log_format log_format;
	const char *log_file;       /* NULL: standard error */
	const char *const *modules; /* names, ended by NULL */
	const struct config_domain *domains; /* in the order of the file */
	const struct config_domain *const *domains_by_name;
	size_t domain_count;
	const struct config_listen *listens;
	size_t listen_count;
	struct limits limits;
	struct resolver_config dns;
	struct config_s2s s2s;
	const struct config_component *components;
	size_t component_count;
	struct config_setting *settings;
	size_t setting_count;
	struct config_domain_row
	    *rows; /* of table domains: all of the file, and what it has besides */
	size_t row_count;
	/* Set by config_load(): the sections of the modules, by module index; certificates loaded.
	 */
	const void *const *module_sections;
	struct tls_set *tls;
	struct tls_trust *trust; /* of other servers; NULL without federation */
};

/* What the database has beyond the file, as it was read (admin/config-rows.h). */
struct config_value {
	const char *name, *text;
};
struct config_tables {
	struct arena *arena; /* all of this lives in it */
	struct config_value
	    *values; /* of table settings, the one that was changed last at the end */
	size_t value_count;
	struct config_domain_row *domains; /* of table domains, those that are not of the file */
	size_t domain_count;
	unsigned number; /* of the reading */
};
/* Accepts a pointer to NULL, leaves NULL. */
void config_tables_free(struct config_tables **tables);
/* Domains that the file has by now are those of the file for good. */
void config_tables_yield(struct config_tables *tables, const struct config *config);

/* What --check and the server are told that is not an error: "certificate of example.org expires in
 * 3 days". Called for each. */
typedef void config_warning(void *state, const char *text);

/* What stands in the file outside of its sections, whatever these hold; made in the arena, no
 * reference. NULL and the reason. */
const struct config *config_top(const char *path, struct arena *arena, const char **error_out);
/* Reads the file as far as needed to know the modules: `names_out` (ended by NULL) and `path_out`.
 * NULL error on success; the reason names file, line and cure. */
bool config_modules(const char *path, struct arena *arena, const char *const **names_out,
    const char **path_out, const char **error_out);
/* Reads and checks the whole file. `modules` (loaded, ended by NULL) give their sections' keys.
 * `certificates`: also load them (TLS contexts), else `tls` stays NULL. Returns one reference, or
 * NULL and the reason: file, line, what and cure. */
struct config *config_load(const char *path, const struct module *const *modules, bool certificates,
    struct arena *arena, const char **error_out);
/* Reads the file of `old` again, with certificates. A domain of `old` whose new certificate or key
 * cannot be used keeps what is loaded for it, and `warn` is told. Domains of the tables are served,
 * too, but for those whose certificate cannot be used: their rows say so. The values of the tables
 * (NULL: none) win over the file; if some do not fit together, those that were changed first count.
 */
struct config *config_reload(const struct config *old, const struct module *const *modules,
    const struct config_tables *tables, config_warning *warn, void *state, struct arena *arena,
    const char **error_out);
/* The file as `old` has read it, with what the tables have now. Certificates are those of `old`,
 * but for what the table domains has that is new. */
struct config *config_amend(const struct config *old, const struct module *const *modules,
    const struct config_tables *tables, struct arena *arena, const char **error_out);
/* What is no error but should not stay: certificates that expire soon or name other domains, keys
 * that others can read. */
void config_warn(const struct config *config, config_warning *warn, void *state);
/* The same for one domain: the first of them, or NULL. */
const char *config_domain_warning(const struct config_domain *domain, struct arena *arena);
/* Prints all keys there are: section, key, type, default, bounds, meaning, with tabs between. False
 * and the reason. */
bool config_print_keys(
    const struct module *const *modules, struct arena *arena, const char **error_out);
/* "number", "truth", "text", "list" or "word". */
const char *config_key_type(const struct config_key *key);
/* "seconds", "bytes" ...; NULL: a mere number, or none. */
const char *config_setting_unit(const struct config_setting *setting);
const char *config_setting_default(const struct config_setting *setting, struct arena *arena);
struct config *config_ref(const struct config *config);
void config_unref(struct config **config);
/* The served domain of that name, or NULL. */
const struct config_domain *config_domain(const struct config *config, const char *name);
/* Whether the domain part of that JID is served. */
bool config_serves(const struct config *config, const struct jid *jid);
/* Of what is parsed under this configuration, a stanza having at most `max_bytes`. */
struct xml_limits config_xml_limits(const struct config *config, size_t max_bytes);
/* Names every setting that differs and needs a restart (database, workers, listen, modules,
 * control, user ...): a list in the arena, of constant texts, ended by NULL. */
const char *const *config_needs_restart(
    struct arena *arena, const struct config *old, const struct config *new_config);

#endif
