/* link-test.c - tries the way to another server, for an administrator who wants to know where it
 * ends: what the policy says, DNS, then for each address TCP, TLS, the certificate, and whether the
 * other side believes us. It is the way of a link, with the same resolver, connector and stream,
 * but no stanza goes it, and links know nothing of it. There is one at a time on each worker, and
 * it ends in time, whatever the other side does. */
#include <arpa/inet.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/config.h"
#include "core/home.h"
#include "core/links.h"
#include "loop/timer.h"
#include "net/connector.h"
#include "net/resolver.h"
#include "s2s/dialback-key.h"
#include "s2s/s2s-private.h"

/* All of it; godwitctl waits for a minute. */
#define TOTAL_MS 45000
/* Addresses that are tried. */
#define PLACES_MAX 8

struct place {
	const struct resolver_host *host;
	const union resolver_address *address;
};

struct link_test {
	struct arena *arena;
	const char *local, *remote;
	const struct link_test_events *events;
	void *state;
	struct timer *timer; /* for the whole; of a step that has no deadline of its own */
	int64_t deadline_ms;
	int64_t step_us; /* the present one began */
	enum test_phase {
		TEST_BEGUN,
		TEST_FINDING,
		TEST_CALLING,
		TEST_SECURING,
		TEST_GREETING, /* SASL */
		TEST_PROVING,  /* dialback */
		TEST_LEAVING   /* the end of the stream is awaited */
	} phase;

	struct resolver_query *query;
	const struct resolver_answer *answer;
	struct place places[PLACES_MAX];
	size_t place_count, next;
	const char *where; /* the present one, for people; NULL: none yet */
	struct connector *connector;
	struct stream *stream;
	const char *refusal; /* of EXTERNAL; NULL: it was not refused */
	bool is_decided;     /* a link would have come up or failed by now: */
	bool has_passed;
};

static _Thread_local struct link_test *under_way;

/* ---- steps ---- */

static int64_t left_ms(const struct link_test *test)
{
	int64_t left = test->deadline_ms - worker_now_ms();

	return left > 0 ? left : 0;
}

static void step_begin(struct link_test *test, enum test_phase phase)
{
	test->phase = phase;
	test->step_us = worker_clock_us();
}

/* The next one begins. */
static void step_tell(
    struct link_test *test, const char *name, bool is_good, const char *text, const char *cure)
{
	int64_t now_us = worker_clock_us();
	struct link_step step = { .name = name,
		.address = test->where,
		.is_good = is_good,
		.ms = (unsigned)((now_us - test->step_us) / 1000),
		.text = text,
		.cure = cure };

	test->step_us = now_us;
	test->events->step(test->state, &step);
}

static void step_fail(struct link_test *test, const char *name, const char *text, const char *cure)
{
	step_tell(test, name, false, text, cure);
}

/* What happens afterwards at other addresses makes no difference to a link. */
static void test_decide(struct link_test *test, bool passes)
{
	if (!test->is_decided)
		test->has_passed = passes;
	test->is_decided = true;
}

static void test_end(struct link_test *test)
{
	const struct link_test_events *events = test->events;
	void *state = test->state;
	bool has_passed = test->has_passed;

	log_info(NULL, "way to a server tested", KV("from", test->local), KV("to", test->remote),
	    KV("passed", has_passed ? "yes" : "no"));
	under_way = NULL;
	resolver_cancel(&test->query);
	resolver_answer_unref(&test->answer);
	connector_free(&test->connector);
	stream_free(&test->stream);
	timer_free(&test->timer);
	arena_free(&test->arena);
	events->done(state, has_passed);
}

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

static void test_judged(struct link_test *test, enum dialback_type outcome)
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

static void test_next(struct link_test *test);

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

/* ---- one address after the other ---- */

static const char *place_text(struct arena *arena, const struct place *place)
{
	char address[INET6_ADDRSTRLEN] = "";

	if (place->address->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &place->address->ipv6.sin6_addr, address, sizeof address);
		return arena_printf(
		    arena, "[%s]:%u", address, ntohs(place->address->ipv6.sin6_port));
	}
	inet_ntop(AF_INET, &place->address->ipv4.sin_addr, address, sizeof address);
	return arena_printf(arena, "%s:%u", address, ntohs(place->address->ipv4.sin_port));
}

static void test_connected(void *state, int fd, const char *why)
{
	struct link_test *test = state;
	bool is_direct = test->places[test->next - 1].host->is_direct_tls;

	connector_free(&test->connector);
	if (fd < 0) {
		step_fail(test, "TCP", why, cure_of_tcp(why));
		test_next(test);
		return;
	}
	step_tell(test, "TCP", true,
	    is_direct ? "connected, for direct TLS" : "connected, for STARTTLS", NULL);
	test->phase = TEST_SECURING;
	test->stream = stream_initiate(transport_new(fd, NULL, &s2s.limits, NULL, NULL), is_direct,
	    &s2s.settings_test, &test_events, test, test->local, test->remote);
}

