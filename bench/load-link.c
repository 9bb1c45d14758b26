/* load-link.c - the scenarios links and link: what links to other servers cost, and messages on
 * one. The other servers are played here (load-far.h), so that nothing but the server under test is
 * measured; the user u0 is at its other side. In `links` LINKS of them come up, both ways. In
 * `link` one does, and with WINDOW messages on their way there are `in`, messages to the user,
 * `out`, messages of the user, and `round`, one message at a time there and back. A message counts
 * when it has arrived. */
#include <stdio.h>

#include "load.h"
#include "load-login.h"

#define TURN_NS 50000000
#define STUCK_NS INT64_C(20000000000)
#define WARM_UP_SECONDS 0.5
#define LINKS_AT_ONCE 10 /* that come up */
#define REST_SECONDS 2   /* until what a busy link needs has been given back */

enum direction { LINK_IN, LINK_OUT, LINK_ROUND };

static struct {
	struct client user;
	bool is_ready;
	enum direction direction;
	uint64_t sent, arrived, returned, disordered;
	int64_t last_ns; /* when the last that has arrived was sent */
	struct times latency;
	struct text batch;
} flow;

/* ---- the user ---- */

static void user_ready(struct client *client)
{
	(void)client;
	flow.is_ready = true;
}

static void user_ended(struct client *client, const char *why)
{
	report_problem("%s%zu: %s", client->prefix, client->number, why);
	flow.is_ready = false;
}

/* At whoever it is for. */
static void message_arrived(struct span stanza)
{
	int64_t sent_ns = load_message_sent_ns(stanza);

	if (sent_ns == 0) {
		flow.returned += span_attribute_is(stanza, "type", "error");
		return;
	}
	flow.arrived++;
	flow.disordered += sent_ns < flow.last_ns;
	flow.last_ns = sent_ns;
	times_add(&flow.latency, now_ns() - sent_ns);
}

static void user_hears(struct client *client, struct span stanza)
{
	(void)client;
	message_arrived(stanza);
}

static const struct client_events user_events = {
	.ready = user_ready,
	.stanza = user_hears,
	.ended = user_ended,
};

static bool user_login(void)
{
	int64_t end = now_ns() + STUCK_NS;

	flow.user = (struct client){ .fd = -1, .events = &user_events, .prefix = "u" };
	login_start(&flow.user);
	while (!flow.is_ready && report_problems() == 0 && now_ns() < end)
		clients_turn(TURN_NS);
	if (!flow.is_ready)
		report_problem("link: the user cannot log in");
	return flow.is_ready;
}

/* ---- messages ---- */

static void message_out(size_t number, int64_t sent_ns)
{
	text_printf(&flow.batch,
	    "<message type='chat' to='x@l%zu.%s' id='%016llx'><body>" LOAD_BODY "</body></message>",
	    number, load_options.far.domain, (unsigned long long)sent_ns);
}

static void message_in(int64_t sent_ns)
{
	text_printf(&flow.batch,
	    "<message type='chat' from='x@l0.%s/load' to='u0@%s' id='%016llx'><body>" LOAD_BODY
	    "</body></message>",
	    load_options.far.domain, load_options.client.domain, (unsigned long long)sent_ns);
}

static void batch_send(bool is_in)
{
	if (is_in)
		far_send(0, flow.batch.at, flow.batch.length);
	else
		client_send(&flow.user, flow.batch.at, flow.batch.length);
	text_consume(&flow.batch, flow.batch.length);
}

static void far_heard(size_t number, struct span stanza)
{
	int64_t sent_ns = load_message_sent_ns(stanza);

	(void)number;
	if (flow.direction != LINK_ROUND || sent_ns == 0) {
		message_arrived(stanza);
		return;
	}
	message_in(sent_ns);
	batch_send(true);
}

/* As many as may be on their way, in one record; `most` have been sent then. */
static void link_fill(size_t window, uint64_t most)
{
	if (flow.sent - flow.arrived >= window || flow.sent == most)
		return;
	for (; flow.sent - flow.arrived < window && flow.sent < most; flow.sent++)
		if (flow.direction == LINK_IN)
			message_in(now_ns());
		else
			message_out(0, now_ns());
	batch_send(flow.direction == LINK_IN);
}

/* ---- links ---- */

static void link_raise(size_t number)
{
	far_call(number);
	flow.sent++;
	message_out(number, now_ns());
	batch_send(false);
}

