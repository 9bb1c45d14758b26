/* load-far.h - other servers, played by the load generator: those of the domains l0.FAR, l1.FAR and
 * so on, with one certificate. They call the server under test, and are called by it; there is TLS
 * and SASL EXTERNAL both ways (RFC 6120, XEP-0178), and nothing else will do. */
#ifndef GODWIT_BENCH_LOAD_FAR_H
#define GODWIT_BENCH_LOAD_FAR_H

#include <stdbool.h>
#include <stddef.h>

#include "load-scan.h"

struct far_settings {
	const char *domain;            /* FAR; the certificate is for all below it */
	const char *certificate, *key; /* files in PEM */
	size_t port;                   /* they listen there */
	size_t server_port;            /* the server under test does there */
};

/* Listens; the settings are lent. `heard` gets the stanzas that the server sends to domain NUMBER.
 * False if that cannot be, which has been reported. */
bool fars_begin(
    const struct far_settings *settings, void (*heard)(size_t number, struct span stanza));
/* Calls the server for domain NUMBER. */
void far_call(size_t number);
/* How many of those calls are answered: stanzas may go there. */
size_t fars_ready(void);
/* Sends stanzas from domain NUMBER, which has called, as one record of TLS. */
void far_send(size_t number, const char *bytes, size_t length);
/* Ends all connections. They may begin again. */
void fars_end(void);

#endif
