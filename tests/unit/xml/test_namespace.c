/* test_namespace.c - the table of well-known namespaces. */
#include "xml/namespace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "xmpp/ns.h"

/* The shortest, the longest, and those of every login. */
static void test_known(void **state)
{
	static const char *const known[] = { "vcard-temp",
		"http://jabber.org/protocol/pubsub#owner", NS_STREAM, NS_CLIENT, NS_SERVER, NS_TLS,
		NS_SASL, NS_BIND, NS_SESSION, NS_STREAM_ERROR, NS_STANZA_ERROR, NS_ROSTER, NS_SM,
		NS_SM2, NS_DELAY, "urn:xmpp:ping", "jabber:x:oob" };

	for (size_t i = 0; i < COUNT_OF(known); i++) {
		const char *found = namespace_known(known[i], strlen(known[i]));

		assert_non_null(found);
		assert_string_equal(found, known[i]);
		assert_ptr_equal(namespace_known(found, strlen(found)), found);
	}
}

static void test_unknown(void **state)
{
	static const char *const unknown[] = { "", "a", "vcard-tem", "vcard-temp:", "jabber:clienT",
		"jabber:clienta", "http://jabber.org/protocol/pubsub#ownerx", "urn:xmpp:pinz" };

	for (size_t i = 0; i < COUNT_OF(unknown); i++)
		assert_null(namespace_known(unknown[i], strlen(unknown[i])));
	assert_null(namespace_known("jabber:client", 12));
	assert_non_null(namespace_known("jabber:clients", 13));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
