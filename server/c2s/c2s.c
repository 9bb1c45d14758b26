/* c2s.c - clients: the gate between a stream and a session.
 * A connection begins on the worker that a listener chose. When SASL has told who it is, it moves
 * to the user's home, binds a resource there, and from then on stanzas go from the stream to the
 * session and back. What the sender must be told is durable (XEP-0198) comes back as a settled
 * receipt. */
#include "c2s/c2s.h"

#include <sys/queue.h>
#include <unistd.h>

#include "core/account.h"
#include "core/config.h"
#include "core/delivery.h"
#include "core/home.h"
#include "core/receipt.h"
#include "core/router.h"
#include "core/session.h"
#include "core/user.h"
#include "loop/worker.h"
#include "net/listener.h"
#include "net/transport.h"
#include "stream/scram.h"
#include "stream/stream.h"

/* So many iqs of a client are at work at a time: of each that comes back from the database there
 * may be a large answer, and all of them shall fit between the soft and the hard bound of what a
 * client leaves unread. */
#define REQUESTS_MAX 32

struct c2s {
	LIST_ENTRY(c2s) sibling;
	struct stream *stream;   /* NULL once it is closed */
	struct session *session; /* NULL until bound */
	struct jid *jid;         /* bare, once SASL is done */
	struct mail move;
	struct account_waiter waiter;
	char *resource;      /* wanted, while the account loads */
	unsigned requests;   /* iqs at work */
	unsigned references; /* the stream, receipts, answers on their way */
};

static _Thread_local struct {
	LIST_HEAD(, c2s) all;
	size_t count;
	struct stream_settings settings;
	struct transport_limits limits;
	bool shutting_down;
} gate;

static const struct stream_events c2s_stream_events;
static const struct session_events c2s_session_events;

/* ---- life ---- */

static void c2s_unref(struct c2s *c2s)
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

/* Tokens come back first, then this: the stream is no more. */
static void c2s_closed(void *state, const char *why)
{
	struct c2s *c2s = state;

	if (c2s->session != NULL)
		log_info(stream_log(c2s->stream), "session ended",
		    KV("jid", jid_text(c2s->session->jid)), KV("why", why));
	session_free(&c2s->session);
	stream_free(&c2s->stream);
	c2s_delist(c2s);
	c2s_unref(c2s);
}

/* ---- before login ---- */

static bool c2s_serves(void *state, const char *domain)
{
	(void)state;
	return server_serves(domain);
}

static void c2s_features(void *state, struct arena *arena, struct element *features, bool logged_in)
{
	struct c2s *c2s = state;
	const char *domain = stream_domain(c2s->stream);

	if (logged_in) {
		element_add_new(arena, features, NS_ROSTER_VER, "ver");
		element_add_new(arena, features, NS_PREAPPROVAL, "sub");
	}
	for (const struct module *const *module = server_modules(); *module != NULL; module++)
		if ((*module)->stream_features != NULL)
			(*module)->stream_features(arena, domain, features, logged_in);
}

static void c2s_credentials_found(const struct store_result *result, void *state)
{
	struct c2s *c2s = state;
	struct scram_keys sha1, sha256;
	enum rc rc = store_one_row(result);
	bool has_sha1 = false, has_sha256 = false;

	if (rc == RC_OK) {
		has_sha1 = scram_keys_parse(store_text(result, 0, 0), &sha1);
		has_sha256 = scram_keys_parse(store_text(result, 0, 1), &sha256);
		if (store_integer(result, 0, 2) != 0)
			rc = RC_NOT_ALLOWED;
	}
	if (c2s->stream != NULL)
		stream_credentials(
		    c2s->stream, rc, has_sha1 ? &sha1 : NULL, has_sha256 ? &sha256 : NULL);
	crypto_wipe(&sha1, sizeof sha1);
	crypto_wipe(&sha256, sizeof sha256);
	c2s_unref(c2s);
}

static void c2s_credentials(void *state, const char *domain, const char *username)
{
	struct c2s *c2s = state;

	c2s->references++;
	user_credentials((struct account_key){ domain, username }, c2s_credentials_found, c2s);
}

/* One line that names the address, for fail2ban (doc/admin.md). */
static void c2s_refused(void *state, const char *username, const char *mechanism, const char *why)
{
	struct c2s *c2s = state;

	log_info(stream_log(c2s->stream), "login failed", KV("username", username),
	    KV("mechanism", mechanism), KV("why", why));
}

static void c2s_early_answer(void *state, struct stanza *answer)
{
	struct c2s *c2s = state;

	if (c2s->stream != NULL)
		stream_send(c2s->stream, answer, NULL, NULL);
}

static void c2s_early_ended(void *state, enum rc rc)
{
	(void)rc;
	c2s_unref(state);
}

