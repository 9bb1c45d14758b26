/* export-page.c - accounts out of the database, some of a domain at a time: the rows of the users,
 * then of each table all rows between the first and the last of them. Within an account rows are in
 * the order of their bytes, whatever the database, so that the same data makes the same file. */
#include "base/arena.h"
#include "tools/export.h"

#define PAGE 100

#define USERS \
	"SELECT domain, username, scram_sha_1, scram_sha_256, disabled, disabled_until, " \
	"created_at" \
	" FROM users WHERE "

static const struct statement users_select =
    STATEMENT(USERS "(domain, username) > ($1, $2) ORDER BY domain, username LIMIT $3");
static const struct statement users_select_domain =
    STATEMENT(USERS "domain = $1 AND username > $2 ORDER BY domain, username LIMIT $3");

/* Of one domain: PostgreSQL takes a range of pairs for a large part of the table, and reads all. */
#define RANGE " WHERE domain = $1 AND username >= $2 AND username <= $3 ORDER BY domain, username"
/* PostgreSQL's order is that of the language that the database was made with, unless it is told. */
#define RANGE_SELECT(columns, table, one, two) \
	STATEMENT_TWO("SELECT domain, username, " columns " FROM " table RANGE ", " one \
		      " COLLATE \"C\", " two " COLLATE \"C\"", \
	    "SELECT domain, username, " columns " FROM " table RANGE ", " one ", " two)

static const struct {
	struct statement select;
	size_t columns; /* with domain and username */
} tables[EXPORT_TABLES] = {
	[EXPORT_CONTACTS] = { RANGE_SELECT("contact, name, subscription, ask, approved",
				  "roster_items", "contact", "contact"),
	    7 },
	[EXPORT_CONTACT_GROUPS] = { RANGE_SELECT("contact, group_name", "roster_groups", "contact",
					"group_name"),
	    4 },
	[EXPORT_REQUESTS] = { RANGE_SELECT(
				  "contact, stanza", "subscription_requests", "contact", "contact"),
	    4 },
	[EXPORT_VCARDS] = { RANGE_SELECT("vcard", "vcards", "domain", "username"), 3 },
	[EXPORT_PRIVATE] = { RANGE_SELECT("data", "private_xml", "namespace", "name"), 3 },
	[EXPORT_BLOCKED] = { RANGE_SELECT("jid", "blocked_jids", "jid", "jid"), 3 },
	[EXPORT_LAST] = { RANGE_SELECT("at, status", "last_activity", "domain", "username"), 4 },
	[EXPORT_MEMBERS] = { RANGE_SELECT(
				 "group_name", "group_members", "group_name", "group_name"),
	    3 },
	[EXPORT_MAILBOXES] = { STATEMENT(
				   "SELECT DISTINCT domain, username FROM offline_messages" RANGE),
	    2 },
};

static bool answer_is_good(const struct ctl_rows *rows, struct arena *arena, const char **error_out)
{
	if (rows->rc != RC_OK)
		*error_out = arena_printf(arena, "the database: %s", rows->message);
	return rows->rc == RC_OK;
}

/* The page ends with its first domain; returns its last row. */
static size_t domain_end(struct ctl_rows *users)
{
	size_t count = 1;

	while (count < users->count &&
	       text_equal(ctl_cell(users, count, USER_DOMAIN), ctl_cell(users, 0, USER_DOMAIN)))
		count++;
	users->count = count;
	return count - 1;
}

bool export_page_read(struct export *export, struct export_page *page, const char *only_domain,
    const char *domain, const char *username, const char **error_out)
{
	const struct ctl_rows *users = &page->users;
	size_t last;

	ctl_database_ask(export->database, page->arena,
	    only_domain == NULL ? &users_select : &users_select_domain,
	    PARAMS(only_domain == NULL ? domain : only_domain, username, PAGE), USER_COLUMNS,
	    &page->users);
	ctl_database_wait(export->database);
	if (!answer_is_good(users, page->arena, error_out))
		return false;
	if (users->count == 0)
		return true;
	last = domain_end(&page->users);
	for (size_t i = 0; i < EXPORT_TABLES; i++)
		ctl_database_ask(export->database, page->arena, &tables[i].select,
		    PARAMS(ctl_cell(users, 0, USER_DOMAIN), ctl_cell(users, 0, USER_NAME),
			ctl_cell(users, last, USER_NAME)),
		    tables[i].columns, &page->tables[i]);
	ctl_database_wait(export->database);
	for (size_t i = 0; i < EXPORT_TABLES; i++)
		if (!answer_is_good(&page->tables[i], page->arena, error_out))
			return false;
	return true;
}

/* Whether a row is of the account `row` of the page, or of one behind it. Of others are those of
 * accounts that were made after the page was read. */
static bool is_of_page(const struct export_page *page, size_t row, const char *const *cells)
{
	for (; row < page->users.count; row++)
		if (text_equal(cells[0], ctl_cell(&page->users, row, USER_DOMAIN)) &&
		    text_equal(cells[1], ctl_cell(&page->users, row, USER_NAME)))
			return true;
	return false;
}

const char *const *export_page_take(struct export_page *page, enum export_table table, size_t row)
{
	const struct ctl_rows *rows = &page->tables[table];
	size_t *next = &page->next[table];
	const char *const *cells = rows->cells + *next * rows->columns;

	while (*next < rows->count && !is_of_page(page, row, cells)) {
		cells += rows->columns;
		++*next;
	}
	if (*next == rows->count ||
	    !text_equal(cells[0], ctl_cell(&page->users, row, USER_DOMAIN)) ||
	    !text_equal(cells[1], ctl_cell(&page->users, row, USER_NAME)))
		return NULL;
	++*next;
	return cells + 2;
}
