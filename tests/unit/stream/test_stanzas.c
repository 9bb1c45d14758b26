/* test_stanzas.c - stanzas of a bound stream, in and out; tokens without XEP-0198. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "net/transport.h"
#include "party.h"
#include "stream/stream-private.h"
#include "xml/element.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

static char one[] = "one", two[] = "two", three[] = "three";

static void test_received(void **state)
{
	struct party party;

	party_open_bound(&party);
	party_say(&party, " <message to='a'><body>x &lt; y</body></message>\n<presence/> "
			  "<iq type='get' id='1' xmlns='jabber:client'><q xmlns='urn:q'/></iq>");
	party_told(&party,
	    "stanza 0 <message xmlns='jabber:client' to='a'><body>x &lt; y</body></message>\n"
	    "stanza 0 <presence xmlns='jabber:client'/>\n"
	    "stanza 0 <iq xmlns='jabber:client' type='get' id='1'><q xmlns='urn:q'/></iq>\n");
	party_heard(&party, "");
	party_close(&party);
}

static void test_no_stanza(void **state)
{
	static const char *const elements[] = { "<foo/>", "<iq xmlns='urn:x'/>", "<Message/>",
		"<stream:features/>",
		"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>",
		"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
		"<nonsense xmlns='urn:xmpp:sm:3'/>" };

	for (size_t i = 0; i < COUNT_OF(elements); i++) {
		struct party party;

		party_open_bound(&party);
		party_say(&party, elements[i]);
		party_heard(&party, ERROR("unsupported-stanza-type"));
		party_close(&party);
	}
}

/* RFC 6120 section 4.8.3. */
static void test_server_namespace(void **state)
{
	struct party party;

	party_open_bound(&party);
	party_say(&party, "<message xmlns='jabber:server'/>");
	party_heard(&party, ERROR("invalid-namespace"));
	party_close(&party);
}

/* RFC 6120 section 4.7.4. */
static void test_lang(void **state)
{
	struct party party;

	party_prepare(&party);
	party_open(&party);
	party_log_in(&party);
	party_close(&party);
	party_prepare(&party);
	party_open(&party);
	party_say(&party, OPEN);
	party_scram(&party, "romeo", "secret");
	party_say(&party, "<stream:stream xmlns='jabber:client' to='example.org' version='1.0' "
			  "xml:lang='it' xmlns:stream='http://etherx.jabber.org/streams'>");
	party_bind(&party);
	party_say(&party, "<message/><message xml:lang='de'/>");
	party_told(&party, "stanza 0 <message xmlns='jabber:client' xml:lang='it'/>\n"
			   "stanza 0 <message xmlns='jabber:client' xml:lang='de'/>\n");
	party_close(&party);
}

/* Also when the owner ends the stream in the middle of a read. */
static void fail_first(struct party *party)
{
	stream_fail(party->stream, STREAM_CONFLICT, NULL);
}

static void test_end_inside(void **state)
{
	struct party party;

	party_open_bound(&party);
	party.on_stanza = fail_first;
	party_say(&party, "<message/><presence/><foo>");
	party_told(&party, "stanza 0 <message xmlns='jabber:client'/>\nclosed: conflict\n");
	party_heard(&party, ERROR("conflict"));
	party_close(&party);
}

static void pause_stream(struct party *party)
{
	stream_pause(party->stream);
}

/* What was read already waits, the peer's end as well; the rest is not read. */
static void test_paused(void **state)
{
	struct party party;

	party_open_bound(&party);
	party.on_stanza = pause_stream;
	party_say(&party, "<message id='1'/><message id='2'/>");
	party_say(&party, "<message id='3'/>" END);
	party_told(&party, "stanza 0 <message xmlns='jabber:client' id='1'/>\n");
	stream_resume(party.stream);
	office_settle();
	party_told(&party, "stanza 0 <message xmlns='jabber:client' id='2'/>\n");
	party.on_stanza = NULL;
	stream_resume(party.stream);
	office_settle();
	party_told(&party, "stanza 0 <message xmlns='jabber:client' id='3'/>\n"
			   "closed: ended by the peer\n");
	party_heard(&party, END);
	party_close(&party);
}

