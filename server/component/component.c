/* component.c - connections of components, from the handshake to the end. Several may be there for
 * one domain; the oldest gets all that is for it, the others stand by, and take over. */
#include "component/component.h"

#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "component/component-private.h"
#include "core/bans.h"
#include "core/config.h"
#include "core/home.h"
#include "core/remote.h"
#include "loop/timer.h"
#include "net/listener.h"

/* The stream's own bound on what waits is that of bytes. */
#define UNWRITTEN_MAX 1000000

_Thread_local struct components components;

/* ---- who is there ---- */

static bool is_of(const struct component *component, const char *domain)
{
	return component->is_admitted && !stream_is_over(component->stream) &&
	       text_equal(stream_domain(component->stream), domain);
}

struct component *component_find(const char *domain)
{
	struct component *component;

	TAILQ_FOREACH (component, &components.all, sibling)
		if (is_of(component, domain))
			return component;
	return NULL;
}

unsigned component_number(const char *domain)
{
	struct component *component;
	unsigned number = 0;

	TAILQ_FOREACH (component, &components.all, sibling)
		number += is_of(component, domain);
	return number;
}

void component_unref(struct component *component)
{
	component->references--;
	if (component->references == 0)
		mem_free(component);
}

/* ---- the handshake ---- */

static void secret_digest(const char *secret, unsigned char digest_out[DIGEST_MAX_BYTES])
{
	crypto_hash(DIGEST_SHA256, secret, strlen(secret), digest_out);
}

/* XEP-0114 section 3: the id of the stream, then the secret, as a digest in lower case. */
static bool digest_is_right(const char *digest, const char *id, const char *secret)
{
	struct arena *arena = arena_new(0);
	char *both = arena_printf(arena, "%s%s", id, secret);
	size_t length = 2 * digest_bytes(DIGEST_SHA1);
	unsigned char hash[DIGEST_MAX_BYTES];
	bool is_right;

	crypto_hash(DIGEST_SHA1, both, strlen(both), hash);
	is_right = strlen(digest) == length &&
	           crypto_equal(digest, hex_encode(arena, hash, length / 2), length);
	crypto_wipe(both, strlen(both));
	arena_free(&arena);
	return is_right;
}

static void refusal_due(void *state)
{
	struct component *component = state;

	stream_fail(component->stream, STREAM_NOT_AUTHORIZED, NULL);
}

/* Who guesses waits longer each time. */
static void component_refuse(struct component *component)
{
	struct address *address = transport_address(stream_transport(component->stream));
	unsigned delay_ms = address == NULL ? 0 : address_failed(address);

	log_warning(stream_log(component->stream), "component refused",
	    KV("component", stream_domain(component->stream)), KV("why", "wrong secret"));
	component->timer = timer_new(refusal_due, component);
	timer_set(component->timer, delay_ms);
}

static void limits_take(struct component *component, const struct config_component *config)
{
	struct transport_limits limits = components.limits;

	if (component->is_admitted) {
		limits.read_bytes_per_second = config->bytes_per_second;
		limits.read_burst_bytes = config->burst_bytes;
	}
	transport_set_limits(stream_transport(component->stream), &limits);
}

static bool component_handshake(void *state, const char *digest)
{
	struct component *component = state;
	const char *domain = stream_domain(component->stream);
	const struct config_component *config = config_component(home_config(), domain);

	if (config == NULL) {
		stream_fail(component->stream, STREAM_HOST_GONE, NULL);
		return false;
	}
	if (!digest_is_right(digest, stream_header_id(component->stream), config->secret)) {
		component_refuse(component);
		return false;
	}
	if (component_number(domain) >= config->connections) {
		stream_fail(component->stream, STREAM_CONFLICT, "too many connections");
		return false;
	}
	secret_digest(config->secret, component->secret);
	component->is_admitted = true;
	limits_take(component, config);
	log_info(stream_log(component->stream), "component connected", KV("component", domain));
	return true;
}

