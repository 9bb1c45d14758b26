/* c2s.c - clients: the gate between a stream and a session.
 * A connection begins on the worker that a listener chose. When SASL has told who it is, it moves
 * to the user's home, binds a resource there, and from then on stanzas go from the stream to the
 * session and back. What the sender must be told is durable (XEP-0198) comes back as a settled
 * receipt. */
#include "c2s/c2s.h"

#include <unistd.h>

#include "c2s/c2s-private.h"
#include "core/bans.h"
#include "core/config.h"
#include "core/home.h"
#include "core/session.h"
#include "net/listener.h"
#include "net/transport.h"
#include "stream/stream.h"

static _Thread_local struct {
	LIST_HEAD(, c2s) all;
	size_t count;
	struct stream_settings settings;
	struct transport_limits limits;
	bool shutting_down;
} gate;

/* ---- life ---- */

void c2s_unref(struct c2s *c2s)
{
	c2s->references--;
	if (c2s->references > 0)
		return;
	jid_free(&c2s->jid);
	mem_free(c2s->resource);
	mem_free(c2s);
}

static void c2s_enlist(struct c2s *c2s)
{
	LIST_INSERT_HEAD(&gate.all, c2s, sibling);
	gate.count++;
}

static void c2s_delist(struct c2s *c2s)
{
	LIST_REMOVE(c2s, sibling);
	gate.count--;
}

/* Tokens come back first, then this: the stream is no more. */
static void c2s_closed(void *state, const char *why)
{
	struct c2s *c2s = state;

	if (c2s->session != NULL)
		log_info(stream_log(c2s->stream), "session ended",
		    KV("jid", jid_text(c2s->session->jid)), KV("why", why));
	session_free(&c2s->session);
	stream_free(&c2s->stream);
	c2s_forget_inquiry(c2s);
	c2s_delist(c2s);
	c2s_unref(c2s);
}

static const struct stream_events c2s_stream_events = {
	.serves = c2s_serves,
	.features = c2s_features,
	.credentials = c2s_credentials,
	.authenticated = c2s_authenticated,
	.refused = c2s_refused,
	.early_iq = c2s_early_iq,
	.bind = c2s_bind,
	.stanza = c2s_stanza,
	.delivered = c2s_delivered,
	.lost = c2s_lost,
	.closed = c2s_closed,
};

void c2s_accept(void *state, int fd, struct address *address)
{
	struct c2s *c2s;
	struct transport *transport;

	if (gate.shutting_down) {
		close(fd);
		address_release(&address);
		return;
	}
	c2s = mem_alloc_zero(sizeof *c2s);
	c2s->references = 1;
	transport = transport_new(fd, address, &gate.limits, NULL, NULL);
	c2s->stream = stream_new(transport, state != NULL, &gate.settings, &c2s_stream_events, c2s);
	c2s_enlist(c2s);
}

/* ---- between workers, and between configurations ---- */

/* After a reload (RFC 6120 section 4.9.3.5): who has no session yet is ended here. */
static void c2s_check_domain(struct c2s *c2s)
{
	const char *domain = stream_domain(c2s->stream);

	if (c2s->session == NULL && domain != NULL && !server_serves(domain))
		stream_fail(c2s->stream, STREAM_HOST_GONE, NULL);
}

/* Somebody who is kept out by an administrator. */
static void c2s_check_ban(struct c2s *c2s)
{
	if (!bans_have_address(transport_peer(stream_transport(c2s->stream))) &&
	    (c2s->jid == NULL || !bans_have_jid(c2s->jid)))
		return;
	if (c2s->session != NULL)
		session_end(c2s->session, SESSION_KICKED);
	else
		stream_fail(c2s->stream, STREAM_POLICY_VIOLATION, NULL);
}

static void c2s_check_bans(void)
{
	struct c2s *c2s;

	LIST_FOREACH (c2s, &gate.all, sibling)
		c2s_check_ban(c2s);
}

/* At home: a new stream on the same connection (RFC 6120 section 6.4.6). */
static void c2s_arrived(struct mail *mail)
{
	struct c2s *c2s = CONTAINER_OF(mail, struct c2s, move);

	c2s_enlist(c2s);
	stream_set_settings(c2s->stream, &gate.settings);
	stream_restart(c2s->stream);
	c2s_check_domain(c2s);
	c2s_check_ban(c2s);
	if (gate.shutting_down)
		stream_fail(c2s->stream, STREAM_SYSTEM_SHUTDOWN, NULL);
}

void c2s_move(struct c2s *c2s, struct worker *home)
{
	c2s_delist(c2s);
	stream_detach(c2s->stream);
	worker_post(home, &c2s->move, c2s_arrived);
}

void c2s_configure(void)
{
	const struct config *config = home_config();
	const struct limits *limits = &config->limits;
	struct c2s *c2s;

	gate.settings = (struct stream_settings){
		.tls = config->tls,
		.tls_required = config->tls_required,
		.allow_plain = config->allow_plain,
		.scram_iterations = config->scram_iterations,
		.login_timeout_ms = limits->login_timeout * 1000,
		.tls_timeout_ms = limits->tls_timeout * 1000,
		.max_login_failures = limits->login_failures,
		.max_bind_failures = limits->bind_failures,
		.before_login = config_xml_limits(config, limits->stanza_bytes_before_login),
		.after_login = config_xml_limits(config, limits->stanza_bytes),
		.max_unwritten = limits->unwritten_stanzas,
		.max_unacked = limits->unacked_stanzas,
		.max_unacked_bytes = limits->unacked_bytes,
	};
	gate.limits = (struct transport_limits){
		.output_soft_bytes = limits->output_soft_bytes,
		.output_hard_bytes = limits->output_hard_bytes,
		.write_timeout_ms = limits->write_timeout * 1000,
		.read_bytes_per_second = limits->bytes_per_second,
		.read_burst_bytes = limits->burst_bytes,
	};
	bans_watch(c2s_check_bans);
	LIST_FOREACH (c2s, &gate.all, sibling) {
		stream_set_settings(c2s->stream, &gate.settings);
		transport_set_limits(stream_transport(c2s->stream), &gate.limits);
		c2s_check_domain(c2s);
	}
}

/* ---- the end ---- */

void c2s_shutdown(void)
{
	struct c2s *c2s;

	gate.shutting_down = true;
	LIST_FOREACH (c2s, &gate.all, sibling)
		stream_fail(c2s->stream, STREAM_SYSTEM_SHUTDOWN, NULL);
}

size_t c2s_count(void)
{
	return gate.count;
}

void c2s_stop(void)
{
	gate.shutting_down = false;
	bans_stop();
}