/* A client that reads nothing is answered only so far. */
static void answer_much(struct party *party)
{
	static const char much[100000];

	text_append(transport_output(stream_transport(party->stream)), much, sizeof(much));
}

static void test_full(void **state)
{
	const struct transport_limits limits = { .output_soft_bytes = 400000,
		.output_hard_bytes = 600000 };
	static const char line[] =
	    "stanza 0 <iq xmlns='jabber:client' id='1' type='get'><a/></iq>\n";
	enum { COUNT = 20 };
	struct party party;
	struct text requests = { 0 };

	party_open_bound(&party);
	transport_set_limits(stream_transport(party.stream), &limits);
	peer_listen(party.peer, false);
	party.on_stanza = answer_much;
	for (int i = 0; i < COUNT; i++)
		text_puts(&requests, "<iq id='1' type='get'><a/></iq>");
	party_say(&party, requests.at);
	assert_in_range(party.told.length, 1, COUNT * strlen(line) - 1);
	peer_listen(party.peer, true);
	WAIT(party.told.length == COUNT * strlen(line));
	assert_false(stream_is_over(party.stream));
	text_free(&requests);
	party_close(&party);
}

static void test_sent_to(void **state)
{
	struct party party;
	struct arena *arena = arena_new(0);
	struct stanza *stanza;

	party_open_bound(&party);
	stanza = stanza_new(MESSAGE_CHAT, jid_parse(arena, "juliet@example.org"),
	    jid_parse(arena, "romeo@example.org"), "1");
	element_add_text_child(stanza_arena(stanza), stanza_element(stanza), NULL, "body", "<&>");
	stream_send(party.stream, stanza, NULL, NULL);
	stream_send(party.stream, stanza, jid_parse(arena, "romeo@example.org/orchard"), NULL);
	stanza_unref(&stanza);
	office_settle();
	party_heard(&party,
	    "<message from='juliet@example.org' to='romeo@example.org' id='1' type='chat'>"
	    "<body>&lt;&amp;&gt;</body></message>"
	    "<message from='juliet@example.org' to='romeo@example.org/orchard' id='1' "
	    "type='chat'><body>&lt;&amp;&gt;</body></message>");
	party_told(&party, "");
	arena_free(&arena);
	party_close(&party);
}

/* Without XEP-0198 a stanza is delivered once the socket has it; never inside the call. */
static void test_delivered_when_written(void **state)
{
	struct party party;

	party_open_bound(&party);
	party_send(&party, "1", one);
	party_send(&party, "2", NULL);
	party_send(&party, "3", two);
	party_told(&party, "");
	office_settle();
	party_told(&party, "delivered one\ndelivered two\n");
	party_heard(&party, "<message id='1'/><message id='2'/><message id='3'/>");
	party_close(&party);
}

static void send_more(struct party *party)
{
	if (party->on_delivered == NULL)
		return;
	party->on_delivered = NULL;
	party_send(party, "more", three);
}

/* What is sent while the owner is being told is not among what was written. */
static void test_sent_while_told(void **state)
{
	struct party party;

	party_open_bound(&party);
	party.on_delivered = send_more;
	party_send(&party, "1", one);
	party_send(&party, "2", two);
	office_settle();
	party_told(&party, "delivered one\ndelivered two\ndelivered three\n");
	party_close(&party);
}

