/* test_external.c - which user a certificate and an authorization identity make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "stream/external.h"
#include "xmpp/jid.h"

static const char *const nobody[] = { NULL };
static const char *const romeo[] = { "romeo@example.org", NULL };
static const char *const romeo_twice[] = { "romeo@example.org", "ROMEO@Example.Org", NULL };
static const char *const both[] = { "romeo@example.org", "juliet@example.org", NULL };
static const char *const abroad[] = { "romeo@example.net", "juliet@example.org", NULL };
/* The domain itself, one device of a user, and what are no addresses. */
static const char *const others[] = { "example.org", "romeo@example.org/orchard", "", "@",
	"ro meo@x", "romeo@example.net", "romeo@sub.example.org", NULL };

static void test_choice(void **state)
{
	static const struct {
		const char *const *addresses;
		const char *authzid, *username;
		enum external_result result;
	} cases[] = {
		{ romeo, "", "romeo", EXTERNAL_OK },
		{ romeo, "romeo@example.org", "romeo", EXTERNAL_OK },
		{ romeo, "Romeo@EXAMPLE.org", "romeo", EXTERNAL_OK },
		{ romeo, "juliet@example.org", NULL, EXTERNAL_STRANGER },
		{ romeo, "romeo@example.net", NULL, EXTERNAL_STRANGER },
		{ romeo, "romeo@example.org/orchard", NULL, EXTERNAL_STRANGER },
		{ romeo, "romeo", NULL, EXTERNAL_STRANGER },
		{ romeo, "example.org", NULL, EXTERNAL_STRANGER },
		{ romeo, "@", NULL, EXTERNAL_STRANGER },
		{ romeo, "\xff", NULL, EXTERNAL_MALFORMED },
		{ romeo_twice, "", "romeo", EXTERNAL_OK },
		{ both, "", NULL, EXTERNAL_AMBIGUOUS },
		{ both, "juliet@example.org", "juliet", EXTERNAL_OK },
		{ both, "romeo@example.org", "romeo", EXTERNAL_OK },
		{ both, "mercutio@example.org", NULL, EXTERNAL_STRANGER },
		{ abroad, "", "juliet", EXTERNAL_OK },
		{ abroad, "romeo@example.net", NULL, EXTERNAL_STRANGER },
		{ abroad, "romeo@example.org", NULL, EXTERNAL_STRANGER },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct external *external = external_new(cases[i].addresses, "example.org");
		const char *username = "?";

		assert_non_null(external);
		assert_int_equal(external_choose(external, cases[i].authzid,
				     strlen(cases[i].authzid), &username),
		    cases[i].result);
		if (cases[i].username == NULL)
			assert_null(username);
		else
			assert_string_equal(username, cases[i].username);
		external_free(&external);
		assert_null(external);
		external_free(&external);
	}
}

static void test_nul(void **state)
{
	struct external *external = external_new(romeo, "example.org");
	const char *username;

	assert_int_equal(
	    external_choose(external, "romeo@example.org\0x", 19, &username), EXTERNAL_MALFORMED);
	assert_int_equal(external_choose(external, "\0", 1, &username), EXTERNAL_MALFORMED);
	external_free(&external);
}

static void test_nobody(void **state)
{
	assert_null(external_new(nobody, "example.org"));
	assert_null(external_new(others, "example.org"));
	assert_null(external_new(romeo, "example.net"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_nobody),
	};

	jid_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
