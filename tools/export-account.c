/* export-account.c - one account as <user/> of XEP-0227. Elements that clients have stored are read
 * and written anew; a row that is no XML is left out, and said so. */
#include "base/arena.h"
#include "base/scram-keys.h"
#include "tools/ctl.h"
#include "tools/export.h"
#include "tools/xep-0227.h"
#include "xml/element.h"
#include "xml/writer.h"

#define MESSAGES_PAGE 100

static const struct statement messages_select =
    STATEMENT("SELECT id, stored_at, stanza FROM offline_messages"
	      " WHERE domain = $1 AND username = $2 AND id > $3 ORDER BY id LIMIT $4");

/* The account that is being written. */
struct writing {
	struct export *export;
	struct export_page *page;
	size_t row;
	const char *domain, *username;
};

static const char *const *take(struct writing *writing, enum export_table table)
{
	return export_page_take(writing->page, table, writing->row);
}

static void put(struct writing *writing, const struct element *element)
{
	xml_write(&writing->export->out, element, NS_PIE);
	text_putc(&writing->export->out, '\n');
}

/* What is stored as XML; NULL, and a line that says so, if it is none. */
static struct element *stored(struct writing *writing, const char *xml, const char *what)
{
	struct element *element = element_parse(writing->page->arena, xml, strlen(xml));

	if (element != NULL)
		return element;
	ctl_fail("left out: a %s of %s@%s, which is not well-formed", what, writing->username,
	    writing->domain);
	writing->export->left_out++;
	return NULL;
}

static bool is_true(const char *cell)
{
	return cell != NULL && (*cell == 't' || *cell == '1');
}

/* "" for none. */
static const char *moment(struct arena *arena, const char *microseconds)
{
	return microseconds == NULL ? NULL : time_format(arena, strtoll(microseconds, NULL, 10));
}

/* ---- keys, and what the format has no place for ---- */

static void keys_write(struct writing *writing, const char *mechanism, const char *text)
{
	struct arena *arena = writing->page->arena;
	struct element *credentials = element_new(arena, NS_PIE_SCRAM, "scram-credentials");
	struct scram_keys keys;
	size_t length;

	if (!scram_keys_parse(text, &keys))
		return;
	length = digest_bytes(keys.digest);
	element_set(arena, credentials, "mechanism", mechanism);
	element_add_text_child(
	    arena, credentials, NULL, "iter-count", arena_printf(arena, "%u", keys.iterations));
	element_add_text_child(
	    arena, credentials, NULL, "salt", base64_encode(arena, keys.salt, keys.salt_length));
	element_add_text_child(
	    arena, credentials, NULL, "server-key", base64_encode(arena, keys.server_key, length));
	element_add_text_child(
	    arena, credentials, NULL, "stored-key", base64_encode(arena, keys.stored_key, length));
	put(writing, credentials);
}

static void extension_write(struct writing *writing)
{
	const struct ctl_rows *users = &writing->page->users;
	struct arena *arena = writing->page->arena;
	struct element *account = element_new(arena, NS_EXPORT, "account"), *last;
	const char *const *cells;

	element_set(
	    arena, account, "created", moment(arena, ctl_cell(users, writing->row, USER_CREATED)));
	if (is_true(ctl_cell(users, writing->row, USER_DISABLED)))
		element_set(arena, account, "disabled", "true");
	element_set(arena, account, "disabled-until",
	    moment(arena, ctl_cell(users, writing->row, USER_UNTIL)));
	while ((cells = take(writing, EXPORT_LAST)) != NULL) {
		last = element_add_text_child(arena, account, NULL, "last", cells[1]);
		element_set(arena, last, "at", moment(arena, cells[0]));
	}
	while ((cells = take(writing, EXPORT_MEMBERS)) != NULL)
		element_set(
		    arena, element_add_new(arena, account, NULL, "member"), "group", cells[0]);
	put(writing, account);
}

/* ---- contacts ---- */

static void contact_add(struct writing *writing, struct element *query, const char *const *contact,
    const char *const **group)
{
	struct arena *arena = writing->page->arena;
	struct element *item = element_add_new(arena, query, NULL, "item");

	element_set(arena, item, "jid", contact[0]);
	element_set(arena, item, "name", contact[1]);
	element_set(arena, item, "subscription", contact[2]);
	element_set(arena, item, "ask", is_true(contact[3]) ? "subscribe" : NULL);
	element_set(arena, item, "approved", is_true(contact[4]) ? "true" : NULL);
	/* Groups come in the same order. */
	while (*group != NULL && text_equal((*group)[0], contact[0])) {
		element_add_text_child(arena, item, NULL, "group", (*group)[1]);
		*group = take(writing, EXPORT_CONTACT_GROUPS);
	}
}

static void roster_write(struct writing *writing)
{
	struct element *query = element_new(writing->page->arena, NS_ROSTER, "query");
	const char *const *group = take(writing, EXPORT_CONTACT_GROUPS), *const * contact;

	while ((contact = take(writing, EXPORT_CONTACTS)) != NULL) {
		contact_add(writing, query, contact, &group);
		writing->export->contacts++;
	}
	/* Of a contact that was made since. */
	while (group != NULL)
		group = take(writing, EXPORT_CONTACT_GROUPS);
	if (element_child(query, NULL, NULL) != NULL)
		put(writing, query);
}

