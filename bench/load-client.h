/* load-client.h - one connection to the server, and the loop that turns all of them.
 * A client brings bytes in, through TLS or not, and hands out complete stanzas. What is said during
 * a login is load-login.h. */
#ifndef GODWIT_BENCH_LOAD_CLIENT_H
#define GODWIT_BENCH_LOAD_CLIENT_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "load-scan.h"

struct client;

/* Where clients connect to. */
struct client_settings {
	const char *host; /* an address of IPv4 */
	size_t port;
	const char *domain;
	const char *password;
	size_t sources; /* connect from so many addresses 127.0.0.10 and up; 0: as it comes */
	bool is_raw;    /* speak to bench/floor: TLS at once, and no streams */
};

/* What one does with its clients; each is called from the loop. */
struct client_events {
	void (*ready)(struct client *client);                      /* is logged in */
	void (*stanza)(struct client *client, struct span stanza); /* no part of the login */
	void (*ended)(struct client *client, const char *why);     /* not by us; is closed */
};

struct client {
	int fd; /* -1: not connected */
	SSL *ssl;
	bool is_connecting, is_shaking_hands, waits_to_write;
	bool is_ready;    /* the last login succeeded */
	bool is_deaf;     /* does not read */
	unsigned streams; /* opened on this connection so far */
	struct scanner scanner;
	struct text in, out;
	void (*receive)(struct client *client, struct span stanza);
	struct login *login; /* NULL: logged in */

	/* Of one that is no client but a server (load-far.h); else all are zero. */
	bool is_called; /* by the server under test, which then begins its streams */
	size_t port;    /* to be called there */
	SSL_CTX *tls;
	void (*greet)(struct client *client); /* writes the header of a stream */
	void (*greeted)(struct client *client, struct span header); /* the other end's has come */

	/* Set by who makes it. */
	const struct client_events *events;
	void *owner;
	const char *prefix; /* the account is PREFIX and NUMBER */
	size_t number;
	int64_t begun_ns; /* when it began to log in */
};

/* Once at the start; the settings are lent. */
void clients_begin(const struct client_settings *settings);
const struct client_settings *client_settings(void);
/* Waits for events for at most so long, and handles those that are there. */
void clients_turn(int64_t timeout_ns);

/* Connects; opens a stream as soon as it can. `receive` gets the stanzas. */
void client_open(struct client *client, void (*receive)(struct client *, struct span));
/* Listens there from now on; `came` gets each connection that is made. False: it cannot. */
bool clients_listen(size_t port, void (*came)(int fd));
/* Makes one of them a client's. */
void client_adopt(struct client *client, int fd, void (*receive)(struct client *, struct span));
/* Ends the connection at once, without a word. */
void client_close(struct client *client);
/* The same with the ends of stream and TLS. */
void client_leave(struct client *client);
/* Reads nothing from now on, until the connection breaks. */
void client_deafen(struct client *client);
/* Closes it, and tells who waits for it. */
void client_fail(struct client *client, const char *why);
/* Begins TLS; a stream is opened inside, or awaited from who has called. */
void client_start_tls(struct client *client);
/* Begins a new stream (RFC 6120 section 4.3.3), or enters a group of bench/floor; who was called
 * waits for one. What is in `in` is gone. */
void client_open_stream(struct client *client);
/* Each call makes one record of TLS. */
void client_send(struct client *client, const char *bytes, size_t length);
void client_printf(struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
