/* puppet.c - lines in, lines out: see puppet.h. */
#include "puppet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 65536 };

static char input[LINE_SIZE];
static size_t input_length;

static void die(const char *why, const char *what)
{
	fprintf(stderr, "puppet: %s: %s\n", why, what);
	exit(1);
}

void puppet_init(struct puppet *puppet, int argc, char **argv)
{
	if (argc != 6)
		die("wants JID PASSWORD PORT CERTIFICATE DIRECTORY", argv[0]);
	puppet->jid = argv[1];
	puppet->password = argv[2];
	puppet->port = (unsigned short)atoi(argv[3]);
	puppet->certificate = argv[4];
	puppet->directory = argv[5];
	fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
	setvbuf(stdout, NULL, _IOFBF, LINE_SIZE);
}

void puppet_say(const char *event, ...)
{
	const char *field = event;
	va_list fields;

	va_start(fields, event);
	while (field != NULL) {
		if (field != event)
			putchar('\t');
		for (; *field != '\0'; field++)
			putchar(strchr("\t\r\n", *field) != NULL ? ' ' : *field);
		field = va_arg(fields, const char *);
	}
	va_end(fields);
	putchar('\n');
	fflush(stdout);
}

static void line_obey(char *line, const struct order *orders)
{
	char *fields[PUPPET_FIELDS] = { NULL };
	char *name = strsep(&line, "\t");
	int count;

	for (count = 0; count < PUPPET_FIELDS && line != NULL; count++)
		fields[count] = strsep(&line, "\t");
	while (orders->name != NULL && strcmp(orders->name, name) != 0)
		orders++;
	if (orders->name == NULL || orders->fields != count)
		die("no such order", name);
	orders->run(fields);
}

static void input_obey(const struct order *orders)
{
	char *line = input, *end;

	while ((end = memchr(line, '\n', input_length - (size_t)(line - input))) != NULL) {
		*end = '\0';
		line_obey(line, orders);
		line = end + 1;
	}
	input_length -= (size_t)(line - input);
	memmove(input, line, input_length);
}

bool puppet_obey(const struct order *orders)
{
	ssize_t length;

	while ((length = read(STDIN_FILENO, input + input_length, LINE_SIZE - input_length)) > 0) {
		input_length += (size_t)length;
		input_obey(orders);
	}
	return length < 0 && (errno == EAGAIN || errno == EINTR);
}
