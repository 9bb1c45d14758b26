/* test_features.c - what is offered: in clear, inside TLS, after login. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "party.h"

#define STARTTLS "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
#define SASL(inside) "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" inside "</mechanisms>"
#define M(name) "<mechanism>" name "</mechanism>"
#define LIMITS(bytes) \
	"<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>" bytes "</max-bytes></limits>"
#define FEATURES(inside) HEADER "<stream:features>" inside "</stream:features>"

static void test_clear(void **state)
{
	struct party party;

	party_prepare(&party);
	party_open(&party);
	party_say(&party, OPEN);
	party_heard(&party, FEATURES(SASL(M("SCRAM-SHA-256") M("SCRAM-SHA-1"))
				    LIMITS("16384") "<before xmlns='urn:own'/>"));
	party_close(&party);
}

/* TLS is there, but nobody has to use it. */
static void test_optional_tls(void **state)
{
	struct party party;

	party_prepare(&party);
	party.settings.tls = make_set("example.org");
	party_open(&party);
	party_say(&party, OPEN);
	party_heard(&party, FEATURES(STARTTLS "/>" SASL(M("SCRAM-SHA-256") M("SCRAM-SHA-1"))
				    LIMITS("16384") "<before xmlns='urn:own'/>"));
	party_close(&party);
}

/* Where TLS is required there is nothing else, not even registration. */
static void test_required_tls(void **state)
{
	struct party party;

	party_prepare(&party);
	party.settings.tls = make_set("example.org");
	party.settings.tls_required = true;
	party_open(&party);
	party_say(&party, OPEN);
	party_heard(&party, FEATURES(STARTTLS "><required/></starttls>"));
	party_close(&party);
}

static void test_secure(void **state)
{
	struct party party;

	party_prepare(&party);
	party.settings.tls = make_set("example.org");
	party.settings.tls_required = true;
	party.direct_tls = true;
	party_open(&party);
	party_secure(&party);
	party_say(&party, OPEN);
	party_heard(
	    &party, FEATURES(SASL(M("SCRAM-SHA-256-PLUS") M("SCRAM-SHA-1-PLUS") M("SCRAM-SHA-256")
			    M("SCRAM-SHA-1") M("PLAIN")) "<sasl-channel-binding "
							 "xmlns='urn:xmpp:sasl-cb:0'>"
							 "<channel-binding type='tls-exporter'/>"
							 "<channel-binding "
							 "type='tls-server-end-point'/>"
							 "</sasl-channel-binding>" LIMITS(
							     "16384") "<before xmlns='urn:own'/>"));
	party_close(&party);
}

static void test_no_plain(void **state)
{
	struct party party;

	party_prepare(&party);
	party.settings.tls = make_set("example.org");
	party.settings.allow_plain = false;
	party.direct_tls = true;
	party_open(&party);
	party_secure(&party);
	party_say(&party, OPEN);
	assert_null(strstr(party.peer->received.at, "PLAIN"));
	party_heard_part(&party, "SCRAM-SHA-1-PLUS");
	party_close(&party);
}

static void test_after_login(void **state)
{
	struct party party;

	party_prepare(&party);
	party_open(&party);
	party_say(&party, OPEN);
	party_scram(&party, "romeo", "secret");
	party_forget(&party);
	party_say(&party, OPEN);
	party_heard(&party,
	    FEATURES("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><required/></bind>"
		     "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>"
		     "<sm xmlns='urn:xmpp:sm:3'/><sm xmlns='urn:xmpp:sm:2'/>" LIMITS(
			 "262144") "<after xmlns='urn:own'/>"));
	party_close(&party);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_optional_tls),
		cmocka_unit_test(test_required_tls),
		cmocka_unit_test(test_secure),
		cmocka_unit_test(test_no_plain),
		cmocka_unit_test(test_after_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
