/* fuzz_s2s.c - a stream with another server under arbitrary bytes, pieces and answers; TLS is only
 * pretended.
 * The first byte chooses who has called, and how far the two have come: nothing said, before TLS,
 * after it, at the features, one of them proved. A NUL ends a piece; the letter behind it says what
 * the owner does then. Nothing but TLS comes before TLS, every token comes back once and in order,
 * `closed` once and last, and what was said is well-formed. */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "net/transport-private.h"
#include "stream/dialback.h"
#include "stream/stream-private.h"
#include "xml/element.h"
#include "xmpp/ns.h"
#include "xmpp/stanza.h"

#include "peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER(attributes) \
	"<stream:stream xmlns='" NS_SERVER "' xmlns:stream='" NS_STREAM "' xmlns:db='" NS_DIALBACK \
	"' " attributes " version='1.0'>"
#define CALLS HEADER("from='b.example' to='a.example'")
#define ANSWERS HEADER("from='b.example' to='a.example' id='i'")
#define OFFERS "<stream:features><starttls xmlns='" NS_TLS "'/></stream:features>"

struct owner {
	struct stream *stream;
	struct peer peer; /* the other server */
	char tokens[64];
	unsigned sent, back; /* tokens */
	bool proves;         /* its certificate does */
	bool asks;           /* for management */
	bool keeps;          /* what has come is not settled */
	unsigned opened, closed;
};

/* ---- TLS that is none, by the linker's --wrap ---- */

static bool is_secure;
static struct transport *securing;

bool __wrap_transport_is_secure(const struct transport *transport);
void __wrap_transport_start_tls(
    struct transport *transport, struct tls_set *set, const char *alpn, const char *domain);
void __wrap_transport_connect_tls(struct transport *transport, struct tls_set *set,
    const char *alpn, const char *domain, const char *server_name);

bool __wrap_transport_is_secure(const struct transport *transport)
{
	return is_secure;
}

static void tls_begin(struct transport *transport)
{
	REQUIRE(!is_secure && securing == NULL);
	securing = transport;
	transport_pause(transport);
}

void __wrap_transport_start_tls(
    struct transport *transport, struct tls_set *set, const char *alpn, const char *domain)
{
	tls_begin(transport);
}

void __wrap_transport_connect_tls(struct transport *transport, struct tls_set *set,
    const char *alpn, const char *domain, const char *server_name)
{
	tls_begin(transport);
}

static void tls_end(void *state)
{
	const struct owner *owner = state;
	struct transport *transport = securing;

	securing = NULL;
	if (transport == NULL || owner->stream == NULL || owner->stream->stage != STAGE_SECURING)
		return;
	is_secure = true;
	transport_resume(transport);
	transport_tell_begin(transport);
	transport->events->secured(transport->state);
	transport_tell_end(transport);
}

/* ---- the owner */

static bool owner_serves(void *state, const char *domain)
{
	return strcmp(domain, "a.example") == 0;
}

static void owner_features(
    void *state, struct arena *arena, struct element *features, bool logged_in)
{
	REQUIRE(is_secure);
}

static bool owner_proves(void *state, const char *peer)
{
	struct owner *owner = state;

	REQUIRE(is_secure && peer != NULL);
	return owner->proves;
}

static void owner_opened(void *state, const struct element *features, bool is_authenticated)
{
	struct owner *owner = state;

	REQUIRE(is_secure && features != NULL && owner->opened == 0);
	owner->opened++;
}

static void owner_dialback(void *state, const struct dialback *dialback)
{
	struct owner *owner = state;
	struct dialback answer = { .is_verify = dialback->is_verify,
		.type = DIALBACK_VALID,
		.from = dialback->to,
		.to = dialback->from,
		.id = dialback->id };

	REQUIRE(is_secure && dialback->from != NULL && dialback->to != NULL);
	if (dialback->type == DIALBACK_ASKS)
		stream_send_dialback(owner->stream, &answer);
}

static void owner_authenticated(void *state, const char *domain, const char *username)
{
	struct owner *owner = state;

	REQUIRE(owner->proves && strcmp(domain, "a.example") == 0 && username != NULL);
	stream_restart(owner->stream);
}

static void owner_refused(void *state, const char *username, const char *mechanism, const char *why)
{
	REQUIRE(why != NULL);
}

static void owner_stanza(
    void *state, struct arena *arena, struct element *element, uint32_t sequence)
{
	struct owner *owner = state;

	REQUIRE(is_secure);
	arena_free(&arena);
	if (!owner->keeps)
		stream_settled(owner->stream, sequence);
}

/* Of a stream of which three stanzas were lost. */
static struct sm *lost_three(void)
{
	struct sm *sm = sm_new("urn:xmpp:sm:3");

	sm->id = mem_strdup("kept");
	sm->sent = 3;
	return sm;
}

static void owner_resume(void *state, const char *id)
{
	struct owner *owner = state;
	struct sm *kept;

	REQUIRE(is_secure && id != NULL && owner->opened <= 1);
	if (strcmp(id, "kept") != 0) {
		stream_resume_failed(owner->stream, RC_ITEM_NOT_FOUND);
		return;
	}
	kept = lost_three();
	REQUIRE(stream_resumed(owner->stream, &kept) <= 3 && kept == NULL);
}

static void owner_managed(void *state, uint32_t arrived)
{
	struct owner *owner = state;

	REQUIRE(is_secure && arrived <= 3);
	owner->asks = false;
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
	struct sm *kept;

	REQUIRE(why != NULL && owner->back == owner->sent);
	owner->closed++;
	kept = stream_keep(owner->stream);
	REQUIRE(kept == NULL || kept->id != NULL);
	sm_free(&kept);
	stream_free(&owner->stream);
}

