/* test_jid.c - addresses taken apart, put together and compared. */
#include "xmpp/jid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"

static int arena_setup(void **state)
{
	jid_init();
	*state = arena_new(0);
	return 0;
}

static int arena_teardown(void **state)
{
	arena_free((struct arena **)state);
	return 0;
}

static void test_parse(void **state)
{
	static const struct {
		const char *input, *node, *domain, *resource;
	} rows[] = {
		{ "example.net", NULL, "example.net", NULL },
		{ "Juliet@Example.net", "juliet", "example.net", NULL },
		{ "juliet@example.net/Balcony", "juliet", "example.net", "Balcony" },
		{ "example.net/a", NULL, "example.net", "a" },
		/* RFC 7622 section 3.1: first the '/', then the '@'. */
		{ "example.net/a@b", NULL, "example.net", "a@b" },
		{ "a@example.net/b/c", "a", "example.net", "b/c" },
		{ "a@example.net//", "a", "example.net", "/" },
		{ "a@example.net/ b", "a", "example.net", " b" },
		{ "a@[::1]/b", "a", "[::1]", "b" },
		{ "a@example.net./b", "a", "example.net", "b" },
		{ "\xc3\x84@b\xc3\xbc"
		  "cher.example/\xc3\x84",
		    "\xc3\xa4",
		    "b\xc3\xbc"
		    "cher.example",
		    "\xc3\x84" },
	};
	struct arena *arena = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct jid *jid = jid_parse(arena, rows[i].input);

		assert_non_null(jid);
		assert_true(text_equal(jid_node(arena, jid), rows[i].node));
		assert_string_equal(jid_domain(arena, jid), rows[i].domain);
		assert_true(text_equal(jid_resource(jid), rows[i].resource));
		assert_true(jid_equal(
		    jid, jid_make(arena, rows[i].node, rows[i].domain, rows[i].resource)));
		assert_true(jid_equal(jid, jid_parse(arena, jid_text(jid))));
		assert_int_equal(jid_is_bare(jid), rows[i].resource == NULL);
		assert_int_equal(
		    jid_is_domain(jid), rows[i].resource == NULL && rows[i].node == NULL);
		assert_true(jid_has_domain(jid, rows[i].domain));
	}
}

static void test_malformed(void **state)
{
	static const char *const rows[] = { "", "@", "/", "@/", "a@", "@a", "a/", "a@b/", "@a/b",
		"a@/b", "a@b@c", "a b@c", "a@b c", "a@b/\x01", "a@b..c", "\xff@b", "a@\xff",
		"a@b/\xff", "a@[::1", "a&b@c", "'@c" };
	struct arena *arena = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_null(jid_parse(arena, rows[i]));
		assert_null(jid_parse_heap(rows[i]));
	}
	assert_null(jid_make(arena, "", "a", NULL));
	assert_null(jid_make(arena, NULL, "", NULL));
	assert_null(jid_make(arena, NULL, "a", ""));
	assert_null(jid_make(arena, "a@b", "c", NULL));
	assert_null(jid_make(arena, "a", "b/c", NULL));
}

/* All parts at their longest, and each one beyond. */
static void test_longest(void **state)
{
	struct arena *arena = *state;

	for (size_t over = 0; over < 4; over++) {
		struct text text = { 0 };
		const struct jid *jid;

		for (size_t i = 0; i < 1023u + (over == 1); i++)
			text_putc(&text, 'n');
		text_putc(&text, '@');
		for (size_t i = 0; i < 511u + (over == 2); i++)
			text_puts(&text, "d.");
		text_puts(&text, "d/");
		for (size_t i = 0; i < 1023u + (over == 3); i++)
			text_putc(&text, 'r');
		jid = jid_parse(arena, text.at);
		assert_int_equal(jid != NULL, over == 0);
		if (jid != NULL)
			assert_string_equal(jid_text(jid), text.at);
		text_free(&text);
	}
}

static void test_derive(void **state)
{
	struct arena *arena = *state;
	const struct jid *full = jid_parse(arena, "a@b/c"), *bare = jid_bare(arena, full);
	const struct jid *other = jid_with_resource(arena, full, "dd");
	const struct jid *domain = jid_domain_only(arena, full);

	assert_string_equal(jid_text(bare), "a@b");
	assert_ptr_equal(jid_bare(arena, bare), bare);
	assert_string_equal(jid_bare_text(arena, full), "a@b");
	assert_int_equal(jid_bare_length(full), 3);
	assert_string_equal(jid_text(other), "a@b/dd");
	assert_string_equal(jid_text(jid_with_resource(arena, bare, "e")), "a@b/e");
	assert_string_equal(jid_text(domain), "b");
	assert_true(jid_equal(domain, jid_parse(arena, "b")));
	assert_ptr_equal(jid_domain_only(arena, domain), domain);
	assert_true(jid_equal(bare, jid_parse(arena, "a@b")));
	assert_true(jid_equal(other, jid_parse(arena, "a@b/dd")));
	assert_int_equal(full->hash, bare->hash);
	assert_int_equal(full->hash, other->hash);
	assert_int_equal(full->hash, hash_bytes_stable("a@b", 3));
}

