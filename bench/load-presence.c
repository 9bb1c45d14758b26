/* load-presence.c - the scenarios presence, flap and hold: p0, whose contacts p1, p2, ... are
 * online and share their presence with it, says again and again how it is, or comes and goes, or is
 * there. An operation is a presence at a contact.
 */
#include <stdio.h>

#include "load.h"

#define MAKE_NS INT64_C(60000000000) /* contacts have to be made in this time */
#define ARRIVE_NS INT64_C(10000000000)
#define ASK_AGAIN_SECONDS 0.1
#define TURN_NS 50000000

static struct {
	struct crowd crowd; /* the first is the hub */
	bool flaps, answered;
	size_t contacts; /* in the hub's roster, with a subscription in both directions */
	int64_t said_ns; /* 0: nothing is measured */
	size_t arrived;  /* of what was said last */
	uint64_t count;
	struct times latency;
} show;

static struct client *hub(void)
{
	return show.crowd.clients;
}

/* ---- contacts ---- */

static void presence_send(struct client *client, const char *type, size_t to)
{
	client_printf(
	    client, "<presence type='%s' to='p%zu@%s'/>", type, to, client_settings()->domain);
}

/* Both agree; a contact asks back. */
static void subscription_take(struct client *client, struct span presence)
{
	struct span from = span_attribute(presence, "from");
	size_t number = 0;

	if (from.at == NULL || sscanf(from.at, "p%zu@", &number) != 1)
		return;
	presence_send(client, "subscribed", number);
	if (client != hub())
		presence_send(client, "subscribe", number);
}

static void presence_take(struct client *client)
{
	if (client == hub() || show.said_ns == 0)
		return;
	times_add(&show.latency, now_ns() - show.said_ns);
	show.arrived++;
	show.count++;
}

static void stanza_take(struct client *client, struct span stanza)
{
	if (span_is(stanza, "iq") && span_attribute_is(stanza, "id", "contacts")) {
		show.answered = true;
		show.contacts = span_count(stanza, "subscription='both'");
	} else if (!span_is(stanza, "presence")) {
		return;
	} else if (span_attribute_is(stanza, "type", "subscribe")) {
		subscription_take(client, stanza);
	} else if (span_attribute(stanza, "type").at == NULL ||
		   (show.flaps && span_attribute_is(stanza, "type", "unavailable"))) {
		presence_take(client);
	}
}

/* How many contacts there are by now. */
static size_t contacts_count(void)
{
	int64_t end = now_ns() + ARRIVE_NS;

	show.answered = false;
	client_printf(hub(), "<iq type='get' id='contacts'><query xmlns='jabber:iq:roster'/></iq>");
	while (!show.answered && now_ns() < end)
		clients_turn(TURN_NS);
	return show.contacts;
}

static bool contacts_make(void)
{
	int64_t end = now_ns() + MAKE_NS;
	size_t wanted = show.crowd.count - 1;

	if (contacts_count() >= wanted)
		return true;
	for (size_t i = 1; i <= wanted; i++)
		presence_send(hub(), "subscribe", i);
	while (contacts_count() < wanted && now_ns() < end) {
		report_progress("presence: %zu of %zu contacts made", show.contacts, wanted);
		load_pass(ASK_AGAIN_SECONDS);
	}
	return show.contacts >= wanted;
}

/* ---- telling them ---- */

/* Says it once, and waits until everybody knows. */
static bool tell_all(unsigned number)
{
	int64_t end = now_ns() + ARRIVE_NS;

	show.arrived = 0;
	show.said_ns = now_ns();
	if (show.flaps && number % 2 == 0)
		client_printf(hub(), "<presence type='unavailable'/>");
	else
		client_printf(hub(), "<presence><status>%u</status></presence>", number);
	while (show.arrived < show.crowd.count - 1 && now_ns() < end)
		clients_turn(TURN_NS);
	return show.arrived == show.crowd.count - 1;
}

static void tell_for_a_while(struct row *row)
{
	int64_t end = now_ns() + (int64_t)(load_options.seconds * 1e9);
	bool all = true;

	row->begin = moment_now();
	for (unsigned i = 0; all && now_ns() < end; i++) {
		all = tell_all(i);
		report_progress("presence: %llu arrived", (unsigned long long)show.count);
	}
	row->end = moment_now();
	row->count = show.count;
	if (!all)
		report_problem(
		    "presence: %zu of %zu contacts were told", show.arrived, show.crowd.count - 1);
}

/* They are online, and know each other. */
static bool contacts_gather(const char *what)
{
	crowd_make(&show.crowd, "p", load_options.contacts + 1);
	show.crowd.stanza = stanza_take;
	show.count = 0;
	show.latency = (struct times){ 0 };
	if (!crowd_login(&show.crowd, load_options.flight, what))
		return false;
	if (contacts_make())
		load_settle();
	else
		report_problem("%s: only %zu contacts", what, show.contacts);
	return true;
}

static void contacts_dismiss(void)
{
	show.said_ns = 0;
	crowd_leave(&show.crowd);
	crowd_free(&show.crowd);
}

static void show_measure(struct row *row)
{
	row->sessions = load_crowd.ready + show.crowd.ready;
	tell_for_a_while(row);
	snprintf(row->note, sizeof row->note, "%zu contacts", show.contacts);
	report_row(row);
}

void load_presence(void)
{
	struct row row = {
		.scenario = "presence", .operation = "delivery", .times = &show.latency
	};

	show.flaps = false;
	if (contacts_gather("presence"))
		show_measure(&row);
	contacts_dismiss();
}

void load_flap(void)
{
	struct row row = { .scenario = "flap", .operation = "delivery", .times = &show.latency };

	show.flaps = true;
	if (contacts_gather("flap")) {
		nuisance_begun(&row);
		show_measure(&row);
	}
	contacts_dismiss();
}

/* Others are measured beside them. */
void load_hold(void)
{
	struct row row = { .scenario = "hold", .operation = "-" };

	show.flaps = false;
	if (contacts_gather("hold")) {
		nuisance_begun(&row);
		load_pass(load_options.seconds);
		row.end = moment_now();
		report_row(&row);
	}
	contacts_dismiss();
}
