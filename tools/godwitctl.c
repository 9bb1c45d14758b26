/* godwitctl.c - the administrator's tool: the table of its commands, and reading what was typed.
 * Each command is a function in one of the files beside this one. */
#include "build-config.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
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
	const char *options; /* letters of those that only some commands take; NULL: none */
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
	{ "link", "list", "[DOMAIN]", 0, 1, ctl_link_list, "list links to and from other servers" },
	{ "link", "close", "DOMAIN", 1, 1, ctl_link_close, "end those of one domain" },
	{ "link", "test", "DOMAIN", 1, 1, ctl_link_test, "try the way to one, step by step", "f" },
	{ "status", NULL, "", 0, 0, ctl_status, "tell how the server is" },
	{ "reload", NULL, "", 0, 0, ctl_reload, "read configuration and certificates again" },
	{ "stop", NULL, "", 0, 0, ctl_stop, "end the server in good order" },
	{ "export", NULL, "FILE [DOMAIN]", 1, 2, ctl_export,
	    "write accounts to a file (XEP-0227)" },
	{ "import", "openfire", "URI", 1, 1, ctl_import_openfire,
	    "read them from an Openfire's PostgreSQL", "armd" },
	{ "import", NULL, "FILE ...", 1, INT_MAX, ctl_import, "read accounts from files (XEP-0227)",
	    "arm" },
	{ "check", NULL, "", 0, 0, ctl_check, "check all that a server needs, running or not" },
};

/* Letters after 'Z' that are not "ch" are only for some commands. */
static const struct option options[] = { { "config", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'J' }, { "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' }, { "apply", no_argument, NULL, 'a' },
	{ "replace", no_argument, NULL, 'r' },
	{ "max-account-bytes", required_argument, NULL, 'm' },
	{ "domain", required_argument, NULL, 'd' }, { "from", required_argument, NULL, 'f' },
	{ 0 } };

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
	    "An import tells what it would do, and does it with these:\n"
	    "  --apply        change the database\n"
	    "  --replace      the file has its way where the database has something else\n"
	    "  --max-account-bytes NUMBER\n"
	    "                 leave out accounts that need more memory (67108864)\n"
	    "  --domain DOMAIN\n"
	    "                 that of an Openfire whose database does not say\n"
	    "\n"
	    "A test of the way to another server begins at the first domain, or with this:\n"
	    "  --from DOMAIN  at another one\n"
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

/* An option that the command does not take. */
static int special_refuse(char **words, int used, char letter)
{
	size_t i = 0;

	while (options[i].val != letter)
		i++;
	ctl_fail("\"%s%s%s\" takes no --%s", words[0], used > 1 ? " " : "",
	    used > 1 ? words[1] : "", options[i].name);
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
	for (const char *given = ctl->special; *given != '\0'; given++)
		if (row->options == NULL || strchr(row->options, *given) == NULL)
			return special_refuse(words, used, *given);
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

/* Letters that were given gather, for the command to be asked about. */
static bool special_take(struct ctl *ctl, char letter, const char *value)
{
	int64_t number;

	if (strchr(ctl->special, letter) == NULL)
		ctl->special[strlen(ctl->special)] = letter;
	ctl->applies |= letter == 'a';
	ctl->replaces |= letter == 'r';
	if (letter == 'd')
		ctl->domain = value;
	if (letter == 'f')
		ctl->from = value;
	if (letter != 'm')
		return true;
	if (number_parse(value, 1 << 16, INT64_C(1) << 31, &number)) {
		ctl->max_account_bytes = (size_t)number;
		return true;
	}
	ctl_fail("--max-account-bytes is a number between 65536 and 2147483648");
	return false;
}

int main(int argc, char **argv)
{
	struct ctl ctl = { .config_path = DEFAULT_CONFIG };
	int option;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			ctl.config_path = optarg;
			break;
		case 'J':
			ctl.json = true;
			break;
		case 'V':
			puts("godwitctl " PACKAGE_VERSION);
			return CTL_GOOD;
		case 'h':
			return usage(stdout, CTL_GOOD);
		case 'a':
		case 'r':
		case 'm':
		case 'd':
		case 'f':
			if (!special_take(&ctl, (char)option, optarg))
				return CTL_USAGE;
			break;
		default:
			ctl_fail("godwitctl --help lists what there is");
			return CTL_USAGE;
		}
	}
	return run(&ctl, argv + optind);
}
