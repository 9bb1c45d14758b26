/* link-row.c - a row of the table links as JSON, and the statements that take lists of such rows in
 * one parameter, on either database. */
#include "admin/link-row.h"

#include "base/text.h"
#include "core/links.h"
#include "loop/worker.h"
#include "store/store.h"

/* ---- statements ---- */

#define COLUMNS \
	"id, direction, domain, peer, state, proved_by, certificate, address, tls," \
	" certificate_expires, error, since, stream, worker, waiting, stanzas_in, stanzas_out," \
	" bytes_in, bytes_out"

const struct statement link_rows_empty =
    STATEMENT("DELETE FROM links WHERE worker = $1 OR (worker >= $2 AND $1 = 0)");

const struct statement link_rows_insert = STATEMENT_FLEETING(
    "INSERT INTO links (" COLUMNS ")"
    " SELECT (r->>0)::BIGINT, r->>1, r->>2, r->>3, r->>4, r->>5, r->>6, r->>7, r->>8,"
    " (r->>9)::BIGINT, r->>10, (r->>11)::BIGINT, r->>12, (r->>13)::INTEGER, (r->>14)::BIGINT, "
    "(r->>15)::BIGINT,"
    " (r->>16)::BIGINT, (r->>17)::BIGINT, (r->>18)::BIGINT"
    " FROM jsonb_array_elements($1::JSONB) AS r ON CONFLICT (id) DO NOTHING",
    "INSERT INTO links (" COLUMNS ")"
    " SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'),"
    " json_extract(value, '$[2]'), json_extract(value, '$[3]'), json_extract(value, '$[4]'),"
    " json_extract(value, '$[5]'), json_extract(value, '$[6]'), json_extract(value, '$[7]'),"
    " json_extract(value, '$[8]'), json_extract(value, '$[9]'), json_extract(value, '$[10]'),"
    " json_extract(value, '$[11]'), json_extract(value, '$[12]'), json_extract(value, '$[13]'),"
    " json_extract(value, '$[14]'), json_extract(value, '$[15]'), json_extract(value, '$[16]'),"
    " json_extract(value, '$[17]'), json_extract(value, '$[18]')"
    " FROM json_each($1) WHERE true ON CONFLICT (id) DO NOTHING");

const struct statement link_rows_update = STATEMENT_FLEETING(
    "WITH fresh AS MATERIALIZED (SELECT (r->>0)::BIGINT AS id, r"
    " FROM jsonb_array_elements($1::JSONB) AS r),"
    " mine AS MATERIALIZED (SELECT fresh.* FROM links JOIN fresh ON links.id = fresh.id"
    " FOR UPDATE OF links SKIP LOCKED)"
    " UPDATE links SET state = r->>4, proved_by = r->>5, certificate = r->>6, address = r->>7,"
    " tls = r->>8, certificate_expires = (r->>9)::BIGINT, error = r->>10, since = (r->>11)::BIGINT,"
    " stream = r->>12, waiting = (r->>14)::BIGINT, stanzas_in = (r->>15)::BIGINT,"
    " stanzas_out = (r->>16)::BIGINT, bytes_in = (r->>17)::BIGINT, bytes_out = (r->>18)::BIGINT"
    " FROM mine WHERE links.id = mine.id",
    "UPDATE links SET state = json_extract(fresh.value, '$[4]'),"
    " proved_by = json_extract(fresh.value, '$[5]'), certificate = json_extract(fresh.value, "
    "'$[6]'),"
    " address = json_extract(fresh.value, '$[7]'),"
    " tls = json_extract(fresh.value, '$[8]'),"
    " certificate_expires = json_extract(fresh.value, '$[9]'),"
    " error = json_extract(fresh.value, '$[10]'), since = json_extract(fresh.value, '$[11]'),"
    " stream = json_extract(fresh.value, '$[12]'), waiting = json_extract(fresh.value, '$[14]'),"
    " stanzas_in = json_extract(fresh.value, '$[15]'),"
    " stanzas_out = json_extract(fresh.value, '$[16]'),"
    " bytes_in = json_extract(fresh.value, '$[17]'),"
    " bytes_out = json_extract(fresh.value, '$[18]')"
    " FROM json_each($1) AS fresh WHERE links.id = json_extract(fresh.value, '$[0]')");

#define ID_LIST "unnest(translate($1, '[]', '{}')::BIGINT[]) AS listed (id)"
#define SQLITE_ID_LIST "(SELECT value FROM json_each($1))"

const struct statement link_rows_delete =
    STATEMENT_FLEETING("WITH gone AS MATERIALIZED (SELECT links.id FROM links JOIN " ID_LIST
		       " ON links.id = listed.id FOR UPDATE OF links SKIP LOCKED)"
		       " DELETE FROM links USING gone WHERE links.id = gone.id",
	"DELETE FROM links WHERE id IN " SQLITE_ID_LIST);

const struct statement link_rows_remaining =
    STATEMENT_FLEETING("SELECT links.id FROM links JOIN " ID_LIST " ON links.id = listed.id",
	"SELECT id FROM links WHERE id IN " SQLITE_ID_LIST);

/* ---- a row, in the order of COLUMNS ---- */

static void put_text(struct text *out, const char *value)
{
	text_putc(out, ',');
	text_put_json(out, value);
}

void link_row_facts(struct text *out, const struct link_fact *fact)
{
	text_printf(out, "%lld", (long long)fact->id);
	put_text(out, fact->is_inbound ? "in" : "out");
	put_text(out, fact->is_inbound ? fact->to : fact->from);
	put_text(out, fact->is_inbound ? fact->from : fact->to);
	put_text(out, fact->state);
	put_text(out, fact->by);
	put_text(out, fact->certificate);
	put_text(out, fact->address);
	put_text(out, fact->tls);
	if (fact->expires_us == 0)
		text_puts(out, ",null");
	else
		text_printf(out, ",%lld", (long long)fact->expires_us);
	put_text(out, fact->error);
	text_printf(out, ",%lld", (long long)fact->since_us);
	put_text(out, fact->stream);
	text_printf(out, ",%u", worker_index(worker_current()));
}

void link_row_traffic(struct text *out, const struct link_fact *fact)
{
	text_printf(out, ",%zu,%llu,%llu,%llu,%llu", fact->waiting,
	    (unsigned long long)fact->stanzas_in, (unsigned long long)fact->stanzas_out,
	    (unsigned long long)fact->bytes_in, (unsigned long long)fact->bytes_out);
}
