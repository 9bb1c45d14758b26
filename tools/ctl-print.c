/* ctl-print.c - answers as people and machines want them. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tools/ctl.h"

#define COLUMNS_MAX 16

void ctl_print_json(const json_t *answer)
{
	json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
}

/* A member as text; numbers are written to `room`. */
static const char *member_text(const json_t *row, const char *key, char room[32])
{
	const json_t *member = json_object_get(row, key);

	if (json_is_string(member))
		return json_string_value(member);
	if (json_is_boolean(member))
		return json_is_true(member) ? "yes" : "no";
	if (!json_is_integer(member))
		return "-";
	snprintf(room, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(member));
	return room;
}

static void widths_measure(const json_t *rows, const char *const *keys, int widths[COLUMNS_MAX])
{
	char room[32];

	for (size_t i = 0; keys[i] != NULL; i++) {
		ASSERT(i < COLUMNS_MAX);
		widths[i] = (int)strlen(keys[i]);
		for (size_t row = 0; row < json_array_size(rows); row++) {
			const char *text = member_text(json_array_get(rows, row), keys[i], room);

			if ((int)strlen(text) > widths[i])
				widths[i] = (int)strlen(text);
		}
	}
}

/* The last column has no padding behind it. */
static void cell_print(const char *text, int width, bool last)
{
	printf("%s%*s", text, last ? 0 : width - (int)strlen(text) + 2, "");
	if (last)
		putchar('\n');
}

void ctl_print_table(const json_t *rows, const char *const *keys)
{
	int widths[COLUMNS_MAX];
	char room[32];

	widths_measure(rows, keys, widths);
	for (size_t i = 0; keys[i] != NULL; i++)
		cell_print(keys[i], widths[i], keys[i + 1] == NULL);
	for (size_t row = 0; row < json_array_size(rows); row++)
		for (size_t i = 0; keys[i] != NULL; i++)
			cell_print(member_text(json_array_get(rows, row), keys[i], room), widths[i],
			    keys[i + 1] == NULL);
}
