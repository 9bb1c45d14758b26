/* test_config.c - godwit.conf: what it may say, what is complained about and how, and what becomes
 * of paths and defaults. */
#include "core/config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/module.h"

#define DOMAIN "domain \"example.org\" { certificate = \"c.pem\" key = \"k.pem\" }\n"

struct toy {
	unsigned size;
	bool loud;
	const char *name;
};

static const struct config_key toy_keys[] = { CONFIG_NUMBER(struct toy, size, 7, 1, 9, "How big."),
	CONFIG_BOOL(struct toy, loud, true, "Whether it is heard."),
	CONFIG_TEXT(struct toy, name, "bear", "What it is called."), CONFIG_END };

static const char *toy_check(const void *section)
{
	const struct toy *toy = section;

	return text_equal(toy->name, "gun") ? "that is no toy" : NULL;
}

static struct module toy_module = { .name = "toy",
	.config = toy_keys,
	.config_bytes = sizeof(struct toy),
	.config_check = toy_check };
static struct module bad_module = {
	.name = "limits", .config = toy_keys, .config_bytes = sizeof(struct toy)
};
static const struct module *const toys[] = { &toy_module, NULL };
static const struct module *const bad_ones[] = { &bad_module, NULL };

static char folder[] = "/tmp/godwit-config-XXXXXX";
static char path[64];
static struct arena *arena;

static void file_write(const char *text, size_t length)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static struct config *load(const char *text, const char **error_out)
{
	file_write(text, strlen(text));
	*error_out = NULL;
	return config_load(path, toys, false, arena, error_out);
}

static struct config *load_good(const char *text)
{
	const char *error;
	struct config *config = load(text, &error);

	if (config == NULL)
		fail_msg("%s\n%s", error, text);
	return config;
}

/* `message` is what stands behind the file's name. */
static void refuse(const char *text, const char *message)
{
	const char *error;
	struct config *config = load(text, &error);

	if (config != NULL)
		fail_msg("was not refused: %s", text);
	assert_non_null(error);
	assert_true(strncmp(error, path, strlen(path)) == 0);
	assert_string_equal(error + strlen(path), message);
}

#define LISTS "; godwit.conf(5) lists what there is"

