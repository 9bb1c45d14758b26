/* micro.c - the micro benchmarks: what the smallest steps of the server cost, in ns of one CPU.
 * Each case is done so often that a round takes a while; of several rounds the fastest counts,
 * which is the one that was disturbed least. The cases are in micro-*.c. */
#include "micro.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "xmpp/jid.h"

#define ROUNDS 5

static const struct micro *const tables[] = { micro_xml, micro_base, micro_mail, micro_router };

static double seconds = 1;

static int64_t time_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int64_t round_ns(const struct micro *micro, size_t count)
{
	clockid_t clock = micro->by_wall_clock ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
	int64_t begin = time_ns(clock);

	micro->run(count);
	return time_ns(clock) - begin;
}

/* How often it fits into a round. */
static size_t count_choose(const struct micro *micro)
{
	int64_t wanted_ns = (int64_t)(seconds * 1e9 / ROUNDS);
	size_t count = 1;

	while (round_ns(micro, count) < wanted_ns / 2)
		count *= 2;
	return count;
}

static void micro_measure(const struct micro *micro)
{
	size_t count = count_choose(micro);
	int64_t best = INT64_MAX;

	for (int i = 0; i < ROUNDS; i++) {
		int64_t ns = round_ns(micro, count);

		best = ns < best ? ns : best;
	}
	printf("%-52s %10.1f ns\n", micro->name, (double)best / (double)count);
	fflush(stdout);
}

static bool is_wanted(const char *name, char **words)
{
	if (*words == NULL)
		return true;
	for (; *words != NULL; words++)
		if (strstr(name, *words) != NULL)
			return true;
	return false;
}

static int usage(FILE *out, int status)
{
	fputs("usage: micro [--secs SECONDS] [--list] [WORD...]\n"
	      "\n"
	      "Measures the smallest steps of the server: ns of one CPU for each, the fastest of\n"
	      "five rounds. With words, only the cases that have one in their name.\n"
	      "\n"
	      "  --secs SECONDS  for each case, about (1)\n"
	      "  --list          print the names only\n"
	      "  --help          print this\n",
	    out);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "secs", required_argument, NULL, 's' },
		{ "list", no_argument, NULL, 'l' }, { "help", no_argument, NULL, 'h' }, { 0 } };
	bool is_list = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout, 0);
		if (option == 'l')
			is_list = true;
		else if (option != 's' || sscanf(optarg, "%lf", &seconds) != 1 || seconds <= 0)
			return usage(stderr, 2);
	}
	jid_init();
	for (size_t i = 0; i < COUNT_OF(tables); i++) {
		for (const struct micro *micro = tables[i]; micro->name != NULL; micro++) {
			if (!is_wanted(micro->name, argv + optind))
				continue;
			if (is_list)
				puts(micro->name);
			else
				micro_measure(micro);
		}
	}
	return 0;
}
