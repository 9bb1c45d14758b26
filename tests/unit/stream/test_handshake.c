/* test_handshake.c - streams of components (XEP-0114): header, handshake, stanzas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "party.h"

#define COMPONENT(rest) \
	"<stream:stream xmlns='jabber:component:accept' " \
	"xmlns:stream='http://etherx.jabber.org/streams' " rest ">"
#define ANSWER_FROM(from, version) \
	"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' " \
	"xmlns:stream='http://etherx.jabber.org/streams'" version " from='" from \
	"' id='*' xml:lang='en'>"
#define ANSWER ANSWER_FROM("example.org", "")
#define COMES_FIRST ERROR_TEXT("not-authorized", "the handshake comes first")

static void open_component(struct party *party, bool admits)
{
	party_prepare(party);
	party->settings.role = STREAM_OF_COMPONENT;
	party->admits = admits;
	party_open(party);
}

static void test_header(void **state)
{
	static const struct {
		const char *header, *answer;
	} cases[] = {
		{ COMPONENT("to='example.org'"), ANSWER },
		{ COMPONENT("to='example.net'"), ANSWER_FROM("example.net", "") },
		{ COMPONENT("to='example.org' version='1.0'"),
		    ANSWER_FROM("example.org", " version='1.0'") },
		{ COMPONENT("to='nowhere.example'"), ANSWER_FROM("", "") ERROR("host-unknown") },
		{ COMPONENT(""), ANSWER_FROM("", "") ERROR_TEXT(
				     "improper-addressing", "'to' has to name a domain") },
		{ "<stream:stream xmlns='jabber:client' "
		  "xmlns:stream='http://etherx.jabber.org/streams' to='example.org'>",
		    ANSWER ERROR("invalid-namespace") },
		{ "<stream:stream xmlns='jabber:component:connect' "
		  "xmlns:stream='http://etherx.jabber.org/streams' to='example.org'>",
		    ANSWER ERROR("invalid-namespace") },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct party party;

		open_component(&party, true);
		party_say(&party, cases[i].header);
		party_heard(&party, cases[i].answer);
		party_close(&party);
	}
}

static void test_clients_may_not(void **state)
{
	struct party party;

	party_prepare(&party);
	party_open(&party);
	party_say(&party, COMPONENT("to='example.org' version='1.0'"));
	party_heard(&party, HEADER ERROR("invalid-namespace"));
	party_close(&party);
}

static void test_admitted(void **state)
{
	struct party party;

	open_component(&party, true);
	party_say(&party, COMPONENT("to='example.org' xml:lang='de'"));
	party_heard(&party, ANSWER);
	assert_int_equal(strlen(stream_header_id(party.stream)), 32);
	party_say(&party, "<handshake>abc</handshake>");
	party_heard(&party, "<handshake/>");
	party_told(&party, "handshake abc\n");
	party_say(&party, "<message from='a'/><iq xml:lang='en'/>");
	party_told(&party, "stanza 0 <message xmlns='jabber:client' from='a' xml:lang='de'/>\n"
			   "stanza 0 <iq xmlns='jabber:client' xml:lang='en'/>\n");
	party_send(&party, "7", (void *)(uintptr_t) "token");
	office_settle();
	party_heard(&party, "<message id='7'/>");
	party_told(&party, "delivered token\n");
	party_say(&party, "</stream:stream>");
	party_heard(&party, END);
	party_told(&party, "closed: ended by the peer\n");
	party_close(&party);
}

/* Nothing is read until the owner ends it. */
static void test_refused(void **state)
{
	struct party party;

	open_component(&party, false);
	party_say(&party, COMPONENT("to='example.org'"));
	party_say(&party, "<handshake>x</handshake><handshake>y</handshake><message/>");
	party_told(&party, "handshake x\n");
	party_heard(&party, ANSWER);
	stream_fail(party.stream, STREAM_NOT_AUTHORIZED, NULL);
	office_settle();
	party_heard(&party, ERROR("not-authorized"));
	assert_true(party_is_over(&party));
	party_close(&party);
}

static void test_other_elements(void **state)
{
	static const struct {
		const char *said, *answer;
	} cases[] = {
		{ "<message/>", COMES_FIRST },
		{ "<iq type='get'/>", COMES_FIRST },
		{ "<handshake xmlns='urn:x'/>", COMES_FIRST },
		{ "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", COMES_FIRST },
		{ "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>",
		    COMES_FIRST },
		{ "<stream:error/>", END },
		{ "<handshake/><handshake/>", "<handshake/>" ERROR("unsupported-stanza-type") },
		{ "<handshake/><enable xmlns='urn:xmpp:sm:3'/>",
		    "<handshake/>" ERROR("unsupported-stanza-type") },
		{ "<handshake/><db:result xmlns:db='jabber:server:dialback'/>",
		    "<handshake/>" ERROR("unsupported-stanza-type") },
		{ "<handshake/><stream:error/>", "<handshake/>" END },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct party party;

		open_component(&party, true);
		party_say(&party, COMPONENT("to='example.org'"));
		party_heard(&party, ANSWER);
		party_say(&party, cases[i].said);
		party_heard(&party, cases[i].answer);
		assert_true(party_is_over(&party));
		party_close(&party);
	}
}

/* What is admitted may send more at once than a stranger. */
static void test_limits(void **state)
{
	struct text large = { 0 };
	struct party party;

	text_puts(&large, "<message>");
	while (large.length < 20000)
		text_puts(&large, "0123456789");
	text_puts(&large, "</message>");
	for (int admits = 0; admits < 2; admits++) {
		open_component(&party, true);
		party_say(&party, COMPONENT("to='example.org'"));
		if (admits)
			party_say(&party, "<handshake/>");
		party_forget(&party);
		party_say(&party, large.at);
		assert_int_equal(party_is_over(&party), !admits);
		party_close(&party);
	}
	text_free(&large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_clients_may_not),
		cmocka_unit_test(test_admitted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_other_elements),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
