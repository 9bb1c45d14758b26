/* ctl-password.c - getting a password without showing it. */
#include <errno.h>
#include <signal.h>
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

static struct termios terminal_before;

static void terminal_restore(void)
{
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_before);
}

/* The signal has its way (SA_RESETHAND), but the terminal gets its echo back. */
static void interrupted(int signal_number)
{
	terminal_restore();
	raise(signal_number);
}

/* Without echo from before the question on, for who answers may be quicker than we. */
static bool terminal_silence(void)
{
	const struct sigaction restoring = { .sa_handler = interrupted, .sa_flags = SA_RESETHAND };
	struct termios silent;

	if (tcgetattr(STDIN_FILENO, &terminal_before) != 0)
		return false;
	silent = terminal_before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	sigaction(SIGINT, &restoring, NULL);
	sigaction(SIGTERM, &restoring, NULL);
	return tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
}

static bool line_ask(const char *prompt, char line[PASSWORD_MAX_BYTES + 2])
{
	bool good;

	fputs(prompt, stderr);
	good = line_read(line);
	fputc('\n', stderr);
	return good;
}

static char *password_ask(struct arena *arena, const char *jid, const char **error_out)
{
	char first[PASSWORD_MAX_BYTES + 2], second[PASSWORD_MAX_BYTES + 2];
	char *password = NULL;

	if (!terminal_silence()) {
		*error_out = "the terminal cannot be kept from showing a password; pipe it in";
		return NULL;
	}
	if (!line_ask(arena_printf(arena, "Password of %s: ", jid), first) ||
	    !line_ask("Again: ", second))
		*error_out = "no password, or one of more than 1023 bytes; nothing was changed";
	else if (!text_equal(first, second))
		*error_out = "these are two different passwords; nothing was changed";
	else
		password = arena_strdup(arena, first);
	terminal_restore();
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
