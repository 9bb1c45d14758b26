/* meeting.c - see meeting.h. */
#include "meeting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/log.h"
#include "net/tls.h"
#include "stream/dialback.h"
#include "stream/sm.h"
#include "xml/element.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

struct end ours, theirs;
struct tls_set *our_set;
static struct tls_set *their_set;
static int wire;
static bool is_cut; /* what either end sees of that differs */

/* ---- owners */

static bool end_serves(void *state, const char *domain)
{
	(void)state;
	return strcmp(domain, "b.example") == 0;
}

static void end_features(void *state, struct arena *arena, struct element *features, bool logged_in)
{
	(void)state;
	element_add_new(arena, features, logged_in ? "urn:after" : "urn:before", "own");
}

static bool end_proves(void *state, const char *peer)
{
	struct end *end = state;

	text_printf(&end->told, "proves %s\n", peer);
	return end->proves;
}

static void end_opened(void *state, const struct element *features, bool is_authenticated)
{
	struct end *end = state;

	text_printf(&end->told, "opened %s%s\n", is_authenticated ? "as ours" : "as nobody",
	    element_child(features, "urn:after", "own") != NULL ? " after" : "");
}

static void end_dialback(void *state, const struct dialback *dialback)
{
	struct end *end = state;

	text_printf(&end->told, "dialback %d %d %s %s\n", dialback->is_verify, dialback->type,
	    dialback->from, dialback->to);
}

static void end_authenticated(void *state, const char *domain, const char *username)
{
	struct end *end = state;

	text_printf(&end->told, "authenticated %s for %s\n", username, domain);
	stream_restart(end->stream);
}

static void end_refused(void *state, const char *username, const char *mechanism, const char *why)
{
	struct end *end = state;

	(void)username;
	text_printf(&end->told, "refused %s: %s\n", mechanism == NULL ? "-" : mechanism, why);
}

static void end_stanza(void *state, struct arena *arena, struct element *element, uint32_t sequence)
{
	struct end *end = state;

	text_printf(&end->told, "stanza %u %s\n", sequence, element_to_text(arena, element));
	arena_free(&arena);
}

static void end_delivered(void *state, void *token)
{
	struct end *end = state;

	text_printf(&end->told, "delivered %s\n", (const char *)token);
}

static void end_lost(void *state, void *token)
{
	struct end *end = state;

	text_printf(&end->told, "lost %s\n", (const char *)token);
}

static void end_closed(void *state, const char *why)
{
	struct end *end = state;

	text_printf(&end->told, "closed: %s\n", is_cut ? "cut" : why);
	if (end->kept == NULL)
		end->kept = stream_keep(end->stream);
	stream_free(&end->stream);
}

/* Tests answer. */
static void end_resume(void *state, const char *id)
{
	struct end *end = state;

	text_printf(&end->told, "resume %s\n",
	    end->kept != NULL && strcmp(end->kept->id, id) == 0 ? "what was kept" : id);
}

static void end_managed(void *state, uint32_t arrived)
{
	struct end *end = state;

	text_printf(&end->told, "managed %u\n", arrived);
}

const struct stream_events end_events = {
	.serves = end_serves,
	.features = end_features,
	.proves = end_proves,
	.opened = end_opened,
	.dialback = end_dialback,
	.authenticated = end_authenticated,
	.refused = end_refused,
	.stanza = end_stanza,
	.delivered = end_delivered,
	.resume = end_resume,
	.managed = end_managed,
	.lost = end_lost,
	.closed = end_closed,
};

void told(struct end *end, const char *lines)
{
	office_settle();
	text_append(&end->told, "", 0);
	assert_string_equal(end->told.at, lines);
	text_clear(&end->told);
}

/* ---- meetings */

struct stream_settings settings_of(enum stream_role role, struct tls_set *set)
{
	return (struct stream_settings){
		.role = role,
		.tls = set,
		.tls_required = true,
		.login_timeout_ms = 30000,
		.tls_timeout_ms = 15000,
		.max_login_failures = 3,
		.before_login = { 16384, 16, 32, 64, 1024 },
		.after_login = XML_LIMITS_DEFAULT,
		.max_unwritten = 1000,
	};
}

struct transport *transport_of(int fd)
{
	return transport_new(fd, NULL, &wide_limits, NULL, NULL);
}

static void prepare(bool proves)
{
	our_set = make_set("a.example");
	their_set = make_set("b.example");
	ours = (struct end){ .settings = settings_of(STREAM_TO_SERVER, our_set) };
	theirs =
	    (struct end){ .settings = settings_of(STREAM_OF_SERVER, their_set), .proves = proves };
}

static void connect_both(bool direct)
{
	int fd;
	struct peer *peer = peer_new(&fd);

	is_cut = false;
	wire = dup(fd);
	theirs.stream =
	    stream_new(transport_of(dup(peer->fd)), direct, &theirs.settings, &end_events, &theirs);
	peer_free(&peer);
	ours.stream = stream_initiate(
	    transport_of(fd), direct, &ours.settings, &end_events, &ours, "a.example", "b.example");
	WAIT(ours.told.length > 0);
	office_settle();
}

void meet(bool direct, bool proves)
{
	prepare(proves);
	connect_both(direct);
}

void meet_both_ways(bool proves, bool we, bool they)
{
	prepare(proves);
	ours.settings.both_ways = we;
	theirs.settings.both_ways = they;
	connect_both(false);
}

void cut(void)
{
	is_cut = true;
	shutdown(wire, SHUT_RDWR);
}

void meet_again(void)
{
	close(wire);
	connect_both(true);
}

void part(void)
{
	close(wire);
	sm_free(&ours.kept);
	sm_free(&theirs.kept);
	stream_free(&ours.stream);
	stream_free(&theirs.stream);
	tls_set_unref(&our_set);
	tls_set_unref(&their_set);
	text_free(&ours.told);
	text_free(&theirs.told);
}

void send_stanza(struct end *end, const char *id, void *token)
{
	struct stanza *stanza = stanza_new(MESSAGE_NORMAL, NULL, NULL, id);

	stream_send(end->stream, stanza, NULL, token);
	stanza_unref(&stanza);
}

int meeting_begin(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	crypto_init();
	jid_init();
	office_open();
	return 0;
}

int meeting_end(void **state)
{
	(void)state;
	office_close();
	return 0;
}