static void what_is_wrong_is_named_with_line_and_cure(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "databse = \"x\"", ":1: there is no \"databse\" here; \"database\"?" },
		{ "\n\nlimits {\n roster_item = 4 }",
		    ":4: there is no \"roster_item\" here; \"roster_items\"?" },
		{ "limits { zzz = 4 }", ":1: there is no \"zzz\" here" LISTS },
		{ "zzz = 4", ":1: there is no \"zzz\" here" LISTS
			     ". A module that it belongs to has to be named in \"modules\"" },
		{ "toys { size = 1 }", ":1: there is no \"toys\" here; \"toy\"?" },
		{ "toy { sizes = 1 }", ":1: there is no \"sizes\" here; \"size\"?" },
		{ "toy {\nsize = 0 }", ":2: size is 0, but must be from 1 to 9: How big." },
		{ "toy {\nsize = 10 }", ":2: size is 10, but must be from 1 to 9: How big." },
		{ "toy {\nsize = -1 }", ":2: size is -1, but must be from 1 to 9: How big." },
		{ "# one\n\t# {\n// three\n/* four\n\"five */ toy {\nsize = 0 # }\n}",
		    ":6: size is 0, but must be from 1 to 9: How big." },
		{ "toy { name = \"#no\nb//no/*no\" # yes\n size = 0 }",
		    ":3: size is 0, but must be from 1 to 9: How big." },
		{ DOMAIN "/* all\n", ":2: this comment is never closed; add */" },
		{ "toy { size = x }", ":1: invalid integer value for option 'size'" },
		{ "toy { size = 99999999999999999999 }",
		    ":1: integer value for option 'size' is out of range" },
		{ "toy { loud = perhaps }", ":1: invalid boolean value for option 'loud'" },
		{ DOMAIN "toy {\nname = gun\n}", ":4: section toy: that is no toy" },
		{ "", ": no domain is served; add: domain \"example.org\" { certificate = "
		      "\"FILE\" key = \"FILE\" }" },
		{ "domain \"x\" {}",
		    ":1: domain \"x\" needs certificate = \"FILE\" and key = \"FILE\"" },
		{ "domain \"x\" { certificate = c }",
		    ":1: domain \"x\" needs certificate = \"FILE\" and key = \"FILE\"" },
		{ "domain \"x y\" { certificate = c key = k }",
		    ":1: \"x y\" is no domain name; correct it" },
		{ DOMAIN DOMAIN, ":2: found duplicate title 'example.org'" },
		{ DOMAIN "domain \"Example.ORG\" { certificate = c key = k }",
		    ":2: domain \"example.org\" stands there twice; take one away" },
		{ DOMAIN "listen bosh {}",
		    ":2: \"listen bosh\": listen c2s or s2s (STARTTLS), c2s-tls or s2s-tls (direct "
		    "TLS), or component" },
		{ DOMAIN "component \"a@b\" { secret = x }",
		    ":2: component \"a@b\" is no domain name; correct it" },
		{ DOMAIN "component \"example.org\" { secret = x }",
		    ":2: component \"example.org\": the server itself serves that domain; give it "
		    "another" },
		{ DOMAIN "component \"a.example\" {}",
		    ":2: component \"a.example\" needs secret = \"TEXT\" or secret_file = "
		    "\"FILE\", and not both" },
		{ DOMAIN "component \"a.example\" { secret = x secret_file = y }",
		    ":2: component \"a.example\" needs secret = \"TEXT\" or secret_file = "
		    "\"FILE\", and not both" },
		{ DOMAIN "component \"a.example\" { secret_file = \"/dev/null\" }",
		    ":2: component \"a.example\": secret_file \"/dev/null\" cannot be used: its "
		    "first line is empty; the server's user must be able to read the secret "
		    "there" },
		{ DOMAIN "component \"a.example\" { secret_file = \"/dev/zero\" }",
		    ":2: component \"a.example\": secret_file \"/dev/zero\" cannot be used: its "
		    "first line is empty; the server's user must be able to read the secret "
		    "there" },
		{ DOMAIN "component a { secret = x connections = 0 }",
		    ":2: connections is 0, but must be from 1 to 1000: Connections of the "
		    "component at a time." },
		{ DOMAIN "component a { secret = x connections = 1001 }",
		    ":2: connections is 1001, but must be from 1 to 1000: Connections of the "
		    "component at a time." },
		{ DOMAIN "component a { secret = x }\ncomponent A { secret = y }",
		    ":3: component \"a\" stands there twice; take one away" },
		{ DOMAIN "s2s { deny = { \"a.example\", \"x y\" } }",
		    ":2: section s2s: \"x y\" is no domain name; correct it" },
		{ DOMAIN "s2s { stanza_bytes = 9999 }", ":2: stanza_bytes is 9999, but must be "
							"from 10000 to 2147483647: Largest stanza "
							"of another server." },
		{ DOMAIN "route \"x y\" { address = \"127.0.0.1\" }",
		    ":2: route \"x y\" is to no domain; correct it" },
		{ DOMAIN "route \"b.example\" { address = \"localhost\" }",
		    ":2: route \"b.example\": address \"localhost\" is no IP address; give one" },
		{ DOMAIN "listen c2s { port = 65536 }",
		    ":2: port is 65536, but must be from 0 to 65535: Port; c2s-tls: 5223, s2s: "
		    "5269, s2s-tls: 5270, component: 5347 if none is given; 0: any free one." },
		{ "log { level = loud }",
		    ":1: level is \"loud\", but must be debug, info, warning or error" },
		{ "log { level = \"debug info\" }",
		    ":1: level is \"debug info\", but must be debug, info, warning or error" },
		{ "log {\n\nformat = xml\n}", ":3: format is \"xml\", but must be text or json" },
		{ DOMAIN "limits { output_soft_bytes = 70000 output_hard_bytes = 69999 }",
		    ":2: output_hard_bytes is less than output_soft_bytes; raise it" },
		{ "\nlimits {\n", ":2: this { is never closed; add a }" },
		{ "}", ":1: unexpected closing brace" },
		{ "workers", ":1: premature end of file" },
		{ "database = \"\xff\"", ": is not text in UTF-8; save it as that" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		refuse(cases[i].text, cases[i].message);
}

