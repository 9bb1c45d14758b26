/* test_name-set.c - sorted sets of names. */
#include "base/mem.h"
#include "base/name-set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void assert_sorted(const struct name_set *set)
{
	for (size_t i = 1; i < set->count; i++)
		assert_true(strcmp(set->names[i - 1], set->names[i]) < 0);
}

static bool has(const struct name_set *set, const char *name)
{
	return name_set_has(set, name, strlen(name));
}

static void test_one_by_one(void **state)
{
	struct name_set set = { .names = NULL };

	(void)state;
	assert_false(has(&set, "romeo"));
	assert_false(name_set_remove(&set, "romeo"));
	assert_true(name_set_add(&set, "romeo"));
	assert_false(name_set_add(&set, "romeo"));
	assert_true(name_set_add(&set, "juliet"));
	assert_true(name_set_add(&set, "tybalt"));
	assert_sorted(&set);
	assert_true(has(&set, "juliet"));
	assert_true(name_set_remove(&set, "juliet"));
	assert_false(has(&set, "juliet"));
	assert_int_equal(set.count, 2);
	name_set_free(&set);
	assert_int_equal(set.count, 0);
}

/* The beginning of a longer text, as the part of an address before the @. */
static void test_prefixes(void **state)
{
	struct name_set set = { .names = NULL };

	(void)state;
	name_set_add(&set, "ann");
	name_set_add(&set, "anna");
	assert_true(name_set_has(&set, "anna@example.org", 4));
	assert_true(name_set_has(&set, "anna@example.org", 3));
	assert_false(name_set_has(&set, "anna@example.org", 2));
	assert_false(name_set_has(&set, "anna@example.org", 5));
	assert_false(has(&set, ""));
	name_set_free(&set);
}

static void test_many(void **state)
{
	struct name_set set = { .names = NULL };
	char name[16];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "m%d", i * 7919 % 1000);
		name_set_append(&set, name);
	}
	name_set_sort(&set);
	assert_int_equal(set.count, 1000);
	assert_sorted(&set);
	for (int i = 0; i < 1000; i += 2) {
		snprintf(name, sizeof name, "m%d", i);
		assert_true(name_set_remove(&set, name));
	}
	assert_sorted(&set);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "m%d", i);
		assert_int_equal(has(&set, name), i % 2);
	}
	name_set_free(&set);
}

/* What both have stays where it is, and is freed with it. */
static void test_merge(void **state)
{
	static const char *const ours[] = { "anna", "carl", "eva" };
	static const char *const theirs[] = { "eva", "bert", "zoe", "anna", "an" };
	struct name_set set = { .names = NULL }, other = { .names = NULL };

	(void)state;
	name_set_merge(&set, &other);
	assert_int_equal(set.count, 0);
	for (size_t i = 0; i < COUNT_OF(ours); i++)
		name_set_add(&set, ours[i]);
	for (size_t i = 0; i < COUNT_OF(theirs); i++)
		name_set_append(&other, theirs[i]);
	name_set_merge(&set, &other);
	assert_int_equal(set.count, 6);
	assert_int_equal(other.count, 2);
	assert_sorted(&set);
	for (size_t i = 0; i < COUNT_OF(theirs); i++)
		assert_true(has(&set, theirs[i]));
	name_set_free(&other);
	name_set_merge(&other, &set);
	assert_int_equal(other.count, 6);
	assert_int_equal(set.count, 0);
	name_set_free(&set);
	name_set_free(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_by_one),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_merge),
	};

	return cmocka_run_group_tests_name("name-set", tests, NULL, NULL);
}
