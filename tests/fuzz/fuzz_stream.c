/* fuzz_stream.c - a stream under arbitrary bytes, pieces and answers.
 * The first byte chooses where the client begins: before its header, after it, after login, after
 * bind, with XEP-0198. A NUL ends a piece; the letter behind it says what the owner does then.
 * Every token comes back once and in order, `closed` once and last, and what the server said is
 * well-formed. */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/scram-keys.h"
#include "net/transport.h"
#include "stream/stream-private.h"
#include "xml/element.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

#include "peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OPEN \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " \
	"to='example.org' version='1.0'>"
#define BIND "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"

struct owner {
	struct stream *stream;
	struct peer peer; /* the client */
	char tokens[64];
	unsigned sent, back; /* tokens */
	uint32_t sequence;   /* of the last stanza */
	bool defers;
	bool asked, binding;
	unsigned closed;
};

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

static void act(void *state, uint8_t what)
{
	struct owner *owner = state;

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
		peer_say(&owner->peer, OPEN, strlen(OPEN));
	if (where > 1) {
		admit(owner);
		peer_say(&owner->peer, OPEN, strlen(OPEN));
	}
	if (where > 2)
		peer_say(&owner->peer, BIND, strlen(BIND));
	if (where > 3)
		peer_say(&owner->peer, "<enable xmlns='urn:xmpp:sm:3'/>", 31);
}

static void prepare(void)
{
	if (!peer_prepare())
		return;
	scram_keys_make(&sha1, DIGEST_SHA1, "secret", 1);
	scram_keys_make(&sha256, DIGEST_SHA256, "secret", 1);
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

	owner->stream = stream_new(peer_open(&owner->peer), false, &settings, &events, owner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct owner owner = { .peer = { .owner = &owner, .act = act } };

	if (size < 2)
		return 0;
	prepare();
	open_stream(&owner);
	begin(&owner, data[0] % 5);
	peer_play(&owner.peer, data + 1, size - 1);
	peer_finish(&owner.peer);
	/* Answers that are still due. */
	for (int i = 0; i < 4 && owner.stream != NULL; i++) {
		answer_credentials(&owner);
		answer_bind(&owner);
		peer_rounds(&owner.peer);
	}
	REQUIRE(owner.closed == 1 && owner.stream == NULL);
	peer_close(&owner.peer);
	return 0;
}
