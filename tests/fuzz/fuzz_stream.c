/* fuzz_stream.c - a stream under arbitrary bytes, pieces and answers.
 * The first byte chooses where the client begins: before its header, after it, after login, after
 * bind, with XEP-0198. A NUL ends a piece; the letter behind it says what the owner does then.
 * Every token comes back once and in order, `closed` once and last, and what the server said is
 * well-formed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/scram-keys.h"
#include "net/transport.h"
#include "stream/stream-private.h"
#include "xml/element.h"
#include "xml/parser.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) ((condition) ? (void)0 : abort())
#define OPEN \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " \
	"to='example.org' version='1.0'>"
#define BIND "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"

struct owner {
	struct stream *stream;
	int fd; /* the client's */
	struct text heard;
	char tokens[64];
	unsigned sent, back; /* tokens */
	uint32_t sequence;   /* of the last stanza */
	bool defers;
	bool asked, binding;
	unsigned closed;
};

static struct worker *office;
static struct scram_keys sha1, sha256;

/* ---- the owner */

static bool owner_serves(void *state, const char *domain)
{
	return strcmp(domain, "example.org") == 0;
}

static void owner_features(
    void *state, struct arena *arena, struct element *features, bool logged_in)
{
}

static void answer_credentials(struct owner *owner)
{
	if (owner->asked)
		stream_credentials(owner->stream, RC_OK, &sha1, &sha256);
	owner->asked = false;
}

static void owner_credentials(void *state, const char *domain, const char *username)
{
	struct owner *owner = state;

	owner->asked = true;
	if (!owner->defers)
		answer_credentials(owner);
}

static void owner_authenticated(void *state, const char *domain, const char *username)
{
	struct owner *owner = state;

	REQUIRE(strcmp(domain, "example.org") == 0);
	stream_restart(owner->stream);
}

static void owner_refused(void *state, const char *username, const char *mechanism, const char *why)
{
	REQUIRE(why != NULL);
}

static bool owner_early_iq(void *state, struct arena *arena, struct element *iq)
{
	arena_free(&arena);
	return true;
}

static void answer_bind(struct owner *owner)
{
	struct arena *arena = arena_new(0);

	if (owner->binding)
		stream_bound(owner->stream, jid_parse(arena, "romeo@example.org/orchard"));
	owner->binding = false;
	arena_free(&arena);
}

static void owner_bind(void *state, const char *resource)
{
	struct owner *owner = state;

	owner->binding = true;
	if (!owner->defers)
		answer_bind(owner);
}

static void owner_stanza(
    void *state, struct arena *arena, struct element *element, uint32_t sequence)
{
	struct owner *owner = state;

	REQUIRE(sequence == 0 || sequence > owner->sequence);
	owner->sequence = sequence;
	arena_free(&arena);
}

static void owner_token(void *state, void *token)
{
	struct owner *owner = state;

	REQUIRE(token == &owner->tokens[owner->back]);
	owner->back++;
}

static void owner_closed(void *state, const char *why)
{
	struct owner *owner = state;

	REQUIRE(why != NULL && owner->back == owner->sent);
	owner->closed++;
	stream_free(&owner->stream);
}

static const struct stream_events events = {
	.serves = owner_serves,
	.features = owner_features,
	.credentials = owner_credentials,
	.authenticated = owner_authenticated,
	.refused = owner_refused,
	.early_iq = owner_early_iq,
	.bind = owner_bind,
	.stanza = owner_stanza,
	.delivered = owner_token,
	.lost = owner_token,
	.closed = owner_closed,
};

static void send_message(struct owner *owner, bool with_token)
{
	struct stanza *stanza = stanza_new(MESSAGE_NORMAL, NULL, NULL, "m");
	void *token = NULL;

	if (with_token && owner->sent < sizeof(owner->tokens))
		token = &owner->tokens[owner->sent++];
	stream_send(owner->stream, stanza, NULL, token);
	stanza_unref(&stanza);
}

static void act(struct owner *owner, uint8_t what)
{
	if (owner->stream == NULL)
		return;
	switch (what) {
	case 'c':
		answer_credentials(owner);
		return;
	case 'b':
		answer_bind(owner);
		return;
	case 'f':
		if (owner->binding)
			stream_bind_failed(owner->stream, RC_CONFLICT);
		owner->binding = false;
		return;
	case 's':
		stream_settled(owner->stream, owner->sequence);
		return;
	case 'm':
		/* A stanza is for who is bound, or has made an early request. */
		if (owner->stream->stage == STAGE_BOUND)
			send_message(owner, true);
		return;
	case 'n':
		if (owner->stream->stage == STAGE_BOUND)
			send_message(owner, false);
		return;
	case 'e':
		stream_end(owner->stream);
		return;
	case 'x':
		stream_fail(owner->stream, STREAM_CONFLICT, "enough");
		return;
	case 'd':
		owner->defers = true;
		return;
	default:
		stream_settled(owner->stream, what);
		return;
	}
}

