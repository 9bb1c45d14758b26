/* test_prep.c - the parts of an address, prepared. */
#include "xmpp/prep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"

struct row {
	const char *input;
	const char *prepared; /* NULL: not valid */
};

static size_t node_lenient(const char *bytes, size_t length, char *out)
{
	return prep_node(bytes, length, PREP_LENIENT, out);
}

static size_t node_strict(const char *bytes, size_t length, char *out)
{
	return prep_node(bytes, length, PREP_STRICT, out);
}

typedef size_t prepare(const char *bytes, size_t length, char *out);

static void assert_rows(prepare *function, const struct row *rows, size_t count)
{
	char out[JID_PART_MAX_BYTES + 1];

	for (size_t i = 0; i < count; i++) {
		size_t length = function(rows[i].input, strlen(rows[i].input), out);

		out[length] = '\0';
		if (strcmp(out, rows[i].prepared == NULL ? "" : rows[i].prepared) != 0)
			fail_msg("%s became '%s'", rows[i].input, out);
	}
}

static void test_node(void **state)
{
	static const struct row rows[] = {
		{ "juliet", "juliet" }, { "JULIET", "juliet" },
		{ "!#$%()*+,-.;=?[\\]^_`{|}~09", "!#$%()*+,-.;=?[\\]^_`{|}~09" }, { "", NULL },
		{ "a b", NULL }, { "a\tb", NULL }, { "a\x7f", NULL }, { "\"", NULL }, { "&", NULL },
		{ "'", NULL }, { "/", NULL }, { ":", NULL }, { "<", NULL }, { ">", NULL },
		{ "@", NULL }, { "\xc3\x9cmit", "\xc3\xbcmit" }, /* U+00DC: folded */
		{ "u\xcc\x88", "\xc3\xbc" },                     /* composed */
		{ "Stra\xc3\x9f"
		  "e",
		    "strasse" },          /* sharp s */
		{ "\xe2\x85\xa3", "iv" }, /* ROMAN NUMERAL FOUR */
		{ "\xef\xbc\xa1", "a" },  /* fullwidth A */
		{ "\xef\xbc\xa0", NULL }, /* fullwidth @ */
		{ "a\xc2\xad"
		  "b",
		    "ab" },                 /* soft hyphen */
		{ "\xc2\xad", NULL },       /* nothing is left */
		{ "\xce\xa3", "\xcf\x83" }, /* sigma */
		{ "\xe4\xbd\xa0\xe5\xa5\xbd", "\xe4\xbd\xa0\xe5\xa5\xbd" },
		{ "a\xe2\x80\xae"
		  "b",
		    NULL }, /* right-to-left override */
		{ "a\xc2\xa0"
		  "b",
		    NULL }, /* no-break space becomes space */
		{ "\xd7\x90"
		  "a",
		    NULL }, /* RFC 3454 section 6: mixed directions */
		{ "\xd7\x90\xd7\x91", "\xd7\x90\xd7\x91" }, { "\xff", NULL }, { "\xc3", NULL },
		{ "\xed\xa0\x80", NULL }, { "\xc0\xaf", NULL },
		{ "\xef\xbf\xbd", NULL }, /* U+FFFD */
		{ "\xee\x80\x80", NULL }, /* private use */
	};

	assert_rows(node_lenient, rows, COUNT_OF(rows));
	assert_rows(node_strict, rows, COUNT_OF(rows));
}

/* Code points younger than Unicode 3.2 are let through in addresses, but not in new accounts. */
static void test_unassigned(void **state)
{
	static const struct row lenient[] = { { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ "\xe1\xba\x9e", "\xe1\xba\x9e" } };
	static const struct row strict[] = { { "\xf0\x9f\x98\x80", NULL },
		{ "\xe1\xba\x9e", NULL } };

	assert_rows(node_lenient, lenient, COUNT_OF(lenient));
	assert_rows(node_strict, strict, COUNT_OF(strict));
}

static void test_resource(void **state)
{
	static const struct row rows[] = {
		{ "Balcony", "Balcony" },
		{ " !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~",
		    " !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~" },
		{ "", NULL },
		{ "a\x01", NULL },
		{ "a\n", NULL },
		{ "\x7f", NULL },
		{ "\xc3\x9cmit", "\xc3\x9cmit" },
		{ "u\xcc\x88", "\xc3\xbc" },
		{ "\xf0\x9f\x93\xb1 phone", "\xf0\x9f\x93\xb1 phone" },
		{ "\xe2\x80\x8e", NULL }, /* left-to-right mark */
		{ "\xff", NULL },
	};

	assert_rows(prep_resource, rows, COUNT_OF(rows));
}

#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"

