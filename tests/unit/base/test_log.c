/* test_log.c - levels, and what log objects inherit. */
#include "base/log-private.h"

#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const struct {
	const char *name;
	enum log_level level;
} levels[] = {
	{ "debug", LOG_DEBUG },
	{ "info", LOG_INFO },
	{ "warning", LOG_WARNING },
	{ "error", LOG_ERROR },
};

static void test_level_names(void **state)
{
	enum log_level level;

	for (size_t i = 0; i < COUNT_OF(levels); i++) {
		assert_true(log_level_parse(levels[i].name, &level));
		assert_int_equal(level, levels[i].level);
		assert_string_equal(log_level_name(level), levels[i].name);
	}
	assert_false(log_level_parse("", &level));
	assert_false(log_level_parse("Info", &level));
	assert_false(log_level_parse("notice", &level));
}

static void test_levels(void **state)
{
	assert_false(log_wants(LOG_DEBUG));
	assert_true(log_wants(LOG_INFO));
	for (size_t set = 0; set < COUNT_OF(levels); set++) {
		log_set_level(levels[set].level);
		for (size_t i = 0; i < COUNT_OF(levels); i++)
			assert_int_equal(log_wants(levels[i].level), i >= set);
	}
	log_set_level(LOG_INFO);
}

/* A child keeps what the parent had, with copies of the values. */
static void test_inheritance(void **state)
{
	char value[] = "c2s-4711";
	struct log *parent =
	    log_new(NULL, "c2s", LOG_FIELDS(KV("stream", value), KV("port", 5222)));
	struct log *child = log_new(parent, NULL, LOG_FIELDS(KV("jid", "romeo@example.net")));
	struct log *other = log_new(parent, "stream", NULL);

	memset(value, 'x', sizeof(value) - 1);
	log_free(&parent);
	assert_null(parent);
	log_free(&parent);
	assert_string_equal(child->area, "c2s");
	assert_int_equal(child->count, 3);
	assert_string_equal(child->fields[0].key, "stream");
	assert_string_equal(child->fields[0].text, "c2s-4711");
	assert_null(child->fields[1].text);
	assert_int_equal(child->fields[1].number, 5222);
	assert_string_equal(child->fields[2].text, "romeo@example.net");
	assert_string_equal(other->area, "stream");
	assert_int_equal(other->count, 2);
	log_free(&child);
	log_free(&other);
}

/* What is not wanted is not even evaluated. */
static int evaluations;

static int evaluate(void)
{
	return ++evaluations;
}

static void test_lazy(void **state)
{
	log_debug(NULL, "not wanted", KV("number", evaluate()));
	log_write(LOG_DEBUG, NULL, "not wanted either", NULL);
	assert_int_equal(evaluations, 0);
}

/* The first at once, then one in a while, which stands for those between. */
static void test_crowd(void **state)
{
	static const struct {
		int64_t now_ms, due;
	} cases[] = { { 5, 1 }, { 5, 0 }, { 1004, 0 }, { 1005, 3 }, { 2004, 0 }, { 9000, 2 },
		/* set back */
		{ 8500, 1 }, { 10, 1 }, { 1009, 0 }, { 1010, 2 } };
	struct log_crowd crowd = { 0 };

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(log_crowd_due(&crowd, cases[i].now_ms, 1000), cases[i].due);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_level_names),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_inheritance),
		cmocka_unit_test(test_lazy),
		cmocka_unit_test(test_crowd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
