/* Domains as DNS and certificates spell them. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/tls-private.h"

#define TEN "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN

static const struct {
	const char *domain;
	const char *expected; /* NULL: refused */
} names[] = {
	{ "example.org", "example.org" },
	{ "EXAMPLE.Org", "example.org" },
	{ "münchen.example", "xn--mnchen-3ya.example" },
	{ "bücher.bücher", "xn--bcher-kva.xn--bcher-kva" },
	{ "ü", "xn--tda" },
	{ "例え.テスト", "xn--r8jz45g.xn--zckzah" },
	{ "пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f" },
	{ "straße.example", "xn--strae-oqa.example" },
	{ "i❤.ws", "xn--i-7iq.ws" },
	{ "😀.example", "xn--e28h.example" },
	{ "127.0.0.1", "127.0.0.1" },
	{ "", "" },
	{ "a.", "a." },
	{ "x" SIXTY "xx.org", "x" SIXTY "xx.org" },
	{ "x" SIXTY "xxx.org", NULL },
	{ SIXTY "." SIXTY "." SIXTY "." SIXTY "." TEN "z",
	    SIXTY "." SIXTY "." SIXTY "." SIXTY "." TEN "z" },
	{ SIXTY "." SIXTY "." SIXTY "." SIXTY "." TEN "zz", NULL },
	{ "\xff", NULL },
	{ "\xc3", NULL },
};

static void test_names(void **state)
{
	char out[TLS_NAME_MAX];

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		bool fits = tls_name_ascii(names[i].domain, out);

		assert_int_equal(fits, names[i].expected != NULL);
		if (fits)
			assert_string_equal(out, names[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