/* A client that does not read: what is not written is lost, in order, and before the end. */
static void test_lost(void **state)
{
	struct party party;
	struct stanza *stanza;
	struct text body = { 0 };

	party_open_bound(&party);
	peer_listen(party.peer, false);
	while (body.length < 1000000)
		text_puts(&body, "0123456789");
	stanza = stanza_new(MESSAGE_NORMAL, NULL, NULL, NULL);
	element_add_text_child(stanza_arena(stanza), stanza_element(stanza), NULL, "body", body.at);
	stream_send(party.stream, stanza, NULL, one);
	stream_send(party.stream, stanza, NULL, two);
	office_settle();
	party_told(&party, "");
	peer_free(&party.peer);
	party.peer = NULL;
	WAIT(party.stream == NULL);
	party_told(&party, "lost one\nlost two\nclosed: Broken pipe\n");
	stanza_unref(&stanza);
	text_free(&body);
	party_close(&party);
}

/* Until it takes no more. */
static void fill_kernel(struct party *party)
{
	do {
		text_printf(stream_output(party->stream), "%100000s", "");
		office_settle();
	} while (transport_unsent(party->stream->transport) == 0);
}

/* As many as allowed may wait, not one more; what the kernel takes does not count, however long the
 * round. */
static void test_unwritten(void **state)
{
	struct party party;

	party_open_bound(&party);
	for (int i = 0; i < 25; i++)
		party_send(&party, "1", one);
	assert_false(stream_is_over(party.stream));
	office_settle();
	text_clear(&party.told);
	peer_listen(party.peer, false);
	fill_kernel(&party);
	for (int i = 0; i < 10; i++)
		party_send(&party, "1", one);
	office_settle();
	party_told(&party, "");
	assert_false(stream_is_over(party.stream));
	party_send(&party, "1", NULL);
	assert_false(stream_is_over(party.stream));
	party_send(&party, "1", two);
	assert_true(stream_is_over(party.stream));
	WAIT(party.stream == NULL);
	party_told(&party, "lost one\nlost one\nlost one\nlost one\nlost one\nlost one\nlost one\n"
			   "lost one\nlost one\nlost one\nlost two\nclosed: resource-constraint\n");
	party_close(&party);
}

/* A client that reads slowly, and is never through: what it has read is delivered. */
static void test_behind(void **state)
{
	struct party party;

	party_open_bound(&party);
	peer_listen(party.peer, false);
	party_send(&party, "1", one);
	fill_kernel(&party);
	text_clear(&party.told);
	party_send(&party, "2", two);
	text_printf(stream_output(party.stream), "%3000000s", "");
	party_send(&party, "3", three);
	office_settle();
	party_told(&party, "");
	peer_listen(party.peer, true);
	WAIT(party.told.length > 0);
	assert_true(transport_unsent(party.stream->transport) > 0);
	party_told(&party, "delivered two\n");
	WAIT(party.told.length > 0);
	party_told(&party, "delivered three\n");
	party_close(&party);
}

/* What is sent when it is too late comes back, once. */
static void test_too_late(void **state)
{
	struct party party;

	party_open_bound(&party);
	party.keeps = true;
	party_send(&party, "1", one);
	stream_end(party.stream);
	party_send(&party, "2", two);
	office_settle();
	party_heard(&party, "<message id='1'/>" END);
	party_send(&party, "3", three);
	party_send(&party, "4", NULL);
	stream_free(&party.stream);
	text_append(&party.told, "", 0);
	/* the first may have reached the socket before the end of the round, or not */
	assert_non_null(strstr(party.told.at, "one\n"));
	assert_non_null(
	    strstr(party.told.at, "lost two\nclosed: ended by the server\nlost three\n"));
	party_close(&party);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_received),
		cmocka_unit_test(test_no_stanza),
		cmocka_unit_test(test_server_namespace),
		cmocka_unit_test(test_lang),
		cmocka_unit_test(test_end_inside),
		cmocka_unit_test(test_paused),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_sent_to),
		cmocka_unit_test(test_delivered_when_written),
		cmocka_unit_test(test_sent_while_told),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_unwritten),
		cmocka_unit_test(test_behind),
		cmocka_unit_test(test_too_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
