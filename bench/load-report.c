/* load-report.c - see load-report.h. */
#include "load-report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define PROGRESS_NS 100000000 /* between two lines */
#define PROBLEMS_TOLD 10
#define CELL_BYTES 32

static struct {
	bool as_json, has_server, has_database, has_header, has_progress;
	int64_t progress_ns;
	uint64_t problems;
} report;

void report_begin(bool as_json, bool has_server, bool has_database)
{
	report.as_json = as_json;
	report.has_server = has_server;
	report.has_database = has_database;
}

/* ---- the table ---- */

static double seconds(const struct row *row)
{
	return (double)(row->end.at_ns - row->begin.at_ns) / 1e9;
}

static double each_us(const struct row *row, int64_t ns)
{
	return row->count == 0 ? 0 : (double)ns / 1e3 / (double)row->count;
}

/* A number as text; a dash for one that is not known. */
static const char *cell(char text[CELL_BYTES], bool is_known, int digits, double number)
{
	if (is_known)
		snprintf(text, CELL_BYTES, "%.*f", digits, number);
	else
		snprintf(text, CELL_BYTES, "-");
	return text;
}

static void header_print(void)
{
	if (report.has_header)
		return;
	report.has_header = true;
	printf("%-14s %8s %-10s %9s %10s %10s %10s %8s %8s %8s\n", "", "", "", "", "a", "server",
	    "database", "p50", "p99", "KiB a");
	printf("%-14s %8s %-10s %9s %10s %10s %10s %8s %8s %8s\n", "scenario", "sessions",
	    "operation", "count", "second", "us each", "us each", "ms", "ms", "session");
}

static void row_print(const struct row *row)
{
	char rate[CELL_BYTES], server[CELL_BYTES], database[CELL_BYTES], p50[CELL_BYTES],
	    p99[CELL_BYTES], kib[CELL_BYTES];
	bool counted = row->count > 0, timed = row->times != NULL && row->times->count > 0;

	header_print();
	printf("%-14s %8zu %-10s %9" PRIu64 " %10s %10s %10s %8s %8s %8s  %s\n", row->scenario,
	    row->sessions, row->operation, row->count,
	    cell(rate, counted, 0, (double)row->count / seconds(row)),
	    cell(server, counted && report.has_server, 2,
		each_us(row, row->end.server_ns - row->begin.server_ns)),
	    cell(database, counted && report.has_database, 2,
		each_us(row, row->end.database_ns - row->begin.database_ns)),
	    cell(p50, timed, 3, timed ? times_ms(row->times, 0.5) : 0),
	    cell(p99, timed, 3, timed ? times_ms(row->times, 0.99) : 0),
	    cell(kib, row->kib_per_session > 0, 2, row->kib_per_session), row->note);
}

static void row_print_json(const struct row *row)
{
	printf("{\"scenario\":\"%s\",\"operation\":\"%s\",\"sessions\":%zu,\"count\":%" PRIu64
	       ",\"seconds\":%.3f,\"server_us\":%.3f,\"database_us\":%.3f",
	    row->scenario, row->operation, row->sessions, row->count, seconds(row),
	    each_us(row, row->end.server_ns - row->begin.server_ns),
	    each_us(row, row->end.database_ns - row->begin.database_ns));
	if (row->times != NULL)
		printf(",\"p50_ms\":%.4f,\"p99_ms\":%.4f", times_ms(row->times, 0.5),
		    times_ms(row->times, 0.99));
	printf(",\"kib_per_session\":%.3f,\"kernel_kib_per_session\":%.3f,\"resident_kib\":%zu,"
	       "\"peak_kib\":%zu,\"core_share\":%.5f,\"wakeups\":%.2f,\"own_share\":%.3f,\"lost\":"
	       "%" PRIu64 ",\"note\":\"%s\"}\n",
	    row->kib_per_session, row->kernel_kib_per_session, row->memory.resident_kib,
	    row->peak_kib, row->core_share, row->wakeups,
	    (double)(row->end.own_ns - row->begin.own_ns) / 1e9 / seconds(row), row->lost,
	    row->note);
}

/* ---- while it runs ---- */

static void progress_clear(void)
{
	if (report.has_progress)
		fputs("\r\033[K", stderr);
	report.has_progress = false;
}

void report_row(const struct row *row)
{
	progress_clear();
	if (report.as_json)
		row_print_json(row);
	else
		row_print(row);
	fflush(stdout);
}

void report_progress(const char *format, ...)
{
	int64_t now = now_ns();
	va_list arguments;

	if (!isatty(STDERR_FILENO) || now - report.progress_ns < PROGRESS_NS)
		return;
	progress_clear();
	report.progress_ns = now;
	report.has_progress = true;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
}

void report_problem(const char *format, ...)
{
	va_list arguments;

	report.problems++;
	if (report.problems > PROBLEMS_TOLD)
		return;
	progress_clear();
	fputs("load: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputs(
	    report.problems == PROBLEMS_TOLD ? "; further ones are only counted\n" : "\n", stderr);
}

uint64_t report_problems(void)
{
	return report.problems;
}
