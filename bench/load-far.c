/* load-far.c - see load-far.h. */
#include "load-far.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/mem.h"
#include "load-client.h"
#include "load-report.h"

#define SASL "urn:ietf:params:xml:ns:xmpp-sasl"
#define NUMBER_MAX_BYTES 24

/* A connection of a domain; client.number is the domain's. */
struct far {
	struct client client;
	LIST_ENTRY(far) next;
	bool is_proved; /* EXTERNAL was taken */
	bool is_ready;
};

static struct {
	const struct far_settings *settings;
	void (*heard)(size_t number, struct span stanza);
	SSL_CTX *tls;
	LIST_HEAD(, far) all;
	struct far **calls; /* by number */
	size_t call_count, ready;
} fars;

static void far_ended(struct client *client, const char *why)
{
	const struct far *far = client->owner;

	report_problem("l%zu.%s, %s: %s", client->number, fars.settings->domain,
	    client->is_called ? "called" : "calling", why);
	if (far->is_ready && !client->is_called)
		fars.ready--;
}

static const struct client_events events = { .ended = far_ended };

static struct far *far_new(void)
{
	struct far *far = mem_alloc_zero(sizeof *far);

	far->client.fd = -1;
	far->client.tls = fars.tls;
	far->client.events = &events;
	far->client.owner = far;
	LIST_INSERT_HEAD(&fars.all, far, next);
	return far;
}

/* What ends the connection, from either end. */
static bool is_refusal(struct client *client, struct span stanza)
{
	char why[200];

	if (!span_is(stanza, "stream:error") && !span_is(stanza, "failure"))
		return false;
	snprintf(why, sizeof why, "%.*s", (int)stanza.length, stanza.at);
	client_fail(client, why);
	return true;
}

/* ---- calling ---- */

static void call_greet(struct client *client)
{
	client_printf(client,
	    "<?xml version='1.0'?><stream:stream from='l%zu.%s' to='%s' version='1.0' "
	    "xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>",
	    client->number, fars.settings->domain, client_settings()->domain);
}

/* By name, as some servers want it. */
static void call_prove(struct client *client)
{
	struct arena *arena = arena_new(0);
	const char *name = arena_printf(arena, "l%zu.%s", client->number, fars.settings->domain);

	client_printf(client, "<auth xmlns='" SASL "' mechanism='EXTERNAL'>%s</auth>",
	    base64_encode(arena, name, strlen(name)));
	arena_free(&arena);
}

static void call_features(struct client *client, struct span features)
{
	struct far *far = client->owner;

	if (client->ssl == NULL) {
		client_printf(client, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
	} else if (far->is_proved) {
		far->is_ready = true;
		fars.ready++;
	} else if (span_contains(features, ">EXTERNAL<")) {
		call_prove(client);
	} else {
		client_fail(client, "the server does not offer EXTERNAL");
	}
}

static void call_receive(struct client *client, struct span stanza)
{
	struct far *far = client->owner;

	if (is_refusal(client, stanza))
		return;
	if (span_is(stanza, "stream:features")) {
		call_features(client, stanza);
	} else if (span_is(stanza, "proceed")) {
		client_start_tls(client);
	} else if (span_is(stanza, "success")) {
		far->is_proved = true;
		client_open_stream(client);
	}
}

void far_call(size_t number)
{
	struct far *far = far_new();

	ASSERT(number == fars.call_count);
	fars.calls = mem_realloc(fars.calls, (number + 1) * sizeof(struct far *));
	fars.calls[number] = far;
	fars.call_count++;
	far->client.number = number;
	far->client.port = fars.settings->server_port;
	far->client.greet = call_greet;
	client_open(&far->client, call_receive);
}

size_t fars_ready(void)
{
	return fars.ready;
}

void far_send(size_t number, const char *bytes, size_t length)
{
	client_send(&fars.calls[number]->client, bytes, length);
}

/* ---- being called ---- */

/* Its header says which of the domains it wants. */
static void called_greeted(struct client *client, struct span header)
{
	const struct far *far = client->owner;
	struct span to = span_attribute(header, "to");
	char number[NUMBER_MAX_BYTES];

	if (to.at == NULL || to.length < 2) {
		client_fail(client, "the header of the server has no 'to'");
		return;
	}
	snprintf(number, sizeof number, "%.*s", (int)to.length - 1, to.at + 1);
	client->number = strtoul(number, NULL, 10);
	client_printf(client,
	    "<?xml version='1.0'?><stream:stream from='%.*s' to='%s' id='l%zu-%u' version='1.0' "
	    "xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>%s",
	    (int)to.length, to.at, client_settings()->domain, client->number, client->streams,
	    client->ssl == NULL ? "<stream:features><starttls "
				  "xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
				  "</stream:features>"
	    : far->is_proved    ? "<stream:features/>"
				: "<stream:features><mechanisms xmlns='" SASL
			       "'><mechanism>EXTERNAL</mechanism></mechanisms></stream:features>");
}

static void called_receive(struct client *client, struct span stanza)
{
	struct far *far = client->owner;

	if (is_refusal(client, stanza))
		return;
	if (span_is(stanza, "starttls")) {
		client_printf(client, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
		client_start_tls(client);
	} else if (span_is(stanza, "auth")) {
		far->is_proved = true;
		client_printf(client, "<success xmlns='" SASL "'/>");
		client_open_stream(client);
	} else if (!far->is_proved || strncmp(stanza.at, "<db:", 4) == 0) {
		client_fail(client, "the server does not want EXTERNAL");
	} else {
		fars.heard(client->number, stanza);
	}
}

static void called_came(int fd)
{
	struct far *far = far_new();

	far->client.is_called = true;
	far->client.greeted = called_greeted;
	client_adopt(&far->client, fd, called_receive);
}

/* ---- begin and end ---- */

/* Whoever calls shows a certificate, too; whether it is good is not our concern. */
static int anybody(int good, X509_STORE_CTX *store)
{
	(void)good;
	(void)store;
	return 1;
}

static bool tls_make(void)
{
	SSL_CTX *tls = fars.tls = SSL_CTX_new(TLS_method());

	ASSERT(tls != NULL);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, anybody);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(tls, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(tls, 0);
	SSL_CTX_set_read_ahead(tls, 1);
	SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS);
	return SSL_CTX_use_certificate_chain_file(tls, fars.settings->certificate) == 1 &&
	       SSL_CTX_use_PrivateKey_file(tls, fars.settings->key, SSL_FILETYPE_PEM) == 1;
}

bool fars_begin(
    const struct far_settings *settings, void (*heard)(size_t number, struct span stanza))
{
	fars.settings = settings;
	fars.heard = heard;
	LIST_INIT(&fars.all);
	if (!tls_make()) {
		report_problem("link: no certificate with its key in %s and %s",
		    settings->certificate, settings->key);
		return false;
	}
	if (clients_listen(settings->port, called_came))
		return true;
	report_problem("link: cannot listen on port %zu", settings->port);
	return false;
}

void fars_end(void)
{
	struct far *far;

	while ((far = LIST_FIRST(&fars.all)) != NULL) {
		LIST_REMOVE(far, next);
		client_leave(&far->client);
		mem_free(far);
	}
	mem_free(fars.calls);
	fars.calls = NULL;
	fars.call_count = fars.ready = 0;
	SSL_CTX_free(fars.tls);
	fars.tls = NULL;
}
