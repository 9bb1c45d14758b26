/* test_config-settings.c - what the table settings has, over what the file says: which keys are
 * settings, what they take, and what becomes of values that do not fit. */
#include "core/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/module.h"

#define FILE_TEXT \
	"domain \"example.org\" { certificate = \"c.pem\" key = \"k.pem\" }\n" \
	"limits { roster_items = 12 output_soft_bytes = 100000 }\n" \
	"toy { friends = { a, b } }\n"

struct toy {
	unsigned size;
	bool loud;
	const char *name;
	const char *const *friends;
};

static const struct config_key toy_keys[] = { CONFIG_NUMBER(struct toy, size, 7, 1, 9, "How big."),
	CONFIG_BOOL(struct toy, loud, true, "Whether it is heard."),
	CONFIG_TEXT(struct toy, name, "bear", "What it is called."),
	CONFIG_LIST(struct toy, friends, "x y", "Who likes it."), CONFIG_END };

static const char *toy_check(const void *section)
{
	const struct toy *toy = section;

	return text_equal(toy->name, "gun") ? "that is no toy" : NULL;
}

static struct module toy_module = { .name = "toy",
	.config = toy_keys,
	.config_bytes = sizeof(struct toy),
	.config_check = toy_check };
static const struct module *const toys[] = { &toy_module, NULL };

static char path[] = "/tmp/godwit-settings-XXXXXX";
static struct arena *arena;
static struct config *base;

static const struct config_setting *setting_of(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->setting_count; i++)
		if (text_equal(config->settings[i].name, name))
			return &config->settings[i];
	return NULL;
}

/* "name=value name=value ...", in the order of their change. */
static struct config *amend(const char *text)
{
	struct config_value values[8];
	struct config_tables tables = { .values = values };
	const char *error = NULL;
	struct config *config;

	while (*text != '\0') {
		size_t name = strcspn(text, "="), value = strcspn(text + name + 1, ";");

		values[tables.value_count++] =
		    (struct config_value){ arena_strndup(arena, text, name),
			    arena_strndup(arena, text + name + 1, value) };
		text += name + 1 + value;
		text += *text == ';';
	}
	config = config_amend(base, toys, &tables, arena, &error);
	if (config == NULL)
		fail_msg("%s", error);
	return config;
}

static void what_needs_a_restart_is_no_setting(void **state)
{
	static const char *const settings[] = { "scram_iterations", "tls_required", "allow_plain",
		"reset_ends_sessions", "changes_days", "log.level", "limits.stanza_bytes",
		"limits.waiting_stanzas", "toy.size", "toy.friends" };
	static const char *const others[] = { "database", "schema", "module_path", "control",
		"user", "workers", "modules", "log.format", "log.file", "listen.port",
		"domain.key" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(settings); i++)
		if (setting_of(base, settings[i]) == NULL)
			fail_msg("%s", settings[i]);
	for (size_t i = 0; i < COUNT_OF(others); i++)
		if (setting_of(base, others[i]) != NULL)
			fail_msg("%s", others[i]);
}

