/* load-chat.c - the scenario chat: pairs who answer each other at once, with one message on its way
 * and with several; and everybody at a fixed rate, whatever comes back (the scenario rate). */
#include <stdio.h>

#include "load.h"

#define WARM_UP_SECONDS 0.5
#define DRAIN_NS INT64_C(10000000000)
#define TURN_NS 50000000

static struct {
	size_t talkers; /* two of each pair; the partner of 2n is 2n+1 */
	bool answers;
	uint64_t sent, received;
	struct times latency;
} chat;

static void talker_says(struct client *client, int64_t due_ns)
{
	chat.sent++;
	load_message(client, "u", client->number ^ 1, due_ns);
}

static void talker_hears(struct client *client, struct span stanza)
{
	int64_t now = now_ns(), sent_ns = load_message_sent_ns(stanza);

	if (sent_ns == 0)
		return;
	chat.received++;
	times_add(&chat.latency, now - sent_ns);
	if (chat.answers)
		talker_says(client, now);
}

/* ---- at a rate ---- */

/* Says what is due; returns how long until the next one is. */
static int64_t rate_keep(int64_t begin_ns)
{
	int64_t period = INT64_C(1000000000) / (int64_t)load_options.rate;
	int64_t due = begin_ns + (int64_t)chat.sent * period;

	for (; due <= now_ns(); due += period)
		talker_says(&load_crowd.clients[chat.sent % chat.talkers], due);
	return due - now_ns();
}

static void chat_pass(const char *what, double seconds, bool at_rate)
{
	int64_t begin = now_ns(), end = begin + (int64_t)(seconds * 1e9), wait = TURN_NS;

	while (now_ns() < end) {
		if (at_rate)
			wait = rate_keep(begin);
		clients_turn(wait < 0 ? 0 : wait < TURN_NS ? wait : TURN_NS);
		report_progress("%s: %.1f of %.1f s, %llu messages", what,
		    (double)(now_ns() - begin) / 1e9, seconds, (unsigned long long)chat.received);
	}
}

/* What is on its way arrives, or is lost. */
static void chat_drain(const char *what)
{
	int64_t end = now_ns() + DRAIN_NS;

	chat.answers = false;
	while (chat.received < chat.sent && now_ns() < end)
		clients_turn(TURN_NS);
	if (chat.received != chat.sent)
		report_problem("%s: %llu messages sent, %llu received", what,
		    (unsigned long long)chat.sent, (unsigned long long)chat.received);
}

static void chat_begin(size_t window)
{
	size_t everybody = load_crowd.count & ~(size_t)1;

	chat.talkers = load_options.pairs == 0 ? everybody : load_options.pairs * 2;
	if (chat.talkers > everybody)
		chat.talkers = everybody;
	chat.sent = chat.received = 0;
	chat.answers = window > 0;
	chat.latency = (struct times){ 0 };
	load_crowd.stanza = talker_hears;
	for (size_t i = 0; i < chat.talkers; i += 2)
		for (size_t k = 0; k < window; k++)
			talker_says(&load_crowd.clients[i], now_ns());
}

static void chat_measure(const char *name, size_t window)
{
	struct row row = { .scenario = name,
		.operation = "message",
		.sessions = load_crowd.count,
		.times = &chat.latency };
	uint64_t received;

	chat_begin(window);
	if (window > 0)
		chat_pass(name, WARM_UP_SECONDS, false);
	chat.latency = (struct times){ 0 };
	received = chat.received;
	row.begin = moment_now();
	chat_pass(name, load_options.seconds, window == 0);
	row.end = moment_now();
	row.count = chat.received - received;
	chat_drain(name);
	snprintf(row.note, sizeof row.note, "%zu pairs", chat.talkers / 2);
	report_row(&row);
}

static bool talkers_gather(void)
{
	if (load_crowd.count < 2) {
		report_problem("chat: takes two sessions");
		return false;
	}
	crowd_login(&load_crowd, load_options.flight, "chat");
	load_settle();
	return true;
}

void load_rate(void)
{
	char rate[32];

	if (!talkers_gather())
		return;
	snprintf(rate, sizeof rate, "chat, %zu/s", load_options.rate);
	chat_measure(rate, 0);
	load_crowd.stanza = NULL;
}

void load_chat(void)
{
	if (!talkers_gather())
		return;
	chat_measure("chat, 1 each", 1);
	chat_measure("chat, 8 each", 8);
	load_rate();
}
