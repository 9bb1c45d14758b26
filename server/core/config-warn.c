/* config-warn.c - what an administrator should know before it hurts. */
#include "core/config.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/text.h"
#include "net/tls.h"

#define DAY_US ((int64_t)86400 * 1000000)
/* Renewal by ACME comes at 30 days; below this it must have failed. */
#define EXPIRY_WARNING_DAYS 21

static void expiry_warn(const struct config_domain *domain, const struct tls_facts *facts,
    struct arena *arena, config_warning *warn, void *state)
{
	int64_t left_us = facts->not_after_us - time_now_us();

	if (left_us < 0)
		warn(
		    state, arena_printf(arena,
			       "certificate %s of %s expired on %.10s; clients refuse it, renew it",
			       domain->certificate, domain->name,
			       time_format(arena, facts->not_after_us)));
	else if (left_us < EXPIRY_WARNING_DAYS * DAY_US)
		warn(state, arena_printf(arena,
				"certificate %s of %s expires in %" PRId64 " days; renew it",
				domain->certificate, domain->name, left_us / DAY_US));
}

static void certificate_warn(
    const struct config_domain *domain, struct arena *arena, config_warning *warn, void *state)
{
	struct tls_facts facts;
	const char *error;

	if (!tls_certificate_facts(domain->certificate, domain->name, arena, &facts, &error))
		return;
	expiry_warn(domain, &facts, arena, warn, state);
	if (!facts.names_domain)
		warn(state,
		    arena_printf(arena,
			"certificate %s does not name %s; clients refuse it, get one that does",
			domain->certificate, domain->name));
}

/* Without it nobody's certificate counts any more. */
static void client_ca_warn(
    const struct config_domain *domain, struct arena *arena, config_warning *warn, void *state)
{
	struct tls_facts facts;
	const char *error;
	int64_t left_us;

	if (domain->client_ca == NULL ||
	    !tls_certificate_facts(domain->client_ca, domain->name, arena, &facts, &error))
		return;
	left_us = facts.not_after_us - time_now_us();
	if (left_us < EXPIRY_WARNING_DAYS * DAY_US)
		warn(
		    state, arena_printf(arena,
			       "client_ca %s of %s %s on %.10s; issue certificates by another",
			       domain->client_ca, domain->name, left_us < 0 ? "expired" : "expires",
			       time_format(arena, facts.not_after_us)));
}

static void key_warn(
    const struct config_domain *domain, struct arena *arena, config_warning *warn, void *state)
{
	struct stat status;

	if (stat(domain->key, &status) == 0 && (status.st_mode & S_IROTH) != 0)
		warn(
		    state, arena_printf(arena, "key %s of %s can be read by everyone; chmod o-r it",
			       domain->key, domain->name));
}

static void domain_warn(
    const struct config_domain *domain, struct arena *arena, config_warning *warn, void *state)
{
	certificate_warn(domain, arena, warn, state);
	client_ca_warn(domain, arena, warn, state);
	key_warn(domain, arena, warn, state);
}

static bool listens_to_components(const struct config *config)
{
	for (size_t i = 0; i < config->listen_count; i++)
		if (config->listens[i].kind == LISTEN_COMPONENT)
			return true;
	return false;
}

static void components_warn(
    const struct config *config, struct arena *arena, config_warning *warn, void *state)
{
	if (config->component_count > 0 && !listens_to_components(config))
		warn(state,
		    arena_printf(arena, "component %s cannot connect; add: listen component {}",
			config->components[0].name));
}

void config_warn(const struct config *config, config_warning *warn, void *state)
{
	struct arena *arena = arena_new(0);

	for (size_t i = 0; i < config->domain_count; i++)
		domain_warn(&config->domains[i], arena, warn, state);
	components_warn(config, arena, warn, state);
	arena_free(&arena);
}

static void first_take(void *state, const char *text)
{
	const char **first = state;

	if (*first == NULL)
		*first = text;
}

const char *config_domain_warning(const struct config_domain *domain, struct arena *arena)
{
	const char *first = NULL;

	domain_warn(domain, arena, first_take, &first);
	return first;
}
