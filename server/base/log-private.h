/* log-private.h - what the files of the log share. */
#ifndef GODWIT_BASE_LOG_PRIVATE_H
#define GODWIT_BASE_LOG_PRIVATE_H

#include "base/log.h"

#include <stddef.h>

struct text;

struct log {
	const char *area;
	size_t count;
	struct log_field fields[]; /* the bytes of their values follow them */
};

const char *log_level_name(enum log_level level);
/* How many fields stand before the NULL key; `fields` may be NULL. */
size_t log_fields_count(const struct log_field *fields);

/* Appends one line, with its line feed. */
void log_line(struct text *line, enum log_format format, int64_t time_us, enum log_level level,
    const struct log *log, const char *text, const struct log_field *fields);

/* The format that log_start() was given. */
enum log_format log_writer_format(void);
/* Hands a line to the writer thread, or writes it to standard error if there is none. */
void log_writer_put(const char *line, size_t length);

#endif
