/* log.c - log objects and levels: what is said through which object, and whether anyone wants it.
 * log-line.c makes the line, log-writer.c gets it to the file. */
#include "base/log.h"

#include "base/log-private.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

static const char *const level_names[] = { "debug", "info", "warning", "error" };

static atomic_int level_wanted = LOG_INFO;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&level_wanted, (int)level, memory_order_relaxed);
}

bool log_wants(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&level_wanted, memory_order_relaxed);
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

bool log_level_parse(const char *name, enum log_level *level_out)
{
	for (size_t i = 0; i < COUNT_OF(level_names); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level_out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

size_t log_fields_count(const struct log_field *fields)
{
	size_t count = 0;

	while (fields != NULL && fields[count].key != NULL)
		count++;
	return count;
}

static size_t fields_bytes(const struct log_field *fields, size_t count)
{
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes += fields[i].text == NULL ? 0 : strlen(fields[i].text) + 1;
	return bytes;
}

/* Appends copies of fields to `log`; their values go to `bytes`. Returns where the next ones go. */
static char *log_add(struct log *log, const struct log_field *fields, size_t count, char *bytes)
{
	size_t length;

	for (size_t i = 0; i < count; i++) {
		struct log_field *field = &log->fields[log->count++];

		*field = fields[i];
		if (field->text == NULL)
			continue;
		length = strlen(field->text) + 1;
		field->text = memcpy(bytes, field->text, length);
		bytes += length;
	}
	return bytes;
}

struct log *log_new(const struct log *parent, const char *area, const struct log_field *fields)
{
	const struct log_field *inherited = parent == NULL ? NULL : parent->fields;
	size_t inherited_count = parent == NULL ? 0 : parent->count;
	size_t count = log_fields_count(fields);
	size_t bytes = fields_bytes(inherited, inherited_count) + fields_bytes(fields, count);
	struct log *log;
	char *values;

	log = mem_alloc(sizeof(*log) + (inherited_count + count) * sizeof(*fields) + bytes);
	log->area = area != NULL ? area : parent != NULL ? parent->area : "main";
	log->count = 0;
	values = (char *)&log->fields[inherited_count + count];
	values = log_add(log, inherited, inherited_count, values);
	log_add(log, fields, count, values);
	return log;
}

void log_free(struct log **log)
{
	mem_free(*log);
	*log = NULL;
}

void log_write(
    enum log_level level, const struct log *log, const char *text, const struct log_field *fields)
{
	struct text line = { 0 };

	if (!log_wants(level))
		return;
	log_line(&line, log_writer_format(), time_now_us(), level, log, text, fields);
	log_writer_put(line.at, line.length);
	text_free(&line);
}

int64_t log_crowd_due(struct log_crowd *crowd, int64_t now_ms, int64_t every_ms)
{
	int64_t count = ++crowd->count;

	/* The clock may have been set back. */
	if (now_ms < crowd->next_ms && crowd->next_ms - now_ms <= every_ms)
		return 0;
	crowd->count = 0;
	crowd->next_ms = now_ms + every_ms;
	return count;
}
