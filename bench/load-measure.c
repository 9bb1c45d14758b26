/* load-measure.c - see load-measure.h. */
#include "load-measure.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Buckets of a doubling, as a power of two. */
#define STEP_BITS 5

static struct {
	pid_t server, database;
} watched;

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) != 0)
		return 0;
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* ---- CPU ---- */

static int64_t process_ns(pid_t process)
{
	clockid_t clock;

	return clock_getcpuclockid(process, &clock) == 0 ? clock_ns(clock) : 0;
}

/* The process and its children as they are now; one that has ended is not counted any more. */
static int64_t family_ns(pid_t process)
{
	char path[64];
	int64_t sum = process_ns(process);
	FILE *children;
	long child;

	snprintf(path, sizeof path, "/proc/%ld/task/%ld/children", (long)process, (long)process);
	children = fopen(path, "r");
	while (children != NULL && fscanf(children, "%ld", &child) == 1)
		sum += process_ns((pid_t)child);
	if (children != NULL)
		fclose(children);
	return sum;
}

void measure_begin(pid_t server, pid_t database)
{
	watched.server = server;
	watched.database = database;
}

struct moment moment_now(void)
{
	return (struct moment){
		.at_ns = now_ns(),
		.server_ns = watched.server == 0 ? 0 : family_ns(watched.server),
		.database_ns = watched.database == 0 ? 0 : family_ns(watched.database),
		.own_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID),
	};
}

/* ---- memory ---- */

static FILE *server_file(const char *name, const char *mode)
{
	char path[128];

	if (watched.server == 0)
		return NULL;
	snprintf(path, sizeof path, "/proc/%ld/%s", (long)watched.server, name);
	return fopen(path, mode);
}

/* The number behind "LABEL:", 0 if it is not there; closes the file, which may be NULL. */
static size_t number_of(FILE *file, const char *label)
{
	size_t length = strlen(label), number = 0;
	char line[256];

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, label, length) == 0 && line[length] == ':')
			number = strtoul(line + length + 1, NULL, 10);
	if (file != NULL)
		fclose(file);
	return number;
}

static size_t server_number(const char *name, const char *label)
{
	return number_of(server_file(name, "r"), label);
}

/* Of all sockets of TCP. */
static size_t buffers_kib(void)
{
	FILE *file = fopen("/proc/net/sockstat", "r");
	size_t pages = 0;
	char line[256];

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, "TCP: %*s %*s %*s %*s %*s %*s %*s %*s mem %zu", &pages) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

struct memory memory_now(void)
{
	return (struct memory){
		.anonymous_kib = server_number("smaps_rollup", "Anonymous"),
		.resident_kib = server_number("status", "VmRSS"),
		.kernel_kib = number_of(fopen("/proc/meminfo", "r"), "Slab") + buffers_kib(),
	};
}

void memory_peak_begin(void)
{
	FILE *file = server_file("clear_refs", "w");

	if (file == NULL)
		return;
	fputs("5", file); /* proc(5): resets VmHWM */
	fclose(file);
}

size_t memory_peak_kib(void)
{
	return server_number("status", "VmHWM");
}

uint64_t wakeups_now(void)
{
	char path[64];
	uint64_t sum = 0;
	struct dirent *thread;
	DIR *threads;

	snprintf(path, sizeof path, "/proc/%ld/task", (long)watched.server);
	threads = opendir(path);
	while (threads != NULL && (thread = readdir(threads)) != NULL) {
		snprintf(path, sizeof path, "task/%.20s/status", thread->d_name);
		sum += server_number(path, "voluntary_ctxt_switches");
	}
	if (threads != NULL)
		closedir(threads);
	return sum;
}

/* ---- times ---- */

static size_t bucket_of(uint64_t ns)
{
	unsigned bits = 63u - (unsigned)__builtin_clzll(ns | 1);

	if (bits <= STEP_BITS)
		return ns;
	return ((size_t)(bits - STEP_BITS + 1) << STEP_BITS) +
	       ((ns >> (bits - STEP_BITS)) & ((1u << STEP_BITS) - 1));
}

/* The smallest time that falls into a bucket. */
static double bucket_ns(size_t bucket)
{
	size_t doubling = bucket >> STEP_BITS, step = bucket & ((1u << STEP_BITS) - 1);

	if (doubling <= 1)
		return (double)bucket;
	return (double)((step + (1u << STEP_BITS)) << (doubling - 1));
}

void times_add(struct times *times, int64_t ns)
{
	times->buckets[bucket_of(ns < 0 ? 0 : (uint64_t)ns)]++;
	times->count++;
}

double times_ms(const struct times *times, double share)
{
	uint64_t wanted = (uint64_t)((double)times->count * share), seen = 0;

	for (size_t i = 0; i < TIMES_BUCKETS; i++) {
		seen += times->buckets[i];
		if (times->buckets[i] > 0 && seen >= wanted)
			return bucket_ns(i) / 1e6;
	}
	return 0;
}
