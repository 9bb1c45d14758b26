/* s2s.c - other servers: the way out for what is not for a domain of ours, settings, and the end.
 */
#include "s2s/s2s.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/bans.h"
#include "core/home.h"
#include "core/links.h"
#include "core/receipt.h"
#include "core/remote.h"
#include "core/router.h"
#include "net/resolver.h"
#include "s2s/dialback-key.h"
#include "s2s/s2s-private.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

/* What a link hands to its stream is bounded by what waits to be written. */
#define UNWRITTEN_MAX 1000000

_Thread_local struct s2s s2s;

const struct config_s2s *s2s_config(void)
{
	return &home_config()->s2s;
}

/* A reload may have turned federation off. */
enum config_s2s_policy s2s_policy(const char *domain)
{
	return !s2s_config()->enabled || bans_have_domain(domain)
	           ? S2S_DENIED
	           : config_s2s_policy(s2s_config(), domain);
}

bool s2s_is_certified(const struct stream *stream, const char *domain, const char **why_out)
{
	const struct tls_trust *trust = home_config()->trust;

	*why_out = "federation is off";
	return trust != NULL && transport_peer_is(stream_transport(stream), trust, domain, why_out);
}

static enum tls_dane s2s_dane(const struct stream *stream, const char *domain,
    const struct resolver_host *host, const char **why_out)
{
	const struct tls_trust *trust = home_config()->trust;

	return trust == NULL
	           ? TLS_DANE_SILENT
	           : transport_peer_dane(stream_transport(stream), trust, domain, host, why_out);
}

bool s2s_is_named(const struct stream *stream, const char *domain, const struct resolver_host *host)
{
	const char *why;

	return s2s_dane(stream, domain, host, &why) == TLS_DANE_PROVES;
}

/* Whoever has published records wants nobody else to be believed, dialback or not. */
static struct proof dane_refuses(
    const struct stream *stream, const struct resolver_host *host, const char *why)
{
	log_warning(stream_log(stream), "certificate refused by TLSA records",
	    KV("host", host->name), KV("port", host->port), KV("why", why));
	return (struct proof){
		.why = "the TLSA records of its host in DNS are of another certificate (DANE)",
		.is_refused = true,
	};
}

struct proof s2s_prove(
    const struct stream *stream, const char *domain, const struct resolver_host *host)
{
	const struct tls_trust *trust = home_config()->trust;
	struct proof proof = { .by = "authority" };
	enum tls_dane dane = TLS_DANE_SILENT;

	if (trust != NULL)
		dane =
		    transport_peer_dane(stream_transport(stream), trust, domain, host, &proof.why);
	if (dane == TLS_DANE_REFUSES)
		return dane_refuses(stream, host, proof.why);
	if (dane == TLS_DANE_PROVES)
		return (struct proof){ .by = "DANE" };
	if (!s2s_is_certified(stream, domain, &proof.why)) {
		proof.by = NULL;
		proof.is_refused = s2s_policy(domain) != S2S_DIALBACK;
	}
	return proof;
}

/* ---- the way out ---- */

/* At the home of the remote domain. */
static void cargo_came(struct mail *mail)
{
	struct cargo *cargo = CONTAINER_OF(mail, struct cargo, mail);
	struct arena *arena = arena_new(0);
	struct link *link = NULL;

	if (!s2s.is_shutting)
		link = link_get(jid_domain(arena, stanza_from(cargo->stanza)),
		    jid_domain(arena, stanza_to(cargo->stanza)));
	if (link != NULL)
		link_take(link, cargo);
	else
		cargo_bounce(cargo, RC_RESOURCE_CONSTRAINT, "too many links to other servers");
	arena_free(&arena);
}

/* A message is acknowledged to its sender when it has left; for anything else a dead server shall
 * keep nobody waiting. */
struct cargo *cargo_new(const struct stanza *stanza, struct receipt *receipt)
{
	struct cargo *cargo = mem_alloc_zero(sizeof *cargo);

	cargo->stanza = stanza_ref(stanza);
	if (stanza_kind(stanza) == STANZA_MESSAGE)
		cargo->receipt = receipt_hold(receipt);
	cargo->bytes = stanza_size(stanza) + sizeof *cargo;
	return cargo;
}

