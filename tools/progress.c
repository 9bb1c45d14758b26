/* progress.c - see progress.h. */
#include "tools/progress.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "loop/worker.h"

#define PAUSE_US 200000

static bool is_shown;
static int64_t shown_us;

void progress_show(const char *format, ...)
{
	va_list arguments;

	if (!isatty(STDERR_FILENO) || worker_clock_us() - shown_us < PAUSE_US)
		return;
	shown_us = worker_clock_us();
	is_shown = true;
	fputs("\r\033[K", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fflush(stderr);
}

void progress_end(void)
{
	if (is_shown)
		fputs("\r\033[K", stderr);
	is_shown = false;
}
