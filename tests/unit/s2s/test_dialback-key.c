/* test_dialback-key.c - XEP-0185: the example there, and what makes another key. */
#include "s2s/dialback-key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/crypto.h"

#define KEY "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643"

static void test_example(void **state)
{
	struct arena *arena = arena_new(0);

	(void)state;
	dialback_init("s3cr3tf0rd14lb4ck");
	assert_string_equal(
	    dialback_key(arena, "xmpp.example.com", "example.org", "D60000229F"), KEY);
	assert_true(dialback_key_is(KEY, "xmpp.example.com", "example.org", "D60000229F"));
	assert_false(dialback_key_is(KEY, "xmpp.example.co", "example.org", "D60000229F"));
	assert_false(dialback_key_is(KEY, "example.org", "xmpp.example.com", "D60000229F"));
	assert_false(dialback_key_is(KEY, "xmpp.example.com", "example.org", "D60000229E"));
	assert_false(dialback_key_is("", "xmpp.example.com", "example.org", "D60000229F"));
	assert_false(dialback_key_is(KEY "0", "xmpp.example.com", "example.org", "D60000229F"));
	arena_free(&arena);
}

/* Without one of the configuration it is another in each process. */
static void test_chance(void **state)
{
	(void)state;
	dialback_init(NULL);
	assert_false(dialback_key_is(KEY, "xmpp.example.com", "example.org", "D60000229F"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_chance),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
