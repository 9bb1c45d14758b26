/* test_bind.c - resource binding, and the session request of old clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "party.h"

#define NS "xmlns='urn:ietf:params:xml:ns:xmpp-bind'"
#define SESSION "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"
#define BIND_TO(resource) \
	"<iq type='set' id='b'><bind " NS "><resource>" resource "</resource></bind></iq>"
#define IQ_ERROR(id, type, name) \
	"<iq type='error' id='" id "'><error type='" type "'><" name \
	" xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"

static void open_logged_in(struct party *party)
{
	party_prepare(party);
	party_open(party);
	party_log_in(party);
}

static void test_resources(void **state)
{
	static const struct {
		const char *request, *told, *heard;
	} cases[] = {
		{ BIND("b"), "bind -\n", BOUND("b") },
		{ BIND_TO("garden"), "bind garden\n", BOUND("b") },
		{ BIND_TO(""), "bind -\n", BOUND("b") },
		{ BIND_TO("a\xcc\x8a"), "bind \xc3\xa5\n", BOUND("b") },
		{ BIND_TO("a&#x7f;b"), "", IQ_ERROR("b", "modify", "bad-request") },
		{ "<iq type='set' id='&lt;&apos;' to='example.org'><bind " NS "/></iq>", "bind -\n",
		    "<iq type='result' id='&lt;&apos;'><bind " NS
		    "><jid>romeo@example.org/orchard</jid></bind></iq>" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct party party;

		open_logged_in(&party);
		party_say(&party, cases[i].request);
		party_told(&party, cases[i].told);
		party_heard(&party, cases[i].heard);
		party_close(&party);
	}
}

/* Section 7.1: nothing else before. */
static void test_not_bound(void **state)
{
#define NOT_BOUND ERROR_TEXT("not-authorized", "bind a resource first")
	static const struct {
		const char *element, *heard;
	} cases[] = {
		{ "<message/>", NOT_BOUND },
		{ "<presence/>", NOT_BOUND },
		{ "<iq type='set' id='1'>" SESSION "</iq>", NOT_BOUND },
		{ "<iq type='get' id='1'><bind " NS "/></iq>", NOT_BOUND },
		{ "<iq type='set'><bind " NS "/></iq>", NOT_BOUND },
		{ "<iq type='set' id='1' to='juliet@example.org'><bind " NS "/></iq>", NOT_BOUND },
		{ "<foo/>", ERROR("unsupported-stanza-type") },
		{ "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
		    ERROR("unsupported-stanza-type") },
		{ "<enable xmlns='urn:xmpp:sm:3'/>",
		    "<failed xmlns='urn:xmpp:sm:3'><unexpected-request "
		    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>" },
		{ "<resume xmlns='urn:xmpp:sm:2' previd='x' h='0'/>",
		    "<failed xmlns='urn:xmpp:sm:2'><feature-not-implemented "
		    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>" },
		{ "<r xmlns='urn:xmpp:sm:3'/>",
		    "<failed xmlns='urn:xmpp:sm:3'><unexpected-request "
		    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct party party;

		open_logged_in(&party);
		party_say(&party, cases[i].element);
		party_heard(&party, cases[i].heard);
		party_close(&party);
	}
}

/* A refused bind may be tried again. */
static void test_failed(void **state)
{
	struct party party;

	open_logged_in(&party);
	party.defers = true;
	party_say(&party, BIND("b") BIND("c"));
	party_told(&party, "bind -\n");
	stream_bind_failed(party.stream, RC_RESOURCE_CONSTRAINT);
	stream_bind_failed(party.stream, RC_RESOURCE_CONSTRAINT);
	party.defers = false;
	office_settle();
	party_heard(&party, IQ_ERROR("b", "wait", "resource-constraint") BOUND("c"));
	party_told(&party, "bind -\n");
	party_close(&party);
}

/* As Pidgin and others do: everything at once, while the account is still being loaded. */
/* Section 7.7.3: not for ever. */
static void test_too_many(void **state)
{
	struct party party;

	party_prepare(&party);
	party.settings.max_bind_failures = 3;
	party_open(&party);
	party_log_in(&party);
	party_forget(&party);
	for (int i = 0; i < 2; i++) {
		party_say(&party, BIND_TO("a&#x7f;b"));
		party_heard(&party, IQ_ERROR("b", "modify", "bad-request"));
	}
	party_say(&party, BIND_TO("a&#x7f;b"));
	party_heard(&party, IQ_ERROR("b", "modify", "bad-request")
				ERROR_TEXT("policy-violation", "too many resources refused"));
	party_close(&party);
}

static void test_pipelined(void **state)
{
	struct party party;

	open_logged_in(&party);
	party.defers = true;
	party.settles = true;
	party_say(&party, BIND("b") "<enable xmlns='urn:xmpp:sm:3'/>"
				    "<iq type='set' id='s'>" SESSION "</iq>"
				    "<presence/><r xmlns='urn:xmpp:sm:3'/>");
	party_say(&party, "<message/>" END);
	party_heard(&party, "");
	party_told(&party, "bind -\n");
	party_answer_bind(&party);
	party_told(&party, "");
	office_settle();
	party_heard(&party,
	    BOUND("b") "<enabled xmlns='urn:xmpp:sm:3'/>"
		       "<iq type='result' id='s'/><a xmlns='urn:xmpp:sm:3' h='2'/>"
		       "<a xmlns='urn:xmpp:sm:3' h='3'/>" END);
	party_told(&party, "stanza 2 <presence xmlns='jabber:client'/>\n"
			   "stanza 3 <message xmlns='jabber:client'/>\n"
			   "closed: ended by the peer\n");
	party_close(&party);
}

/* An answer that comes when the stream is over is ignored. */
static void test_gone_while_binding(void **state)
{
	struct party party;

	open_logged_in(&party);
	party.defers = true;
	party_say(&party, BIND("b") "<presence/>");
	party.keeps = true;
	stream_fail(party.stream, STREAM_RESET, NULL);
	office_settle();
	stream_bind_failed(party.stream, RC_CONFLICT);
	party_told(&party, "bind -\nclosed: reset\n");
	party_close(&party);
}

static void test_session(void **state)
{
	static const struct {
		const char *request, *heard, *told;
	} cases[] = {
		{ "<iq type='set' id='s'>" SESSION "</iq>", "<iq type='result' id='s'/>", "" },
		{ "<iq type='set' id='s' to='example.org'>" SESSION "</iq>",
		    "<iq type='result' id='s'/>", "" },
		{ "<iq type='set' id='s' to='romeo@example.org'>" SESSION "</iq>",
		    "<iq type='result' id='s'/>", "" },
		{ BIND("again"), IQ_ERROR("again", "cancel", "not-allowed"), "" },
		/* not for us */
		{ "<iq type='set' id='s' to='juliet@example.org'>" SESSION "</iq>", "",
		    "stanza 0 <iq xmlns='jabber:client' type='set' id='s' "
		    "to='juliet@example.org'>" SESSION "</iq>\n" },
		{ "<iq type='get' id='s'>" SESSION "</iq>", "",
		    "stanza 0 <iq xmlns='jabber:client' type='get' id='s'>" SESSION "</iq>\n" },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct party party;

		party_open_bound(&party);
		party_say(&party, cases[i].request);
		party_heard(&party, cases[i].heard);
		party_told(&party, cases[i].told);
		party_close(&party);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_not_bound),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_gone_while_binding),
		cmocka_unit_test(test_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