static void test_domain(void **state)
{
	static const struct row rows[] = {
		{ "example.net", "example.net" },
		{ "EXAMPLE.Net", "example.net" },
		{ "localhost", "localhost" },
		{ "example.net.", "example.net" },
		{ "192.0.2.1", "192.0.2.1" },
		{ "a-b.c--d.e", "a-b.c--d.e" },
		{ "ab--cd.e", "ab--cd.e" },
		{ "", NULL },
		{ ".", NULL },
		{ "..", NULL },
		{ ".a", NULL },
		{ "a..b", NULL },
		{ "a..", NULL },
		{ "-a", NULL },
		{ "a-", NULL },
		{ "a.-b.c", NULL },
		{ "a_b", NULL },
		{ "a b", NULL },
		{ "a@b", NULL },
		{ "a:5222", NULL },
		{ "*.a", NULL },
		{ "a\x01", NULL },
		{ LABEL_63 ".a", LABEL_63 ".a" },
		{ LABEL_63 "4.a", NULL },
		{ "b\xc3\xbc"
		  "cher.example",
		    "b\xc3\xbc"
		    "cher.example" },
		{ "B\xc3\x9c"
		  "CHER.example",
		    "b\xc3\xbc"
		    "cher.example" },
		{ "xn--bcher-kva.example", "b\xc3\xbc"
					   "cher.example" },
		{ "XN--BCHER-KVA.example", "b\xc3\xbc"
					   "cher.example" },
		{ "stra\xc3\x9f"
		  "e.example",
		    "stra\xc3\x9f"
		    "e.example" },
		{ "a\xe3\x80\x82"
		  "b",
		    "a.b" }, /* ideographic full stop */
		{ "a\xe3\x80\x82", "a" },
		{ "a\xe3\x80\x82.", NULL },
		{ "a\xe3\x80\x82\xe3\x80\x82"
		  "b",
		    NULL },
		{ "xn--", NULL },
		{ "xn--a", NULL },
		{ "xn--bcher-kv", NULL },
		{ "xn--abc-", NULL },
		{ "a\xef\xbc\x8f"
		  "b",
		    NULL }, /* fullwidth solidus */
		{ "a\xef\xbc\xa0"
		  "b",
		    NULL },
		{ "\xc2\xad", NULL },
		{ "\xff", NULL },
		{ "\xc3\xbc" LABEL_63, NULL },
		{ "[::1]", "[::1]" },
		{ "[2001:DB8::1]", "[2001:DB8::1]" },
		{ "[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]" },
		{ "[]", NULL },
		{ "[", NULL },
		{ "[::1", NULL },
		{ "[::1].", NULL },
		{ "[::g]", NULL },
		{ "[192.0.2.1]", NULL },
		{ "[fe80::1%eth0]", NULL },
		{ "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]", NULL },
		{ "::1", NULL },
	};

	assert_rows(prep_domain, rows, COUNT_OF(rows));
}

/* `count` times the unit, as a part. */
static size_t run_repeated(prepare *function, const char *unit, size_t count)
{
	char input[8 * JID_PART_MAX_BYTES] = "", out[JID_PART_MAX_BYTES];
	size_t unit_length = strlen(unit);

	ASSERT(count * unit_length <= sizeof(input));
	for (size_t i = 0; i < count; i++)
		memcpy(input + i * unit_length, unit, unit_length);
	return function(input, count * unit_length, out);
}

/* 1023 bytes after preparation. */
static void test_length(void **state)
{
	assert_int_equal(run_repeated(node_lenient, "a", 1023), 1023);
	assert_int_equal(run_repeated(node_lenient, "a", 1024), 0);
	assert_int_equal(run_repeated(prep_resource, "a", 1023), 1023);
	assert_int_equal(run_repeated(prep_resource, "a", 1024), 0);
	assert_int_equal(run_repeated(node_lenient, "\xe4\xbd\xa0", 341), 1023);
	assert_int_equal(run_repeated(node_lenient, "\xe4\xbd\xa0", 342), 0);
	/* It may get longer: U+FB03 is "ffi", U+0390 six bytes of three code points. */
	assert_int_equal(run_repeated(node_lenient, "\xef\xac\x83", 341), 1023);
	assert_int_equal(run_repeated(node_lenient, "\xef\xac\x83", 342), 0);
	/* And shorter: a fullwidth letter has three bytes. */
	assert_int_equal(run_repeated(node_lenient, "\xef\xbc\xa1", 1023), 1023);
	assert_int_equal(run_repeated(node_lenient, "\xef\xbc\xa1", 1024), 0);
	assert_int_equal(run_repeated(node_lenient, "\xef\xbc\xa1", 2000), 0);
	/* A domain of many labels is just a long one (see security: no component may choke on it).
	 */
	assert_int_equal(run_repeated(prep_domain, "a.", 512), 1023);
	assert_int_equal(run_repeated(prep_domain, "a.", 513), 0);
	assert_int_equal(run_repeated(prep_domain, "abcdefghij.", 93), 1022);
	assert_int_equal(run_repeated(prep_domain, "\xc3\xbc.", 341), 1022);
	assert_int_equal(run_repeated(prep_domain, "\xc3\xbc.", 343), 0);
}

/* One code point in UTF-8; returns its length, 0 for a surrogate. */
static size_t encode(uint32_t code, char *out)
{
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code >= 0xd800 && code < 0xe000)
		return 0;
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* Every code point of the planes that are in use, between two letters: what comes out is stable,
 * and has nothing in it that would divide an address elsewhere. */
static void test_all_code_points(void **state)
{
	static prepare *const functions[] = { node_lenient, prep_domain, prep_resource };
	static const char *const dividers[] = { "@/:<>&'\" ", "@/:<>&'\" ", "" };

	for (uint32_t code = 0x80; code < 0x30000; code++) {
		char input[8] = "a", once[JID_PART_MAX_BYTES + 1], twice[JID_PART_MAX_BYTES];
		size_t length = encode(code, input + 1);

		input[length + 1] = 'b';
		for (size_t i = 0; length > 0 && i < COUNT_OF(functions); i++) {
			size_t first = functions[i](input, length + 2, once);

			once[first] = '\0';
			assert_int_equal(functions[i](once, first, twice), first);
			assert_memory_equal(once, twice, first);
			assert_int_equal(strcspn(once, dividers[i]), first);
		}
	}
}

static int open_profiles(void **state)
{
	prep_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_node),
		cmocka_unit_test(test_unassigned),
		cmocka_unit_test(test_resource),
		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_all_code_points),
	};

	return cmocka_run_group_tests(tests, open_profiles, NULL);
}