/* Our own numbers: the edge is taken, one beyond is not. */
static void numbers_are_taken_up_to_their_edges(void **state)
{
	static const struct {
		const char *section, *name;
		long long minimum, maximum;
	} cases[] = {
		{ "", "workers", 0, 256 },
		{ "", "scram_iterations", 4096, 10000000 },
		{ "listen c2s", "port", 0, 65535 },
		{ "listen c2s-tls", "port", 0, 65535 },
		{ "limits", "stanza_bytes", 10000, INT32_MAX },
		{ "limits", "stanza_bytes_before_login", 4096, INT32_MAX },
		{ "limits", "xml_depth", 8, INT32_MAX },
		{ "limits", "xml_attributes", 8, INT32_MAX },
		{ "limits", "xml_elements", 16, INT32_MAX },
		{ "limits", "xml_name_bytes", 64, INT32_MAX },
		{ "limits", "login_timeout", 1, 3600 },
		{ "limits", "tls_timeout", 1, 3600 },
		{ "limits", "write_timeout", 1, 3600 },
		{ "limits", "login_failures", 1, 100 },
		{ "limits", "bind_failures", 1, 100 },
		{ "limits", "connections_per_address", 1, 1000000 },
		{ "limits", "pending_per_address", 1, 1000000 },
		{ "limits", "pending", 1, 10000000 },
		{ "limits", "connections", 0, 100000000 },
		{ "limits", "sessions_per_account", 1, 10000 },
		{ "limits", "bytes_per_second", 0, INT32_MAX },
		{ "limits", "burst_bytes", 16384, INT32_MAX },
		{ "limits", "output_soft_bytes", 65536, 4194304 },
		{ "limits", "output_hard_bytes", 1048576, INT32_MAX },
		{ "limits", "unwritten_stanzas", 100, INT32_MAX },
		{ "limits", "unacked_stanzas", 10, INT32_MAX },
		{ "limits", "unacked_bytes", 65536, INT32_MAX },
		{ "limits", "unacked_seconds", 1, 60 },
		{ "limits", "roster_items", 1, 1000000 },
		{ "limits", "roster_bytes", 4096, INT32_MAX },
		{ "limits", "subscription_requests", 1, 1000000 },
		{ "limits", "directed_presences", 1, 1000000 },
		{ "limits", "accounts_cached", 0, 10000000 },
		{ "limits", "waiting_stanzas", 10, 1000000 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const long long values[] = { cases[i].minimum - 1, cases[i].minimum,
			cases[i].maximum, cases[i].maximum + 1 };

		for (size_t j = 0; j < COUNT_OF(values); j++) {
			const char *error;
			const char *text = arena_printf(arena,
			    *cases[i].section == '\0' ? DOMAIN "%s%s = %lld"
						      : DOMAIN "%s { %s = %lld }",
			    cases[i].section, cases[i].name, values[j]);
			struct config *config = load(text, &error);

			if ((config != NULL) != (j == 1 || j == 2))
				fail_msg("%s = %lld: %s", cases[i].name, values[j],
				    error == NULL ? "taken" : error);
			if (config != NULL)
				config_unref(&config);
		}
	}
}

static void defaults_are_sensible(void **state)
{
	struct config *config = load_good(DOMAIN);
	const struct toy *toy = config->module_sections[0];

	(void)state;
	assert_true(config->tls_required);
	assert_true(config->allow_plain);
	assert_string_equal(config->user, "godwit");
	assert_true(config->workers >= 1);
	assert_int_equal(config->scram_iterations, 10000);
	assert_int_equal(config->listen_count, 2);
	assert_int_equal(config->listens[0].kind, LISTEN_C2S);
	assert_int_equal(config->listens[0].port, 5222);
	assert_null(config->listens[0].address);
	assert_int_equal(config->listens[1].kind, LISTEN_C2S_TLS);
	assert_int_equal(config->listens[1].port, 5223);
	assert_int_equal(config->limits.stanza_bytes, 262144);
	assert_int_equal(config->log_level, LOG_INFO);
	assert_null(config->log_file);
	assert_string_equal(config->modules[0], "disco");
	assert_int_equal(toy->size, 7);
	assert_true(toy->loud);
	assert_string_equal(toy->name, "bear");
	config_unref(&config);
}

static void what_the_file_says_is_read(void **state)
{
	struct config *config =
	    load_good("modules = {ping, \"offline\"}\n"
		      "toy { size = 9 loud = no name = \"\xe2\x98\x83\" }\n"
		      "log { level = debug format = json file = \"l\" }\n" DOMAIN
		      "domain \"M\xc3\xbcnchen.example\" { certificate = "
		      "\"/a\" key = \"/b\" client_ca = \"ca\" }\n"
		      "database = \"postgresql://u@h/d\" control = \"\"");
	const struct toy *toy = config->module_sections[0];

	(void)state;
	assert_string_equal(config->modules[0], "ping");
	assert_string_equal(config->modules[1], "offline");
	assert_null(config->modules[2]);
	assert_int_equal(toy->size, 9);
	assert_false(toy->loud);
	assert_string_equal(toy->name, "\xe2\x98\x83");
	assert_int_equal(config->log_level, LOG_DEBUG);
	assert_int_equal(config->log_format, LOG_JSON);
	assert_string_equal(config->log_file, arena_printf(arena, "%s/l", folder));
	assert_int_equal(config->domain_count, 2);
	assert_string_equal(
	    config->domains[0].certificate, arena_printf(arena, "%s/c.pem", folder));
	assert_string_equal(config->domains[1].name, "m\xc3\xbcnchen.example");
	assert_string_equal(config->domains[1].key, "/b");
	assert_string_equal(config->domains[1].client_ca, arena_printf(arena, "%s/ca", folder));
	assert_null(config->domains[0].client_ca);
	assert_string_equal(config->database, "postgresql://u@h/d");
	assert_null(config->control);
	assert_non_null(config_domain(config, "example.org"));
	assert_null(config_domain(config, "example.com"));
	config_unref(&config);
}

/* In the section, or in the first line of a file, which may be as long as 1024 bytes. */
static void components_have_secrets(void **state)
{
	struct config *config =
	    load_good(DOMAIN "component \"B.example.org\" { secret = \"s t\" }\n"
			     "component \"b.example.net\" { secret = u "
			     "connections = 1000 bytes_per_second = 0 }");
	const struct config_component *component = config_component(config, "b.example.org");
	const char *const *below = config_components_below(config, "example.org", arena);

	(void)state;
	assert_string_equal(component->secret, "s t");
	assert_int_equal(component->connections, 4);
	assert_int_equal(config_component(config, "b.example.net")->connections, 1000);
	assert_null(config_component(config, "example.org"));
	assert_string_equal(below[0], "b.example.org");
	assert_null(below[1]);
	assert_null(config_components_below(config, "ample.org", arena)[0]);
	assert_null(config_components_below(config, "b.example.org", arena)[0]);
	config_unref(&config);
}

static void secrets_in_files_have_a_bound(void **state)
{
	static const struct {
		size_t length;
		bool is_good;
	} cases[] = { { 1, true }, { 1024, true }, { 1025, false }, { 5000, false } };
	const char *file = arena_printf(arena, "%s/secret", folder);
	const char *text = DOMAIN "component a { secret_file = secret }", *error;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		FILE *out = fopen(file, "w");
		struct config *config;

		for (size_t j = 0; j < cases[i].length; j++)
			fputc('x', out);
		fputs("\r\nmore\n", out);
		assert_int_equal(fclose(out), 0);
		config = load(text, &error);
		assert_int_equal(config != NULL, cases[i].is_good);
		if (config != NULL)
			assert_int_equal(strlen(config->components[0].secret), cases[i].length);
		else
			assert_non_null(strstr(error, "its first line is too long"));
		config_unref(&config);
	}
	unlink(file);
}

