/* login.c - what comes before login: STARTTLS (RFC 6120 section 5), SASL (section 6), registration,
 * and the deadlines for all of it. */
#include <string.h>

#include "base/log.h"
#include "net/listener.h"
#include "net/transport.h"
#include "loop/timer.h"
#include "stream/dialback.h"
#include "stream/sasl.h"
#include "stream/stream-private.h"
#include "xml/element.h"
#include "xml/parser.h"
#include "xmpp/ns.h"

/* ---- deadlines */

/* Where the handshake has waited because of others, the deadlines move by as much. */
static bool deadline_moves(struct stream *stream)
{
	struct login *login = stream->login;
	int64_t waited_ms = transport_waited_ms(stream->transport);
	int64_t more_ms = waited_ms - login->waited_ms;

	login->waited_ms = waited_ms;
	login->deadline_ms += more_ms;
	if (more_ms > 0)
		timer_set(login->timer, (unsigned)more_ms);
	return more_ms > 0;
}

/* One deadline for everything up to bind, whatever the peer sends; a TLS handshake has a nearer
 * one. */
static void deadline_passed(void *state)
{
	struct stream *stream = state;

	if (deadline_moves(stream))
		return;
	if (stream->stage == STAGE_SECURING) {
		log_info(stream->log, "TLS failed", KV("why", "not in time"));
		stream_over(stream, "no TLS in time");
	} else {
		stream_fail(stream, STREAM_CONNECTION_TIMEOUT, "not logged in in time");
	}
}

static void timer_start(struct stream *stream)
{
	struct login *login = stream->login;
	int64_t left_ms = login->deadline_ms - worker_now_ms();

	if (stream->stage == STAGE_SECURING && left_ms > stream->settings->tls_timeout_ms)
		left_ms = stream->settings->tls_timeout_ms;
	if (login->timer == NULL)
		login->timer = timer_new(deadline_passed, stream);
	timer_set(login->timer, left_ms > 0 ? (unsigned)left_ms : 0);
}

void login_start(struct stream *stream)
{
	stream->login = mem_alloc_zero(sizeof(*stream->login));
	stream->login->deadline_ms = worker_now_ms() + stream->settings->login_timeout_ms;
	timer_start(stream);
}

void login_resume_deadline(struct stream *stream)
{
	timer_start(stream);
}

void login_stop(struct stream *stream)
{
	if (stream->login == NULL)
		return;
	timer_free(&stream->login->timer);
	timer_free(&stream->login->hold);
	trial_abandon(stream->login->trial);
	stream->login->trial = NULL;
}

void login_free(struct stream *stream)
{
	struct login *login = stream->login;

	if (login == NULL)
		return;
	login_stop(stream);
	sasl_free(&login->sasl);
	arena_free(&login->bind_arena);
	arena_free(&login->offered_arena);
	mem_free(login->username);
	mem_free(login->claim);
	mem_free(login->header_id);
	mem_free(login);
	stream->login = NULL;
}

/* ---- STARTTLS */

void login_forget(struct stream *stream)
{
	sasl_free(&stream->login->sasl);
	/* Whom we call does not change. */
	if (role_of(stream) != STREAM_TO_SERVER) {
		mem_free(stream->domain);
		stream->domain = NULL;
	}
	mem_free(stream->lang);
	stream->lang = NULL;
}

const char *login_protocol(const struct stream *stream)
{
	return is_with_server(stream) ? "xmpp-server" : "xmpp-client";
}

static void tls_start(struct stream *stream)
{
	struct tls_set *tls = stream->settings->tls;

	if (role_of(stream) == STREAM_TO_SERVER) {
		transport_connect_tls(stream->transport, tls,
		    stream->login->is_direct ? login_protocol(stream) : NULL, stream->domain,
		    stream->login->claim);
		return;
	}
	if (role_of(stream) == STREAM_OF_SERVER)
		transport_ask_certificate(stream->transport);
	transport_start_tls(stream->transport, tls, login_protocol(stream), stream->domain);
}

/* Whatever was sent in clear behind <starttls/> is gone with the parser; what comes from now on is
 * TLS (section 5.3.4). */
