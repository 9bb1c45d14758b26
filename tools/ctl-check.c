/* ctl-check.c - whether all is there that a server needs: each thing a line, "ok" or "FAIL" with
 * the cure. Nothing is changed by it. */
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/privileges.h"
#include "base/arena.h"
#include "base/text.h"
#include "core/config.h"
#include "net/tls.h"
#include "loop/worker.h"
#include "store/database.h"
#include "tools/ctl-database.h"
#include "tools/ctl.h"

/* What was found so far. */
struct checkup {
	struct ctl *ctl;
	json_t *checks;
	bool failed;
};

static void note(struct checkup *checkup, const char *word, const char *what, const char *text)
{
	if (!checkup->ctl->json)
		printf("%-7s %s: %s\n", word, what, text);
	json_array_append_new(checkup->checks,
	    json_pack("{s:s,s:s,s:s}", "result", word, "what", what, "text", text));
}

static void note_good(struct checkup *checkup, const char *what, const char *text)
{
	note(checkup, "ok", what, text);
}

static void note_failed(struct checkup *checkup, const char *what, const char *text)
{
	note(checkup, "FAIL", what, text);
	checkup->failed = true;
}

static void note_warning(void *state, const char *text)
{
	note(state, "warning", "certificates", text);
}

/* ---- configuration and modules ---- */

static const char *list_text(const char *const *items, struct arena *arena)
{
	const char *all = "";

	for (; *items != NULL; items++)
		all = arena_printf(arena, "%s%s%s", all, *all == '\0' ? "" : " ", *items);
	return all;
}

/* False if there is nothing to go on with. */
static bool check_configuration(struct checkup *checkup)
{
	struct ctl *ctl = checkup->ctl;
	const char *error = NULL;

	if (!ctl_read_top(ctl, &error)) {
		note_failed(checkup, "configuration", error);
		return false;
	}
	if (!ctl_load_modules(ctl, &error)) {
		note_failed(checkup, "modules", error);
		return true;
	}
	note_good(checkup, "modules", list_text(ctl->top->modules, ctl->arena));
	if (ctl_configure(ctl, &error))
		note_good(checkup, "configuration", ctl->config_path);
	else
		note_failed(checkup, "configuration", error);
	return true;
}

/* ---- certificates ---- */

static void check_certificate(struct checkup *checkup, const struct config_domain *domain)
{
	struct arena *arena = checkup->ctl->arena;
	const struct tls_certificate certificate = { domain->name, domain->certificate, domain->key,
		domain->client_ca };
	const char *what = arena_printf(arena, "certificate of %s", domain->name), *error = NULL;
	struct tls_set *set = tls_set_new(&certificate, 1, arena, &error);
	struct tls_facts facts;

	if (set == NULL ||
	    !tls_certificate_facts(domain->certificate, domain->name, arena, &facts, &error)) {
		note_failed(checkup, what, error);
	} else if (facts.not_after_us < time_now_us()) {
		note_failed(checkup, what,
		    arena_printf(arena, "%s expired on %.10s; renew it", domain->certificate,
			time_format(arena, facts.not_after_us)));
	} else if (!facts.names_domain) {
		note_failed(checkup, what,
		    arena_printf(arena, "%s does not name the domain; get one that does",
			domain->certificate));
	} else {
		note_good(checkup, what,
		    arena_printf(arena, "good until %.10s, issued by %s",
			time_format(arena, facts.not_after_us), facts.issuer));
	}
	tls_set_unref(&set);
}

static void check_certificates(struct checkup *checkup)
{
	const struct config *config = checkup->ctl->config;

	for (size_t i = 0; i < config->domain_count; i++)
		check_certificate(checkup, &config->domains[i]);
	config_warn(config, note_warning, checkup);
}

/* ---- server and database ---- */

static void check_server(struct checkup *checkup)
{
	const char *error = NULL;

	switch (ctl_find_server(checkup->ctl, &error)) {
	case CTL_GOOD:
		note_good(checkup, "server", "is running");
		break;
	case CTL_NOT_RUNNING:
		note(checkup, "ok", "server", "is not running");
		break;
	default:
		note_failed(checkup, "server", error);
	}
}