static void listeners_have_ports_of_their_own(void **state)
{
	static const struct {
		const char *text;
		struct config_listen listens[4];
	} cases[] = {
		{ "listen c2s {}", { { LISTEN_C2S, NULL, 5222 } } },
		{ "listen c2s-tls {}", { { LISTEN_C2S_TLS, NULL, 5223 } } },
		/* Clients are let in unless it is said where. */
		{ "listen component {}",
		    { { LISTEN_COMPONENT, "127.0.0.1", 5347 }, { LISTEN_C2S, NULL, 5222 },
			{ LISTEN_C2S_TLS, NULL, 5223 } } },
		{ "listen s2s {} listen c2s { port = 1 }",
		    { { LISTEN_S2S, NULL, 5269 }, { LISTEN_C2S, NULL, 1 } } },
		{ "listen component { port = 0 address = \"\" } listen c2s {}",
		    { { LISTEN_COMPONENT, NULL, 0 }, { LISTEN_C2S, NULL, 5222 } } },
		{ "listen c2s-tls { port = 5222 }", { { LISTEN_C2S_TLS, NULL, 5222 } } },
		{ "listen c2s-tls { port = 0 address = \"::1\" }",
		    { { LISTEN_C2S_TLS, "::1", 0 } } },
		{ "listen c2s { address = \"192.0.2.1\" } listen c2s { address = \"192.0.2.2\" "
		  "port = "
		  "80 } listen c2s-tls {}",
		    { { LISTEN_C2S, "192.0.2.1", 5222 }, { LISTEN_C2S, "192.0.2.2", 80 },
			{ LISTEN_C2S_TLS, NULL, 5223 } } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config *config = load_good(arena_printf(arena, DOMAIN "%s", cases[i].text));

		for (size_t j = 0; j < config->listen_count; j++) {
			assert_int_equal(config->listens[j].kind, cases[i].listens[j].kind);
			assert_int_equal(config->listens[j].port, cases[i].listens[j].port);
			assert_true(
			    text_equal(config->listens[j].address, cases[i].listens[j].address));
		}
		assert_int_equal(config->listens[config->listen_count - 1].kind,
		    cases[i].listens[config->listen_count - 1].kind);
		config_unref(&config);
	}
}

static void the_top_is_read_whatever_the_sections_hold(void **state)
{
	const char *const *names;
	const char *modules, *error = NULL;
	const struct config *top;
	const char *text = "unheard { of { x = 1 } }\nmodules = {a, b}\nnew \"x\" { y = \"}\" }\n"
			   "module_path = \"one:/two\" control = \"c\"";

	(void)state;
	file_write(text, strlen(text));
	assert_true(config_modules(path, arena, &names, &modules, &error));
	assert_string_equal(names[0], "a");
	assert_string_equal(names[1], "b");
	assert_null(names[2]);
	assert_string_equal(modules, arena_printf(arena, "%s/one:/two", folder));
	top = config_top(path, arena, &error);
	assert_string_equal(top->control, arena_printf(arena, "%s/c", folder));
	file_write("control = 3 }", 13);
	assert_null(config_top(path, arena, &error));
	assert_non_null(error);
}

static const char *joined(const char *const *names)
{
	const char *all = NULL;

	for (; *names != NULL; names++)
		all = all == NULL ? *names : arena_printf(arena, "%s, %s", all, *names);
	return all;
}

static void every_change_that_needs_a_restart_is_named(void **state)
{
	static const struct {
		const char *text, *settings;
	} cases[] = {
		{ "", NULL },
		{ "limits { roster_items = 3 }", NULL },
		{ "log { level = debug }", NULL },
		{ "domain \"b\" { certificate = c key = k }", NULL },
		{ "allow_plain = no", NULL },
		{ "database = \"sqlite:x\"", "database" },
		{ "schema = \"s\"", "schema" },
		{ "control = \"x\"", "control" },
		{ "user = \"x\"", "user" },
		{ "workers = 99", "workers" },
		{ "modules = {ping}", "modules" },
		{ "module_path = \"x\"", "module_path" },
		{ "listen c2s { port = 1 }", "listen" },
		{ "log { file = \"x\" }", "log file" },
		{ "log { format = json }", "log format" },
		{ "log { file = \"x\" format = json } user = \"x\" workers = 99 database = "
		  "\"sqlite:x\"",
		    "database, user, workers, log file, log format" },
	};
	struct config *old = load_good(DOMAIN);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config *config = load_good(arena_printf(arena, DOMAIN "%s", cases[i].text));
		const char *found = joined(config_needs_restart(arena, old, config));

		if (!text_equal(found, cases[i].settings))
			fail_msg("%s: %s", cases[i].text, found);
		config_unref(&config);
	}
	config_unref(&old);
}

