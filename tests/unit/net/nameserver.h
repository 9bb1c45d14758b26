/* nameserver.h - a real DNS server (knot) for tests, with zones of theirs, on a free port. */
#ifndef GODWIT_TEST_NAMESERVER_H
#define GODWIT_TEST_NAMESERVER_H

#include <stdbool.h>

struct nameserver;

struct nameserver_zone {
	const char *name;    /* "plain.test."; NULL ends a list */
	const char *records; /* but for SOA and NS */
	bool is_signed;
};

/* NULL if there is no knot here. Fails the test if it does not serve the zones within seconds. */
struct nameserver *nameserver_start(const struct nameserver_zone *zones);
/* Ends it and takes its files away. Accepts a pointer to NULL, leaves NULL. */
void nameserver_stop(struct nameserver **server);
/* "127.0.0.1@PORT" */
const char *nameserver_address(const struct nameserver *server);
unsigned nameserver_port(const struct nameserver *server);
/* A file with the keys of these zones. */
const char *nameserver_anchors(const struct nameserver *server);
/* Where files may be made. */
const char *nameserver_folder(const struct nameserver *server);

#endif