static void cargo_send(const struct stanza *stanza, struct receipt *receipt, const char *remote)
{
	struct cargo *cargo = cargo_new(stanza, receipt);
	struct worker *home = home_of_domain(remote);

	if (home == worker_current())
		cargo_came(&cargo->mail);
	else
		worker_post(home, &cargo->mail, cargo_came);
}

static bool s2s_send(const struct stanza *stanza, struct receipt *receipt)
{
	struct arena *arena;
	const char *remote;

	if (!s2s_config()->enabled || stanza_from(stanza) == NULL)
		return false;
	arena = arena_new(0);
	remote = jid_domain(arena, stanza_to(stanza));
	/* A component's domain is that way's. */
	if (remote_is_ours(remote)) {
		arena_free(&arena);
		return false;
	}
	if (!remote_is_ours(jid_domain(arena, stanza_from(stanza))))
		router_bounce(stanza, RC_NOT_ALLOWED, "no way for others");
	else if (s2s_policy(remote) == S2S_DENIED)
		router_bounce(stanza, RC_NOT_ALLOWED, "no way to that server");
	else
		cargo_send(stanza, receipt, remote);
	arena_free(&arena);
	return true;
}

static const struct remote_way way = { s2s_send, NULL };

void s2s_init(void)
{
	dialback_init(NULL);
	remote_add(&way);
	links_set_source(&s2s_links);
}

/* ---- settings ---- */

/* Somebody was banned, or is not any more. */
static void s2s_check_bans(void)
{
	inbounds_check();
	links_check();
}

void s2s_configure(void)
{
	const struct config *config = home_config();
	const struct limits *limits = &config->limits;

	s2s.settings_in = (struct stream_settings){
		.role = STREAM_OF_SERVER,
		.tls = config->tls,
		.tls_required = true,
		.both_ways = config->s2s.bidi,
		.login_timeout_ms = config->s2s.link_timeout * 1000,
		.tls_timeout_ms = limits->tls_timeout * 1000,
		.max_login_failures = limits->login_failures,
		.before_login = config_xml_limits(config, limits->stanza_bytes_before_login),
		.after_login = config_xml_limits(config, config->s2s.stanza_bytes),
		.max_unwritten = UNWRITTEN_MAX,
		.max_unacked = config->s2s.unacked_stanzas,
		.max_unacked_bytes = config->s2s.unacked_bytes,
		.resume_seconds = config->s2s.resume_timeout,
	};
	s2s.settings_out = s2s.settings_in;
	s2s.settings_out.role = STREAM_TO_SERVER;
	s2s.settings_test = s2s.settings_out;
	s2s.settings_test.both_ways = false;
	s2s.limits = (struct transport_limits){
		.output_soft_bytes = limits->output_soft_bytes,
		.output_hard_bytes = limits->output_hard_bytes,
		.write_timeout_ms = limits->write_timeout * 1000,
		.read_bytes_per_second = config->s2s.bytes_per_second,
		.read_burst_bytes = config->s2s.burst_bytes,
	};
	if (s2s.links == NULL) {
		s2s.links = hash_new();
		s2s.peers = hash_new();
		s2s.sharers = hash_new();
	}
	bans_watch(s2s_check_bans);
	inbounds_configure();
	links_configure();
}

/* ---- the end ---- */

void s2s_close(void)
{
	s2s.is_closed = true;
	link_test_stop();
	inbounds_close();
	links_close();
}

void s2s_shutdown(void)
{
	s2s.is_shutting = true;
	links_shutdown();
}

size_t s2s_busy(void)
{
	struct link *link;
	size_t cursor = 0, count = inbounds_busy();

	while (s2s.links != NULL && (link = hash_next(s2s.links, &cursor)) != NULL)
		if (link_is_needed(link) || (s2s.is_shutting && link->stream != NULL))
			count++;
	return count;
}

void s2s_stop(void)
{
	link_test_stop();
	inbounds_stop();
	links_stop();
	hash_free(&s2s.peers);
	s2s.is_closed = false;
	s2s.is_shutting = false;
}
