/* load-offline.c - the scenario offline: messages for who is away are stored, and fetched.
 * The senders (s0, s1, ...) use acknowledgements (XEP-0198), so a message counts as stored when the
 * server answers for it. Then the receivers (o0, o1, ...) log in, and everything has to be there.
 */
#include <stdio.h>
#include <stdlib.h>

#include "load.h"

#define SENDERS 10
#define BATCH 50 /* messages between two questions */
#define STUCK_NS INT64_C(20000000000)
#define TURN_NS 50000000
#define SM "urn:xmpp:sm:3"

struct sender {
	size_t said, covered; /* the last h */
	int64_t asked_ns;
};

static struct {
	struct crowd senders, receivers;
	struct sender books[SENDERS];
	size_t each; /* what a sender has to say */
	uint64_t enabled, fetched;
	struct times latency; /* of a batch, from sending to its acknowledgement */
} away;

static uint64_t stored(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < SENDERS; i++)
		sum += away.books[i].covered;
	return sum;
}

/* ---- storing ---- */

/* A batch, to its share of the receivers in turn. */
static void sender_writes(struct client *client)
{
	struct sender *books = &away.books[client->number];
	size_t end = books->said + BATCH < away.each ? books->said + BATCH : away.each;

	books->asked_ns = now_ns();
	for (; books->said < end; books->said++)
		load_message(client, "o",
		    (client->number + books->said * SENDERS) % load_options.receivers, now_ns());
	client_printf(client, "<r xmlns='" SM "'/>");
}

static void acknowledgement_take(struct client *client, struct span stanza)
{
	struct sender *books = &away.books[client->number];
	struct span h = span_attribute(stanza, "h");

	if (h.at == NULL)
		return;
	books->covered = strtoul(h.at, NULL, 10);
	if (books->covered < books->said)
		return;
	times_add(&away.latency, now_ns() - books->asked_ns);
	if (books->said < away.each)
		sender_writes(client);
}

static void sender_hears(struct client *client, struct span stanza)
{
	if (span_is(stanza, "enabled"))
		away.enabled++;
	else if (span_is(stanza, "a"))
		acknowledgement_take(client, stanza);
	else if (span_is(stanza, "message"))
		report_problem(
		    "offline: a message came back to %s%zu", client->prefix, client->number);
}

/* Turns until it is so many, or nothing happens any more. */
static void wait_for(const char *what, uint64_t (*count)(void), uint64_t wanted)
{
	uint64_t before = count(), now = before;
	int64_t last_ns = now_ns();

	while (now < wanted && now_ns() - last_ns < STUCK_NS) {
		clients_turn(TURN_NS);
		now = count();
		report_progress("offline: %llu of %llu %s", (unsigned long long)now,
		    (unsigned long long)wanted, what);
		if (now != before)
			last_ns = now_ns();
		before = now;
	}
}

static uint64_t enabled(void)
{
	return away.enabled;
}

static void store_measure(uint64_t total)
{
	struct row row = { .scenario = "offline",
		.operation = "stored",
		.sessions = SENDERS,
		.times = &away.latency };

	crowd_login(&away.senders, load_options.flight, "offline");
	for (size_t i = 0; i < SENDERS; i++)
		client_printf(&away.senders.clients[i], "<enable xmlns='" SM "'/>");
	wait_for("enabled", enabled, SENDERS);
	load_settle();
	row.begin = moment_now();
	for (size_t i = 0; i < SENDERS; i++)
		sender_writes(&away.senders.clients[i]);
	wait_for("stored", stored, total);
	row.end = load_settled();
	row.count = stored();
	if (row.count != total)
		report_problem("offline: %llu of %llu were acknowledged",
		    (unsigned long long)row.count, (unsigned long long)total);
	report_row(&row);
	crowd_leave(&away.senders);
	load_settle();
}

/* ---- fetching ---- */

static void receiver_hears(struct client *client, struct span stanza)
{
	(void)client;
	if (load_message_sent_ns(stanza) != 0)
		away.fetched++;
}

static uint64_t fetched(void)
{
	return away.fetched;
}

static void fetch_measure(uint64_t total)
{
	struct row row = { .scenario = "offline",
		.operation = "fetched",
		.sessions = load_options.receivers,
		.times = &away.receivers.latency };

	row.begin = moment_now();
	crowd_login(&away.receivers, load_options.flight, "offline");
	wait_for("fetched", fetched, total);
	row.end = load_settled();
	row.count = away.fetched;
	if (row.count != total)
		report_problem("offline: %llu stored, %llu fetched", (unsigned long long)total,
		    (unsigned long long)row.count);
	snprintf(row.note, sizeof row.note, "with the logins, whose times these are");
	report_row(&row);
	crowd_leave(&away.receivers);
}

void load_offline(void)
{
	uint64_t total = (uint64_t)load_options.messages * load_options.receivers;

	away.each = total / SENDERS;
	total = away.each * SENDERS;
	crowd_make(&away.senders, "s", SENDERS);
	crowd_make(&away.receivers, "o", load_options.receivers);
	away.senders.stanza = sender_hears;
	away.receivers.stanza = receiver_hears;
	store_measure(total);
	fetch_measure(total);
	crowd_free(&away.senders);
	crowd_free(&away.receivers);
}
