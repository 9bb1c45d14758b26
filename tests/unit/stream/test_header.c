/* test_header.c - stream headers: what is answered, and what is refused (RFC 6120 sections 4.7
 * to 4.9). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "party.h"

#define STREAM "http://etherx.jabber.org/streams"
#define START(rest) "<stream:stream xmlns='jabber:client' xmlns:stream='" STREAM "' " rest ">"
#define REFUSED(from, name) HEADER_FROM(from) ERROR(name)
#define REFUSED_TEXT(from, name, text) HEADER_FROM(from) ERROR_TEXT(name, text)
#define REFUSED_VERSION(attribute) \
	"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='" STREAM \
	"'" attribute " from='example.org' id='*' xml:lang='en'>" ERROR("unsupported-version")
#define ADDRESSING REFUSED_TEXT("", "improper-addressing", "'to' has to name a domain")

static void test_refused(void **state)
{
	static const struct {
		const char *header, *answer;
	} cases[] = {
		{ START("to='nowhere.example' version='1.0'"), REFUSED("", "host-unknown") },
		{ START("to='' version='1.0'"), ADDRESSING },
		{ START("version='1.0'"), ADDRESSING },
		{ START("to='a b' version='1.0'"), ADDRESSING },
		{ START("to='romeo@example.org' version='1.0'"), ADDRESSING },
		{ START("to='example.org/x' version='1.0'"), ADDRESSING },
		{ START("to='example.org'"), REFUSED_VERSION("") },
		{ START("to='example.org' version='0.9'"), REFUSED_VERSION(" version='0.9'") },
		{ START("to='example.org' version='0.00'"), REFUSED_VERSION(" version='0.0'") },
		{ START("to='example.org' version='00.1'"), REFUSED_VERSION(" version='0.1'") },
		{ START("to='example.org' version='1'"), REFUSED_VERSION("") },
		{ START("to='example.org' version='1.'"), REFUSED_VERSION("") },
		{ START("to='example.org' version='.1'"), REFUSED_VERSION("") },
		{ START("to='example.org' version='1.0x'"), REFUSED_VERSION("") },
		{ START("to='example.org' version=''"), REFUSED_VERSION("") },
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='urn:x' to='example.org' "
		  "version='1.0'>",
		    REFUSED("example.org", "invalid-namespace") },
		{ "<stream xmlns='jabber:client' to='example.org' version='1.0'>",
		    REFUSED("example.org", "invalid-namespace") },
		{ "<stream:stream xmlns='jabber:server' xmlns:stream='" STREAM
		  "' to='example.org' version='1.0'>",
		    REFUSED("example.org", "invalid-namespace") },
		{ "<stream:stream xmlns:stream='" STREAM "' to='example.org' version='1.0'>",
		    REFUSED("example.org", "invalid-namespace") },
		{ "<stream:features xmlns='jabber:client' xmlns:stream='" STREAM
		  "' to='example.org' version='1.0'>",
		    REFUSED("example.org", "bad-format") },
		{ "<!DOCTYPE x>", REFUSED("", "restricted-xml") },
		{ "<?xml version='1.0' encoding='ISO-8859-1'?>",
		    REFUSED("", "unsupported-encoding") },
		{ "hello", REFUSED("", "not-well-formed") },
		{ "<foo:bar>", REFUSED("", "bad-namespace-prefix") },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct party party;

		party_prepare(&party);
		party_open(&party);
		party_say(&party, cases[i].header);
		party_heard(&party, cases[i].answer);
		assert_true(party_is_over(&party));
		assert_null(party.stream);
		party_close(&party);
	}
}

static void test_accepted(void **state)
{
	static const struct {
		const char *header, *answer;
	} cases[] = {
		{ OPEN, HEADER },
		{ START("to='EXAMPLE.org.' version='1.0'"), HEADER },
		{ START("to='example.net' version='1.10'"), HEADER_FROM("example.net") },
		{ START("to='example.org' version='2.0' id='mine'"), HEADER },
		{ START("to='example.org' version='01.0' xml:lang='a&apos;b'"), HEADER },
		{ START("from='Romeo@example.org/x' to='example.org' version='1.0' "
			"xml:lang='de-AT'"),
		    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
		    "xmlns:stream='" STREAM
		    "' version='1.0' from='example.org' to='romeo@example.org' id='*' "
		    "xml:lang='en'>" },
		{ START("from='@' to='example.org' version='1.0'"), HEADER },
		{ "<?xml version=\"1.0\" encoding='utf-8'?>\n<s:stream version='1.0' "
		  "xmlns:s='" STREAM "' to='example.org' xmlns='jabber:client'>",
		    HEADER },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct party party;
		char *features;

		party_prepare(&party);
		party_open(&party);
		party_say(&party, cases[i].header);
		features = strstr(party.peer->received.at, "<stream:features>");
		assert_non_null(features);
		party.peer->received.length = (size_t)(features - party.peer->received.at);
		*features = '\0';
		party_heard(&party, cases[i].answer);
		party_close(&party);
	}
}

/* Each stream has an id of its own, also on one connection. */
static void test_ids(void **state)
{
	struct party party;
	char first[33], second[33];

	party_prepare(&party);
	party_open(&party);
	party_say(&party, OPEN);
	memcpy(first, strstr(party.peer->received.at, " id='") + 5, 32);
	party_scram(&party, "romeo", "secret");
	party_forget(&party);
	party_say(&party, OPEN);
	memcpy(second, strstr(party.peer->received.at, " id='") + 5, 32);
	assert_memory_not_equal(first, second, 32);
	party_close(&party);
}

/* The domain stays that of the first header: after SASL it would be another account. */
static void test_domain_stays(void **state)
{
	struct party party;

	party_prepare(&party);
	party_open(&party);
	party_say(&party, OPEN);
	party_scram(&party, "romeo", "secret");
	party_forget(&party);
	party_say(&party, START("to='example.net' version='1.0'"));
	party_heard(&party, HEADER ERROR_TEXT("not-authorized", "'to' may not change"));
	party_close(&party);
}

/* Larger than what is allowed before login. */
static void test_too_long(void **state)
{
	struct party party;
	struct text header = { 0 };

	party_prepare(&party);
	party_open(&party);
	text_puts(&header, "<stream:stream x='");
	for (int i = 0; i < 20000; i++)
		text_putc(&header, 'x');
	party_say(&party, header.at);
	party_heard(&party, HEADER_FROM("") ERROR_TEXT("policy-violation", "over a limit on XML"));
	text_free(&header);
	party_close(&party);
}

static void test_byte_by_byte(void **state)
{
	struct party party;

	party_prepare(&party);
	party_open(&party);
	for (const char *at = OPEN; *at != '\0'; at++) {
		peer_send(party.peer, at, 1);
		office_round();
	}
	office_settle();
	party_heard_part(&party, "</stream:features>");
	party_close(&party);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_domain_stays),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_byte_by_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
