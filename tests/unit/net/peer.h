/* peer.h - what the tests of server/net share: a worker that is run round by round, certificates
 * made on the spot, the far end of a connection, and an owner of a transport that writes down what
 * it is told. Both ends run on the same loop, so nothing here waits by sleeping. */
#ifndef GODWIT_TESTS_NET_PEER_H
#define GODWIT_TESTS_NET_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

#include "base/text.h"
#include "loop/worker.h"
#include "net/transport.h"

/* The worker of this thread; made by office_open(), with a directory for files. */
extern struct worker *office;
void office_open(void);
void office_close(void);
/* One round of the loop that waits for nothing. */
void office_round(void);
/* Rounds until something holds; a test that waits for ever is ended by an alarm. */
#define WAIT(condition) \
	do \
		office_round(); \
	while (!(condition))
/* Rounds in which everything that is ready is done. */
void office_settle(void);

/* Makes a key and a self-signed certificate for the domain, valid for `days` from now (may be
 * negative), signed with `digest`; returns the paths, which office_close() frees. */
struct tls_certificate make_certificate(const char *domain, int days, const char *digest);
/* A file with some content; freed and removed by office_close(). */
const char *make_file(const char *content);
struct tls_set *make_set(const char *domain);

/* The far end. */
struct peer {
	int fd;
	SSL_CTX *context;
	SSL *ssl;
	struct descriptor *descriptor;
	struct text received;
	struct text sending;
	/* Of a TLS client: shown to who asks for it, with who has issued it; lent, NULL: nothing.
	 */
	X509 *certificate, *issuer;
	EVP_PKEY *key;
	bool deaf;    /* does not read */
	bool secured; /* the handshake is complete */
	bool ended;   /* orderly: close_notify, or the end in clear */
	bool cut;     /* anything else */
	bool hung_up; /* end of the connection was read */
};

/* Makes a connected pair, Unix or TCP, both ends non-blocking; returns ours. */
struct peer *peer_new(int *fd_out);
struct peer *peer_new_tcp(int *fd_out);
struct peer *peer_adopt(int fd);
void peer_free(struct peer **peer);
/* Client side of TLS; `version` 0: any. `name` (SNI) and `alpn` (wire format) may be NULL. */
void peer_secure(struct peer *peer, int version, const char *name, const char *alpn);
void peer_send(struct peer *peer, const void *bytes, size_t length);
void peer_puts(struct peer *peer, const char *text);
void peer_listen(struct peer *peer, bool listens);
/* Sends the end of TLS and of our half of the connection. */
void peer_end(struct peer *peer);

/* An owner. */
struct owner {
	struct transport *transport;
	struct text received;
	unsigned calls; /* of received */
	unsigned secured;
	unsigned written;
	unsigned closed;
	enum transport_end end;
	const char *detail;
	bool echo;
	/* Called inside `received` and `written` if set. */
	void (*on_received)(struct owner *owner);
	void (*on_written)(struct owner *owner);
};

extern const struct transport_events owner_events;
extern const struct transport_limits wide_limits;
void owner_open(struct owner *owner, int fd, const struct transport_limits *limits);
void owner_close(struct owner *owner);
bool text_is(const struct text *text, const char *expected);

#endif
