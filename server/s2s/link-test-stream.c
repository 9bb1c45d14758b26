/* link-test-stream.c - the stream of a test: TLS, the certificate, and whether the other side
 * believes us, by EXTERNAL or by dialback. */
#include "base/arena.h"
#include "base/text.h"
#include "core/config.h"
#include "core/links.h"
#include "loop/timer.h"
#include "s2s/dialback-key.h"
#include "s2s/link-test.h"

/* ---- the other side believes us ---- */

/* Ends the stream; the next address follows. */
static void test_leave(struct link_test *test)
{
	test->phase = TEST_LEAVING;
	stream_end(test->stream);
}

static void test_settle(struct link_test *test, bool passes, const char *text, const char *cure)
{
	step_tell(test, "authentication", passes, text, cure);
	test_decide(test, passes);
	test_leave(test);
}

static const char *external_text(const struct link_test *test)
{
	return test->refusal == NULL
	           ? "EXTERNAL is not offered"
	           : arena_printf(test->arena, "EXTERNAL is refused (%s)", test->refusal);
}

void test_judged(struct link_test *test, enum dialback_type outcome)
{
	static const char *const words[] = {
		[DIALBACK_ASKS] = "does not judge our key",
		[DIALBACK_VALID] = "judges our key valid",
		[DIALBACK_INVALID] = "judges our key invalid",
		[DIALBACK_ERROR] = "could not, or did not want to, judge our key",
	};
	const char *text =
	    arena_printf(test->arena, "%s; dialback: it %s", external_text(test), words[outcome]);

	test_settle(test, outcome == DIALBACK_VALID, text,
	    outcome == DIALBACK_VALID ? NULL : cure_of_refusal(test->arena, test->local, outcome));
}

static void test_dialback(void *state, const struct dialback *dialback)
{
	struct link_test *test = state;

	if (test->phase == TEST_PROVING && !dialback->is_verify &&
	    dialback->type != DIALBACK_ASKS && text_equal(dialback->from, test->remote) &&
	    text_equal(dialback->to, test->local))
		test_judged(test, dialback->type);
}

/* As a link does, even if it is not offered. */
static void test_prove(struct link_test *test)
{
	const char *id = stream_header_id(test->stream);
	struct dialback result = { .from = test->local, .to = test->remote };
	int64_t patience_ms = (int64_t)s2s_config()->link_timeout * 1000;

	if (id == NULL) {
		test_settle(test, false, "its header has no id",
		    "its owner has to have the server's software put right");
		return;
	}
	if (patience_ms > left_ms(test))
		patience_ms = left_ms(test);
	result.key = dialback_key(test->arena, test->remote, test->local, id);
	test->phase = TEST_PROVING;
	stream_admit(test->stream);
	stream_send_dialback(test->stream, &result);
	timer_set(test->timer, (unsigned)patience_ms);
}

static void test_refused(
    void *state, const char *username, const char *mechanism, const char *condition)
{
	struct link_test *test = state;

	(void)username;
	(void)mechanism;
	test->refusal = arena_strdup(test->arena, condition);
}

static void test_opened(void *state, const struct element *features, bool is_authenticated)
{
	struct link_test *test = state;

	(void)features;
	if (test->phase != TEST_GREETING)
		return;
	if (is_authenticated)
		test_settle(test, true, "EXTERNAL is accepted", NULL);
	else
		test_prove(test);
}

/* ---- TLS, and the certificate ---- */

static const char *certificate_text(struct link_test *test)
{
	const struct transport *transport = stream_transport(test->stream);
	struct tls_facts facts;

	if (!transport_peer_facts(transport, test->remote, test->arena, &facts))
		return "none was shown";
	return arena_printf(test->arena, "for %s, issued by %s, valid until %s",
	    *facts.names == '\0' ? facts.subject : facts.names, facts.issuer,
	    time_format(test->arena, facts.not_after_us));
}

static void test_certificate(struct link_test *test)
{
	const struct resolver_host *host = test->places[test->next - 1].host;
	struct proof proof = s2s_prove(test->stream, test->remote, host);
	const char *text = certificate_text(test);

	test->phase = TEST_GREETING;
	if (proof.by != NULL) {
		step_tell(test, "certificate", true,
		    text_equal(proof.by, "DANE")
			? arena_printf(test->arena, "as its TLSA records want it (DANE): %s", text)
			: text,
		    NULL);
		return;
	}
	text = arena_printf(test->arena, "%s (%s)", proof.why, text);
	if (!proof.is_refused) {
		step_tell(test, "certificate", true,
		    arena_printf(test->arena, "%s: dialback has to do", text), NULL);
		return;
	}
	step_fail(
	    test, "certificate", text, cure_of_certificate(test->arena, proof.why, test->remote));
	test_decide(test, false);
	test->phase = TEST_LEAVING;
	stream_fail(test->stream, STREAM_POLICY_VIOLATION, proof.why);
}

static void test_secured(void *state)
{
	struct link_test *test = state;
	const struct transport *transport = stream_transport(test->stream);

	if (test->phase != TEST_SECURING)
		return;
	step_tell(test, "TLS", true,
	    arena_printf(test->arena, "%s, %s", transport_tls_version(transport),
		transport_tls_cipher(transport)),
	    NULL);
	test_certificate(test);
}

/* ---- the stream ---- */

static void test_stanza(
    void *state, struct arena *arena, struct element *element, uint32_t sequence)
{
	struct link_test *test = state;

	(void)element;
	(void)sequence;
	stream_fail(test->stream, STREAM_NOT_AUTHORIZED, "stanzas go the other way here");
	arena_free(&arena);
}

/* Nothing is sent with one. */
static void test_token(void *state, void *token)
{
	(void)state;
	(void)token;
}

static bool knows_no_host(const char *why)
{
	return text_equal(why, stream_error_name(STREAM_HOST_UNKNOWN)) ||
	       text_equal(why, stream_error_name(STREAM_HOST_GONE));
}

/* It was ended by the other side, or did not come about. */
static void test_broken(struct link_test *test, const char *why)
{
	const char *cure = knows_no_host(why)
	                       ? cure_of_tls(why)
	                       : cure_of_refusal(test->arena, test->local, DIALBACK_ASKS);

	if (test->phase == TEST_SECURING)
		step_fail(test, "TLS", why, cure_of_tls(why));
	else if (test->phase != TEST_LEAVING)
		step_fail(test, "authentication",
		    arena_printf(test->arena, "the stream has ended: %s", why), cure);
	if (test->phase == TEST_PROVING || knows_no_host(why))
		test_decide(test, false);
}

static void test_closed(void *state, const char *why)
{
	struct link_test *test = state;

	test_broken(test, why);
	stream_free(&test->stream);
	test_next(test);
}

static const struct stream_events test_events = {
	.secured = test_secured,
	.opened = test_opened,
	.dialback = test_dialback,
	.refused = test_refused,
	.stanza = test_stanza,
	.delivered = test_token,
	.lost = test_token,
	.closed = test_closed,
};

void test_greet(struct link_test *test, int fd)
{
	bool is_direct = test->places[test->next - 1].host->is_direct_tls;

	step_tell(test, "TCP", true,
	    is_direct ? "connected, for direct TLS" : "connected, for STARTTLS", NULL);
	test->phase = TEST_SECURING;
	test->stream = stream_initiate(transport_new(fd, NULL, &s2s.limits, NULL, NULL), is_direct,
	    &s2s.settings_test, &test_events, test, test->local, test->remote);
}
