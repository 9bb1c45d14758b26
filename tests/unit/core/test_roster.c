/* test_roster.c - contacts in memory: found, changed, counted, and the version that tells rosters
 * apart. */
#include "core/roster.h"

#include "core/account.h"
#include "core/roster-private.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <malloc.h>
#include <cmocka.h>

static struct account account;
static struct arena *arena;

static int setup(void **state)
{
	arena = arena_new(0);
	account.roster = roster_new();
	return 0;
}

static int teardown(void **state)
{
	roster_free(&account.roster);
	arena_free(&arena);
	return 0;
}

static const struct jid *contact(const char *text)
{
	return jid_parse(arena, text);
}

static void put(const char *jid, const char *name, const char *group, const char *group2)
{
	const char *groups[] = { group, group2 };
	struct roster_item *item = roster_add(&account, contact(jid));

	roster_describe(&account, item, name, groups, (group != NULL) + (group2 != NULL));
}

static void set(const char *jid, struct subscription_state state)
{
	roster_set_state(&account, roster_add(&account, contact(jid)), &state);
}

static const char *version(void)
{
	return roster_version(&account, arena);
}

static void test_item(void **state)
{
	struct roster_item *item;
	const char *group;

	assert_null(roster_find(&account, contact("juliet@example.org")));
	put("juliet@example.org", "Juliet", "Montagues", "Capulets");
	item = roster_find(&account, contact("juliet@example.org/balcony"));
	assert_non_null(item);
	assert_string_equal(jid_text(&item->contact), "juliet@example.org");
	assert_true(jid_equal(&item->contact, contact("juliet@example.org")));
	assert_string_equal(roster_item_name(item), "Juliet");
	group = roster_item_group(item, NULL);
	assert_string_equal(group, "Capulets");
	group = roster_item_group(item, group);
	assert_string_equal(group, "Montagues");
	assert_null(roster_item_group(item, group));
	put("juliet@example.org", "", NULL, NULL);
	item = roster_find(&account, contact("juliet@example.org"));
	assert_null(roster_item_name(item));
	assert_null(roster_item_group(item, NULL));
	assert_int_equal(roster_size(&account), 1);
}

/* A request is kept, but clients do not see it until there is more. */
static void test_listed(void **state)
{
	struct roster_item *item;
	const char *empty = version();

	set("nurse@example.org", (struct subscription_state){ .request = true });
	assert_int_equal(roster_size(&account), 0);
	assert_int_equal(roster_items(&account), 1);
	assert_int_equal(roster_requests(&account), 1);
	assert_string_equal(version(), empty);
	set("nurse@example.org",
	    (struct subscription_state){ .subscription = SUBSCRIPTION_FROM, .ask = true });
	assert_int_equal(roster_size(&account), 1);
	assert_int_equal(roster_requests(&account), 0);
	assert_string_not_equal(version(), empty);
	item = roster_find(&account, contact("nurse@example.org"));
	assert_true(roster_item_state(item).ask);
	roster_drop(&account, item);
	assert_null(roster_find(&account, contact("nurse@example.org")));
	assert_int_equal(roster_items(&account), 0);
	assert_int_equal(roster_size(&account), 0);
	assert_string_equal(version(), empty);
}

/* Each of these is another roster; together they are one, whatever the order. */
static void test_version(void **state)
{
	const char *seen[16];
	size_t count = 0;

	seen[count++] = version();
	put("a@example.org", NULL, NULL, NULL);
	seen[count++] = version();
	put("a@example.org", "A", NULL, NULL);
	seen[count++] = version();
	put("a@example.org", "A", "G", NULL);
	seen[count++] = version();
	put("a@example.org", "A", "G", "H");
	seen[count++] = version();
	set("a@example.org", (struct subscription_state){ .ask = true });
	seen[count++] = version();
	set("a@example.org", (struct subscription_state){ .ask = true, .approved = true });
	seen[count++] = version();
	set("a@example.org", (struct subscription_state){ .subscription = SUBSCRIPTION_TO });
	seen[count++] = version();
	put("b@example.org", "B", NULL, NULL);
	seen[count++] = version();
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(seen[i], seen[j]);
	roster_free(&account.roster);
	account.roster = roster_new();
	put("b@example.org", "B", NULL, NULL);
	set("a@example.org", (struct subscription_state){ .subscription = SUBSCRIPTION_TO });
	put("a@example.org", "A", "H", "G");
	assert_string_equal(version(), seen[count - 1]);
	set("a@example.org",
	    (struct subscription_state){ .subscription = SUBSCRIPTION_TO, .request = true });
	assert_string_equal(version(), seen[count - 1]);
}

/* Loaded in any order, it is the same as made step by step. */
static void test_load(void **state)
{
	struct roster *made = account.roster, *loaded = roster_new();
	struct subscription_state both = { .subscription = SUBSCRIPTION_BOTH };
	char text[64];

	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof text, "contact%d@example.org", i);
		put(text, "Name", NULL, NULL);
		set(text, both);
		snprintf(text, sizeof text, "contact%d@example.org", (i * 7) % 1000);
		roster_append(loaded, contact(text), "Name", NULL, 0, &both, true);
	}
	roster_sort(loaded);
	roster_note_request(loaded, contact("contact5@example.org"));
	roster_note_request(loaded, contact("stranger@example.org"));
	assert_int_equal(loaded->requests, 2);
	assert_int_equal(loaded->listed, 1000);
	assert_memory_equal(loaded->version, made->version, sizeof made->version);
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof text, "contact%d@example.org", i);
		assert_true(roster_items_equal(
		    roster_lookup(loaded, contact(text)), roster_lookup(made, contact(text))));
	}
	assert_false(roster_lookup(loaded, contact("stranger@example.org"))->listed);
	roster_free(&loaded);
}

static void test_next(void **state)
{
	size_t cursor = 0, count = 0;
	struct account none = { .roster = NULL };

	put("a@example.org", NULL, NULL, NULL);
	put("b@example.org", NULL, NULL, NULL);
	put("example.org", NULL, NULL, NULL);
	while (roster_next(&account, &cursor) != NULL)
		count++;
	assert_int_equal(count, 3);
	cursor = 0;
	assert_null(roster_next(&none, &cursor));
	assert_int_equal(roster_size(&none), 0);
	assert_null(roster_find(&none, contact("a@example.org")));
}

/* The goal: fifty contacts cost at most 3 KiB beyond their texts. */
static void test_memory(void **state)
{
	struct roster *roster = roster_new();
	struct subscription_state both = { .subscription = SUBSCRIPTION_BOTH };
	size_t bytes = 0, texts = 0;
	char text[64];

	for (int i = 0; i < 50; i++) {
		const char *groups[] = { "Friends" };
		struct roster_item *item;

		snprintf(text, sizeof text, "someone%02d@example.org", i);
		item = roster_append(roster, contact(text), "Someone", groups, 1, &both, true);
		bytes += malloc_usable_size(item) + sizeof(size_t) + sizeof(struct roster_item *);
		texts += strlen(text) + strlen("Someone") + strlen("Friends");
	}
	roster_sort(roster);
	assert_in_range(bytes - texts, 0, 3072);
	roster_free(&roster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_item, setup, teardown),
		cmocka_unit_test_setup_teardown(test_listed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_version, setup, teardown),
		cmocka_unit_test_setup_teardown(test_load, setup, teardown),
		cmocka_unit_test_setup_teardown(test_next, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
	};

	jid_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
