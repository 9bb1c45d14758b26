/* godwitctl.c - the administrator's tool: the table of its commands, and reading what was typed.
 * Each command is a function in one of the files beside this one. */
#include "build-config.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/config.h"
#include "tools/ctl.h"
#include "xmpp/jid.h"

#define DEFAULT_CONFIG SYSCONFDIR "/godwit/godwit.conf"

static const struct command_row {
	const char *noun, *verb; /* verb NULL: the noun says it all */
	const char *arguments;
	int minimum, maximum;
	int (*run)(struct ctl *ctl, char **arguments);
	const char *help;
} rows[] = {
	{ "user", "add", "JID", 1, 1, ctl_user_add, "make an account" },
	{ "user", "passwd", "JID", 1, 1, ctl_user_passwd, "give it another password" },
	{ "user", "delete", "JID", 1, 1, ctl_user_delete, "remove it with all that is its" },
	{ "user", "disable", "JID", 1, 1, ctl_user_disable, "let nobody log in to it" },
	{ "user", "enable", "JID", 1, 1, ctl_user_enable, "the opposite" },
	{ "user", "list", "[DOMAIN]", 0, 1, ctl_user_list, "list accounts" },
	{ "user", "show", "JID", 1, 1, ctl_user_show, "tell about one" },
	{ "session", "list", "[DOMAIN]", 0, 1, ctl_session_list, "list who is logged in" },
	{ "session", "kick", "JID", 1, 1, ctl_session_kick, "end its sessions, or one of them" },
	{ "status", NULL, "", 0, 0, ctl_status, "tell how the server is" },
	{ "reload", NULL, "", 0, 0, ctl_reload, "read configuration and certificates again" },
	{ "stop", NULL, "", 0, 0, ctl_stop, "end the server in good order" },
	{ "check", NULL, "", 0, 0, ctl_check, "check all that a server needs, running or not" },
};

static void usage_commands(FILE *out)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *verb = rows[i].verb == NULL ? "" : rows[i].verb;
		int written = fprintf(
		    out, "  %s%s%s %s", rows[i].noun, *verb ? " " : "", verb, rows[i].arguments);

		fprintf(out, "%*s%s\n", written < 26 ? 26 - written : 1, "", rows[i].help);
	}
}

static int usage(FILE *out, int status)
{
	fprintf(out, "usage: godwitctl [--config FILE] [--json] COMMAND ...\n\n");
	usage_commands(out);
	fprintf(out,
	    "\n"
	    "  --config FILE  the server's configuration (default: %s)\n"
	    "  --json         answer in JSON\n"
	    "  --version      print the version\n"
	    "  --help         print this\n"
	    "\n"
	    "Passwords are read from standard input, one line, or asked for. Commands of \"user\"\n"
	    "work without a running server, too.\n",
	    DEFAULT_CONFIG);
	return status;
}

int ctl_fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("godwitctl: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	return CTL_FAILED;
}

/* The command that these words name, or NULL; `used_out`: how many of them do. */
static const struct command_row *row_find(char **words, int *used_out)
{
	for (size_t i = 0; words[0] != NULL && i < COUNT_OF(rows); i++) {
		if (strcmp(rows[i].noun, words[0]) != 0)
			continue;
		*used_out = rows[i].verb == NULL ? 1 : 2;
		if (rows[i].verb == NULL ||
		    (words[1] != NULL && strcmp(rows[i].verb, words[1]) == 0))
			return &rows[i];
	}
	return NULL;
}

static bool is_noun(const char *word)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (strcmp(rows[i].noun, word) == 0)
			return true;
	return false;
}

/* Words that name no command: says what there is instead. */
static int words_refuse(struct arena *arena, char **words)
{
	const char *verbs = "";

	if (words[0] == NULL)
		return usage(stderr, CTL_USAGE);
	if (!is_noun(words[0])) {
		ctl_fail(
		    "there is no command \"%s\"; godwitctl --help lists what there is", words[0]);
		return CTL_USAGE;
	}
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (strcmp(rows[i].noun, words[0]) == 0)
			verbs = arena_printf(
			    arena, "%s%s%s", verbs, *verbs == '\0' ? "" : ", ", rows[i].verb);
	if (words[1] == NULL)
		ctl_fail("\"%s\" needs to be told what: %s", words[0], verbs);
	else
		ctl_fail("there is no command \"%s %s\"; \"%s\" knows: %s", words[0], words[1],
		    words[0], verbs);
	return CTL_USAGE;
}

static int command_run_words(struct ctl *ctl, char **words)
{
	int used, count = 0;
	const struct command_row *row = row_find(words, &used);

	if (row == NULL)
		return words_refuse(ctl->arena, words);
	while (words[used + count] != NULL)
		count++;
	if (count >= row->minimum && count <= row->maximum)
		return row->run(ctl, words + used);
	fprintf(stderr, "usage: godwitctl %s%s%s%s%s\n", row->noun, row->verb == NULL ? "" : " ",
	    row->verb == NULL ? "" : row->verb, *row->arguments == '\0' ? "" : " ", row->arguments);
	return CTL_USAGE;
}

static int run(struct ctl *ctl, char **words)
{
	int status;

	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_WARNING);
	crypto_init();
	hash_init();
	jid_init();
	ctl->arena = arena_new(0);
	status = command_run_words(ctl, words);
	config_unref(&ctl->config);
	arena_free(&ctl->arena);
	crypto_finish();
	return fflush(stdout) == 0 ? status : CTL_FAILED;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' }, { "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	struct ctl ctl = { .config_path = DEFAULT_CONFIG };
	int option;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			ctl.config_path = optarg;
			break;
		case 'j':
			ctl.json = true;
			break;
		case 'V':
			puts("godwitctl " PACKAGE_VERSION);
			return CTL_GOOD;
		case 'h':
			return usage(stdout, CTL_GOOD);
		default:
			ctl_fail("godwitctl --help lists what there is");
			return CTL_USAGE;
		}
	}
	return run(&ctl, argv + optind);
}