static void requests_write(struct writing *writing)
{
	struct arena *arena = writing->page->arena;
	const char *const *cells;

	while ((cells = take(writing, EXPORT_REQUESTS)) != NULL) {
		struct element *presence = stored(writing, cells[1], "subscription request");

		if (presence == NULL)
			continue;
		element_set(arena, presence, "from", cells[0]);
		put(writing, presence);
	}
}

/* XEP-0227 has privacy lists, and blocking is one that denies by address (XEP-0191 section 5). */
static void blocked_write(struct writing *writing)
{
	struct arena *arena = writing->page->arena;
	struct element *query = element_new(arena, NS_PRIVACY, "query"), *list, *item;
	const char *const *cells = take(writing, EXPORT_BLOCKED);

	if (cells == NULL)
		return;
	element_set(arena, element_add_new(arena, query, NULL, "default"), "name", "blocked");
	list = element_add_new(arena, query, NULL, "list");
	element_set(arena, list, "name", "blocked");
	for (int order = 1; cells != NULL; order++, cells = take(writing, EXPORT_BLOCKED)) {
		item = element_add_new(arena, list, NULL, "item");
		element_set(arena, item, "type", "jid");
		element_set(arena, item, "value", cells[0]);
		element_set(arena, item, "action", "deny");
		element_set(arena, item, "order", arena_printf(arena, "%d", order));
	}
	put(writing, query);
}

/* ---- vCard, private XML ---- */

static void vcard_write(struct writing *writing)
{
	const char *const *cells;

	while ((cells = take(writing, EXPORT_VCARDS)) != NULL) {
		struct element *vcard = stored(writing, cells[0], "vCard");

		if (vcard != NULL)
			put(writing, vcard);
	}
}

static void private_write(struct writing *writing)
{
	struct element *query = element_new(writing->page->arena, NS_PRIVATE, "query");
	const char *const *cells;

	while ((cells = take(writing, EXPORT_PRIVATE)) != NULL) {
		struct element *element = stored(writing, cells[0], "private element");

		if (element != NULL)
			element_add(query, element);
	}
	if (element_child(query, NULL, NULL) != NULL)
		put(writing, query);
}

/* ---- messages ---- */

static void message_write(struct writing *writing, const struct ctl_rows *rows, size_t row)
{
	struct arena *arena = writing->page->arena;
	struct element *message = stored(writing, ctl_cell(rows, row, 2), "message"), *delay;

	if (message == NULL)
		return;
	/* One that was written with SQL has none. */
	if (element_child(message, NS_DELAY, "delay") == NULL) {
		delay = element_add_new(arena, message, NS_DELAY, "delay");
		element_set(arena, delay, "from", writing->domain);
		element_set(arena, delay, "stamp", moment(arena, ctl_cell(rows, row, 1)));
	}
	put(writing, message);
	writing->export->messages++;
}

/* A mailbox may be large: some messages at a time. */
static bool messages_write(struct writing *writing, const char **error_out)
{
	struct arena *arena = writing->page->arena;
	struct ctl_rows rows = { .count = MESSAGES_PAGE };
	int64_t last = 0;

	if (take(writing, EXPORT_MAILBOXES) == NULL)
		return true;
	text_puts(&writing->export->out, "<offline-messages>\n");
	while (rows.count == MESSAGES_PAGE) {
		writing->page->arena = arena_new(0);
		ctl_database_ask(writing->export->database, writing->page->arena, &messages_select,
		    PARAMS(writing->domain, writing->username, last, MESSAGES_PAGE), 3, &rows);
		ctl_database_wait(writing->export->database);
		for (size_t row = 0; row < rows.count; row++) {
			last = ctl_number(&rows, row, 0);
			message_write(writing, &rows, row);
		}
		if (rows.rc != RC_OK)
			*error_out = arena_printf(arena, "the database: %s", rows.message);
		arena_free(&writing->page->arena);
		export_flush(writing->export);
	}
	writing->page->arena = arena;
	text_puts(&writing->export->out, "</offline-messages>\n");
	return rows.rc == RC_OK;
}

/* Elements that our own reader and others' want in no particular order; those of the format first.
 */
bool export_account(
    struct export *export, struct export_page *page, size_t row, const char **error_out)
{
	const struct ctl_rows *users = &page->users;
	struct writing writing = { export, page, row, ctl_cell(users, row, USER_DOMAIN),
		ctl_cell(users, row, USER_NAME) };

	text_puts(&export->out, "<user");
	xml_write_attribute(&export->out, "name", writing.username);
	text_puts(&export->out, ">\n");
	keys_write(&writing, "SCRAM-SHA-1", ctl_cell(users, row, USER_SHA_1));
	keys_write(&writing, "SCRAM-SHA-256", ctl_cell(users, row, USER_SHA_256));
	roster_write(&writing);
	requests_write(&writing);
	vcard_write(&writing);
	private_write(&writing);
	blocked_write(&writing);
	extension_write(&writing);
	export->accounts++;
	if (!messages_write(&writing, error_out))
		return false;
	text_puts(&export->out, "</user>\n");
	export_flush(export);
	return true;
}