void login_secure(struct stream *stream)
{
	bool halted = stream->halted;

	stream_stop_parser(stream);
	stream_drop_waiting(stream);
	stream->stage = STAGE_SECURING;
	timer_start(stream);
	tls_start(stream);
	if (halted)
		transport_resume(stream->transport);
}

/* Section 5.4.2. */
static void handle_starttls(struct stream *stream, const struct element *element)
{
	bool possible = stream->settings->tls != NULL && !transport_is_secure(stream->transport);

	if (!possible) {
		text_puts(stream_output(stream), "<failure xmlns='" NS_TLS "'/>");
		stream_end(stream);
		return;
	}
	text_puts(stream_output(stream), "<proceed xmlns='" NS_TLS "'/>");
	login_secure(stream);
}

/* ---- SASL */

static void sasl_send(struct stream *stream, const char *name, const char *data)
{
	text_printf(stream_output(stream), "<%s xmlns='" NS_SASL "'>%s</%s>", name, data, name);
}

/* Section 6.4.5: after too many, the end. */
static void failure_count(struct stream *stream)
{
	stream->login->failures++;
	if (stream->login->failures >= stream->settings->max_login_failures)
		stream_fail(stream, STREAM_POLICY_VIOLATION, "too many failed logins");
}

/* Sections 6.4.5 and 6.4.4. */
static void failure_send(struct stream *stream)
{
	text_printf(stream_output(stream), "<failure xmlns='" NS_SASL "'><%s/></failure>",
	    sasl_failure_name(sasl_failure(stream->login->sasl)));
	failure_count(stream);
	stream_go_on(stream);
}

static void hold_ended(void *state)
{
	struct stream *stream = state;

	timer_free(&stream->login->hold);
	failure_send(stream);
}

/* Guessing is slowed down by address: the answer is held back, and nothing else is read meanwhile.
 */
static void handle_failure(struct stream *stream)
{
	struct login *login = stream->login;
	struct address *address = transport_address(stream->transport);
	unsigned hold_ms = 0;

	stream->events->refused(stream->state, sasl_username(login->sasl),
	    sasl_mechanism(login->sasl), sasl_why(login->sasl));
	if (stream->stage != STAGE_LOGIN)
		return;
	if (address != NULL && sasl_failure_is_guess(sasl_failure(login->sasl)))
		hold_ms = address_failed(address);
	if (hold_ms == 0) {
		failure_send(stream);
		return;
	}
	stream_wait(stream);
	login->hold = timer_new(hold_ended, stream);
	timer_set(login->hold, hold_ms);
}

/* Section 6.4.6: a peer that said who it is has to be the one who logs in. */
static bool is_as_claimed(const struct stream *stream)
{
	const char *claim = stream->login->claim;
	struct arena *arena;
	bool is;

	if (claim == NULL)
		return true;
	if (is_with_server(stream))
		return text_equal(claim, sasl_username(stream->login->sasl));
	arena = arena_new(0);
	is = text_equal(claim,
	    arena_printf(arena, "%s@%s", sasl_username(stream->login->sasl), stream->domain));
	arena_free(&arena);
	return is;
}

/* Section 6.4.6. The owner takes over from the end of the round; until then nothing more is read.
 */
static void handle_success(struct stream *stream)
{
	struct login *login = stream->login;

	if (!is_as_claimed(stream)) {
		stream_fail(stream, STREAM_INVALID_FROM, "'from' is not who logs in");
		return;
	}
	sasl_send(stream, "success", sasl_data(login->sasl));
	login->username = mem_strdup(sasl_username(login->sasl));
	login->by_sasl = true;
	sasl_free(&login->sasl);
	if (transport_address(stream->transport) != NULL)
		address_authenticated(transport_address(stream->transport));
	stream_stop_parser(stream);
	stream_drop_waiting(stream);
	transport_pause(stream->transport);
	stream->stage = STAGE_ADMITTED;
	stream_ask_round(stream);
}

