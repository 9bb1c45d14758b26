/* main.c - options and signals. What they ask for is in process/. */
#include "build-config.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "process/server.h"

#define DEFAULT_CONFIG SYSCONFDIR "/godwit/godwit.conf"

static void signals_block(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Until one asks to stop. */
static void signals_serve(const sigset_t *set)
{
	unsigned period_ms = server_watch_ms();
	struct timespec period = { period_ms / 1000, (long)(period_ms % 1000) * 1000000 };

	for (;;) {
		int signal_number = sigtimedwait(set, NULL, &period);

		if (signal_number == SIGHUP) {
			server_reload();
		} else if (signal_number == SIGUSR1) {
			server_amend();
		} else if (signal_number == SIGTERM || signal_number == SIGINT) {
			return;
		} else if (signal_number < 0 && errno == EAGAIN) {
			server_watch();
		}
	}
}

static int run(void)
{
	sigset_t signals;

	signals_block(&signals);
	if (!server_start()) {
		server_free();
		return 1;
	}
	signals_serve(&signals);
	/* Ctrl-C a second time does not wait. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
	server_stop();
	server_free();
	return 0;
}

static int usage(FILE *out, int status)
{
	fprintf(out,
	    "usage: godwit [--config FILE] [--check | --keys]\n"
	    "\n"
	    "An XMPP server. Runs in the foreground; SIGHUP reloads, SIGTERM stops.\n"
	    "\n"
	    "  --config FILE  the configuration (default: %s)\n"
	    "  --check        only check it, with certificates and modules\n"
	    "  --keys         print what may be set, also for the modules that it names\n"
	    "  --version      print the version\n"
	    "  --help         print this\n"
	    "\n"
	    "godwitctl(1) makes accounts and looks into a running server.\n",
	    DEFAULT_CONFIG);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' }, { "keys", no_argument, NULL, 'K' },
		{ "version", no_argument, NULL, 'V' }, { "help", no_argument, NULL, 'h' }, { 0 } };
	int (*work)(void) = run;
	const char *config_path = DEFAULT_CONFIG;
	int option;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			config_path = optarg;
			break;
		case 'k':
			work = server_check;
			break;
		case 'K':
			work = server_print_keys;
			break;
		case 'V':
			puts("godwit " PACKAGE_VERSION);
			return 0;
		case 'h':
			return usage(stdout, 0);
		default:
			return usage(stderr, 2);
		}
	}
	if (optind < argc)
		return usage(stderr, 2);
	server_init(config_path);
	return work();
}
