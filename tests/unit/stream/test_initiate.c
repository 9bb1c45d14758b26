/* test_initiate.c - streams between servers: first both ends of our own on one connection, then the
 * calling end with a peer that says what a test wants. */
#include "meeting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "net/tls.h"

#define HEADER \
	"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' " \
	"xmlns:db='jabber:server:dialback' version='1.0' from='b.example' id='x1'>"
#define STARTTLS "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define FEATURES(inside) "<stream:features>" inside "</stream:features>"

/* RFC 6120 sections 5.4 and 6.4, XEP-0178 section 3. */
static void test_external(void **state)
{
	static char token[] = "t1";

	(void)state;
	for (int direct = 0; direct <= 1; direct++) {
		meet(direct, true);
		told(&ours, "opened as ours after\n");
		told(&theirs, "proves a.example\nauthenticated a.example for b.example\n");
		assert_string_equal(stream_peer(theirs.stream), "a.example");
		assert_string_equal(stream_domain(theirs.stream), "b.example");
		assert_string_equal(stream_peer(ours.stream), "b.example");
		assert_string_equal(stream_domain(ours.stream), "a.example");
		assert_int_equal(strncmp(stream_id(theirs.stream), "s2s-in-", 7), 0);
		assert_int_equal(strncmp(stream_id(ours.stream), "s2s-out-", 8), 0);
		stream_admit(ours.stream);
		send_stanza(&ours, "m1", token);
		told(&ours, "delivered t1\n");
		told(&theirs, "stanza 0 <message xmlns='jabber:client' id='m1' xml:lang='en'/>\n");
		stream_send_blank(ours.stream);
		stream_end(ours.stream);
		told(&ours, "closed: ended by the server\n");
		told(&theirs, "closed: ended by the peer\n");
		part();
	}
}

/* ---- a peer that says what we want, in clear */

static struct peer *peer;

static void call(void)
{
	int fd;

	our_set = make_set("a.example");
	ours = (struct end){ .settings = settings_of(STREAM_TO_SERVER, our_set) };
	peer = peer_new(&fd);
	ours.stream = stream_initiate(
	    transport_of(fd), false, &ours.settings, &end_events, &ours, "a.example", "b.example");
	office_settle();
}

static void hear(const char *text)
{
	office_settle();
	assert_true(text_is(&peer->received, text));
	text_clear(&peer->received);
}

static void hang_up(void)
{
	peer_free(&peer);
	stream_free(&ours.stream);
	tls_set_unref(&our_set);
	text_free(&ours.told);
}

static void test_header(void **state)
{
	(void)state;
	call();
	hear("<?xml version='1.0'?><stream:stream xmlns='jabber:server' "
	     "xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' "
	     "version='1.0' from='a.example' to='b.example' xml:lang='en'>");
	peer_puts(peer, HEADER FEATURES(STARTTLS));
	hear(STARTTLS);
	assert_string_equal(stream_header_id(ours.stream), "x1");
	hang_up();
}

/* What a peer may say that ends it, in clear; and why it does. */
static const struct {
	const char *says, *why;
} ends[] = {
	{ HEADER FEATURES(""), "TLS is not offered" },
	{ HEADER FEATURES("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
			  "<mechanism>EXTERNAL</mechanism></mechanisms>"),
	    "TLS is not offered" },
	{ HEADER FEATURES(STARTTLS) "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
	    "TLS is refused" },
	{ HEADER "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "unsupported-stanza-type" },
	{ HEADER "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", "unsupported-stanza-type" },
	{ HEADER "<message/>", "unsupported-stanza-type" },
	{ HEADER "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
		 "</stream:error>",
	    "host-unknown" },
	{ HEADER "<stream:error><unheard-of xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
		 "</stream:error>",
	    "stream error received" },
	{ HEADER "</stream:stream>", "ended by the peer" },
	{ "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
	  "version='1.0'>",
	    "invalid-namespace" },
	{ "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>",
	    "unsupported-version" },
	{ "<html>", "invalid-namespace" },
	{ "garbage", "not-well-formed" },
};

static void test_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		struct arena *arena = arena_new(0);

		call();
		peer_puts(peer, ends[i].says);
		told(&ours, arena_printf(arena, "closed: %s\n", ends[i].why));
		arena_free(&arena);
		hang_up();
	}
}

/* Section 5.3.4: what comes in clear behind <proceed/> counts for nothing, even when it came before
 * ours had left. */
static void test_proceed_at_once(void **state)
{
	(void)state;
	call();
	peer_puts(peer,
	    HEADER FEATURES(
		STARTTLS) "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" HEADER FEATURES(""));
	office_settle();
	assert_int_equal(ours.told.length, 0);
	assert_false(stream_is_over(ours.stream));
	hang_up();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_external),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_proceed_at_once),
	};

	return cmocka_run_group_tests(tests, meeting_begin, meeting_end);
}