static void test_copy(void **state)
{
	struct arena *arena = *state;
	struct jid *heap = jid_parse_heap("a@b/c"), *copy = jid_copy_heap(heap), *none = NULL;
	const struct jid *lasting = jid_copy(arena, heap);

	assert_true(jid_equal(heap, copy));
	jid_free(&heap);
	assert_null(heap);
	assert_true(jid_equal(lasting, copy));
	assert_string_equal(jid_text(copy), "a@b/c");
	jid_free(&copy);
	jid_free(&none);
}

static void test_equal(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal, equal_bare;
	} rows[] = {
		{ "a@b/c", "A@B/c", true, true },
		{ "a@b/c", "a@b/C", false, true },
		{ "a@b/c", "a@b", false, true },
		{ "a@b", "b", false, false },
		{ "a@b", "aa@b", false, false },
		{ "b/a", "b/a", true, true },
		{ "a@b", "a@bb", false, false },
		{ "ab@c", "a@bc", false, false },
		{ "a@b/c", "a@b/cc", false, true },
	};
	struct arena *arena = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct jid *a = jid_parse(arena, rows[i].a), *b = jid_parse(arena, rows[i].b);

		assert_int_equal(jid_equal(a, b), rows[i].equal);
		assert_int_equal(jid_equal(b, a), rows[i].equal);
		assert_int_equal(jid_equal_bare(a, b), rows[i].equal_bare);
		assert_int_equal(jid_equal_bare(b, a), rows[i].equal_bare);
		assert_false(jid_equal(a, NULL));
		assert_false(jid_equal_bare(NULL, a));
	}
	assert_true(jid_equal(NULL, NULL));
	assert_true(jid_equal_bare(NULL, NULL));
}

static void test_has_domain(void **state)
{
	struct arena *arena = *state;
	const struct jid *jid = jid_parse(arena, "a@example.net/c");

	assert_true(jid_has_domain(jid, "example.net"));
	assert_false(jid_has_domain(jid, "example.ne"));
	assert_false(jid_has_domain(jid, "example.nett"));
	assert_false(jid_has_domain(jid, "a@example.net"));
	assert_false(jid_has_domain(jid, ""));
}

static void test_prepare(void **state)
{
	struct arena *arena = *state;

	assert_string_equal(jid_prepare_domain(arena, "EXAMPLE.net."), "example.net");
	assert_null(jid_prepare_domain(arena, "a b"));
	assert_string_equal(jid_prepare_node(arena, "Juliet"), "juliet");
	assert_null(jid_prepare_node(arena, "a@b"));
	assert_null(jid_prepare_node(arena, "\xf0\x9f\x98\x80")); /* strict */
	assert_non_null(jid_parse(arena, "\xf0\x9f\x98\x80@b"));  /* lenient */
	assert_string_equal(jid_prepare_resource(arena, "A B"), "A B");
	assert_null(jid_prepare_resource(arena, ""));
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, arena_setup, arena_teardown)

/* What was prepared once is taken as it is. */
static void test_of_prepared(void **state)
{
	static const char *const texts[] = { "romeo@example.net", "example.net", "a@b", "[::1]" };
	struct arena *arena = arena_new(0);

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		const struct jid *parsed = jid_parse(arena, texts[i]);
		const struct jid *taken = jid_of_prepared(arena, texts[i]);

		assert_non_null(parsed);
		assert_true(jid_equal(taken, parsed));
		assert_true(jid_is_bare(taken));
		assert_int_equal(jid_is_domain(taken), jid_is_domain(parsed));
		assert_string_equal(jid_text(taken), texts[i]);
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_prepared),
		WITH_ARENA(test_parse),
		WITH_ARENA(test_malformed),
		WITH_ARENA(test_longest),
		WITH_ARENA(test_derive),
		WITH_ARENA(test_copy),
		WITH_ARENA(test_equal),
		WITH_ARENA(test_has_domain),
		WITH_ARENA(test_prepare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