/* ---- the client */

static bool round_over;

static void round_ends(struct mail *mail)
{
	round_over = true;
}

static void rounds(struct owner *owner)
{
	char bytes[4096];
	ssize_t count;

	for (int i = 0; i < 3; i++) {
		struct mail mail = { 0 };

		round_over = false;
		worker_post(office, &mail, round_ends);
		worker_run_until(office, &round_over);
	}
	while ((count = recv(owner->fd, bytes, sizeof(bytes), 0)) > 0)
		text_append(&owner->heard, bytes, (size_t)count);
}

static void say(struct owner *owner, const void *bytes, size_t length)
{
	if (length > 0)
		(void)!send(owner->fd, bytes, length, MSG_NOSIGNAL);
	rounds(owner);
}

/* What SASL would have done. */
static void admit(struct owner *owner)
{
	stream_stop_parser(owner->stream);
	owner->stream->login->username = mem_strdup("romeo");
	owner->stream->stage = STAGE_HEADER;
	owner->stream->header_sent = false;
}

static void begin(struct owner *owner, uint8_t where)
{
	if (where > 0)
		say(owner, OPEN, strlen(OPEN));
	if (where > 1) {
		admit(owner);
		say(owner, OPEN, strlen(OPEN));
	}
	if (where > 2)
		say(owner, BIND, strlen(BIND));
	if (where > 3)
		say(owner, "<enable xmlns='urn:xmpp:sm:3'/>", 31);
}

/* ---- what was heard */

static void heard_opened(void *state, const struct element *header)
{
}

static void heard_element(void *state, struct arena *arena, struct element *element)
{
	arena_free(&arena);
}

static void heard_closed(void *state)
{
}

/* Each header begins a document of its own. */
static void check_heard(const struct text *heard)
{
	static const struct xml_events nothing = { heard_opened, heard_element, heard_closed };
	static const char start[] = "<?xml ";
	const char *at = heard->at, *end = heard->length == 0 ? at : at + heard->length;

	while (at < end) {
		const char *next = memmem(at + 1, (size_t)(end - at) - 1, start, 6);
		size_t length = (size_t)((next == NULL ? end : next) - at);
		struct xml_parser *parser = xml_parser_new(&XML_LIMITS_DEFAULT, &nothing, NULL);

		REQUIRE(xml_parser_feed(parser, at, length) == XML_OK);
		REQUIRE(xml_parser_pending(parser) == 0);
		xml_parser_free(&parser);
		at += length;
	}
}

static void prepare(void)
{
	if (office != NULL)
		return;
	log_set_level(LOG_ERROR);
	crypto_init();
	jid_init();
	scram_keys_make(&sha1, DIGEST_SHA1, "secret", 1);
	scram_keys_make(&sha256, DIGEST_SHA256, "secret", 1);
	office = worker_new(0);
	worker_enter(office);
}

static void open_stream(struct owner *owner)
{
	static const struct stream_settings settings = {
		.scram_iterations = 1,
		.login_timeout_ms = 30000,
		.tls_timeout_ms = 15000,
		.max_login_failures = 3,
		.max_bind_failures = 3,
		.before_login = { 2000, 8, 8, 16, 100 },
		.after_login = { 4000, 16, 16, 64, 200 },
		.max_unwritten = 10,
		.max_unacked = 4,
		.max_unacked_bytes = 1000,
	};
	static const struct transport_limits limits = { 1 << 20, 4 << 20, 60000, 0, 0 };
	int fds[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	owner->fd = fds[1];
	owner->stream = stream_new(
	    transport_new(fds[0], NULL, &limits, NULL, NULL), false, &settings, &events, owner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct owner owner = { 0 };
	size_t at = 1;

	if (size < 2)
		return 0;
	prepare();
	open_stream(&owner);
	begin(&owner, data[0] % 5);
	while (at < size) {
		const uint8_t *nul = memchr(data + at, '\0', size - at);
		size_t length = nul == NULL ? size - at : (size_t)(nul - data) - at;

		say(&owner, data + at, length);
		at += length + 1;
		if (at < size)
			act(&owner, data[at++]);
	}
	rounds(&owner);
	shutdown(owner.fd, SHUT_WR);
	/* Answers that are still due. */
	for (int i = 0; i < 4 && owner.stream != NULL; i++) {
		answer_credentials(&owner);
		answer_bind(&owner);
		rounds(&owner);
	}
	REQUIRE(owner.closed == 1 && owner.stream == NULL);
	check_heard(&owner.heard);
	text_free(&owner.heard);
	close(owner.fd);
	transport_abandon_all();
	return 0;
}
