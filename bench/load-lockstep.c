/* load-lockstep.c - the scenario lockstep, for counting instructions: one thing at a time, so that
 * every run makes the server do the same. So many logins, each ended before the next begins; then
 * two sessions who answer each other. It measures nothing by itself. */
#include "load.h"
#include "load-login.h"

#define STUCK_NS INT64_C(120000000000) /* valgrind is slow */
#define TURN_NS 50000000

static struct {
	bool ready, ended, heard;
} seen;

static void seen_ready(struct client *client)
{
	(void)client;
	seen.ready = true;
}

static void seen_stanza(struct client *client, struct span stanza)
{
	(void)client;
	if (load_message_sent_ns(stanza) != 0)
		seen.heard = true;
}

static void seen_ended(struct client *client, const char *why)
{
	if (!client->is_ready)
		report_problem("lockstep: %s", why);
	seen.ended = true;
}

static const struct client_events events = {
	.ready = seen_ready,
	.stanza = seen_stanza,
	.ended = seen_ended,
};

/* Turns until it has happened. */
static bool wait_for(bool *happened)
{
	int64_t end = now_ns() + STUCK_NS;

	while (!*happened && !seen.ended && now_ns() < end)
		clients_turn(TURN_NS);
	if (!*happened)
		report_problem("lockstep: no answer");
	return *happened;
}

static bool log_in(struct client *client, size_t number)
{
	*client = (struct client){ .fd = -1, .events = &events, .prefix = "u", .number = number };
	seen.ready = seen.ended = false;
	login_start(client);
	return wait_for(&seen.ready);
}

/* Ends the stream, and waits for the other end of it. */
static bool log_out(struct client *client)
{
	seen.ended = false;
	client_printf(client, "</stream:stream>");
	return wait_for(&seen.ended);
}

static bool logins_make(void)
{
	struct client client;
	bool good = true;

	for (size_t i = 0; good && i < load_options.sessions; i++) {
		good = log_in(&client, i) && log_out(&client);
		report_progress("lockstep: %zu of %zu logins", i, load_options.sessions);
	}
	return good;
}

static void messages_send(struct client talkers[2])
{
	bool good = true;

	for (size_t i = 0; good && i < load_options.messages; i++) {
		seen.heard = false;
		load_message(&talkers[i % 2], "u", (i + 1) % 2, now_ns());
		good = wait_for(&seen.heard);
		report_progress("lockstep: %zu of %zu messages", i, load_options.messages);
	}
}

void load_lockstep(void)
{
	struct row row = { .scenario = "lockstep",
		.operation = "login",
		.sessions = 1,
		.count = load_options.sessions };
	struct client talkers[2];

	row.begin = moment_now();
	if (!logins_make())
		return;
	row.end = moment_now();
	report_row(&row);
	if (!log_in(&talkers[0], 0) || !log_in(&talkers[1], 1))
		return;
	row.operation = "message";
	row.sessions = 2;
	row.count = load_options.messages;
	row.begin = moment_now();
	messages_send(talkers);
	row.end = moment_now();
	report_row(&row);
	log_out(&talkers[0]);
	log_out(&talkers[1]);
}