static void handle_step(struct stream *stream, enum sasl_step step)
{
	switch (step) {
	case SASL_CHALLENGE:
		sasl_send(stream, "challenge", sasl_data(stream->login->sasl));
		stream_go_on(stream);
		return;
	case SASL_KEYS:
		stream_wait(stream);
		stream->events->credentials(
		    stream->state, stream->domain, sasl_username(stream->login->sasl));
		return;
	case SASL_TRIAL:
		stream_wait(stream);
		trial_start(stream);
		return;
	case SASL_SUCCESS:
		handle_success(stream);
		return;
	case SASL_FAILURE:
		handle_failure(stream);
		return;
	}
}

void stream_credentials(struct stream *stream, enum rc rc, const struct scram_keys *sha1,
    const struct scram_keys *sha256)
{
	if (stream->stage != STAGE_LOGIN || !stream->busy || stream->login->hold != NULL ||
	    stream->login->trial != NULL)
		return;
	handle_step(stream, sasl_keys(stream->login->sasl, rc, sha1, sha256));
}

void login_tried(struct stream *stream, enum rc rc)
{
	handle_step(stream, sasl_tried(stream->login->sasl, rc));
}

/* Attributes that nobody knows, as Google's on <auth/>, are ignored. */
static void handle_sasl(struct stream *stream, const struct element *element)
{
	struct sasl *sasl = stream->login->sasl;
	struct arena *arena;
	const char *text;
	enum sasl_step step;

	/* Section 6.4.2: begun anew in the midst of an exchange, which counts as failed. */
	if (element_is(element, NULL, "auth") && sasl_is_ongoing(sasl))
		failure_count(stream);
	if (stream->stage != STAGE_LOGIN)
		return;
	arena = arena_new(0);
	text = element_text(arena, element);
	if (element_child(element, NULL, NULL) != NULL)
		step = sasl_malformed(sasl);
	else if (element_is(element, NULL, "auth"))
		step = sasl_auth(sasl, element_attribute(element, "mechanism"), text);
	else if (element_is(element, NULL, "response"))
		step = sasl_response(sasl, text);
	else if (element_is(element, NULL, "abort"))
		step = sasl_abort(sasl);
	else
		step = sasl_malformed(sasl);
	arena_free(&arena);
	handle_step(stream, step);
}

/* ---- everything */

/* XEP-0077, if the owner takes it. Stanzas are for who is logged in (section 4.9.3.12). Takes the
 * arena. */
static void handle_stanza(struct stream *stream, struct arena *arena, struct element *element)
{
	bool allowed = stream_is_secure(stream) || !stream->settings->tls_required;

	if (allowed && element_is(element, NS_CLIENT, "iq") &&
	    stream->events->early_iq(stream->state, arena, element))
		return;
	stream_fail(stream, STREAM_NOT_AUTHORIZED, NULL);
	arena_free(&arena);
}

/* RFC 6120 section 13.9.4: a server has to begin TLS before anything else. */
static bool waits_for_tls(const struct stream *stream, const struct element *element)
{
	return is_with_server(stream) && !stream_is_secure(stream) &&
	       !element_is(element, NS_TLS, NULL) && !element_is(element, NS_STREAM, "error");
}

void login_element(struct stream *stream, struct arena *arena, struct element *element)
{
	if (waits_for_tls(stream, element)) {
		stream_fail(stream, STREAM_POLICY_VIOLATION, "TLS comes first");
		arena_free(&arena);
		return;
	}
	if (is_with_server(stream) && (is_stanza(element) || is_dialback(element))) {
		peering_element(stream, arena, element);
		return;
	}
	if (is_stanza(element)) {
		handle_stanza(stream, arena, element);
		return;
	}
	if (element_is(element, NS_TLS, "starttls"))
		handle_starttls(stream, element);
	else if (element_is(element, NS_SASL, NULL))
		handle_sasl(stream, element);
	else if (element_is(element, NS_BIDI, "bidi") && stream->login->offers_both_ways)
		peering_go_both_ways(stream);
	else if (is_sm(element))
		acks_element(stream, element);
	else if (element_is(element, NS_STREAM, "error"))
		stream_peer_failed(stream, element);
	else
		stream_refuse_element(stream, element);
	arena_free(&arena);
}