/* XEP-0077 before login: to the domain, from nobody. Nothing else is answered to strangers. */
static bool c2s_early_iq(void *state, struct arena *arena, struct element *element)
{
	struct c2s *c2s = state;
	const struct jid *domain = jid_parse(arena, stream_domain(c2s->stream));
	struct stanza *iq = NULL;
	enum rc rc;

	if (element_child(element, NS_REGISTER, "query") != NULL)
		iq = stanza_from_element(arena, element, NULL, domain, &rc);
	if (iq == NULL)
		return false;
	c2s->references++;
	router_early(iq, c2s_early_answer, c2s_early_ended, c2s);
	stanza_unref(&iq);
	return true;
}

/* ---- moving in ---- */

/* After a reload (RFC 6120 section 4.9.3.5): who has no session yet is ended here. */
static void c2s_check_domain(struct c2s *c2s)
{
	const char *domain = stream_domain(c2s->stream);

	if (c2s->session == NULL && domain != NULL && !server_serves(domain))
		stream_fail(c2s->stream, STREAM_HOST_GONE, NULL);
}

/* At home: a new stream on the same connection (RFC 6120 section 6.4.6). */
static void c2s_arrived(struct mail *mail)
{
	struct c2s *c2s = CONTAINER_OF(mail, struct c2s, move);

	c2s_enlist(c2s);
	stream_set_settings(c2s->stream, &gate.settings);
	stream_restart(c2s->stream);
	c2s_check_domain(c2s);
	if (gate.shutting_down)
		stream_fail(c2s->stream, STREAM_SYSTEM_SHUTDOWN, NULL);
}

static void c2s_authenticated(void *state, const char *domain, const char *username)
{
	struct c2s *c2s = state;
	struct arena *arena = arena_new(0);
	struct worker *home;

	c2s->jid = jid_copy_heap(jid_make(arena, username, domain, NULL));
	arena_free(&arena);
	home = home_of(c2s->jid);
	if (home == worker_current()) {
		stream_restart(c2s->stream);
		return;
	}
	c2s_delist(c2s);
	stream_detach(c2s->stream);
	worker_post(home, &c2s->move, c2s_arrived);
}

static enum rc c2s_open_session(struct c2s *c2s, struct account *account)
{
	return session_new(account, c2s->resource, &c2s_session_events, c2s,
	    stream_log(c2s->stream), &c2s->session);
}

static void c2s_account_loaded(struct account_waiter *waiter, struct account *account)
{
	struct c2s *c2s = CONTAINER_OF(waiter, struct c2s, waiter);
	enum rc rc;

	if (c2s->stream != NULL && !stream_is_over(c2s->stream)) {
		rc = c2s_open_session(c2s, account);
		if (rc == RC_OK) {
			stream_bound(c2s->stream, c2s->session->jid);
			log_info(stream_log(c2s->stream), "resource bound",
			    KV("jid", jid_text(c2s->session->jid)),
			    KV("tls", transport_tls_version(stream_transport(c2s->stream))));
		} else {
			stream_bind_failed(c2s->stream, rc);
		}
	}
	c2s_unref(c2s);
}

static void c2s_bind(void *state, const char *resource)
{
	struct c2s *c2s = state;

	mem_free(c2s->resource);
	c2s->resource = resource == NULL ? NULL : mem_strdup(resource);
	c2s->waiter.loaded = c2s_account_loaded;
	c2s->references++;
	account_login(account_get(c2s->jid), &c2s->waiter);
}

/* ---- stanzas ---- */

/* RFC 6120 section 8.1.2.1: a client may leave `from` out, or say its own address. */
static bool from_is_own(struct arena *arena, const struct element *element, const struct jid *own)
{
	const char *text = element_attribute(element, "from");
	const struct jid *from;

	if (text == NULL)
		return true;
	from = jid_parse(arena, text);
	return from != NULL && jid_equal_bare(from, own) &&
	       (jid_is_bare(from) || jid_equal(from, own));
}

static enum stanza_type error_type_of(const struct element *element)
{
	if (text_equal(element_name(element), "iq"))
		return IQ_TYPE_ERROR;
	return text_equal(element_name(element), "presence") ? PRESENCE_ERROR : MESSAGE_ERROR;
}

/* A stanza that is none: bad address, bad iq. Nothing is sent in answer to an error or a result.
 * The error comes from whom it was for, if that is an address, and an iq's always has an id (RFC
 * 6120 section 8.3.1). */
static void c2s_refuse(
    struct c2s *c2s, struct arena *arena, const struct element *element, enum rc rc)
{
	const char *type = element_attribute(element, "type");
	const char *id = element_attribute(element, "id");
	const char *to = element_attribute(element, "to");
	struct stanza *error;

	if (text_equal(type, "error") || text_equal(type, "result"))
		return;
	if (id == NULL && error_type_of(element) == IQ_TYPE_ERROR)
		id = "";
	error = stanza_new(error_type_of(element), to == NULL ? NULL : jid_parse(arena, to),
	    c2s->session->jid, id);
	element_add(stanza_element(error), stanza_error_element(stanza_arena(error), rc, NULL));
	stream_send(c2s->stream, error, NULL, NULL);
	stanza_unref(&error);
}

