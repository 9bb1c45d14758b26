/* config-domains.c - the domains that are served: those of godwit.conf, and those that the table
 * domains has besides. Of a domain that both have, the file's section counts. Without its
 * certificate a domain of the file is an error of the configuration; one of the table is left out,
 * and its row says why. */
#include "core/config-private.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/tls.h"
#include "xmpp/jid.h"

/* ---- by name ---- */

static int name_order(const void *a, const void *b)
{
	const struct config_domain *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

void config_domains_set(
    struct config *config, const struct config_domain *domains, size_t count, struct arena *arena)
{
	const struct config_domain **by_name =
	    arena_alloc_zero(arena, (count + 1) * sizeof(struct config_domain *));

	for (size_t i = 0; i < count; i++)
		by_name[i] = &domains[i];
	qsort(by_name, count, sizeof(struct config_domain *), name_order);
	config->domains = domains;
	config->domains_by_name = by_name;
	config->domain_count = count;
}

/* The name need not end in a NUL. */
static int name_compare(const void *key, const void *member)
{
	const struct span *name = key;
	const struct config_domain *const *domain = member;
	int order = strncmp(name->at, (*domain)->name, name->length);

	return order == 0 && (*domain)->name[name->length] != '\0' ? -1 : order;
}

static const struct config_domain *domain_find(const struct config *config, struct span name)
{
	const struct config_domain *const *found = bsearch(&name, config->domains_by_name,
	    config->domain_count, sizeof(struct config_domain *), name_compare);

	return found == NULL ? NULL : *found;
}

const struct config_domain *config_domain(const struct config *config, const char *name)
{
	return name == NULL ? NULL : domain_find(config, span_of(name));
}

bool config_serves(const struct config *config, const struct jid *jid)
{
	return domain_find(config, jid_domain_span(jid)) != NULL;
}

/* ---- rows ---- */

/* What it is to say from now on. */
static void row_say(struct config_domain_row *row, int state, const char *error)
{
	row->is_known =
	    !row->is_of_file && (int)row->state == state && text_equal(row->error, error);
	row->state = state;
	row->error = error;
}

static const struct config_domain_row *row_find(const struct config *config, const char *name)
{
	for (size_t i = 0; config != NULL && i < config->row_count; i++)
		if (text_equal(config->rows[i].name, name))
			return &config->rows[i];
	return NULL;
}

/* What it was told before may be on its way to the table. */
static void row_compare(struct config_domain_row *row, const struct config *old)
{
	const struct config_domain_row *before = row_find(old, row->name);

	if (before != NULL &&
	    (before->state != row->state || !text_equal(before->error, row->error)))
		row->is_known = false;
}

static const char *copy_or_null(struct arena *arena, const char *text)
{
	return text == NULL ? NULL : arena_strdup(arena, text);
}

static struct config_domain_row row_copy(const struct config_domain_row *row, struct arena *arena)
{
	struct config_domain_row copy = *row;

	copy.name = arena_strdup(arena, row->name);
	copy.certificate = arena_strdup(arena, row->certificate);
	copy.key = arena_strdup(arena, row->key);
	copy.client_ca = copy_or_null(arena, row->client_ca);
	copy.error = copy_or_null(arena, row->error);
	return copy;
}

static struct config_domain_row row_of_file(const struct config_domain *domain)
{
	return (struct config_domain_row){ .name = domain->name,
		.certificate = domain->certificate,
		.key = domain->key,
		.client_ca = domain->client_ca,
		.is_of_file = true };
}

/* ---- domains of both ---- */

static struct config_domain domain_of_row(
    const struct config *config, struct config_domain_row *row, struct arena *arena)
{
	return (struct config_domain){ .name = row->name,
		.certificate = config_path_resolve(config->path, row->certificate, arena),
		.key = config_path_resolve(config->path, row->key, arena),
		.client_ca = row->client_ca == NULL
		                 ? NULL
		                 : config_path_resolve(config->path, row->client_ca, arena),
		.row = row };
}

/* Why the name cannot be one that is served; NULL: it can. */
static const char *name_wrong(const struct config *config, const char *name, struct arena *arena)
{
	const char *prepared = jid_prepare_domain(arena, name);

	if (prepared == NULL)
		return "this is no domain name; correct it";
	if (!text_equal(prepared, name))
		return arena_printf(
		    arena, "clients know this domain by another name; write %s", prepared);
	if (config_component(config, name) != NULL)
		return "a component of godwit.conf has this name; give one of them another";
	return NULL;
}

/* The row that the file has for it, or NULL. */
static struct config_domain_row *row_of_served(const struct config *config, const char *name)
{
	const struct config_domain *domain = config_domain(config, name);

	return domain == NULL ? NULL : domain->row;
}

void config_domains_add(
    struct config *config, const struct config_tables *tables, struct arena *arena)
{
	size_t more = tables == NULL ? 0 : tables->domain_count, count = config->domain_count;
	struct config_domain *domains =
	    arena_alloc_zero(arena, (config->domain_count + more) * sizeof *domains);

	config->rows =
	    arena_alloc_zero(arena, (config->domain_count + more) * sizeof *config->rows);
	for (size_t i = 0; i < config->domain_count; i++) {
		domains[i] = config->domains[i];
		domains[i].row = &config->rows[config->row_count++];
		*domains[i].row = row_of_file(&domains[i]);
	}
	/* Until then only those of the file are found: the table has each name once. */
	config_domains_set(config, domains, count, arena);
	for (size_t i = 0; i < more; i++) {
		struct config_domain_row *row = &config->rows[config->row_count];
		const char *wrong = name_wrong(config, tables->domains[i].name, arena);

		if (row_of_served(config, tables->domains[i].name) != NULL)
			continue;
		config->row_count++;
		*row = row_copy(&tables->domains[i], arena);
		if (wrong != NULL)
			row_say(row, ROW_FAILED, wrong);
		else
			domains[count++] = domain_of_row(config, row, arena);
	}
	config_domains_set(config, domains, count, arena);
}

/* ---- certificates ---- */

const struct tls_certificate *config_certificates(
    const struct config *config, bool all_fresh, struct arena *arena)
{
	struct tls_certificate *certificates =
	    arena_alloc_zero(arena, (config->domain_count + 1) * sizeof *certificates);

	for (size_t i = 0; i < config->domain_count; i++) {
		const struct config_domain *domain = &config->domains[i];

		certificates[i] = (struct tls_certificate){ domain->name, domain->certificate,
			domain->key, domain->client_ca, all_fresh || domain->row->is_fresh,
			!domain->row->is_of_file };
	}
	return certificates;
}

/* What the row of a domain that is served says besides. A warning stands there until the files are
 * read again. */
static const char *domain_remark(const struct config_domain *domain, const struct config *old,
    bool is_fresh, struct arena *arena)
{
	if (domain->row->trouble != NULL)
		return domain->row->trouble;
	if (is_fresh || domain->row->is_fresh)
		return config_domain_warning(domain, arena);
	if (!domain->row->is_of_file)
		return domain->row->error;
	return copy_or_null(arena, row_of_served(old, domain->name)->error);
}

void config_domains_settle(struct config *config, const struct config *old,
    const char *const *troubles, bool all_fresh, struct arena *arena)
{
	struct config_domain *domains =
	    arena_alloc_zero(arena, (config->domain_count + 1) * sizeof *domains);
	size_t count = 0;

	for (size_t i = 0; i < config->domain_count; i++) {
		const struct config_domain *domain = &config->domains[i];

		domain->row->trouble =
		    troubles[i] == NULL ? NULL : arena_strdup(arena, troubles[i]);
		if (!tls_set_has(config->tls, domain->name)) {
			row_say(domain->row, ROW_FAILED, domain->row->trouble);
			continue;
		}
		row_say(domain->row, ROW_SERVED, domain_remark(domain, old, all_fresh, arena));
		domains[count++] = *domain;
	}
	config_domains_set(config, domains, count, arena);
	for (size_t i = 0; i < config->row_count; i++)
		row_compare(&config->rows[i], old);
}

void config_tables_yield(struct config_tables *tables, const struct config *config)
{
	size_t count = 0;

	for (size_t i = 0; i < tables->domain_count; i++) {
		const struct config_domain *domain = config_domain(config, tables->domains[i].name);

		if (domain == NULL || !domain->row->is_of_file)
			tables->domains[count++] = tables->domains[i];
	}
	tables->domain_count = count;
}
