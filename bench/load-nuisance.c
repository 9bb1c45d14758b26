/* load-nuisance.c - the scenarios of those who are a trouble to their neighbours: flood, deaf, and
 * flap (in load-presence.c, which has the contacts for it). Each prints a row when it begins, so
 * that others can be measured meanwhile, and one with what it did. */
#include <stdio.h>
#include <string.h>

#include "load.h"
#include "load-login.h"

#define TURN_NS 1000000
#define BURST 100 /* stanzas between two looks at what comes back */

/* The first is the nuisance, the second the one it writes to or hears. */
static struct {
	struct crowd crowd;
	uint64_t sent, received, ended;
} trouble;

void nuisance_begun(struct row *row)
{
	row->begin = row->end = moment_now();
	row->count = 0;
	snprintf(row->note, sizeof row->note, "begins");
	report_row(row);
}

static void trouble_hears(struct client *client, struct span stanza)
{
	(void)client;
	if (load_message_sent_ns(stanza) != 0)
		trouble.received++;
}

/* Who is cut off comes again. */
static void trouble_ended(struct client *client, const char *why)
{
	(void)why;
	trouble.ended++;
	login_start(client);
}

static void flood_ready(struct client *client)
{
	(void)client;
}

static void deaf_ready(struct client *client)
{
	if (client->number == 0)
		client_deafen(client);
}

static const struct client_events flood_events = { flood_ready, trouble_hears, trouble_ended };
static const struct client_events deaf_events = { deaf_ready, trouble_hears, trouble_ended };

static bool trouble_begin(const char *prefix, const struct client_events *events, struct row *row)
{
	trouble.sent = trouble.received = trouble.ended = 0;
	crowd_make(&trouble.crowd, prefix, 2);
	trouble.crowd.stanza = trouble_hears;
	row->sessions = 2;
	if (!crowd_login(&trouble.crowd, 2, row->scenario))
		return false;
	for (size_t i = 0; i < trouble.crowd.count; i++) {
		trouble.crowd.clients[i].events = events;
		events->ready(&trouble.crowd.clients[i]);
	}
	nuisance_begun(row);
	return true;
}

static void trouble_end(struct row *row)
{
	row->end = moment_now();
	snprintf(row->note, sizeof row->note, "%llu sent, cut off %llu times",
	    (unsigned long long)trouble.sent, (unsigned long long)trouble.ended);
	report_row(row);
	crowd_free(&trouble.crowd);
}

/* ---- flood: one sends to another, who reads, as much as the server takes ---- */

static void flood_on(struct client *client)
{
	for (unsigned i = 0; client->is_ready && i < BURST && client->out.length == 0; i++) {
		load_message(client, client->prefix, 1, now_ns());
		trouble.sent++;
	}
}

void load_flood(void)
{
	struct row row = { .scenario = "flood", .operation = "message" };
	int64_t end;

	if (!trouble_begin("f", &flood_events, &row))
		return;
	end = now_ns() + (int64_t)(load_options.seconds * 1e9);
	while (now_ns() < end) {
		flood_on(&trouble.crowd.clients[0]);
		clients_turn(trouble.crowd.clients[0].out.length > 0 ? TURN_NS : 0);
		report_progress("flood: %llu sent", (unsigned long long)trouble.sent);
	}
	row.count = trouble.received;
	trouble_end(&row);
}

/* ---- deaf: one asks and asks, is written to, and reads nothing ---- */

/* What it asks for is larger than the question. */
static void deaf_ask(struct client *client)
{
	if (!client->is_ready || client->out.length > 0)
		return;
	client_printf(client,
	    "<iq type='get' id='deaf' to='%s'><query "
	    "xmlns='http://jabber.org/protocol/disco#info'/></iq>",
	    client_settings()->domain);
	trouble.sent++;
}

static void deaf_turn(int64_t begin_ns)
{
	int64_t period = INT64_C(1000000000) / (int64_t)load_options.rate;

	for (; begin_ns + (int64_t)trouble.sent * period <= now_ns(); trouble.sent++)
		if (trouble.crowd.clients[1].is_ready)
			load_message(&trouble.crowd.clients[1], "d", 0, now_ns());
	deaf_ask(&trouble.crowd.clients[0]);
	clients_turn(TURN_NS);
	report_progress("deaf: %llu sent", (unsigned long long)trouble.sent);
}

void load_deaf(void)
{
	struct row row = { .scenario = "deaf", .operation = "stanza" };
	int64_t begin;

	if (!trouble_begin("d", &deaf_events, &row))
		return;
	begin = now_ns();
	while (now_ns() < begin + (int64_t)(load_options.seconds * 1e9))
		deaf_turn(begin);
	row.count = trouble.sent;
	trouble_end(&row);
}
