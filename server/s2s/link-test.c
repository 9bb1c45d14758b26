/* link-test.c - tries the way to another server, for an administrator who wants to know where it
 * ends: what the policy says, DNS, then for each address TCP, TLS, the certificate, and whether the
 * other side believes us. It is the way of a link, with the same resolver, connector and stream,
 * but no stanza goes it, and links know nothing of it. There is one at a time on each worker, and
 * it ends in time, whatever the other side does. */
#include <arpa/inet.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/home.h"
#include "core/links.h"
#include "loop/timer.h"
#include "net/connector.h"
#include "net/resolver.h"
#include "s2s/link-test.h"

/* All of it; godwitctl waits for a minute. */
#define TOTAL_MS 45000

static _Thread_local struct link_test *under_way;

/* ---- steps ---- */

int64_t left_ms(const struct link_test *test)
{
	int64_t left = test->deadline_ms - worker_now_ms();

	return left > 0 ? left : 0;
}

static void step_begin(struct link_test *test, enum test_phase phase)
{
	test->phase = phase;
	test->step_us = worker_clock_us();
}

void step_tell(
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

void step_fail(struct link_test *test, const char *name, const char *text, const char *cure)
{
	step_tell(test, name, false, text, cure);
}

void test_decide(struct link_test *test, bool passes)
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

	connector_free(&test->connector);
	if (fd >= 0) {
		test_greet(test, fd);
		return;
	}
	step_fail(test, "TCP", why, cure_of_tcp(why));
	test_next(test);
}

void test_next(struct link_test *test)
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
