/* memory.c - giving memory back. The C library keeps what was freed, and a flood, or ten thousand
 * who leave at once, leaves tens of megabytes of it between what is still in use. To find and
 * return it takes the library milliseconds, for large heaps a tenth of a second, in which nobody
 * can allocate; so it is done once after something has happened, when it is over and nothing else
 * does. */
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "loop/worker.h"
#include "process/process-private.h"

/* Of one processor, since the last look. */
#define BUSY_PERCENT 20
#define CALM_PERCENT 5
#define GROWN_BYTES (8 << 20)

/* Of the main thread. */
static struct {
	int64_t looked_us;
	int64_t used_us; /* time of processors, until then */
	size_t bytes;    /* when memory was last given back */
	bool was_busy;   /* since then */
} last;

/* 0 if it is not known. */
static size_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int64_t processor_us(void)
{
	struct rusage usage = { 0 };

	getrusage(RUSAGE_SELF, &usage);
	return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/* How much of a processor was used since the last look. */
static int64_t percent_used(void)
{
	int64_t now_us = worker_clock_us(), used_us = processor_us();
	int64_t passed_us = now_us - last.looked_us;
	int64_t percent = passed_us <= 0 ? 100 : (used_us - last.used_us) * 100 / passed_us;

	last.looked_us = now_us;
	last.used_us = used_us;
	return percent;
}

static void give_back(size_t bytes)
{
	int64_t began_us = worker_clock_us();

	malloc_trim(0);
	last.bytes = resident_bytes();
	last.was_busy = false;
	log_debug(NULL, "memory given back", KV("before", bytes), KV("after", last.bytes),
	    KV("us", worker_clock_us() - began_us));
}

void memory_watch_start(void)
{
	percent_used();
	last.bytes = resident_bytes();
}

void memory_watch(void)
{
	int64_t percent = percent_used();
	size_t bytes = resident_bytes();

	if (percent >= BUSY_PERCENT)
		last.was_busy = true;
	if (percent < CALM_PERCENT && (last.was_busy || bytes > last.bytes + GROWN_BYTES))
		give_back(bytes);
}