static void c2s_settled(void *state, uint32_t sequence)
{
	struct c2s *c2s = state;

	if (c2s->stream != NULL)
		stream_settled(c2s->stream, sequence);
	c2s_unref(c2s);
}

static void c2s_request_settled(void *state, uint32_t sequence)
{
	struct c2s *c2s = state;

	c2s->requests--;
	if (c2s->stream != NULL && c2s->requests == REQUESTS_MAX / 2)
		stream_resume(c2s->stream);
	c2s_settled(c2s, sequence);
}

/* Tells when a stanza has been dealt with: a client that acknowledges, and of every request us. */
static struct receipt *c2s_receipt(struct c2s *c2s, const struct stanza *stanza, uint32_t sequence)
{
	bool is_request = stanza != NULL && stanza_is_request(stanza);

	if (sequence == 0 && !is_request)
		return NULL;
	c2s->references++;
	if (!is_request)
		return receipt_new(c2s_settled, c2s, sequence);
	c2s->requests++;
	if (c2s->requests == REQUESTS_MAX)
		stream_pause(c2s->stream);
	return receipt_new(c2s_request_settled, c2s, sequence);
}

static void c2s_stanza(void *state, struct arena *arena, struct element *element, uint32_t sequence)
{
	struct c2s *c2s = state;
	struct receipt *receipt;
	struct stanza *stanza;
	enum rc rc;

	if (c2s->session == NULL || c2s->session->left) {
		arena_free(&arena);
		return;
	}
	if (!from_is_own(arena, element, c2s->session->jid)) {
		stream_fail(c2s->stream, STREAM_INVALID_FROM, NULL);
		arena_free(&arena);
		return;
	}
	stanza = stanza_from_element(arena, element, c2s->session->jid, NULL, &rc);
	receipt = c2s_receipt(c2s, stanza, sequence);
	if (stanza != NULL) {
		session_receive(c2s->session, stanza, receipt);
		stanza_unref(&stanza);
	} else {
		if (rc == RC_FEATURE_NOT_IMPLEMENTED)
			stream_fail(c2s->stream, STREAM_UNSUPPORTED_STANZA_TYPE, NULL);
		else
			c2s_refuse(c2s, arena, element, rc);
		arena_free(&arena);
	}
	receipt_release(&receipt);
}

static void c2s_delivered(void *state, void *token)
{
	(void)state;
	delivery_confirmed(token);
}

/* The connection is gone with this in hand. First the session leaves, so that it is not chosen
 * again. */
static void c2s_lost(void *state, void *token)
{
	struct c2s *c2s = state;

	if (c2s->session != NULL)
		session_leave(c2s->session);
	delivery_lost(token);
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

/* ---- what the session asks for ---- */

static void c2s_send(
    void *state, const struct stanza *stanza, const struct jid *to, struct delivery *delivery)
{
	struct c2s *c2s = state;

	stream_send(c2s->stream, stanza, to, delivery);
}

static void c2s_end(void *state, enum session_end end)
{
	static const enum stream_error errors[] = {
		[SESSION_REPLACED] = STREAM_CONFLICT,
		[SESSION_KICKED] = STREAM_POLICY_VIOLATION,
		[SESSION_SHUTDOWN] = STREAM_SYSTEM_SHUTDOWN,
		[SESSION_HOST_GONE] = STREAM_HOST_GONE,
		[SESSION_NOT_AUTHORIZED] = STREAM_NOT_AUTHORIZED,
	};
	struct c2s *c2s = state;

	stream_fail(c2s->stream, errors[end], NULL);
}

static bool c2s_acknowledges(void *state)
{
	struct c2s *c2s = state;

	return stream_has_sm(c2s->stream);
}

static const char *c2s_peer(void *state)
{
	struct c2s *c2s = state;

	return transport_peer(stream_transport(c2s->stream));
}

static const char *c2s_tls(void *state)
{
	struct c2s *c2s = state;

	return transport_tls_version(stream_transport(c2s->stream));
}

static const struct session_events c2s_session_events = {
	.send = c2s_send,
	.end = c2s_end,
	.acknowledges = c2s_acknowledges,
	.peer = c2s_peer,
	.tls = c2s_tls,
};

/* ---- settings ---- */

static struct xml_limits xml_limits_of(const struct limits *limits, size_t max_bytes)
{
	return (struct xml_limits){
		.max_bytes = max_bytes,
		.max_depth = limits->xml_depth,
		.max_attributes = limits->xml_attributes,
		.max_elements = limits->xml_elements,
		.max_name_bytes = limits->xml_name_bytes,
	};
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
		.before_login = xml_limits_of(limits, limits->stanza_bytes_before_login),
		.after_login = xml_limits_of(limits, limits->stanza_bytes),
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
	LIST_FOREACH (c2s, &gate.all, sibling) {
		stream_set_settings(c2s->stream, &gate.settings);
		transport_set_limits(stream_transport(c2s->stream), &gate.limits);
		c2s_check_domain(c2s);
	}
}

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
}
