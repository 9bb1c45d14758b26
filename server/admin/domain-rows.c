/* domain-rows.c - the rows of table domains: those of the file, as they stand there, and what
 * became of those that somebody has made. Only rows that say otherwise are written, and those that
 * somebody has under lock later. */
#include <jansson.h>
#include <stdlib.h>

#include "admin/config-rows-private.h"
#include "base/text.h"
#include "core/config.h"
#include "store/store.h"

#define FRESH \
	"WITH fresh AS (SELECT r->>'domain' AS domain, r->>'certificate' AS certificate," \
	" r->>'key' AS key, r->>'client_ca' AS client_ca, r->>'origin' AS origin," \
	" r->>'state' AS state, r->>'error' AS error FROM jsonb_array_elements($1::JSONB) AS r)"
#define SQLITE_FRESH \
	"WITH fresh AS (SELECT json_extract(value, '$.domain') AS domain," \
	" json_extract(value, '$.certificate') AS certificate," \
	" json_extract(value, '$.key') AS key, json_extract(value, '$.client_ca') AS client_ca," \
	" json_extract(value, '$.origin') AS origin, json_extract(value, '$.state') AS state," \
	" json_extract(value, '$.error') AS error FROM json_each($1))"
#define COLUMNS "domain, certificate, key, client_ca, origin, state, error"
/* Of the table, as somebody has made it; and with what the server says of it. */
#define MADE "(domains.certificate, domains.key, domains.client_ca)"
#define FRESH_MADE "(fresh.certificate, fresh.key, fresh.client_ca)"
#define SAID \
	"(domains.certificate, domains.key, domains.client_ca, domains.origin, domains.state," \
	" domains.error)"
#define FRESH_SAID \
	"(fresh.certificate, fresh.key, fresh.client_ca, fresh.origin, fresh.state, fresh.error)"
/* Of a row that somebody has changed meanwhile the news are old. */
#define DIFFERS \
	"domains.domain = fresh.domain AND " SAID " IS DISTINCT FROM " FRESH_SAID \
	" AND (fresh.origin = 'file' OR " MADE " IS NOT DISTINCT FROM " FRESH_MADE ")"
#define SQLITE_DIFFERS \
	"domains.domain = fresh.domain AND " SAID " IS NOT " FRESH_SAID \
	" AND (fresh.origin = 'file' OR " MADE " IS " FRESH_MADE ")"
#define UPDATE \
	" UPDATE domains SET certificate = fresh.certificate, key = fresh.key," \
	" client_ca = fresh.client_ca, origin = fresh.origin, state = fresh.state," \
	" error = fresh.error FROM fresh WHERE "
/* Only what is missing: to insert and do nothing would wait for somebody who changes the row. */
#define INSERT \
	" INSERT INTO domains (" COLUMNS ") SELECT " COLUMNS " FROM fresh WHERE origin = 'file'" \
	" AND domain NOT IN (SELECT domain FROM domains) ON CONFLICT (domain) DO NOTHING"
#define LOOK "SELECT domains.domain FROM domains, fresh WHERE "
/* What the file has forgotten. */
#define GONE "origin = 'file' AND domain NOT IN (SELECT domain FROM fresh WHERE origin = 'file')"
#define LOOK_GONE "SELECT domain FROM domains WHERE " GONE
#define UNLOCKED(rows) \
	" AND domains.domain = ANY (ARRAY(" rows " FOR UPDATE OF domains SKIP LOCKED))"

static const struct statement domains_delete =
    STATEMENT_EACH(FRESH " DELETE FROM domains WHERE " GONE UNLOCKED(LOOK_GONE),
	SQLITE_FRESH " DELETE FROM domains WHERE " GONE);
static const struct statement domains_insert = STATEMENT_EACH(FRESH INSERT, SQLITE_FRESH INSERT);
static const struct statement domains_update =
    STATEMENT_EACH(FRESH UPDATE DIFFERS UNLOCKED(LOOK DIFFERS), SQLITE_FRESH UPDATE SQLITE_DIFFERS);
static const struct statement domains_look_at_some = STATEMENT_EACH(
    FRESH " " LOOK DIFFERS " LIMIT 1", SQLITE_FRESH " " LOOK SQLITE_DIFFERS " LIMIT 1");
/* The same, of all that there are. */
static const struct statement domains_look =
    STATEMENT_EACH(FRESH " " LOOK DIFFERS " UNION ALL " LOOK_GONE " LIMIT 1",
	SQLITE_FRESH " " LOOK SQLITE_DIFFERS " UNION ALL " LOOK_GONE " LIMIT 1");

static json_t *domain_row(const struct config_domain_row *row)
{
	static const char *const states[] = {
		[ROW_WAITING] = "waiting", [ROW_SERVED] = "served", [ROW_FAILED] = "failed"
	};

	return json_pack("{s:s,s:s,s:s,s:s*,s:s,s:s,s:s*}", "domain", row->name, "certificate",
	    row->certificate, "key", row->key, "client_ca", row->client_ca, "origin",
	    row->is_of_file ? "file" : "table", "state", states[row->state], "error", row->error);
}

/* Of a domain of the file its row says what the file said before. */
static bool says_so(const struct config_domain_row *row, const struct config *before)
{
	const struct config_domain *domain;

	if (!row->is_of_file)
		return row->is_known;
	domain = config_domain(before, row->name);
	return domain != NULL && domain->row->is_of_file &&
	       text_equal(domain->row->error, row->error);
}

static json_t *domains_json(const struct config *config, const struct config *before)
{
	json_t *all = json_array();

	for (size_t i = 0; i < config->row_count; i++)
		if (before == NULL || !says_so(&config->rows[i], before))
			json_array_append_new(all, domain_row(&config->rows[i]));
	return all;
}

bool domain_rows_write(const struct config *config, const struct config *before)
{
	json_t *all = domains_json(config, before);
	char *text = json_dumps(all, JSON_COMPACT);
	bool any = json_array_size(all) > 0;

	if (before == NULL) {
		store_run(&domains_delete, PARAMS(text), config_row_written, NULL);
		store_run(&domains_insert, PARAMS(text), config_row_written, NULL);
	}
	if (any) {
		store_run(&domains_update, PARAMS(text), config_row_written, NULL);
		store_run(before == NULL ? &domains_look : &domains_look_at_some, PARAMS(text),
		    config_rows_looked_at, NULL);
	}
	json_decref(all);
	free(text);
	return any;
}