static void each_tells_what_it_is(void **state)
{
	static const struct {
		const char *name, *type, *unit, *standard, *configured, *in_force;
	} cases[] = {
		{ "changes_days", "number", "days", "365", NULL, "365" },
		{ "tls_required", "truth", NULL, "true", NULL, "true" },
		{ "log.level", "word", NULL, "info", NULL, "info" },
		{ "limits.stanza_bytes", "number", "bytes", "262144", NULL, "262144" },
		{ "limits.bytes_per_second", "number", "bytes per second", "65536", NULL, "65536" },
		{ "limits.login_timeout", "number", "seconds", "30", NULL, "30" },
		{ "limits.unacked_seconds", "number", "seconds", "1", NULL, "1" },
		{ "limits.roster_items", "number", NULL, "1000", "12", "12" },
		{ "toy.name", "text", NULL, "bear", NULL, "bear" },
		{ "toy.friends", "list", NULL, "x, y", "a, b", "a, b" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct config_setting *setting = setting_of(base, cases[i].name);

		assert_string_equal(config_key_type(setting->key), cases[i].type);
		assert_true(text_equal(config_setting_unit(setting), cases[i].unit));
		assert_string_equal(config_setting_default(setting, arena), cases[i].standard);
		assert_true(text_equal(setting->configured, cases[i].configured));
		assert_string_equal(setting->in_force, cases[i].in_force);
		assert_null(setting->value);
		assert_null(setting->trouble);
	}
}

static void a_value_wins_over_the_file(void **state)
{
	struct config *config = amend(
	    "limits.roster_items=13;log.level=debug;tls_required=0;toy.friends= ,c , d d,, e ;"
	    "toy.name=a bear;toy.loud=false;changes_days=0");
	const struct toy *toy = config->module_sections[0];

	(void)state;
	assert_int_equal(config->limits.roster_items, 13);
	assert_int_equal(config->limits.output_soft_bytes, 100000);
	assert_int_equal(config->log_level, LOG_DEBUG);
	assert_false(config->tls_required);
	assert_int_equal(config->changes_days, 0);
	assert_string_equal(toy->name, "a bear");
	assert_false(toy->loud);
	assert_string_equal(toy->friends[0], "c");
	assert_string_equal(toy->friends[1], "d d");
	assert_string_equal(toy->friends[2], "e");
	assert_null(toy->friends[3]);
	assert_string_equal(setting_of(config, "limits.roster_items")->configured, "12");
	assert_string_equal(setting_of(config, "limits.roster_items")->value, "13");
	assert_string_equal(setting_of(config, "limits.roster_items")->in_force, "13");
	assert_string_equal(setting_of(config, "toy.friends")->in_force, "c, d d, e");
	config_unref(&config);
	config = amend("toy.friends=");
	toy = config->module_sections[0];
	assert_null(toy->friends[0]);
	assert_int_equal(config->limits.roster_items, 12);
	config_unref(&config);
}

#define SIZE_TROUBLE "must be a number from 1 to 9: How big."
#define LEVEL_TROUBLE "must be debug, info, warning or error"

static void what_is_no_value_is_left_out(void **state)
{
	static const struct {
		const char *name, *text, *trouble, *in_force;
	} cases[] = {
		{ "toy.size", "1", NULL, "1" },
		{ "toy.size", "9", NULL, "9" },
		{ "toy.size", "0", SIZE_TROUBLE, "7" },
		{ "toy.size", "10", SIZE_TROUBLE, "7" },
		{ "toy.size", "", SIZE_TROUBLE, "7" },
		{ "toy.size", "5x", SIZE_TROUBLE, "7" },
		{ "toy.name", "\xff", "must be text in UTF-8", "bear" },
		{ "toy.loud", "0", NULL, "false" },
		{ "toy.loud", "no", "must be true or false", "true" },
		{ "log.level", "error", NULL, "error" },
		{ "log.level", "loud", LEVEL_TROUBLE, "info" },
		{ "log.level", "", LEVEL_TROUBLE, "info" },
		{ "log.level", "info warning", LEVEL_TROUBLE, "info" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config *config = amend(
		    arena_printf(arena, "%s=%s;changes_days=3", cases[i].name, cases[i].text));
		const struct config_setting *setting = setting_of(config, cases[i].name);

		assert_int_equal(config->changes_days, 3);
		assert_true(text_equal(setting->trouble, cases[i].trouble));
		assert_string_equal(setting->in_force, cases[i].in_force);
		config_unref(&config);
	}
}

/* Two that are only good together; one that is not good with the file; the others count. */
static void what_does_not_fit_is_left_out_alone(void **state)
{
	struct config *config = amend("limits.output_soft_bytes=5000000;limits.roster_items=3;"
				      "limits.output_hard_bytes=6000000;toy.name=gun;toy.size=3");
	const struct toy *toy = config->module_sections[0];

	(void)state;
	assert_int_equal(config->limits.output_soft_bytes, 5000000);
	assert_int_equal(config->limits.output_hard_bytes, 6000000);
	assert_int_equal(config->limits.roster_items, 3);
	assert_string_equal(toy->name, "bear");
	assert_int_equal(toy->size, 3);
	assert_non_null(strstr(setting_of(config, "toy.name")->trouble, "that is no toy"));
	assert_null(setting_of(config, "toy.size")->trouble);
	config_unref(&config);
	/* The first counts. */
	config = amend("limits.output_hard_bytes=200000;limits.output_soft_bytes=200001");
	assert_int_equal(config->limits.output_hard_bytes, 200000);
	assert_int_equal(config->limits.output_soft_bytes, 100000);
	assert_non_null(strstr(setting_of(config, "limits.output_soft_bytes")->trouble,
	    "output_hard_bytes is less than output_soft_bytes; raise it"));
	config_unref(&config);
}

/* What is amended goes by what the file said when it was read. */
static void the_file_is_not_read_again(void **state)
{
	struct config *config, *again;
	const char *error;

	(void)state;
	unlink(path);
	config = amend("limits.roster_items=13;nothing.like=it");
	assert_int_equal(config->limits.output_soft_bytes, 100000);
	again = config_amend(config, toys, NULL, arena, &error);
	assert_int_equal(again->limits.roster_items, 12);
	config_unref(&config);
	config_unref(&again);
}

static int set_up(void **state)
{
	int fd = mkstemp(path);
	const char *error;

	(void)state;
	if (fd < 0 || write(fd, FILE_TEXT, strlen(FILE_TEXT)) < 0 || close(fd) != 0)
		return -1;
	jid_init();
	arena = arena_new(0);
	base = config_load(path, toys, false, arena, &error);
	return base == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	config_unref(&base);
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_needs_a_restart_is_no_setting),
		cmocka_unit_test(each_tells_what_it_is),
		cmocka_unit_test(a_value_wins_over_the_file),
		cmocka_unit_test(what_is_no_value_is_left_out),
		cmocka_unit_test(what_does_not_fit_is_left_out_alone),
		cmocka_unit_test(the_file_is_not_read_again),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
