/* sasl-mechanism.c - the mechanisms and channel bindings there are, and which of them a channel is
 * offered. What is not offered is not accepted. */
#include "stream/sasl-private.h"

#include <string.h>

#include "base/mem.h"

/* Best first. */
static const struct mechanism mechanisms[] = {
	{ "EXTERNAL", KIND_EXTERNAL, 0 },
	{ "SCRAM-SHA-256-PLUS", KIND_PLUS, DIGEST_SHA256 },
	{ "SCRAM-SHA-1-PLUS", KIND_PLUS, DIGEST_SHA1 },
	{ "SCRAM-SHA-256", KIND_SCRAM, DIGEST_SHA256 },
	{ "SCRAM-SHA-1", KIND_SCRAM, DIGEST_SHA1 },
	{ "PLAIN", KIND_PLAIN, DIGEST_SHA256 },
};

static const struct {
	const char *name;
	bool offered;
} bindings[] = {
	[BINDING_TLS_EXPORTER] = { "tls-exporter", true },
	[BINDING_TLS_SERVER_END_POINT] = { "tls-server-end-point", true },
	/* Some clients know no other (slixmpp, gloox); nobody shall be led to it. */
	[BINDING_TLS_UNIQUE] = { "tls-unique", false },
};

struct sasl *sasl_new(const struct sasl_channel *channel)
{
	struct sasl *sasl = mem_alloc_zero(sizeof(*sasl));

	sasl->channel = *channel;
	for (size_t i = 0; i < COUNT_OF(bindings); i++) {
		sasl->bindings[i] = channel->binding != NULL &&
		                    channel->binding(channel->state, (enum binding)i, NULL) > 0;
		if (sasl->bindings[i] && bindings[i].offered)
			sasl->plus_offered = true;
	}
	return sasl;
}

bool sasl_mechanism_allowed(
    const struct sasl *sasl, const struct mechanism *mechanism, enum sasl_failure *failure_out)
{
	const struct sasl_channel *channel = &sasl->channel;

	*failure_out = SASL_INVALID_MECHANISM;
	if (mechanism->kind != KIND_EXTERNAL && channel->is_server)
		return false;
	if (mechanism->kind == KIND_PLAIN && !channel->allow_plain)
		return false;
	if (mechanism->kind == KIND_EXTERNAL && channel->external == NULL)
		return false;
	if (mechanism->kind == KIND_PLUS && channel->secure && !sasl->plus_offered)
		return false;
	*failure_out = SASL_ENCRYPTION_REQUIRED;
	return channel->secure || (!channel->tls_required && mechanism->kind == KIND_SCRAM);
}

const char *sasl_offered(const struct sasl *sasl, size_t *cursor)
{
	enum sasl_failure ignored;

	while (*cursor < COUNT_OF(mechanisms)) {
		const struct mechanism *mechanism = &mechanisms[(*cursor)++];

		if (sasl_mechanism_allowed(sasl, mechanism, &ignored))
			return mechanism->name;
	}
	return NULL;
}

const char *sasl_offered_binding(const struct sasl *sasl, size_t *cursor)
{
	while (*cursor < COUNT_OF(bindings)) {
		size_t i = (*cursor)++;

		if (sasl->bindings[i] && bindings[i].offered)
			return bindings[i].name;
	}
	return NULL;
}

bool sasl_binding_find(const struct sasl *sasl, const char *name, enum binding *binding_out)
{
	for (size_t i = 0; i < COUNT_OF(bindings); i++) {
		if (strcmp(bindings[i].name, name) != 0)
			continue;
		*binding_out = (enum binding)i;
		return sasl->bindings[i];
	}
	return false;
}

const struct mechanism *sasl_mechanism_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(mechanisms); i++)
		if (strcmp(mechanisms[i].name, name) == 0)
			return &mechanisms[i];
	return NULL;
}