/* Values of the table settings, which win over the file. */
static void check_settings(struct checkup *checkup)
{
	const struct config *config = checkup->ctl->config;
	struct arena *arena = checkup->ctl->arena;

	for (size_t i = 0; i < config->domain_count; i++)
		if (!config->domains[i].row->is_of_file)
			check_certificate(checkup, &config->domains[i]);
	for (size_t i = 0; i < config->row_count; i++)
		if (config->rows[i].state == ROW_FAILED)
			note_failed(checkup, arena_printf(arena, "domain %s", config->rows[i].name),
			    config->rows[i].error);
	for (size_t i = 0; i < config->setting_count; i++) {
		const struct config_setting *setting = &config->settings[i];

		if (setting->trouble != NULL)
			note_failed(checkup, "table settings",
			    arena_printf(arena, "%s = %s does not count: %s", setting->name,
				setting->value, setting->trouble));
		else if (setting->value != NULL)
			note_good(checkup, "table settings",
			    arena_printf(arena, "%s = %s wins over %s", setting->name,
				setting->value,
				setting->configured == NULL
				    ? "the default"
				    : arena_printf(arena, "the file's %s", setting->configured)));
	}
}

static void check_tables(struct checkup *checkup, struct store *store)
{
	struct worker *worker = worker_new(0);
	const char *error = NULL;

	worker_enter(worker);
	store_attach(store);
	if (ctl_read_tables(checkup->ctl, worker, &error))
		check_settings(checkup);
	else
		note_failed(checkup, "tables", error);
	store_detach(store);
	worker_free(&worker);
}

/* As the user that the server becomes, for it has to reach the database. */
static void check_database(struct checkup *checkup)
{
	struct ctl *ctl = checkup->ctl;
	const char *error = NULL;
	struct store *store;

	if (!privileges_drop(ctl->top->user, ctl->config_path, ctl->arena, &error)) {
		note_failed(checkup, "user", error);
		return;
	}
	if (ctl_database_is_absent(ctl->top->database)) {
		note_failed(checkup, "database",
		    arena_printf(ctl->arena,
			"there is no %s yet; start the server once, it makes it",
			ctl->top->database + 7));
		return;
	}
	store = store_open(
	    ctl->top->database, ctl->top->schema, false, &STORE_LIMITS_DEFAULT, ctl->arena, &error);
	if (store == NULL) {
		note_failed(checkup, "database", error);
		return;
	}
	note_good(checkup, "database",
	    arena_printf(ctl->arena, "%s, schema %u is up to date", store_version(store),
		store_schema(store)));
	if (ctl->config != NULL)
		check_tables(checkup, store);
	store_close(&store);
}

/* What others may not read looks wrong to them, and need not be. */
static void check_user(struct checkup *checkup)
{
	const char *user = checkup->ctl->top->user;
	const struct passwd *self = getpwuid(geteuid());

	if (geteuid() == 0 || *user == '\0' || (self != NULL && text_equal(self->pw_name, user)))
		return;
	note(checkup, "warning", "user",
	    arena_printf(checkup->ctl->arena,
		"you are neither root nor \"%s\": what cannot be read need not be wrong; be root",
		user));
}

int ctl_check(struct ctl *ctl, char **arguments)
{
	struct checkup checkup = { .ctl = ctl, .checks = json_array() };
	json_t *answer;

	(void)arguments;
	if (check_configuration(&checkup)) {
		check_user(&checkup);
		if (ctl->config != NULL)
			check_certificates(&checkup);
		check_server(&checkup);
		check_database(&checkup);
	}
	answer = json_pack("{s:b,s:o}", "ok", !checkup.failed, "checks", checkup.checks);
	if (ctl->json)
		ctl_print_json(answer);
	json_decref(answer);
	return checkup.failed ? CTL_FAILED : CTL_GOOD;
}
