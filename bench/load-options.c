/* load-options.c - the command line of the load generator. */
#include <getopt.h>
#include <stdio.h>

#include "base/mem.h"
#include "load.h"

struct load_options load_options = {
	.client = { "127.0.0.1", 5222, "localhost", "secret", 16 },
	.sessions = 1000,
	.flight = 64,
	.storm = 1000,
	.pairs = 50,
	.rate = 500,
	.contacts = 100,
	.messages = 50,
	.receivers = 100,
	.far = { .domain = "far.example", .port = 5270, .server_port = 5269 },
	.links = 100,
	.window = 100,
	.seconds = 5,
};

/* What an option sets: a number within bounds, or else a text. */
static const struct setting {
	const char *name;
	size_t *number;
	int64_t minimum, maximum;
	const char **text;
} settings[] = {
	{ "host", .text = &load_options.client.host },
	{ "port", &load_options.client.port, 1, 65535 },
	{ "domain", .text = &load_options.client.domain },
	{ "password", .text = &load_options.client.password },
	{ "server", &load_options.server, 1, INT32_MAX },
	{ "database", &load_options.database, 1, INT32_MAX },
	{ "sessions", &load_options.sessions, 1, 1000000 },
	{ "flight", &load_options.flight, 1, 1000000 },
	{ "storm", &load_options.storm, 0, 1000000 },
	{ "pairs", &load_options.pairs, 0, 500000 },
	{ "rate", &load_options.rate, 1, 10000000 },
	{ "contacts", &load_options.contacts, 1, 1000000 },
	{ "messages", &load_options.messages, 1, 1000000 },
	{ "receivers", &load_options.receivers, 1, 1000000 },
	{ "sources", &load_options.client.sources, 0, 200 },
	{ "far-domain", .text = &load_options.far.domain },
	{ "far-certificate", .text = &load_options.far.certificate },
	{ "far-key", .text = &load_options.far.key },
	{ "far-port", &load_options.far.port, 1, 65535 },
	{ "s2s-port", &load_options.far.server_port, 1, 65535 },
	{ "links", &load_options.links, 1, 10000 },
	{ "window", &load_options.window, 1, 1000 },
	{ "count", &load_options.count, 0, 1000000000 },
};

enum { OPTION_SECS = COUNT_OF(settings), OPTION_JSON, OPTION_RAW, OPTION_HELP, OPTIONS };

static int usage(FILE *out, int status)
{
	fputs(
	    "usage: load [OPTION...] [SCENARIO...]\n"
	    "\n"
	    "Measures an XMPP server under load: CPU time of the server for each operation, "
	    "memory\n"
	    "for each session, and how long things take. Without a scenario it runs those with a\n"
	    "star.\n"
	    "\n"
	    "  login     *  SESSIONS log in, FLIGHT at a time, and stay\n"
	    "  idle      *  they are silent\n"
	    "  chat      *  PAIRS of them chat: 1 and 8 messages on their way, then RATE a second\n"
	    "  presence  *  one tells CONTACTS again and again how it is\n"
	    "  offline   *  MESSAGES for each of RECEIVERS are stored, and fetched\n"
	    "  storm     *  all connections break and everybody logs in again, twice\n"
	    "  rate         only the last of chat: messages at a fixed rate\n"
	    "  lockstep     SESSIONS logins, then MESSAGES in all, one thing at a time\n"
	    "  flood        f0 sends to f1 as much as is taken\n"
	    "  deaf         d0 asks and reads nothing, d1 sends it RATE messages a second\n"
	    "  flap         one with CONTACTS comes and goes\n"
	    "  hold         one and its CONTACTS are online\n"
	    "  links        LINKS to other servers, which it plays, come up both ways\n"
	    "  link         one does; then messages to u0 from there, of u0 to there, and one at "
	    "a\n"
	    "               time there and back\n"
	    "\n"
	    "  --host ADDRESS   of IPv4 (default: 127.0.0.1)\n"
	    "  --port N         with STARTTLS (5222)\n"
	    "  --domain NAME    (localhost)\n"
	    "  --password TEXT  of all accounts (secret): as many as are used of u0, u1, ... (the\n"
	    "                   sessions), p0, p1, ... (presence, flap, hold), o0, o1, ... and s0 "
	    "to s9 "
	    "(offline)\n"
	    "  --server PID     the process whose CPU time and memory are measured\n"
	    "  --database PID   another one, with its children: CPU time only\n"
	    "  --sessions N     (1000)\n"
	    "  --secs SECONDS   of each measurement (5)\n"
	    "  --flight N       logins under way at a time (64)\n"
	    "  --storm N        the same in a storm; 0: all at once (1000)\n"
	    "  --pairs N        0: everybody (50)\n"
	    "  --rate N         (500)\n"
	    "  --contacts N     (100)\n"
	    "  --messages N     (50)\n"
	    "  --receivers N    (100)\n"
	    "  --sources N      connect from so many addresses, 127.0.0.10 and up (16); 0: as it\n"
	    "                   comes\n"
	    "  --far-domain NAME          link: they are l0.NAME, l1.NAME and so on (far.example)\n"
	    "  --far-certificate FILE     theirs, for all these domains\n"
	    "  --far-key FILE             its key\n"
	    "  --far-port N               where they listen, on 127.0.0.1 (5270)\n"
	    "  --s2s-port N               where the server does (5269)\n"
	    "  --links N        (100)\n"
	    "  --window N       messages of link on their way (100)\n"
	    "  --count N        messages of link each way; 0: what SECONDS hold (0)\n"
	    "  --raw            speak to bench/floor, which is no XMPP server\n"
	    "  --json           an object on a line for each row of the table\n"
	    "  --help           print this\n",
	    out);
	return status;
}

