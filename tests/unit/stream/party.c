/* party.c - see party.h. */
#include "party.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "xml/element.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

static struct scram_keys sha1, sha256;

/* ---- the owner */

static bool owner_serves(void *state, const char *domain)
{
	return strcmp(domain, "example.org") == 0 || strcmp(domain, "example.net") == 0;
}

static void owner_features(
    void *state, struct arena *arena, struct element *features, bool logged_in)
{
	element_add_new(arena, features, "urn:own", logged_in ? "after" : "before");
}

static void owner_credentials(void *state, const char *domain, const char *username)
{
	struct party *party = state;

	text_printf(&party->told, "credentials %s@%s\n", username, domain);
	if (!party->defers)
		stream_credentials(party->stream, party->rc, &sha1, &sha256);
}

static void owner_arrived(struct mail *mail)
{
	struct party *party = CONTAINER_OF(mail, struct party, move);

	stream_restart(party->stream);
}

static void owner_authenticated(void *state, const char *domain, const char *username)
{
	struct party *party = state;

	text_printf(&party->told, "authenticated %s@%s\n", username, domain);
	if (party->home != NULL) {
		stream_detach(party->stream);
		worker_post(party->home, &party->move, owner_arrived);
	} else if (!party->stays)
		stream_restart(party->stream);
}

static void owner_refused(void *state, const char *username, const char *mechanism, const char *why)
{
	struct party *party = state;

	text_printf(&party->told, "refused %s %s: %s\n", username == NULL ? "-" : username,
	    mechanism == NULL ? "-" : mechanism, why);
}

static bool owner_early_iq(void *state, struct arena *arena, struct element *iq)
{
	struct party *party = state;

	text_printf(&party->told, "early %s\n", element_to_text(arena, iq));
	if (party->takes_early_iq)
		arena_free(&arena);
	return party->takes_early_iq;
}

static bool owner_handshake(void *state, const char *digest)
{
	struct party *party = state;

	text_printf(&party->told, "handshake %s\n", digest);
	return party->admits;
}

void party_answer_bind(struct party *party)
{
	struct arena *arena = arena_new(0);

	stream_bound(party->stream, jid_parse(arena, "romeo@example.org/orchard"));
	arena_free(&arena);
}

static void owner_bind(void *state, const char *resource)
{
	struct party *party = state;

	text_printf(&party->told, "bind %s\n", resource == NULL ? "-" : resource);
	if (!party->defers)
		party_answer_bind(party);
}

static void owner_stanza(
    void *state, struct arena *arena, struct element *element, uint32_t sequence)
{
	struct party *party = state;

	text_printf(&party->told, "stanza %u %s\n", sequence, element_to_text(arena, element));
	arena_free(&arena);
	if (party->settles)
		stream_settled(party->stream, sequence);
	if (party->on_stanza != NULL)
		party->on_stanza(party);
}

static void owner_delivered(void *state, void *token)
{
	struct party *party = state;

	text_printf(&party->told, "delivered %s\n", (const char *)token);
	if (party->on_delivered != NULL)
		party->on_delivered(party);
}

static void owner_lost(void *state, void *token)
{
	struct party *party = state;

	text_printf(&party->told, "lost %s\n", (const char *)token);
}

static void owner_closed(void *state, const char *why)
{
	struct party *party = state;

	assert_true(stream_is_over(party->stream));
	text_printf(&party->told, "closed: %s\n", why);
	if (!party->keeps)
		stream_free(&party->stream);
}

static const struct stream_events events = {
	.serves = owner_serves,
	.features = owner_features,
	.credentials = owner_credentials,
	.authenticated = owner_authenticated,
	.refused = owner_refused,
	.early_iq = owner_early_iq,
	.handshake = owner_handshake,
	.bind = owner_bind,
	.stanza = owner_stanza,
	.delivered = owner_delivered,
	.lost = owner_lost,
	.closed = owner_closed,
};

/* ---- both */

void party_prepare(struct party *party)
{
	memset(party, 0, sizeof(*party));
	if (sha1.iterations == 0) {
		log_set_level(LOG_ERROR);
		crypto_init();
		jid_init();
		scram_keys_make(&sha1, DIGEST_SHA1, "secret", 10);
		scram_keys_make(&sha256, DIGEST_SHA256, "secret", 10);
	}
	office_open();
	party->settings = (struct stream_settings){
		.scram_iterations = 10,
		.allow_plain = true,
		.login_timeout_ms = 30000,
		.tls_timeout_ms = 15000,
		.max_login_failures = 5,
		.max_bind_failures = 5,
		.before_login = { 16384, 16, 32, 64, 1024 },
		.after_login = XML_LIMITS_DEFAULT,
		.max_unwritten = 10,
		.max_unacked = 4,
		.max_unacked_bytes = 1000,
	};
}

void party_open(struct party *party)
{
	struct transport *transport;
	int fd;

	party->peer = peer_new(&fd);
	transport = transport_new(fd, party->address, &wide_limits, NULL, NULL);
	party->stream = stream_new(transport, party->direct_tls, &party->settings, &events, party);
}

void party_open_bound(struct party *party)
{
	party_prepare(party);
	party_open(party);
	party_log_in(party);
	party_bind(party);
}

void party_close(struct party *party)
{
	stream_free(&party->stream);
	peer_free(&party->peer);
	tls_set_unref(&party->settings.tls);
	text_free(&party->told);
	office_close();
}

void party_say(struct party *party, const char *text)
{
	peer_puts(party->peer, text);
	office_settle();
}