static void test_next(struct link_test *test)
{
	const struct place *place = &test->places[test->next];
	unsigned patience_ms = s2s_config()->connect_timeout * 1000;

	if (test->next == test->place_count) {
		test_end(test);
		return;
	}
	test->where = place_text(test->arena, place);
	test->refusal = NULL;
	test->next++;
	step_begin(test, TEST_CALLING);
	timer_set(test->timer, (unsigned)left_ms(test));
	test->connector = connector_new(&place->address->any, patience_ms, test_connected, test);
}

/* ---- where ---- */

/* Its answer is kept, for the hosts. */
static void places_take(struct link_test *test, const struct resolver_answer *answer)
{
	test->answer = resolver_answer_ref(answer);
	for (size_t i = 0; i < answer->host_count; i++) {
		const struct resolver_host *host = &answer->hosts[i];

		for (size_t j = 0; j < host->address_count && test->place_count < PLACES_MAX; j++)
			test->places[test->place_count++] =
			    (struct place){ host, &host->addresses[j] };
	}
}

/* "xmpp.example.org (SRV 0 5 5269, STARTTLS, signed by DNSSEC)". */
static const char *host_text(struct arena *arena, const struct resolver_host *host)
{
	const char *srv = "no SRV record";

	if (host->has_srv)
		srv = arena_printf(arena, "SRV %u %u %u", host->priority, host->weight, host->port);
	return arena_printf(arena, "%s (%s, %s, %s%s)", host->name, srv,
	    host->is_direct_tls ? "direct TLS" : "STARTTLS",
	    host->is_secure ? "signed by DNSSEC" : "not signed",
	    host->tlsa_count > 0 ? ", DANE" : "");
}

static void places_tell(struct link_test *test, const struct resolver_answer *answer)
{
	const char *text = "";

	for (size_t i = 0; i < answer->host_count; i++)
		text = arena_printf(test->arena, "%s%s%s", text, i == 0 ? "" : ", ",
		    host_text(test->arena, &answer->hosts[i]));
	step_tell(test, "DNS", true, text, NULL);
}

static void test_found(const struct resolver_answer *answer, void *state)
{
	struct link_test *test = state;

	test->query = NULL;
	if (answer->status == RESOLVER_FOUND) {
		places_take(test, answer);
		places_tell(test, answer);
		test_next(test);
		return;
	}
	step_fail(
	    test, "DNS", answer->text, cure_of_dns(test->arena, answer->status, test->remote));
	test_end(test);
}

static void test_find(struct link_test *test)
{
	const struct config_route *route = config_s2s_route(s2s_config(), test->remote);
	const struct resolver_answer *answer;

	step_begin(test, TEST_FINDING);
	if (route == NULL) {
		test->query = resolver_find(test->remote, test_found, test);
		return;
	}
	answer = resolver_answer_new(test->remote, &route->address, route->direct_tls);
	places_take(test, answer);
	resolver_answer_unref(&answer);
	step_tell(test, "DNS", true, "not asked: godwit.conf has a route", NULL);
	test_next(test);
}

static void test_begin(struct link_test *test)
{
	enum config_s2s_policy policy = s2s_policy(test->remote);

	timer_set(test->timer, TOTAL_MS);
	if (policy == S2S_DENIED) {
		step_fail(test, "policy", "nothing goes there",
		    cure_of_policy(test->arena, test->remote));
		test_end(test);
		return;
	}
	step_tell(test, "policy", true,
	    policy == S2S_SECURE ? "its certificate has to prove it"
				 : "where its certificate does not prove it, dialback does",
	    NULL);
	test_find(test);
}

/* ---- time ---- */

static void test_timer(void *state)
{
	struct link_test *test = state;

	switch (test->phase) {
	case TEST_BEGUN:
		test_begin(test);
		return;
	case TEST_FINDING:
		step_fail(test, "DNS", "not in time",
		    cure_of_dns(test->arena, RESOLVER_TIMEOUT, test->remote));
		test_end(test);
		return;
	case TEST_CALLING:
		step_fail(test, "TCP", "not in time", cure_of_tcp("not in time"));
		test_end(test);
		return;
	case TEST_SECURING:
		step_fail(test, "TLS", "not in time", cure_of_tls("not in time"));
		test_end(test);
		return;
	case TEST_GREETING:
		step_fail(test, "authentication", "not in time",
		    cure_of_refusal(test->arena, test->local, DIALBACK_ASKS));
		test_end(test);
		return;
	case TEST_PROVING:
		test_judged(test, DIALBACK_ASKS);
		return;
	case TEST_LEAVING:
		return;
	}
}

bool link_test(
    const char *local, const char *remote, const struct link_test_events *events, void *state)
{
	struct arena *arena;
	struct link_test *test;

	if (under_way != NULL || s2s.is_closed)
		return false;
	arena = arena_new(0);
	test = arena_alloc_zero(arena, sizeof *test);
	test->arena = arena;
	test->local = arena_strdup(arena, local);
	test->remote = arena_strdup(arena, remote);
	test->events = events;
	test->state = state;
	test->deadline_ms = worker_now_ms() + TOTAL_MS;
	test->timer = timer_new(test_timer, test);
	timer_set(test->timer, 0);
	step_begin(test, TEST_BEGUN);
	under_way = test;
	return true;
}

void link_test_stop(void)
{
	if (under_way == NULL)
		return;
	step_fail(under_way, "policy", "the server stops", NULL);
	test_end(under_way);
}