static void a_module_cannot_take_a_section_of_the_server(void **state)
{
	const char *error = NULL;

	(void)state;
	file_write(DOMAIN, strlen(DOMAIN));
	assert_null(config_load(path, bad_ones, false, arena, &error));
	assert_string_equal(
	    error, "module limits: its name is that of a section of the server; rename it");
}

static void a_file_that_is_missing_or_empty_is_told(void **state)
{
	const char *error = NULL;

	(void)state;
	unlink(path);
	assert_null(config_load(path, toys, false, arena, &error));
	assert_non_null(strstr(error, "cannot be read: No such file or directory"));
	assert_null(config_load(folder, toys, false, arena, &error));
	assert_non_null(strstr(error, "cannot be read: Is a directory"));
	file_write("user\0= x", 8);
	assert_null(config_load(path, toys, false, arena, &error));
	assert_non_null(strstr(error, "is not text in UTF-8"));
}

static int set_up(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/godwit.conf", folder);
	jid_init();
	arena = arena_new(0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	unlink(path);
	return rmdir(folder);
}

static void federation_is_off_until_it_is_asked_for(void **state)
{
	(void)state;
	struct config *config = load_good(DOMAIN);

	assert_false(config->s2s.enabled);
	config_unref(&config);
	config = load_good(DOMAIN "listen s2s {}\nlisten s2s-tls {}");
	assert_true(config->s2s.enabled);
	assert_int_equal(config->listens[0].port, 5269);
	assert_int_equal(config->listens[1].port, 5270);
	config_unref(&config);
	config = load_good(DOMAIN "s2s { enabled = true }");
	assert_true(config->s2s.enabled);
	config_unref(&config);
}

static void domains_are_trusted_as_the_lists_say(void **state)
{
	static const struct {
		const char *section, *domain;
		enum config_s2s_policy policy;
	} cases[] = {
		{ "", "a.example", S2S_SECURE },
		{ "dialback = true", "a.example", S2S_DIALBACK },
		{ "dialback = true secure = { \"A.example\" }", "a.example", S2S_SECURE },
		{ "dialback = true secure = { \"a.example\" }", "b.a.example", S2S_DIALBACK },
		{ "insecure = { \"a.example\" }", "a.example", S2S_DIALBACK },
		{ "insecure = { \"a.example\" }", "b.example", S2S_SECURE },
		{ "secure = { \"a.example\" } insecure = { \"a.example\" }", "a.example",
		    S2S_SECURE },
		{ "deny = { \"a.example\" }", "a.example", S2S_DENIED },
		{ "deny = { \"a.example\" }", "b.example", S2S_SECURE },
		{ "allow = { \"a.example\" }", "a.example", S2S_SECURE },
		{ "allow = { \"a.example\" }", "b.example", S2S_DENIED },
		{ "allow = { \"a.example\" } deny = { \"a.example\" }", "a.example", S2S_DENIED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct config *config =
		    load_good(arena_printf(arena, DOMAIN "s2s { %s }", cases[i].section));

		assert_int_equal(config_s2s_policy(&config->s2s, cases[i].domain), cases[i].policy);
		config_unref(&config);
	}
}

static void routes_name_an_address(void **state)
{
	struct config *config = load_good(
	    DOMAIN "route \"B.example\" { address = \"127.0.0.2\" port = 1 direct_tls = true }\n"
		   "route \"c.example\" { address = \"::1\" }");
	const struct config_route *route = config_s2s_route(&config->s2s, "b.example");

	(void)state;
	assert_int_equal(route->address.any.sa_family, AF_INET);
	assert_int_equal(ntohs(route->address.ipv4.sin_port), 1);
	assert_true(route->direct_tls);
	route = config_s2s_route(&config->s2s, "c.example");
	assert_int_equal(route->address.any.sa_family, AF_INET6);
	assert_int_equal(ntohs(route->address.ipv6.sin6_port), 5269);
	assert_null(config_s2s_route(&config->s2s, "d.example"));
	config_unref(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_named_with_line_and_cure),
		cmocka_unit_test(numbers_are_taken_up_to_their_edges),
		cmocka_unit_test(defaults_are_sensible),
		cmocka_unit_test(what_the_file_says_is_read),
		cmocka_unit_test(components_have_secrets),
		cmocka_unit_test(secrets_in_files_have_a_bound),
		cmocka_unit_test(listeners_have_ports_of_their_own),
		cmocka_unit_test(the_top_is_read_whatever_the_sections_hold),
		cmocka_unit_test(every_change_that_needs_a_restart_is_named),
		cmocka_unit_test(a_module_cannot_take_a_section_of_the_server),
		cmocka_unit_test(a_file_that_is_missing_or_empty_is_told),
		cmocka_unit_test(federation_is_off_until_it_is_asked_for),
		cmocka_unit_test(domains_are_trusted_as_the_lists_say),
		cmocka_unit_test(routes_name_an_address),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