/* Writes '*' in place of the id in each stream header. */
static void mask_ids(struct text *text)
{
	char *header = text->at, *id;

	while (header != NULL && (header = strstr(header, "<stream:stream ")) != NULL) {
		header++;
		id = strstr(header, " id='");
		if (id == NULL || strspn(id + 5, "0123456789abcdef") != 32)
			continue;
		memmove(id + 6, id + 37, strlen(id + 37) + 1);
		id[5] = '*';
		text->length -= 31;
	}
}

static void compare(struct text *text, const char *expected)
{
	text_append(text, "", 0);
	assert_string_equal(text->at, expected);
	text_clear(text);
}

void party_heard(struct party *party, const char *text)
{
	text_append(&party->peer->received, "", 0);
	mask_ids(&party->peer->received);
	compare(&party->peer->received, text);
}

void party_told(struct party *party, const char *text)
{
	compare(&party->told, text);
}

void party_forget(struct party *party)
{
	text_clear(&party->told);
	text_clear(&party->peer->received);
}

void party_heard_part(struct party *party, const char *text)
{
	text_append(&party->peer->received, "", 0);
	if (strstr(party->peer->received.at, text) == NULL)
		fail_msg("%s is not in: %s", text, party->peer->received.at);
	text_clear(&party->peer->received);
}

bool party_is_over(struct party *party)
{
	return party->peer->hung_up;
}

/* The text of the only element of this name, or "". */
static const char *element_between(struct arena *arena, const struct text *text, const char *name)
{
	const char *start = strstr(text->at, arena_printf(arena, "<%s ", name)), *end;

	assert_non_null(start);
	start = strchr(start, '>') + 1;
	end = strchr(start, '<');
	return arena_strndup(arena, start, (size_t)(end - start));
}

static const char *scram_prove(
    struct arena *arena, const char *bare, const char *server_first, const char *password)
{
	unsigned char key[DIGEST_MAX_BYTES], stored[DIGEST_MAX_BYTES], signature[DIGEST_MAX_BYTES];
	const char *salt = strstr(server_first, ",s=") + 3, *iterations = strstr(salt, ",i=") + 3;
	const char *unproved, *message;
	int64_t count;
	size_t salt_length;

	salt = base64_decode(arena, arena_strndup(arena, salt, strcspn(salt, ",")), &salt_length);
	assert_true(number_parse(iterations, 1, INT32_MAX, &count));
	unproved =
	    arena_printf(arena, "c=biws,%.*s", (int)strcspn(server_first, ","), server_first);
	message = arena_printf(arena, "%s,%s,%s", bare, server_first, unproved);
	crypto_pbkdf2(
	    DIGEST_SHA1, password, strlen(password), salt, salt_length, (unsigned)count, key);
	crypto_hmac(DIGEST_SHA1, key, 20, "Client Key", 10, key);
	crypto_hash(DIGEST_SHA1, key, 20, stored);
	crypto_hmac(DIGEST_SHA1, stored, 20, message, strlen(message), signature);
	for (int i = 0; i < 20; i++)
		key[i] ^= signature[i];
	return arena_printf(arena, "%s,p=%s", unproved, base64_encode(arena, key, 20));
}

void party_scram(struct party *party, const char *username, const char *password)
{
	struct arena *arena = arena_new(0);
	const char *bare = arena_printf(arena, "n=%s,r=clientnonce", username);
	const char *first = arena_printf(arena, "n,,%s", bare), *final;
	size_t length;

	party_forget(party);
	party_say(party,
	    arena_printf(arena,
		"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>%s</auth>",
		base64_encode(arena, first, strlen(first))));
	first = element_between(arena, &party->peer->received, "challenge");
	final = scram_prove(arena, bare, base64_decode(arena, first, &length), password);
	party_forget(party);
	party_say(party,
	    arena_printf(arena, "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%s</response>",
		base64_encode(arena, final, strlen(final))));
	arena_free(&arena);
}

void party_log_in(struct party *party)
{
	const char *header = party->is_peculiar ? OPEN_PECULIAR : OPEN;

	party_say(party, header);
	party_scram(party, "romeo", "secret");
	party_heard_part(party, "<success ");
	party_say(party, header);
	party_forget(party);
}

void party_bind(struct party *party)
{
	party_say(party, BIND("b"));
	party_forget(party);
}

void party_plain(struct party *party, const char *password)
{
	struct arena *arena = arena_new(0);
	struct text message = { 0 };

	text_append(&message, "\0romeo", 7);
	text_puts(&message, password);
	party_say(
	    party, arena_printf(arena,
		       "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>",
		       base64_encode(arena, message.at, message.length)));
	text_free(&message);
	arena_free(&arena);
}

void party_secure(struct party *party)
{
	peer_secure(party->peer, 0, "example.org", NULL);
	WAIT(party->peer->secured || party->peer->hung_up || party->peer->cut);
	office_settle();
}

void party_open_secure(struct party *party)
{
	party->settings.tls = make_set("example.org");
	party->settings.tls_required = true;
	party->direct_tls = true;
	party_open(party);
	party_secure(party);
	party_say(party, OPEN);
	party_forget(party);
}

void party_send(struct party *party, const char *id, void *token)
{
	struct arena *arena = arena_new(0);
	struct stanza *stanza = stanza_new(MESSAGE_NORMAL, NULL, NULL, id);

	stream_send(party->stream, stanza, NULL, token);
	stanza_unref(&stanza);
	arena_free(&arena);
}
