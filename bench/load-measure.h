/* load-measure.h - what the load costs: the CPU clocks of the server's and the database's
 * processes, the server's memory, and how long things take. */
#ifndef GODWIT_BENCH_LOAD_MEASURE_H
#define GODWIT_BENCH_LOAD_MEASURE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The monotonic clock. */
int64_t now_ns(void);

/* A moment. CPU time is 0 for a process that was not named. */
struct moment {
	int64_t at_ns;
	int64_t server_ns;   /* CPU time so far, of the process with its children */
	int64_t database_ns; /* the same */
	int64_t own_ns;      /* the same, of the load generator */
};

/* Names the processes; 0: none. The one who asks must be allowed to look. */
void measure_begin(pid_t server, pid_t database);
struct moment moment_now(void);

/* In KiB: of the server, 0 if none was named; and the kernel's slabs and buffers of TCP, of all
 * processes. */
struct memory {
	size_t anonymous_kib, resident_kib, kernel_kib;
};
struct memory memory_now(void);
/* The server's resident memory at its highest since memory_peak_begin(), in KiB. */
void memory_peak_begin(void);
size_t memory_peak_kib(void);
/* How often threads of the server have gone to sleep so far, which is how often they woke up. */
uint64_t wakeups_now(void);

/* Times in buckets, each 1/32 wider than the one before: exact to 3 %. All zero is an empty one. */
#define TIMES_BUCKETS 2048
struct times {
	uint64_t count;
	uint32_t buckets[TIMES_BUCKETS];
};

void times_add(struct times *times, int64_t ns);
/* The time that `share` (0 to 1) of them do not exceed, in ms; 0 if there are none. */
double times_ms(const struct times *times, double share);

#endif
