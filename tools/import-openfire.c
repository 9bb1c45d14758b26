/* import-openfire.c - "godwitctl import openfire": straight out of the database of an Openfire,
 * which may go on running; all is of one moment. Only PostgreSQL: an Openfire on another database
 * can be given one for the move. */
#include <string.h>

#include "base/arena.h"
#include "base/blowfish.h"
#include "base/text.h"
#include "tools/ctl.h"
#include "tools/import-openfire.h"
#include "tools/import.h"

static const char property_select[] = "SELECT propValue FROM ofProperty WHERE name = $1";
static const char strangers_select[] =
    "SELECT count(DISTINCT username) FROM ofRoster r WHERE NOT EXISTS"
    " (SELECT FROM ofUser u WHERE u.username = r.username)";
static const char parts_select[] =
    "SELECT EXISTS (SELECT FROM information_schema.columns WHERE table_name = 'ofuser'"
    " AND column_name = 'storedkey' AND table_schema = ANY (current_schemas(false))),"
    " to_regclass('ofuserscram') IS NOT NULL, to_regclass('ofuserflag') IS NOT NULL,"
    " to_regclass('ofpresence') IS NOT NULL, to_regclass('ofprivate') IS NOT NULL,"
    " to_regclass('ofpubsubitem') IS NOT NULL AND to_regclass('ofpubsubnode') IS NOT NULL,"
    " to_regclass('ofuser') IS NOT NULL";

bool openfire_read(struct openfire *openfire, struct arena *arena, const char *sql,
    const char *const *params, size_t count, struct foreign_rows *rows_out)
{
	const char *error = NULL;
	bool good = foreign_read(openfire->foreign, arena, sql, params, count, rows_out, &error);

	if (!good)
		ctl_fail("Openfire's database: %s", error);
	return good;
}

/* NULL: it has no such property; false after having said why. */
static bool property_read(
    struct openfire *openfire, struct arena *arena, const char *name, const char **value_out)
{
	struct foreign_rows rows;

	if (!openfire_read(openfire, arena, property_select, &name, 1, &rows))
		return false;
	*value_out = rows.count == 0 ? NULL : foreign_cell(&rows, 0, 0);
	return true;
}

static bool parts_find(struct openfire *openfire, struct arena *arena)
{
	struct foreign_rows rows;

	if (!openfire_read(openfire, arena, parts_select, NULL, 0, &rows))
		return false;
	for (size_t i = 0; i < OPENFIRE_PARTS; i++)
		openfire->has[i] = text_equal(foreign_cell(&rows, 0, i), "t");
	if (text_equal(foreign_cell(&rows, 0, OPENFIRE_PARTS), "t"))
		return true;
	ctl_fail("this is not a database of Openfire: there is no table ofUser");
	return false;
}

/* Openfire serves one domain. False if it is not ours, which was said. */
static bool domain_find(struct openfire *openfire, struct arena *arena)
{
	const char *domain = openfire->import->ctl->domain;

	if (domain == NULL && !property_read(openfire, arena, "xmpp.domain", &domain))
		return false;
	if (domain == NULL) {
		ctl_fail("the property xmpp.domain is not in the database; give the domain with "
			 "--domain");
		return false;
	}
	openfire->domain = import_domain(openfire->import, arena, "xmpp.domain", domain);
	if (openfire->domain == NULL)
		ctl_fail("there is nothing to import for a domain that is not served");
	return openfire->domain != NULL;
}

/* Without it, what is encrypted has a line for each. */
static bool cipher_find(struct openfire *openfire, struct arena *arena)
{
	const char *key;

	if (!property_read(openfire, arena, "passwordKey", &key))
		return false;
	openfire->cipher = key == NULL ? NULL : openfire_cipher(key);
	return true;
}

/* Where users come from a directory (LDAP), only what they have is here. */
static bool strangers_report(struct openfire *openfire, struct arena *arena)
{
	struct foreign_rows rows;

	if (!openfire_read(openfire, arena, strangers_select, NULL, 0, &rows))
		return false;
	if (!text_equal(foreign_cell(&rows, 0, 0), "0"))
		import_skip(openfire->import, "ofUser",
		    "%s accounts that have contacts are not in this table, but in a directory "
		    "perhaps: they are left out",
		    foreign_cell(&rows, 0, 0));
	return true;
}

static bool users_import(struct openfire *openfire)
{
	struct text name = { 0 };
	const char *after = "";
	bool good = true;

	while (good && after != NULL) {
		struct arena *arena = arena_new(0);

		good = openfire_users(openfire, arena, &after);
		text_clear(&name);
		text_puts(&name, after == NULL ? "" : after);
		after = after == NULL ? NULL : name.at;
		arena_free(&arena);
	}
	text_free(&name);
	return good;
}

static bool import_openfire(struct import *import, struct foreign *foreign)
{
	struct openfire openfire = { .import = import, .foreign = foreign };
	struct arena *arena = arena_new(0);
	bool good = parts_find(&openfire, arena) && domain_find(&openfire, arena) &&
	            cipher_find(&openfire, arena) && openfire_groups(&openfire) &&
	            users_import(&openfire) && strangers_report(&openfire, arena);

	blowfish_free(&openfire.cipher);
	arena_free(&arena);
	return good;
}

int ctl_import_openfire(struct ctl *ctl, char **arguments)
{
	struct import import = import_of(ctl);
	const char *uri = arguments[0], *error = NULL;
	/* As who we are: passwords may be in a file of ours. */
	struct foreign *foreign = foreign_open(uri, ctl->arena, &error);
	int status = CTL_FAILED;

	if (foreign == NULL)
		return ctl_fail("Openfire's database: %s%s", error,
		    strncmp(uri, "postgres", 8) == 0 ? "" : "; only PostgreSQL can be read");
	if (import_start(&import))
		status = import_end(&import, import_openfire(&import, foreign));
	foreign_close(&foreign);
	return status;
}
