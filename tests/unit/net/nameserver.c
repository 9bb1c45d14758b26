/* nameserver.c - knot in a folder of its own, for the time of a test. */
#define _GNU_SOURCE /* nftw() */
#include "nameserver.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <ftw.h>
#include <resolv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"

#define KNOTD "/usr/sbin/knotd"
/* Questions it may leave unanswered while it starts, and how long each is waited for. */
enum { TRIES = 600, TRY_MS = 50 };
enum { TYPE_DNSKEY = 48 };

struct nameserver {
	struct arena *arena;
	char folder[64];
	const char *anchors;
	const char *address;
	unsigned port;
	int kept_fd; /* holds it */
	pid_t pid;
};

static FILE *file_make(const char *path)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	return file;
}

static void zone_write(struct nameserver *server, const struct nameserver_zone *zone)
{
	FILE *file =
	    file_make(arena_printf(server->arena, "%s/%szone", server->folder, zone->name));

	fprintf(file,
	    "$ORIGIN %s\n$TTL 300\n@ SOA ns hostmaster 1 900 300 86400 300\n@ NS ns\n"
	    "ns A 127.0.0.1\n%s",
	    zone->name, zone->records);
	assert_int_equal(fclose(file), 0);
}

static const char *config_write(struct nameserver *server, const struct nameserver_zone *zones)
{
	const char *path = arena_printf(server->arena, "%s/knot.conf", server->folder);
	FILE *file = file_make(path);

	fprintf(file,
	    "server:\n  rundir: \"%s\"\n  listen: 127.0.0.1@%u\n  udp-workers: 1\n"
	    "  tcp-workers: 1\n  background-workers: 1\n"
	    "log:\n  - target: \"%s/log\"\n    any: info\n"
	    "database:\n  storage: \"%s\"\n"
	    "policy:\n  - id: one\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n"
	    "zone:\n",
	    server->folder, server->port, server->folder, server->folder);
	for (; zones->name != NULL; zones++)
		fprintf(file, "  - domain: %s\n    file: \"%s/%szone\"\n%s", zones->name,
		    server->folder, zones->name,
		    zones->is_signed ? "    dnssec-signing: on\n    dnssec-policy: one\n" : "");
	assert_int_equal(fclose(file), 0);
	return path;
}

static int port_bind(int kind, struct sockaddr_in *address)
{
	socklen_t length = sizeof *address;
	int fd = socket(AF_INET, kind | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)address, length) != 0) {
		close(fd);
		return -1;
	}
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &length), 0);
	return fd;
}

/* Free for TCP and UDP. A bound socket that never listens keeps it for TCP: the kernel gives it to
 * nobody else, but knot, which names it, gets it. */
static void port_find(struct nameserver *server)
{
	struct sockaddr_in address;
	int fd = -1;

	for (int tries = 0; fd < 0; tries++) {
		assert_true(tries < TRIES);
		address = (struct sockaddr_in){ .sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		server->kept_fd = port_bind(SOCK_STREAM, &address);
		fd = port_bind(SOCK_DGRAM, &address);
		if (fd < 0)
			close(server->kept_fd);
	}
	close(fd);
	server->port = ntohs(address.sin_port);
}

static pid_t knot_run(const char *config)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(KNOTD, "knotd", "-c", config, (char *)NULL);
	_exit(127);
}

/* ---- its keys, by which one also sees that it serves ---- */

static int exchange(const struct nameserver *server, const unsigned char *query, int length,
    unsigned char *answer, size_t room)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)server->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_usec = TRY_MS * 1000 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), got = -1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
	    send(fd, query, (size_t)length, 0) == length)
		got = (int)recv(fd, answer, room, 0);
	close(fd);
	/* An address nobody listens at says so at once. */
	if (got < 0)
		usleep(TRY_MS * 1000);
	return got;
}

static void key_write(
    FILE *file, const struct nameserver_zone *zone, const ns_rr *record, struct arena *arena)
{
	const unsigned char *data = ns_rr_rdata(*record);

	fprintf(file, "%s IN DNSKEY %u %u %u %s\n", zone->name, ns_get16(data), data[2], data[3],
	    base64_encode(arena, data + 4, ns_rr_rdlen(*record) - 4u));
}

/* Whether it has answered for the zone, with keys if it is signed. */
static bool zone_ask(struct nameserver *server, const struct nameserver_zone *zone, FILE *anchors)
{
	unsigned char query[512], answer[4096];
	struct __res_state state = { 0 };
	ns_msg message;
	ns_rr record;
	int length, type = zone->is_signed ? TYPE_DNSKEY : ns_t_soa;

	assert_int_equal(res_ninit(&state), 0);
	length = res_nmkquery(
	    &state, ns_o_query, zone->name, ns_c_in, type, NULL, 0, NULL, query, sizeof query);
	res_nclose(&state);
	assert_true(length > 0);
	length = exchange(server, query, length, answer, sizeof answer);
	if (length < 0 || ns_initparse(answer, length, &message) != 0 ||
	    ns_msg_count(message, ns_s_an) == 0)
		return false;
	for (int i = 0; zone->is_signed && i < ns_msg_count(message, ns_s_an); i++)
		if (ns_parserr(&message, ns_s_an, i, &record) == 0 &&
		    (int)ns_rr_type(record) == TYPE_DNSKEY)
			key_write(anchors, zone, &record, server->arena);
	return true;
}

static void zones_wait(struct nameserver *server, const struct nameserver_zone *zones)
{
	FILE *anchors = file_make(server->anchors);

	for (; zones->name != NULL; zones++) {
		int tries = 0;

		while (!zone_ask(server, zones, anchors))
			assert_true(tries++ < TRIES);
	}
	assert_int_equal(fclose(anchors), 0);
}

/* ---- start and stop ---- */

struct nameserver *nameserver_start(const struct nameserver_zone *zones)
{
	struct nameserver *server;

	if (access(KNOTD, X_OK) != 0)
		return NULL;
	server = mem_alloc_zero(sizeof *server);
	server->arena = arena_new(0);
	strcpy(server->folder, "/tmp/godwit-knot-XXXXXX");
	assert_non_null(mkdtemp(server->folder));
	server->anchors = arena_printf(server->arena, "%s/anchors", server->folder);
	port_find(server);
	server->address = arena_printf(server->arena, "127.0.0.1@%u", server->port);
	for (const struct nameserver_zone *zone = zones; zone->name != NULL; zone++)
		zone_write(server, zone);
	server->pid = knot_run(config_write(server, zones));
	zones_wait(server, zones);
	return server;
}

static int entry_remove(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	return remove(path);
}

void nameserver_stop(struct nameserver **server)
{
	struct nameserver *gone = *server;

	if (gone == NULL)
		return;
	*server = NULL;
	kill(gone->pid, SIGTERM);
	waitpid(gone->pid, NULL, 0);
	close(gone->kept_fd);
	nftw(gone->folder, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
	arena_free(&gone->arena);
	mem_free(gone);
}

const char *nameserver_address(const struct nameserver *server)
{
	return server->address;
}

unsigned nameserver_port(const struct nameserver *server)
{
	return server->port;
}

const char *nameserver_anchors(const struct nameserver *server)
{
	return server->anchors;
}

const char *nameserver_folder(const struct nameserver *server)
{
	return server->folder;
}
