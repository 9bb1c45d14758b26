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

	assert_non_null(roster_describe(
	    &account, contact(jid), name, groups, (group != NULL) + (group2 != NULL)));
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
	assert_string_equal(roster_item_contact(item), "juliet@example.org");
	assert_true(jid_equal(roster_item_jid(arena, item), contact("juliet@example.org")));
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
	roster_drop(&account, contact("nurse@example.org"));
	roster_drop(&account, contact("nurse@example.org"));
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

static struct roster_item *find(const struct roster *roster, const char *text)
{
	return items_find(roster, text, strlen(text));
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
		assert_true(roster_append(loaded, contact(text), "Name", NULL, 0, &both));
	}
	items_sort(loaded);
	assert_true(roster_note_request(loaded, contact("contact5@example.org")));
	assert_true(roster_note_request(loaded, contact("stranger@example.org")));
	assert_int_equal(loaded->requests, 2);
	assert_int_equal(loaded->listed, 1000);
	assert_memory_equal(loaded->version, made->version, sizeof made->version);
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof text, "contact%d@example.org", i);
		assert_true(roster_items_equal(find(loaded, text), find(made, text)));
	}
	assert_false(find(loaded, "stranger@example.org")->listed);
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

/* What is said of each of some contacts, whose items lie wherever changes have put them. */
struct said {
	bool known;
	unsigned name, group;
	struct subscription_state state;
};

/* Some are the beginning of others. */
static const char *said_jid(unsigned which, char text[32])
{
	snprintf(text, 32, "%c%.*s@example.org", (char)('c' - which / 4), (int)which % 4, "bcd");
	return text;
}

static void said_check(const struct said *said, const char *jid)
{
	const struct roster_item *item = roster_find(&account, contact(jid));
	char name[32], group[32];

	assert_int_equal(item != NULL, said->known);
	if (item == NULL)
		return;
	snprintf(name, sizeof name, "%u", said->name);
	snprintf(group, sizeof group, "%0*u", (int)said->group, said->group);
	assert_string_equal(roster_item_contact(item), jid);
	assert_string_equal(roster_item_name(item), name);
	assert_string_equal(roster_item_group(item, NULL), group);
	assert_null(roster_item_group(item, roster_item_group(item, NULL)));
	assert_int_equal(item->subscription, said->state.subscription);
	assert_int_equal(item->ask, said->state.ask);
}

static void said_change(struct said *said, const struct jid *jid)
{
	char name[32], group[32];
	const char *groups[] = { group };

	if (rand() % 4 == 0) {
		roster_drop(&account, jid);
		*said = (struct said){ 0 };
		return;
	}
	if (said->known && rand() % 2 == 0) {
		said->state.subscription = (uint8_t)(rand() % 4);
		said->state.ask = rand() % 2;
		roster_set_state(&account, roster_find(&account, jid), &said->state);
		return;
	}
	said->known = true;
	said->name = (unsigned)rand() % 1000;
	said->group = (unsigned)rand() % 20 + 1;
	snprintf(name, sizeof name, "%u", said->name);
	snprintf(group, sizeof group, "%0*u", (int)said->group, said->group);
	assert_non_null(roster_describe(&account, jid, name, groups, 1));
}

/* In order, and nothing else is in the piece. */
static void pieces_check(void)
{
	const struct roster_item *item;
	const char *before = "";
	size_t cursor = 0, bytes = 0;

	while ((item = roster_next(&account, &cursor)) != NULL) {
		assert_true(strcmp(before, roster_item_contact(item)) < 0);
		before = roster_item_contact(item);
		bytes += (sizeof *item + item->bytes + 3) / 4 * 4;
	}
	assert_int_equal(bytes, account.roster->used);
}

/* Contacts are described, marked and dropped, by chance; after each change all are as they should
 * be. */
static void test_changes(void **state)
{
	struct said said[12] = { 0 };
	char text[32];

	srand(1);
	for (int turn = 0; turn < 3000; turn++) {
		unsigned which = (unsigned)rand() % COUNT_OF(said);

		said_change(&said[which], contact(said_jid(which, text)));
		for (unsigned i = 0; i < COUNT_OF(said); i++)
			said_check(&said[i], said_jid(i, text));
		pieces_check();
	}
}

/* Nothing that a row made by hand could hold makes a roster larger than it may be. */
static void test_too_large(void **state)
{
	struct subscription_state both = { .subscription = SUBSCRIPTION_BOTH };
	char *name = mem_alloc(ROSTER_ITEM_MAX_BYTES + 1), text[64];
	size_t count = 0, longest = ROSTER_ITEM_MAX_BYTES - strlen("a@example.org") - 3;

	memset(name, 'n', ROSTER_ITEM_MAX_BYTES);
	name[longest + 1] = '\0';
	assert_false(roster_append(account.roster, contact("a@example.org"), name, NULL, 0, &both));
	assert_null(roster_describe(&account, contact("a@example.org"), name, NULL, 0));
	assert_int_equal(roster_items(&account), 0);
	name[longest] = '\0';
	put("a@example.org", name, NULL, NULL);
	assert_string_equal(roster_item_name(find(account.roster, "a@example.org")), name);
	put("a@example.org", "A", NULL, NULL);
	name[longest - 32] = '\0';
	do
		snprintf(text, sizeof text, "contact%zu@example.org", count++);
	while (roster_append(account.roster, contact(text), name, NULL, 0, &both));
	assert_in_range(count, 256, 260);
	assert_in_range(account.roster->room, 0, ROSTER_MAX_BYTES / 8 * 9 + 64);
	put("b@example.org", "B", NULL, NULL);
	assert_null(roster_describe(&account, contact("a@example.org"), name, NULL, 0));
	assert_string_equal(roster_item_name(find(account.roster, "a@example.org")), "A");
	mem_free(name);
}

/* The goal: fifty contacts, with their texts, cost at most 3 KiB. */
static void test_memory(void **state)
{
	struct roster *roster = roster_new();
	struct subscription_state both = { .subscription = SUBSCRIPTION_BOTH };
	char text[64];

	for (int i = 0; i < 50; i++) {
		const char *groups[] = { "Friends" };

		snprintf(text, sizeof text, "contact%02d@bench.example", i);
		assert_true(roster_append(roster, contact(text), "Contact 00", groups, 1, &both));
	}
	items_sort(roster);
	assert_in_range(malloc_usable_size(roster) + malloc_usable_size(roster->items) +
			    malloc_usable_size(roster->places),
	    0, 2700);
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
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
	};

	jid_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
