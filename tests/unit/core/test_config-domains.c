/* test_config-domains.c - the domains of the file and those of the table domains, together. */
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
#include "xmpp/jid.h"

#define FILE_TEXT \
	"domain \"example.org\" { certificate = \"c.pem\" key = \"k.pem\" client_ca = \"a.pem\" " \
	"}\n" \
	"domain \"example.net\" { certificate = \"/c\" key = \"/k\" }\n" \
	"component \"irc.example.org\" { secret = x }\n"

static const struct module *const no_modules[] = { NULL };
static char folder[] = "/tmp/godwit-domains-XXXXXX";
static char path[64];
static struct arena *arena;
static struct config *base;

static struct config *amend(struct config_domain_row *rows, size_t count)
{
	struct config_tables tables = { .domains = rows, .domain_count = count };
	const char *error;
	struct config *config = config_amend(base, no_modules, &tables, arena, &error);

	assert_non_null(config);
	config_tables_yield(&tables, config);
	for (size_t i = 0; i < tables.domain_count; i++)
		assert_false(text_equal(rows[i].name, "example.org"));
	return config;
}

static void those_of_the_file_have_rows(void **state)
{
	(void)state;
	assert_int_equal(base->row_count, 2);
	assert_string_equal(base->rows[0].name, "example.org");
	assert_string_equal(base->rows[0].certificate, arena_printf(arena, "%s/c.pem", folder));
	assert_string_equal(base->rows[0].client_ca, arena_printf(arena, "%s/a.pem", folder));
	assert_true(base->rows[0].is_of_file);
	assert_null(base->rows[1].client_ca);
	assert_ptr_equal(base->domains[1].row, &base->rows[1]);
}

static void others_are_added_and_the_file_wins(void **state)
{
	struct config_domain_row rows[] = {
		{ .name = "example.com", .certificate = "x.pem", .key = "/y" },
		{ .name = "example.org", .certificate = "/z", .key = "/z" },
		{ .name = "m\xc3\xbcnchen.example",
		    .certificate = "/m",
		    .key = "/m",
		    .client_ca = "u" },
	};
	struct config *config = amend(rows, COUNT_OF(rows));

	(void)state;
	assert_int_equal(config->domain_count, 4);
	assert_int_equal(config->row_count, 4);
	assert_string_equal(
	    config_domain(config, "example.org")->key, arena_printf(arena, "%s/k.pem", folder));
	assert_string_equal(config_domain(config, "example.com")->certificate,
	    arena_printf(arena, "%s/x.pem", folder));
	assert_string_equal(config_domain(config, "example.com")->row->certificate, "x.pem");
	assert_false(config_domain(config, "example.com")->row->is_of_file);
	assert_string_equal(config_domain(config, "m\xc3\xbcnchen.example")->client_ca,
	    arena_printf(arena, "%s/u", folder));
	config_unref(&config);
}

static void what_is_no_name_fails_alone(void **state)
{
	static const struct {
		const char *name, *error;
	} cases[] = {
		{ "a b", "this is no domain name; correct it" },
		{ "", "this is no domain name; correct it" },
		{ "Example.com", "clients know this domain by another name; write example.com" },
		{ "example.com.", "clients know this domain by another name; write example.com" },
		{ "irc.example.org", "a component of godwit.conf has this name; give one of them "
				     "another" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config_domain_row rows[] = {
			{ .name = cases[i].name, .certificate = "/x", .key = "/y" },
			{ .name = "good.example", .certificate = "/x", .key = "/y" },
		};
		struct config *config = amend(rows, COUNT_OF(rows));

		assert_int_equal(config->domain_count, 3);
		assert_int_equal(config->row_count, 4);
		assert_int_equal(config->rows[2].state, ROW_FAILED);
		assert_string_equal(config->rows[2].error, cases[i].error);
		assert_non_null(config_domain(config, "good.example"));
		config_unref(&config);
	}
}

static int set_up(void **state)
{
	const char *error;
	FILE *file;

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/godwit.conf", folder);
	file = fopen(path, "w");
	fputs(FILE_TEXT, file);
	fclose(file);
	jid_init();
	arena = arena_new(0);
	base = config_load(path, no_modules, false, arena, &error);
	return base == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	config_unref(&base);
	arena_free(&arena);
	unlink(path);
	return rmdir(folder);
}

/* Whatever begins alike, and however many there are. */
static void a_domain_is_found_by_its_whole_name(void **state)
{
	enum { MANY = 500 };
	struct config_domain_row *rows = arena_alloc_zero(arena, MANY * sizeof *rows);
	struct config *config;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		rows[i] = (struct config_domain_row){ .name = arena_printf(
							  arena, "d%zu.example", MANY - i),
			.certificate = "x",
			.key = "y" };
	config = amend(rows, MANY);
	for (size_t i = 0; i < config->domain_count; i++) {
		const char *name = config->domains[i].name;

		assert_ptr_equal(config_domain(config, name), &config->domains[i]);
		assert_true(config_serves(config,
		    jid_parse(arena, arena_printf(arena, "example.org@%s/d1.example", name))));
		assert_null(config_domain(config, arena_printf(arena, "%sx", name)));
		assert_null(config_domain(config, arena_strndup(arena, name, strlen(name) - 1)));
	}
	assert_false(config_serves(config, jid_parse(arena, "d1.example@d501.example")));
	assert_false(config_serves(config, jid_parse(arena, "d.example")));
	assert_null(config_domain(config, ""));
	assert_null(config_domain(config, NULL));
	config_unref(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_of_the_file_have_rows),
		cmocka_unit_test(others_are_added_and_the_file_wins),
		cmocka_unit_test(what_is_no_name_fails_alone),
		cmocka_unit_test(a_domain_is_found_by_its_whole_name),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
