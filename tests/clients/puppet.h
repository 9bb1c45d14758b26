/* puppet.h - what the C clients of the tests have in common. A test leads them by lines on standard
 * input (orders) and hears what they see as lines on standard output (events). The fields of a line
 * are separated by tabs, the first one is its name. tests/clients/process.py is the other end. */
#ifndef TESTS_CLIENTS_PUPPET_H
#define TESTS_CLIENTS_PUPPET_H

#include <stdbool.h>

struct order {
	const char *name; /* NULL ends a table */
	int fields;       /* how many have to follow the name, at most PUPPET_FIELDS */
	void (*run)(char **fields);
};

enum { PUPPET_FIELDS = 4 };

/* What every client is told when it starts, by its arguments. */
struct puppet {
	const char *jid; /* full */
	const char *password;
	unsigned short port;     /* of 127.0.0.1 */
	const char *certificate; /* of the server, in PEM: a file */
	const char *directory;   /* for what the client wants to write */
};

/* Fills in `puppet` from the arguments; ends the program if there are too few. */
void puppet_init(struct puppet *puppet, int argc, char **argv);

/* Prints one event. The fields end with NULL; tabs and line ends in them become spaces. */
void puppet_say(const char *event, ...) __attribute__((sentinel));

/* Carries out the orders that can be read without waiting. Returns false at the end of the input,
 * after which a client has to log out. An order that is in no table ends the program. */
bool puppet_obey(const struct order *orders);

#endif
