/* test_rc.c - names and types of the stanza error conditions. */
#include "base/rc.h"

#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct {
	enum rc rc;
	const char *name;
	const char *type;
} cases[] = {
	{ RC_BAD_REQUEST, "bad-request", "modify" },
	{ RC_CONFLICT, "conflict", "cancel" },
	{ RC_FEATURE_NOT_IMPLEMENTED, "feature-not-implemented", "cancel" },
	{ RC_FORBIDDEN, "forbidden", "auth" },
	{ RC_GONE, "gone", "cancel" },
	{ RC_INTERNAL_SERVER_ERROR, "internal-server-error", "cancel" },
	{ RC_ITEM_NOT_FOUND, "item-not-found", "cancel" },
	{ RC_JID_MALFORMED, "jid-malformed", "modify" },
	{ RC_NOT_ACCEPTABLE, "not-acceptable", "modify" },
	{ RC_NOT_ALLOWED, "not-allowed", "cancel" },
	{ RC_NOT_AUTHORIZED, "not-authorized", "auth" },
	{ RC_POLICY_VIOLATION, "policy-violation", "modify" },
	{ RC_RECIPIENT_UNAVAILABLE, "recipient-unavailable", "wait" },
	{ RC_REDIRECT, "redirect", "modify" },
	{ RC_REGISTRATION_REQUIRED, "registration-required", "auth" },
	{ RC_REMOTE_SERVER_NOT_FOUND, "remote-server-not-found", "cancel" },
	{ RC_REMOTE_SERVER_TIMEOUT, "remote-server-timeout", "wait" },
	{ RC_RESOURCE_CONSTRAINT, "resource-constraint", "wait" },
	{ RC_SERVICE_UNAVAILABLE, "service-unavailable", "cancel" },
	{ RC_SUBSCRIPTION_REQUIRED, "subscription-required", "auth" },
	{ RC_UNDEFINED_CONDITION, "undefined-condition", "cancel" },
	{ RC_UNEXPECTED_REQUEST, "unexpected-request", "wait" },
};

static void test_conditions(void **state)
{
	assert_int_equal(COUNT_OF(cases) + 1, RC_COUNT);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_string_equal(rc_name(cases[i].rc), cases[i].name);
		assert_string_equal(rc_type(cases[i].rc), cases[i].type);
	}
	assert_string_equal(rc_name(RC_OK), "ok");
}

static void test_temporary(void **state)
{
	assert_true(rc_is_temporary(RC_RESOURCE_CONSTRAINT));
	assert_true(rc_is_temporary(RC_INTERNAL_SERVER_ERROR));
	assert_false(rc_is_temporary(RC_OK));
	assert_false(rc_is_temporary(RC_ITEM_NOT_FOUND));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_temporary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
