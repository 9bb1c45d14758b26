/* config-outline.c - finds the sections of a text in the syntax of libconfuse: words, quoted
 * strings, punctuation, and comments of three kinds. */
#include "core/config-outline.h"

#include <stdbool.h>
#include <string.h>

static char *line_end(char *at)
{
	return at + strcspn(at, "\n");
}

static char *quote_end(char *at)
{
	char quote = *at++;

	while (*at != '\0' && *at != quote)
		at += at[0] == '\\' && at[1] != '\0' ? 2 : 1;
	return *at == '\0' ? at : at + 1;
}

static char *comment_end(char *at)
{
	char *end;

	if (*at == '#' || at[1] == '/')
		return line_end(at);
	end = strstr(at + 2, "*/");
	return end == NULL ? at + strlen(at) : end + 2;
}

static bool comment_begins(const char *at)
{
	return *at == '#' || (*at == '/' && (at[1] == '/' || at[1] == '*'));
}

static bool comment_is_closed(const char *at)
{
	return *at == '#' || at[1] == '/' || strstr(at + 2, "*/") != NULL;
}

static char *blank_end(char *at)
{
	at += strspn(at, " \t\r\n");
	while (comment_begins(at)) {
		at = comment_end(at);
		at += strspn(at, " \t\r\n");
	}
	return at;
}

/* The token that begins here, which is not blank. */
static char *token_end(char *at)
{
	size_t word = strcspn(at, " \t\r\n#\"'{}()=+,");

	if (*at == '"' || *at == '\'')
		return quote_end(at);
	return at + (word > 0 ? word : *at != '\0');
}

/* Behind the '}' that belongs to the '{' here; NULL if there is none. */
static char *braces_end(char *at)
{
	size_t depth = 0;

	for (at = blank_end(at); *at != '\0'; at = blank_end(token_end(at))) {
		depth += *at == '{';
		depth -= *at == '}';
		if (depth == 0)
			return at + 1;
	}
	return NULL;
}

static void overwrite(char *from, const char *to)
{
	for (; from < to; from++)
		if (*from != '\n')
			*from = ' ';
}

static size_t line_of(const char *text, const char *at)
{
	size_t line = 1;

	while (at > text)
		line += *--at == '\n';
	return line;
}

size_t config_uncomment(char *text)
{
	char *at, *end;

	for (at = text; *at != '\0'; at = end) {
		end = comment_begins(at) ? comment_end(at) : token_end(at);
		if (!comment_begins(at))
			continue;
		if (!comment_is_closed(at))
			return line_of(text, at);
		overwrite(at, end);
	}
	return 0;
}

/* Where the section begins whose '{' comes behind these tokens, the last first: at its name, which
 * may have a title behind it. What stands before the name is no '=', which would make that a value.
 */
static char *section_start(char *const before[3])
{
	bool has_title =
	    *before[1] != '\0' && *before[1] != '=' && *before[1] != '{' && *before[2] != '=';

	return has_title ? before[1] : before[0];
}

void config_outline(char *text)
{
	char nothing[] = "", *before[3] = { nothing, nothing, nothing };
	char *at, *end;

	for (at = blank_end(text); *at != '\0'; at = blank_end(end)) {
		end = *at == '{' ? braces_end(at) : token_end(at);
		if (end == NULL)
			return;
		if (*at == '{' && *before[0] != '=') {
			overwrite(section_start(before), end);
			before[0] = before[1] = nothing;
			at = nothing;
		}
		before[2] = before[1];
		before[1] = before[0];
		before[0] = at;
	}
}

size_t config_unclosed_line(char *text)
{
	size_t depth = 0;
	char *at, *opened = NULL;

	for (at = blank_end(text); *at != '\0'; at = blank_end(token_end(at))) {
		if (*at == '{' && depth == 0)
			opened = at;
		depth += *at == '{';
		depth -= *at == '}' && depth > 0;
	}
	return depth == 0 ? 0 : line_of(text, opened);
}
