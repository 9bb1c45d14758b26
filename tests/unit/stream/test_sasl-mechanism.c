/* test_sasl-mechanism.c - what a channel is offered, and what is found by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "stream/external.h"
#include "stream/sasl-private.h"

/* `state` names those that the channel can give, a bit for each. */
static size_t give(void *state, enum binding binding, unsigned char *out)
{
	return *(const unsigned *)state & 1u << binding ? 12 : 0;
}

#define BIT(binding) (1u << (binding))
#define ALL \
	(BIT(BINDING_TLS_EXPORTER) | BIT(BINDING_TLS_SERVER_END_POINT) | BIT(BINDING_TLS_UNIQUE))

#define PLUS "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS "
#define SCRAM "SCRAM-SHA-256 SCRAM-SHA-1 "

/* Best first, and behind them the bindings. */
static void test_offers(void **state)
{
	static const struct {
		bool secure, tls_required, allow_plain;
		unsigned bindings;
		const char *offers;
	} cases[] = {
		{ true, true, true, ALL, PLUS SCRAM "PLAIN +tls-exporter +tls-server-end-point " },
		{ true, true, false, BIT(BINDING_TLS_EXPORTER), PLUS SCRAM "+tls-exporter " },
		/* Nobody is led to this one. */
		{ true, true, false, BIT(BINDING_TLS_UNIQUE), SCRAM },
		{ true, true, true, 0, SCRAM "PLAIN " },
		{ false, true, true, 0, "" },
		{ false, false, true, 0, SCRAM },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		unsigned bindings = cases[i].bindings;
		struct sasl *sasl = sasl_new(&(struct sasl_channel){ .secure = cases[i].secure,
		    .tls_required = cases[i].tls_required,
		    .allow_plain = cases[i].allow_plain,
		    .binding = give,
		    .state = &bindings });
		struct text text = { 0 };
		size_t cursor = 0;
		const char *name;

		while ((name = sasl_offered(sasl, &cursor)) != NULL)
			text_printf(&text, "%s ", name);
		cursor = 0;
		while ((name = sasl_offered_binding(sasl, &cursor)) != NULL)
			text_printf(&text, "+%s ", name);
		assert_string_equal(text.at == NULL ? "" : text.at, cases[i].offers);
		text_free(&text);
		sasl_free(&sasl);
	}
}

/* By their exact names. */
static void test_find(void **state)
{
	const struct mechanism *found = sasl_mechanism_find("SCRAM-SHA-1-PLUS");

	assert_int_equal(found->kind, KIND_PLUS);
	assert_int_equal(found->digest, DIGEST_SHA1);
	assert_int_equal(sasl_mechanism_find("EXTERNAL")->kind, KIND_EXTERNAL);
	assert_null(sasl_mechanism_find("scram-sha-1"));
	assert_null(sasl_mechanism_find("SCRAM-SHA-1-PLUS "));
	assert_null(sasl_mechanism_find(""));
}

/* One that is not announced is taken all the same, where the channel can give it. */
static void test_binding_find(void **state)
{
	unsigned bindings = BIT(BINDING_TLS_EXPORTER) | BIT(BINDING_TLS_UNIQUE);
	struct sasl *sasl =
	    sasl_new(&(struct sasl_channel){ .secure = true, .binding = give, .state = &bindings });
	enum binding binding;

	assert_true(sasl_binding_find(sasl, "tls-unique", &binding));
	assert_int_equal(binding, BINDING_TLS_UNIQUE);
	assert_true(sasl_binding_find(sasl, "tls-exporter", &binding));
	assert_int_equal(binding, BINDING_TLS_EXPORTER);
	assert_false(sasl_binding_find(sasl, "tls-server-end-point", &binding));
	assert_false(sasl_binding_find(sasl, "tls-whatever", &binding));
	sasl_free(&sasl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_binding_find),
	};

	return cmocka_run_group_tests_name("sasl-mechanism", tests, NULL, NULL);
}
