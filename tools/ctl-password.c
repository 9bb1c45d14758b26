/* ctl-password.c - getting a password without showing it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/text.h"
#include "tools/ctl.h"

/* As long as a part of an address may be: what SASLprep is given at login (RFC 4013). */
#define PASSWORD_MAX_BYTES 1023

/* One line without its end; false if there is none, or it is too long or holds a NUL. */
static bool line_read(char line[PASSWORD_MAX_BYTES + 2])
{
	size_t length = 0;
	int byte;

	while ((byte = getchar()) != EOF && byte != '\n') {
		if (byte == '\0' || length == PASSWORD_MAX_BYTES)
			return false;
		line[length++] = (char)byte;
	}
	if (length > 0 && line[length - 1] == '\r')
		length--;
	line[length] = '\0';
	return length > 0;
}

/* Asks on the terminal, with its echo off. */
static bool line_ask(const char *prompt, char line[PASSWORD_MAX_BYTES + 2])
{
	struct termios before, silent;
	bool good;

	fputs(prompt, stderr);
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return false;
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	good = line_read(line);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	return good;
}

static char *password_ask(struct arena *arena, const char *jid, const char **error_out)
{
	char first[PASSWORD_MAX_BYTES + 2], second[PASSWORD_MAX_BYTES + 2];
	char *password = NULL;

	if (!line_ask(arena_printf(arena, "Password of %s: ", jid), first) ||
	    !line_ask("Again: ", second))
		*error_out = "no password, or one of more than 1023 bytes";
	else if (!text_equal(first, second))
		*error_out = "these are two different passwords; nothing was changed";
	else
		password = arena_strdup(arena, first);
	crypto_wipe(first, sizeof first);
	crypto_wipe(second, sizeof second);
	return password;
}

char *ctl_password(struct arena *arena, const char *jid, const char **error_out)
{
	char line[PASSWORD_MAX_BYTES + 2];
	char *password = NULL;

	if (isatty(STDIN_FILENO))
		return password_ask(arena, jid, error_out);
	if (line_read(line))
		password = arena_strdup(arena, line);
	else
		*error_out = "standard input has no password (one line, at most 1023 bytes)";
	crypto_wipe(line, sizeof line);
	return password;
}
