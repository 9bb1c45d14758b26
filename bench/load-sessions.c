/* load-sessions.c - the scenarios about being there: login, idle, and the storm after everybody was
 * disconnected. */
#include <stdio.h>

#include "load.h"

#define WARM_UP_SHARE 20 /* one of so many */
#define WARM_UP_MAX 50
#define STORMS 2

static double kib_a_session(size_t before_kib, size_t after_kib, uint64_t sessions)
{
	double grown = (double)after_kib - (double)before_kib;

	return load_options.server == 0 || sessions == 0 ? 0 : grown / (double)sessions;
}

/* Everybody, and what a session takes of memory. */
static void crowd_measure(struct row *row)
{
	struct memory before = memory_now();

	row->begin = moment_now();
	crowd_login(&load_crowd, load_options.flight, row->scenario);
	row->end = moment_now();
	row->count = load_crowd.latency.count;
	load_settle();
	row->memory = memory_now();
	row->kib_per_session =
	    kib_a_session(before.anonymous_kib, row->memory.anonymous_kib, row->count);
	row->kernel_kib_per_session =
	    kib_a_session(before.kernel_kib, row->memory.kernel_kib, row->count);
}

/* A few logins first fill what is made once: pools, statements, caches. */
static void warm_up(void)
{
	size_t count = load_crowd.count / WARM_UP_SHARE + 1;
	struct crowd few;

	crowd_make(&few, "u", count < WARM_UP_MAX ? count : WARM_UP_MAX);
	crowd_login(&few, load_options.flight, "warming up");
	crowd_leave(&few);
	load_settle();
	crowd_free(&few);
}

void load_login(void)
{
	struct row row = { .scenario = "login",
		.operation = "login",
		.sessions = load_crowd.count,
		.times = &load_crowd.latency };

	crowd_leave(&load_crowd);
	load_settle();
	warm_up();
	crowd_measure(&row);
	report_row(&row);
}

/* Nothing happens on any connection, so whatever the server does, it does by itself. */
static void idle_measure(struct row *row)
{
	uint64_t wakeups = wakeups_now();
	double seconds;

	row->begin = moment_now();
	load_pass(load_options.seconds);
	row->end = moment_now();
	seconds = (double)(row->end.at_ns - row->begin.at_ns) / 1e9;
	row->core_share = (double)(row->end.server_ns - row->begin.server_ns) / 1e9 / seconds;
	row->wakeups = (double)(wakeups_now() - wakeups) / seconds;
	row->memory = memory_now();
}

void load_idle(void)
{
	struct row row = { .scenario = "idle", .operation = "-", .sessions = load_crowd.count };

	if (load_crowd.ready < load_crowd.count)
		crowd_measure(&row);
	load_settle();
	row.count = 0;
	idle_measure(&row);
	if (load_options.server != 0)
		snprintf(row.note, sizeof row.note,
		    "%.2f %% of a core, %.1f wake-ups/s, %.1f MB resident", row.core_share * 100,
		    row.wakeups, (double)row.memory.resident_kib / 1024);
	report_row(&row);
}

/* ---- storm ---- */

static void disconnect_all(unsigned number)
{
	struct row row = {
		.operation = "disconnect", .sessions = load_crowd.count, .count = load_crowd.ready
	};
	char name[32];

	snprintf(name, sizeof name, "storm %u", number);
	row.scenario = name;
	row.begin = moment_now();
	crowd_drop(&load_crowd);
	row.end = load_settled();
	row.memory = memory_now();
	snprintf(row.note, sizeof row.note, "%.1f MB resident after",
	    (double)row.memory.resident_kib / 1024);
	report_row(&row);
}

static void reconnect_all(unsigned number)
{
	struct row row = { .operation = "login",
		.sessions = load_crowd.count,
		.count = load_crowd.count,
		.times = &load_crowd.latency };
	char name[32];

	snprintf(name, sizeof name, "storm %u", number);
	row.scenario = name;
	memory_peak_begin();
	row.begin = moment_now();
	crowd_login(&load_crowd, load_options.storm, name);
	row.end = moment_now();
	row.count = load_crowd.latency.count;
	row.memory = memory_now();
	row.peak_kib = memory_peak_kib();
	snprintf(
	    row.note, sizeof row.note, "%.1f MB resident at most", (double)row.peak_kib / 1024);
	report_row(&row);
	load_settle();
}

void load_storm(void)
{
	crowd_login(&load_crowd, load_options.flight, "storm");
	load_settle();
	for (unsigned i = 1; i <= STORMS; i++) {
		disconnect_all(i);
		reconnect_all(i);
	}
}