static bool links_wait(size_t number, uint64_t problems)
{
	int64_t end = now_ns() + STUCK_NS;

	while (fars_ready() < number || flow.arrived < number) {
		clients_turn(TURN_NS);
		report_progress("links: %zu", fars_ready());
		if (flow.returned > 0 || now_ns() > end)
			report_problem("link: of %llu messages %llu arrived and %llu came back",
			    (unsigned long long)flow.sent, (unsigned long long)flow.arrived,
			    (unsigned long long)flow.returned);
		if (report_problems() != problems)
			return false;
	}
	return true;
}

/* Each is there when it has called, and a message to it has arrived. */
static bool links_raise(size_t links)
{
	uint64_t problems = report_problems();

	flow.direction = LINK_OUT;
	flow.sent = flow.arrived = flow.returned = 0;
	for (size_t i = 0; i < links; i++) {
		link_raise(i);
		if (i >= LINKS_AT_ONCE && !links_wait(i - LINKS_AT_ONCE, problems))
			return false;
	}
	return links_wait(links, problems);
}

static void links_measure(void)
{
	struct row row = { .scenario = "links", .operation = "link", .sessions = 1 };
	size_t before;

	load_settle();
	load_pass(REST_SECONDS);
	before = memory_now().anonymous_kib;
	row.begin = moment_now();
	if (!links_raise(load_options.links))
		return;
	row.end = load_settled();
	load_pass(REST_SECONDS);
	row.count = load_options.links;
	row.memory = memory_now();
	row.kib_per_session =
	    ((double)row.memory.anonymous_kib - (double)before) / (double)row.count;
	snprintf(row.note, sizeof row.note, "both ways; KiB a link");
	report_row(&row);
}

/* ---- measuring ---- */

/* Until so much time has passed, or where `most` is given so many were sent. */
static void link_pass(const char *what, size_t window, double seconds, uint64_t most)
{
	int64_t begin = now_ns(), end = begin + (int64_t)(seconds * 1e9), heard = begin;
	uint64_t arrived = flow.arrived;

	while (most == UINT64_MAX ? now_ns() < end : flow.arrived < most) {
		link_fill(window, most);
		clients_turn(TURN_NS);
		report_progress("%s: %.1f s, %llu messages", what, (double)(now_ns() - begin) / 1e9,
		    (unsigned long long)flow.arrived);
		if (flow.arrived != arrived)
			heard = now_ns();
		else if (now_ns() - heard > STUCK_NS)
			return;
		arrived = flow.arrived;
	}
}

/* What is on its way arrives, or is lost. */
static void link_drain(const char *what)
{
	int64_t end = now_ns() + STUCK_NS;

	while (flow.arrived + flow.returned < flow.sent && now_ns() < end)
		clients_turn(TURN_NS);
	if (flow.arrived != flow.sent)
		report_problem("%s: %llu messages sent, %llu arrived, %llu came back", what,
		    (unsigned long long)flow.sent, (unsigned long long)flow.arrived,
		    (unsigned long long)flow.returned);
	if (flow.disordered > 0)
		report_problem(
		    "%s: %llu messages overtook others", what, (unsigned long long)flow.disordered);
}

static void link_measure(const char *name, enum direction direction, size_t window)
{
	struct row row = { .scenario = name,
		.operation = direction == LINK_ROUND ? "round trip" : "message",
		.sessions = 1,
		.times = &flow.latency };
	uint64_t most = load_options.count == 0 ? UINT64_MAX : load_options.count, arrived;

	flow.direction = direction;
	flow.sent = flow.arrived = flow.returned = flow.disordered = 0;
	flow.last_ns = 0;
	if (most == UINT64_MAX)
		link_pass(name, window, WARM_UP_SECONDS, most);
	flow.latency = (struct times){ 0 };
	arrived = flow.arrived;
	row.begin = moment_now();
	link_pass(name, window, load_options.seconds, most);
	row.end = moment_now();
	row.count = flow.arrived - arrived;
	link_drain(name);
	row.lost = flow.sent > flow.arrived ? flow.sent - flow.arrived : 0;
	row.memory = memory_now();
	snprintf(row.note, sizeof row.note, "%zu on their way, %llu lost", window,
	    (unsigned long long)row.lost);
	report_row(&row);
}

static void messages_measure(void)
{
	if (!links_raise(1))
		return;
	link_measure("in", LINK_IN, load_options.window);
	link_measure("out", LINK_OUT, load_options.window);
	link_measure("round", LINK_ROUND, 1);
}

static void far_run(void (*measure)(void))
{
	if (!fars_begin(&load_options.far, far_heard))
		return;
	if (user_login())
		measure();
	client_leave(&flow.user);
	fars_end();
	text_free(&flow.batch);
}

void load_links(void)
{
	far_run(links_measure);
}

void load_link(void)
{
	far_run(messages_measure);
}
