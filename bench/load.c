/* load.c - the load generator: many XMPP clients in one thread, and what they cost the server.
 * It speaks to any server that has SCRAM-SHA-256 and the accounts; how the scenarios work is said
 * in the files that have their names (load-sessions.c: login, idle, storm;
 * load-nuisance.c: flood, deaf). load-client.c is the connection and the loop, load-login.c what is
 * said until a client is online, load-far.c the servers at the other end of a link. */
#include "load.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "load-login.h"

#define TURN_NS 50000000
#define SETTLE_SECONDS 0.1
#define SETTLE_SHARE 0.02 /* of a core: the server does nothing */
#define SETTLE_TURNS 300
#define NO_SERVER_SECONDS 1.0

struct crowd load_crowd;

static const struct scenario {
	const char *name;
	void (*run)(void);
	bool is_default;
} scenarios[] = {
	{ "login", load_login, true },
	{ "idle", load_idle, true },
	{ "chat", load_chat, true },
	{ "rate", load_rate, false },
	{ "presence", load_presence, true },
	{ "offline", load_offline, true },
	{ "storm", load_storm, true },
	{ "lockstep", load_lockstep, false },
	{ "flood", load_flood, false },
	{ "deaf", load_deaf, false },
	{ "flap", load_flap, false },
	{ "hold", load_hold, false },
	{ "links", load_links, false },
	{ "link", load_link, false },
};

/* ---- for all scenarios ---- */

void load_pass(double seconds)
{
	int64_t end = now_ns() + (int64_t)(seconds * 1e9), left;

	while ((left = end - now_ns()) > 0) {
		clients_turn(left < TURN_NS ? left : TURN_NS);
		report_progress("waiting");
	}
}

void load_settle(void)
{
	struct moment before = moment_now(), now;

	if (load_options.server == 0) {
		load_pass(NO_SERVER_SECONDS);
		return;
	}
	for (int i = 0; i < SETTLE_TURNS; i++) {
		load_pass(SETTLE_SECONDS);
		now = moment_now();
		if ((double)(now.server_ns - before.server_ns) <
		    SETTLE_SHARE * (double)(now.at_ns - before.at_ns))
			return;
		before = now;
	}
}

struct moment load_settled(void)
{
	int64_t at_ns = now_ns();
	struct moment now;

	load_settle();
	now = moment_now();
	now.at_ns = at_ns;
	return now;
}

void load_message(struct client *client, const char *prefix, size_t number, int64_t sent_ns)
{
	client_printf(client,
	    "<message type='chat' to='%s%zu@%s' id='%016llx'><body>" LOAD_BODY "</body></message>",
	    prefix, number, client_settings()->domain, (unsigned long long)sent_ns);
}

int64_t load_message_sent_ns(struct span stanza)
{
	struct span id = span_attribute(stanza, "id");
	unsigned long long sent_ns = 0;

	if (!span_is(stanza, "message") || id.at == NULL ||
	    span_attribute_is(stanza, "type", "error"))
		return 0;
	return sscanf(id.at, "%16llx", &sent_ns) == 1 ? (int64_t)sent_ns : 0;
}

/* ---- running ---- */

static const struct scenario *scenario_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(scenarios); i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	fprintf(stderr, "load: no scenario %s; see --help\n", name);
	return NULL;
}

static bool names_check(char **names)
{
	for (; *names != NULL; names++)
		if (scenario_find(*names) == NULL)
			return false;
	return true;
}

static void scenarios_run(char **names)
{
	if (*names == NULL)
		for (size_t i = 0; i < COUNT_OF(scenarios); i++)
			if (scenarios[i].is_default)
				scenarios[i].run();
	for (; *names != NULL; names++)
		scenario_find(*names)->run();
}

int main(int argc, char **argv)
{
	char **names;
	int status;

	if (!options_read(argc, argv, &names, &status))
		return status;
	if (!names_check(names))
		return 2;
	clients_begin(&load_options.client);
	logins_begin();
	measure_begin((pid_t)load_options.server, (pid_t)load_options.database);
	report_begin(load_options.as_json, load_options.server != 0, load_options.database != 0);
	crowd_make(&load_crowd, "u", load_options.sessions);
	scenarios_run(names);
	crowd_leave(&load_crowd);
	crowd_free(&load_crowd);
	if (report_problems() == 0)
		return 0;
	fprintf(stderr, "load: %llu problems\n", (unsigned long long)report_problems());
	return 1;
}