static bool component_serves(void *state, const char *domain)
{
	(void)state;
	return config_component(home_config(), domain) != NULL;
}

/* ---- life ---- */

/* Receipts may still hold it. */
static void component_end(struct component *component)
{
	TAILQ_REMOVE(&components.all, component, sibling);
	components.count--;
	timer_free(&component->timer);
	stream_free(&component->stream);
	component_unref(component);
}

static void component_closed(void *state, const char *why)
{
	struct component *component = state;

	if (component->is_admitted)
		log_info(stream_log(component->stream), "component disconnected",
		    KV("component", stream_domain(component->stream)), KV("why", why));
	component_end(component);
}

static const struct stream_events component_events = {
	.serves = component_serves,
	.handshake = component_handshake,
	.stanza = component_stanza,
	.delivered = component_delivered,
	.lost = component_lost,
	.closed = component_closed,
};

void component_accept(void *state, int fd, struct address *address)
{
	struct component *component;
	struct transport *transport;

	(void)state;
	if (components.is_closed) {
		close(fd);
		address_release(&address);
		return;
	}
	component = mem_alloc_zero(sizeof *component);
	component->references = 1;
	transport = transport_new(fd, address, &components.limits, NULL, NULL);
	component->stream =
	    stream_new(transport, false, &components.settings, &component_events, component);
	TAILQ_INSERT_TAIL(&components.all, component, sibling);
	components.count++;
}

/* ---- settings ---- */

static bool secret_is(const struct component *component, const char *secret)
{
	unsigned char digest[DIGEST_MAX_BYTES];

	secret_digest(secret, digest);
	return crypto_equal(digest, component->secret, sizeof digest);
}

/* After a reload: what was let in has to be let in still (RFC 6120 sections 4.9.3.5, 4.9.3.16). */
static void component_check(struct component *component)
{
	const char *domain = stream_domain(component->stream);
	const struct config_component *config =
	    domain == NULL ? NULL : config_component(home_config(), domain);

	stream_set_settings(component->stream, &components.settings);
	if (config != NULL)
		limits_take(component, config);
	if (domain != NULL && config == NULL)
		stream_fail(component->stream, STREAM_HOST_GONE, NULL);
	else if (component->is_admitted && !secret_is(component, config->secret))
		stream_fail(component->stream, STREAM_RESET, NULL);
}

void component_configure(void)
{
	const struct config *config = home_config();
	const struct limits *limits = &config->limits;
	struct component *component;

	components.settings = (struct stream_settings){
		.role = STREAM_OF_COMPONENT,
		.login_timeout_ms = limits->login_timeout * 1000,
		.before_login = config_xml_limits(config, limits->stanza_bytes_before_login),
		.after_login = config_xml_limits(config, config->s2s.stanza_bytes),
		.max_unwritten = UNWRITTEN_MAX,
	};
	components.limits = (struct transport_limits){
		.output_soft_bytes = limits->output_soft_bytes,
		.output_hard_bytes = limits->output_hard_bytes,
		.write_timeout_ms = limits->write_timeout * 1000,
		.read_bytes_per_second = limits->bytes_per_second,
		.read_burst_bytes = limits->burst_bytes,
	};
	if (components.all.tqh_last == NULL)
		TAILQ_INIT(&components.all);
	TAILQ_FOREACH (component, &components.all, sibling)
		component_check(component);
}

/* ---- the end ---- */

void component_close(void)
{
	components.is_closed = true;
}

void component_shutdown(void)
{
	struct component *component;

	components.is_shutting = true;
	TAILQ_FOREACH (component, &components.all, sibling)
		stream_fail(component->stream, STREAM_SYSTEM_SHUTDOWN, NULL);
}

size_t component_busy(void)
{
	return components.cargo_count + (components.is_shutting ? components.count : 0);
}

void component_stop(void)
{
	while (!TAILQ_EMPTY(&components.all))
		component_end(TAILQ_FIRST(&components.all));
	components.is_closed = false;
	components.is_shutting = false;
}
