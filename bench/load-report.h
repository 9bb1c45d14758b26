/* load-report.h - what is told while it runs, and of what came out: a line of progress on a
 * terminal, a table (or lines of JSON) on standard output, problems on standard error. */
#ifndef GODWIT_BENCH_LOAD_REPORT_H
#define GODWIT_BENCH_LOAD_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load-measure.h"

/* One line of the table. What is 0 or NULL was not measured. */
struct row {
	const char *scenario;
	const char *operation; /* what is counted */
	size_t sessions;
	uint64_t count;
	struct moment begin, end;
	const struct times *times;
	double kib_per_session, kernel_kib_per_session;
	struct memory memory; /* at the end */
	size_t peak_kib;      /* resident */
	double core_share;    /* of the server, while nothing happened */
	double wakeups;       /* of its threads, a second */
	uint64_t lost;
	char note[80];
};

/* Once at the start. `has_server`, `has_database`: CPU times are known. */
void report_begin(bool as_json, bool has_server, bool has_database);
void report_row(const struct row *row);
/* A line that overwrites the one before; only on a terminal, and not too often. */
void report_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Something went wrong. The first few are told, all are counted. */
void report_problem(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t report_problems(void);

#endif