static bool setting_take(const struct setting *setting, const char *value)
{
	int64_t number;

	if (setting->text != NULL) {
		*setting->text = value;
		return true;
	}
	if (!number_parse(value, setting->minimum, setting->maximum, &number)) {
		fprintf(stderr, "load: --%s takes a number from %lld to %lld\n", setting->name,
		    (long long)setting->minimum, (long long)setting->maximum);
		return false;
	}
	*setting->number = (size_t)number;
	return true;
}

static bool seconds_take(const char *value)
{
	char rest;

	if (sscanf(value, "%lf%c", &load_options.seconds, &rest) == 1 && load_options.seconds > 0 &&
	    load_options.seconds <= 86400)
		return true;
	fputs("load: --secs takes a number of seconds\n", stderr);
	return false;
}

/* As getopt_long() wants them; their values are places in `settings`, or those of the enum. */
static void options_list(struct option list[OPTIONS + 1])
{
	for (int i = 0; i < OPTION_SECS; i++)
		list[i] = (struct option){ settings[i].name, required_argument, NULL, i };
	list[OPTION_SECS] = (struct option){ "secs", required_argument, NULL, OPTION_SECS };
	list[OPTION_JSON] = (struct option){ "json", no_argument, NULL, OPTION_JSON };
	list[OPTION_RAW] = (struct option){ "raw", no_argument, NULL, OPTION_RAW };
	list[OPTION_HELP] = (struct option){ "help", no_argument, NULL, OPTION_HELP };
	list[OPTIONS] = (struct option){ 0 };
}

/* What to exit with, or -1 to go on. */
static int option_take(int option, const char *value)
{
	if (option == OPTION_HELP)
		return usage(stdout, 0);
	if (option < 0 || option >= OPTIONS)
		return usage(stderr, 2);
	if (option == OPTION_JSON)
		load_options.as_json = true;
	else if (option == OPTION_RAW)
		load_options.client.is_raw = true;
	else if (!(option == OPTION_SECS ? seconds_take(value)
					 : setting_take(&settings[option], value)))
		return 2;
	return -1;
}

bool options_read(int argc, char **argv, char ***names_out, int *status_out)
{
	struct option list[OPTIONS + 1];
	int option;

	options_list(list);
	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
		*status_out = option_take(option, optarg);
		if (*status_out >= 0)
			return false;
	}
	*names_out = argv + optind;
	return true;
}