static const struct stream_events events = {
	.serves = owner_serves,
	.features = owner_features,
	.proves = owner_proves,
	.opened = owner_opened,
	.dialback = owner_dialback,
	.authenticated = owner_authenticated,
	.refused = owner_refused,
	.stanza = owner_stanza,
	.resume = owner_resume,
	.managed = owner_managed,
	.delivered = owner_token,
	.lost = owner_token,
	.closed = owner_closed,
};

static void send_message(struct owner *owner)
{
	struct stanza *stanza = stanza_new(MESSAGE_NORMAL, NULL, NULL, "m");
	void *token = NULL;

	if (owner->sent < sizeof owner->tokens)
		token = &owner->tokens[owner->sent++];
	stream_send(owner->stream, stanza, NULL, token);
	stanza_unref(&stanza);
}

static void show_key(struct owner *owner)
{
	const struct dialback result = { .from = "a.example", .to = "b.example", .key = "k" };

	stream_send_dialback(owner->stream, &result);
}

/* With a server that we have called; `again`: it goes on with another stream. */
static void manage(struct owner *owner, bool again)
{
	struct sm *kept = again ? lost_three() : NULL;

	if (stream_manage(owner->stream, &kept))
		owner->asks = true;
	REQUIRE(kept == NULL);
}

/* Once it is known who they are, both ways are the owner's. */
static void act(void *state, uint8_t what)
{
	struct owner *owner = state;

	if (owner->stream == NULL)
		return;
	switch (what) {
	case 'a':
		if (is_secure && (owner->opened > 0 || owner->stream->stage == STAGE_LOGIN))
			stream_admit(owner->stream);
		return;
	case 'm':
		if (owner->stream->stage == STAGE_BOUND && owner->stream->header_sent &&
		    !owner->asks)
			send_message(owner);
		return;
	case 'g':
	case 'G':
		if (owner->opened > 0)
			manage(owner, what == 'G');
		return;
	case 's':
		owner->keeps = !owner->keeps;
		return;
	case 'y':
		stream_yield(owner->stream, STREAM_CONFLICT);
		return;
	case 'k':
		show_key(owner);
		return;
	case 'b':
		stream_send_blank(owner->stream);
		return;
	case 'p':
		if (owner->stream->stage == STAGE_BOUND)
			stream_pause(owner->stream);
		return;
	case 'r':
		stream_resume(owner->stream);
		return;
	case 'v':
		owner->proves = true;
		return;
	case 'e':
		stream_end(owner->stream);
		return;
	case 'x':
		stream_fail(owner->stream, STREAM_RESET, "enough");
		return;
	default:
		return;
	}
}

/* ---- the other server */

static void says(struct owner *owner, const char *text)
{
	peer_say(&owner->peer, text, strlen(text));
}

static void begin_called(struct owner *owner, unsigned stages)
{
	if (stages > 0)
		says(owner, CALLS);
	if (stages > 1)
		says(owner, "<starttls xmlns='" NS_TLS "'/>");
	if (stages > 2)
		says(owner, CALLS);
}

static void begin_calling(struct owner *owner, unsigned stages)
{
	if (stages > 0)
		says(owner, ANSWERS OFFERS);
	if (stages > 1)
		says(owner, "<proceed xmlns='" NS_TLS "'/>");
	if (stages > 2)
		says(owner, ANSWERS);
	if (stages > 3)
		says(owner, "<stream:features/>");
}

static void open_stream(struct owner *owner, enum stream_role role)
{
	static struct stream_settings settings = {
		.tls_required = true,
		.both_ways = true,
		.max_unacked = 8,
		.max_unacked_bytes = 1000,
		.resume_seconds = 60,
		.login_timeout_ms = 30000,
		.tls_timeout_ms = 15000,
		.max_login_failures = 3,
		.before_login = { 2000, 8, 8, 16, 100 },
		.after_login = { 4000, 16, 16, 64, 200 },
		.max_unwritten = 10,
	};
	struct transport *transport = peer_open(&owner->peer);

	/* Nobody looks into it. */
	settings.tls = (void *)&settings;
	settings.role = role;
	owner->stream = role == STREAM_OF_SERVER
	                    ? stream_new(transport, false, &settings, &events, owner)
	                    : stream_initiate(transport, false, &settings, &events, owner,
				  "a.example", "b.example");
}

static void begin(struct owner *owner, uint8_t where)
{
	bool is_called = where % 2 == 0;
	unsigned stages = where / 2 % 6;

	is_secure = false;
	securing = NULL;
	open_stream(owner, is_called ? STREAM_OF_SERVER : STREAM_TO_SERVER);
	peer_rounds(&owner->peer);
	if (is_called)
		begin_called(owner, stages);
	else
		begin_calling(owner, stages);
	if (stages > 4)
		act(owner, 'a');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct owner owner = { .peer = { .owner = &owner, .act = act, .round = tls_end } };

	if (size < 2)
		return 0;
	peer_prepare();
	begin(&owner, data[0]);
	peer_play(&owner.peer, data + 1, size - 1);
	if (owner.stream != NULL)
		stream_resume(owner.stream);
	peer_finish(&owner.peer);
	for (int i = 0; i < 4 && owner.stream != NULL; i++)
		peer_rounds(&owner.peer);
	REQUIRE(owner.closed == 1 && owner.stream == NULL);
	peer_close(&owner.peer);
	return 0;
}
