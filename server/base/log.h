/* log.h - what the server tells its admin.
 * One line for each event: time, level, area, a constant text, then fields as key=value (or the
 * same as one JSON object). A log object carries fields for everything said through it, so no
 * message repeats which stream it is about. Lines are written by a thread of their own: logging
 * never blocks a loop. Passwords, keys and what people write stay out. */
#ifndef GODWIT_BASE_LOG_H
#define GODWIT_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log;

struct log_field {
	const char *key;  /* NULL ends a list */
	const char *text; /* NULL: `number` is meant */
	int64_t number;
};

static inline struct log_field log_field_text(const char *key, const char *text)
{
	return (struct log_field){ key, text == NULL ? "" : text, 0 };
}

static inline struct log_field log_field_number(const char *key, int64_t number)
{
	return (struct log_field){ key, (const char *)0, number };
}

#define KV(key, value) \
	_Generic((value), char *: log_field_text, const char *: log_field_text, \
	    default: log_field_number)(key, value)

/* Starts the writer thread. `path` is a file to append to, NULL for standard error. Returns false,
 * with errno, if the file cannot be opened. Without log_start(), lines go to standard error at
 * once, which is what small tools and tests want. */
bool log_start(const char *path, enum log_format format);
/* Writes what is pending and ends the thread. */
void log_stop(void);
/* Opens the file again, after it was rotated; what is said from now on goes to the new one. */
void log_reopen(void);
/* Lines below this level are dropped; LOG_INFO until set. May be called from any thread. */
void log_set_level(enum log_level level);
/* "debug", "info", "warning", "error"; false if `name` is none of them. */
bool log_level_parse(const char *name, enum log_level *level_out);
/* Whether a line of that level would be written. Cheap. */
bool log_wants(enum log_level level);

/* Makes a log object; `area` (constant text: "c2s", "store") is lent, and NULL takes the parent's.
 * Inherits the parent's fields (NULL: none) by copy, so the parent may go first. `fields` ends with
 * a NULL key; keys are constant texts, values are copied. */
struct log *log_new(const struct log *parent, const char *area, const struct log_field *fields);
void log_free(struct log **log);
/* Writes one line; `log` may be NULL: area "main", no fields of its own. Use the macros. */
void log_write(
    enum log_level level, const struct log *log, const char *text, const struct log_field *fields);

/* What happens in crowds has a line now and then, which says how many there were. Zeroed to begin
 * with. */
struct log_crowd {
	int64_t count;   /* since the last line */
	int64_t next_ms; /* when there may be another */
};

/* Counts one more. If a line is due, that is one in `every_ms` and the first at once, returns how
 * many it stands for; 0: it is not. */
int64_t log_crowd_due(struct log_crowd *crowd, int64_t now_ms, int64_t every_ms);

#define LOG_FIELDS(...) ((const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ 0 } })
#define LOG_AT(level, log, text, ...) \
	(log_wants(level) ? log_write(level, log, text, LOG_FIELDS(__VA_ARGS__)) : (void)0)
#define log_debug(log, text, ...) LOG_AT(LOG_DEBUG, log, text __VA_OPT__(, ) __VA_ARGS__)
#define log_info(log, text, ...) LOG_AT(LOG_INFO, log, text __VA_OPT__(, ) __VA_ARGS__)
#define log_warning(log, text, ...) LOG_AT(LOG_WARNING, log, text __VA_OPT__(, ) __VA_ARGS__)
#define log_error(log, text, ...) LOG_AT(LOG_ERROR, log, text __VA_OPT__(, ) __VA_ARGS__)

#endif
