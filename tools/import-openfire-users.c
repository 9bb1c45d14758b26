/* import-openfire-users.c - accounts out of an Openfire database, a hundred at a time: the rows of
 * ofUser, then of each other table those between the first and the last of them. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "tools/import-openfire.h"
#include "tools/import.h"
#include "tools/xep-0227.h"
#include "xml/element.h"
#include "xmpp/jid.h"

#define PAGE "100"

#define USERS(keys) \
	"SELECT username, plainPassword, encryptedPassword, trim(creationDate), " keys \
	" FROM ofUser WHERE username > $1 ORDER BY username LIMIT " PAGE
enum {
	USER_NAME,
	USER_PLAIN,
	USER_ENCRYPTED,
	USER_CREATED,
	USER_ITERATIONS,
	USER_SALT,
	USER_STORED,
	USER_SERVER
};

#define RANGE " username >= $1 AND username <= $2 ORDER BY username"

/* One account while it is put together. */
struct gathering {
	struct openfire *openfire;
	struct arena *arena;
	struct import_account *account;
};

typedef void take_row(struct gathering *gathering, const char *const *cells);
static take_row key_take, flag_take, contact_take, member_take, vcard_take, private_take, list_take,
    seen_take, message_take, published_take;

static const struct source_table {
	enum openfire_part part; /* OPENFIRE_PARTS: all versions have it */
	const char *select;      /* its first column is the username; $3 is the domain */
	take_row *take;
} tables[] = {
	{ OPENFIRE_SCRAM,
	    "SELECT username, mechanism, iterations, salt, storedKey, serverKey FROM ofUserScram"
	    " WHERE $3 <> '' AND" RANGE ", mechanism",
	    key_take },
	{ OPENFIRE_FLAGS,
	    "SELECT username, trim(startTime), trim(endTime) FROM ofUserFlag"
	    " WHERE name = 'lockout' AND $3 <> '' AND" RANGE,
	    flag_take },
	{ OPENFIRE_PARTS,
	    "SELECT username, jid, sub, ask, recv, nick, stanza, (SELECT"
	    " string_agg(g.groupName, chr(31)) FROM ofRosterGroups g WHERE g.rosterID = r.rosterID)"
	    " FROM ofRoster r WHERE $3 <> '' AND" RANGE ", jid, rosterID",
	    contact_take },
	{ OPENFIRE_PARTS,
	    "SELECT DISTINCT username, groupName FROM ofGroupUser"
	    " WHERE $3 <> '' AND" RANGE ", groupName",
	    member_take },
	{ OPENFIRE_PARTS, "SELECT username, vcard FROM ofVCard WHERE $3 <> '' AND" RANGE,
	    vcard_take },
	{ OPENFIRE_PRIVATE,
	    "SELECT username, privateData FROM ofPrivate WHERE $3 <> '' AND" RANGE
	    ", namespace, name",
	    private_take },
	{ OPENFIRE_ITEMS,
	    "SELECT u.username, i.payload FROM ofUser u JOIN ofPubsubNode n ON"
	    " n.serviceID = u.username || '@' || $3 JOIN ofPubsubItem i ON"
	    " i.serviceID = n.serviceID AND i.nodeID = n.nodeID WHERE n.accessModel = 'whitelist'"
	    " AND i.id = 'current' AND u.username >= $1 AND u.username <= $2"
	    " ORDER BY u.username, i.nodeID",
	    private_take },
	{ OPENFIRE_ITEMS,
	    "SELECT u.username, n.nodeID, count(*) FROM ofUser u JOIN ofPubsubNode n ON"
	    " n.serviceID = u.username || '@' || $3 JOIN ofPubsubItem i ON"
	    " i.serviceID = n.serviceID AND i.nodeID = n.nodeID WHERE NOT"
	    " (n.accessModel = 'whitelist' AND i.id = 'current')"
	    " AND u.username >= $1 AND u.username <= $2"
	    " GROUP BY u.username, n.nodeID ORDER BY u.username, n.nodeID",
	    published_take },
	{ OPENFIRE_PARTS,
	    "SELECT username, name, isDefault, list FROM ofPrivacyList WHERE $3 <> '' AND" RANGE
	    ", name",
	    list_take },
	{ OPENFIRE_PRESENCE,
	    "SELECT username, trim(offlineDate), offlinePresence FROM ofPresence"
	    " WHERE $3 <> '' AND" RANGE,
	    seen_take },
	{ OPENFIRE_PARTS,
	    "SELECT username, trim(creationDate), stanza FROM ofOffline WHERE $3 <> '' AND" RANGE
	    ", creationDate, messageID",
	    message_take },
};
#define TABLES (sizeof tables / sizeof *tables)

static void skip(struct gathering *gathering, const char *what)
{
	import_skip(gathering->openfire->import, jid_text(gathering->account->jid), "%s", what);
}

/* ---- times and XML as Openfire keeps them ---- */

/* Milliseconds since 1970 with zeros in front, to microseconds; 0 if it is none. */
static int64_t moment_us(const char *milliseconds)
{
	int64_t number;

	return milliseconds != NULL && number_parse(milliseconds, 0, INT64_MAX / 1000000, &number)
	           ? number * 1000
	           : 0;
}

static const char *moment_text(struct gathering *gathering, const char *milliseconds)
{
	int64_t time_us = moment_us(milliseconds);

	return time_us == 0 ? NULL
	                    : arena_printf(gathering->account->arena, "%lld", (long long)time_us);
}

/* One element, in this namespace if it names none itself; NULL if it is not well-formed. */
static struct element *xml_read(struct arena *arena, const char *ns, const char *xml)
{
	const char *text = arena_printf(arena, "<x xmlns='%s'>%s</x>", ns, xml == NULL ? "" : xml);
	struct element *around = element_parse(arena, text, strlen(text));
	struct element *inside = around == NULL ? NULL : element_child(around, NULL, NULL);

	return inside == NULL ? NULL : element_copy(arena, inside);
}

/* ---- a row of each table ---- */

static void key_take(struct gathering *gathering, const char *const *cells)
{
	import_keys(gathering->openfire->import, gathering->account, cells[1], cells[2], cells[3],
	    cells[4], cells[5]);
}

/* Locked out from a moment on, until another or for good. */
static void flag_take(struct gathering *gathering, const char *const *cells)
{
	if (moment_us(cells[1]) > time_now_us())
		return;
	gathering->account->disabled_until = moment_text(gathering, cells[2]);
	gathering->account->disabled = gathering->account->disabled_until == NULL;
}

/* A contact that is there only because its request waits is none. */
static bool is_only_request(const char *const *cells)
{
	return text_equal(cells[2], "0") && text_equal(cells[3], "-1") &&
	       text_equal(cells[4], "1") && (cells[5] == NULL || *cells[5] == '\0') &&
	       cells[7] == NULL;
}

static const char **groups_split(struct arena *arena, const char *joined, size_t *count_out)
{
	char *rest = arena_strdup(arena, joined), *one;
	const char **groups = arena_alloc(arena, (strlen(joined) + 2) * sizeof *groups);

	*count_out = 0;
	while ((one = strsep(&rest, "\x1f")) != NULL)
		if (*one != '\0')
			groups[(*count_out)++] = one;
	return groups;
}

static void request_take(struct gathering *gathering, const char *const *cells)
{
	struct arena *arena = arena_new(0);
	struct element *presence = cells[6] == NULL ? NULL : xml_read(arena, NS_CLIENT, cells[6]);

	if (presence == NULL || !element_is(presence, NS_CLIENT, "presence")) {
		arena_free(&arena);
		presence = NULL;
	}
	import_request(gathering->openfire->import, gathering->account, cells[1], arena, presence);
}

static void contact_take(struct gathering *gathering, const char *const *cells)
{
	static const char *const subscriptions[] = { "none", "to", "from", "both" };
	const char *subscription = cells[2], **groups;
	int64_t number;
	size_t count;

	if (text_equal(cells[4], "1"))
		request_take(gathering, cells);
	if (is_only_request(cells))
		return;
	/* -1: it is being removed. */
	if (number_parse(subscription, -1, 3, &number))
		subscription = number < 0 ? "remove" : subscriptions[number];
	groups = groups_split(gathering->arena, cells[7] == NULL ? "" : cells[7], &count);
	import_contact(gathering->openfire->import, gathering->account, cells[1], cells[5],
	    subscription, text_equal(cells[3], "0"), false, groups, count);
}

static void member_take(struct gathering *gathering, const char *const *cells)
{
	import_member(gathering->openfire->import, gathering->account, cells[1]);
}

static void vcard_take(struct gathering *gathering, const char *const *cells)
{
	struct element *vcard = xml_read(gathering->arena, NS_VCARD, cells[1]);

	if (vcard != NULL && element_is(vcard, NS_VCARD, "vCard"))
		import_vcard(gathering->openfire->import, gathering->account, vcard);
	else
		skip(gathering, "vCard: it is not one");
}

static void private_take(struct gathering *gathering, const char *const *cells)
{
	struct element *element = xml_read(gathering->arena, "", cells[1]);

	if (element == NULL)
		skip(gathering, "private element: it is not well-formed");
	else
		import_private(gathering->openfire->import, gathering->account, element);
}

static void published_take(struct gathering *gathering, const char *const *cells)
{
	import_skip(gathering->openfire->import, jid_text(gathering->account->jid),
	    "%s published items of %.200s: there is no place for this here", cells[2], cells[1]);
}

static void list_take(struct gathering *gathering, const char *const *cells)
{
	struct arena *arena = gathering->arena;
	struct element *list = xml_read(arena, NS_PRIVACY, cells[3]);
	struct element *query = element_new(arena, NS_PRIVACY, "query");

	if (list == NULL || !element_is(list, NS_PRIVACY, "list")) {
		skip(gathering, "privacy list: it is not one");
		return;
	}
	element_set(arena, list, "name", cells[1]);
	if (text_equal(cells[2], "1"))
		element_set(
		    arena, element_add_new(arena, query, NULL, "default"), "name", cells[1]);
	element_add(query, list);
	import_privacy(gathering->openfire->import, gathering->account, query);
}

static void seen_take(struct gathering *gathering, const char *const *cells)
{
	struct element *presence = xml_read(gathering->arena, NS_CLIENT, cells[2]);
	int64_t at_us = moment_us(cells[1]);

	if (at_us != 0)
		import_last(gathering->account, at_us,
		    presence == NULL
			? NULL
			: element_child_text(gathering->arena, presence, NS_CLIENT, "status"));
}

static void message_take(struct gathering *gathering, const char *const *cells)
{
	struct arena *arena = arena_new(0);
	struct element *message = xml_read(arena, NS_CLIENT, cells[2]);

	if (message != NULL) {
		import_message(gathering->openfire->import, gathering->account, arena, message,
		    moment_us(cells[1]));
		return;
	}
	skip(gathering, "message: it is not well-formed");
	arena_free(&arena);
}

/* ---- an account ---- */

/* Names are kept as they stand in addresses; some that others have put there are not, and stand for
 * what XEP-0106 makes of them. */
static const char *name_escape(struct arena *arena, const char *name)
{
	struct text escaped = { 0 };
	const char *copy;

	if (jid_prepare_node(arena, name) != NULL)
		return name;
	text_puts(&escaped, "");
	for (; *name != '\0'; name++) {
		if (strchr(" \"&'/:<>@", *name) != NULL)
			text_printf(&escaped, "\\%02x", (unsigned)*name);
		else
			text_putc(&escaped, *name);
	}
	copy = arena_strdup(arena, escaped.at);
	text_free(&escaped);
	return copy;
}

static void password_take(struct gathering *gathering, const struct foreign_rows *users, size_t row)
{
	struct openfire *openfire = gathering->openfire;
	struct import_account *account = gathering->account;
	const char *plain = foreign_cell(users, row, USER_PLAIN);
	const char *encrypted = foreign_cell(users, row, USER_ENCRYPTED);

	if (openfire->has[OPENFIRE_USER_KEYS] && foreign_cell(users, row, USER_STORED) != NULL)
		import_keys(openfire->import, account, "SCRAM-SHA-1",
		    foreign_cell(users, row, USER_ITERATIONS), foreign_cell(users, row, USER_SALT),
		    foreign_cell(users, row, USER_STORED), foreign_cell(users, row, USER_SERVER));
	if (plain != NULL && *plain != '\0') {
		account->password = arena_strdup(account->arena, plain);
	} else if (encrypted != NULL && *encrypted != '\0') {
		if (openfire->cipher != NULL)
			account->password =
			    openfire_decrypt(openfire->cipher, account->arena, encrypted);
		if (account->password == NULL)
			skip(gathering, "encrypted password: it cannot be decrypted; SCRAM keys "
					"are taken if there "
					"are any");
	}
}

/* Whether it is this user of the page, or one behind: there are rows of others, that have no
 * account here. */
static bool is_of_page(const struct foreign_rows *users, size_t row, const char *name)
{
	while (row < users->count && !text_equal(foreign_cell(users, row, USER_NAME), name))
		row++;
	return row < users->count;
}

static bool user_take(struct openfire *openfire, struct arena *arena,
    const struct foreign_rows *users, size_t row, const struct foreign_rows *rows, size_t *next)
{
	const char *name = foreign_cell(users, row, USER_NAME);
	struct gathering gathering = { openfire, arena,
		import_account_new(
		    openfire->import, "ofUser", name_escape(arena, name), openfire->domain) };

	if (gathering.account != NULL) {
		password_take(&gathering, users, row);
		gathering.account->created =
		    moment_text(&gathering, foreign_cell(users, row, USER_CREATED));
	}
	for (size_t i = 0; i < TABLES; i++) {
		while (next[i] < rows[i].count &&
		       !is_of_page(users, row, foreign_cell(&rows[i], next[i], 0)))
			next[i]++;
		while (next[i] < rows[i].count &&
		       text_equal(foreign_cell(&rows[i], next[i], 0), name)) {
			if (gathering.account != NULL)
				tables[i].take(
				    &gathering, rows[i].cells + next[i] * rows[i].columns);
			next[i]++;
		}
	}
	return gathering.account == NULL || import_account_end(openfire->import, gathering.account);
}

static const char *users_select(const struct openfire *openfire)
{
	return openfire->has[OPENFIRE_USER_KEYS] ? USERS("iterations, salt, storedKey, serverKey")
	                                         : USERS("NULL, NULL, NULL, NULL");
}

bool openfire_users(struct openfire *openfire, struct arena *arena, const char **after)
{
	struct foreign_rows users, rows[TABLES] = { 0 };
	const char *params[] = { *after, NULL, openfire->domain };
	size_t next[TABLES] = { 0 };

	if (!openfire_read(openfire, arena, users_select(openfire), params, 1, &users))
		return false;
	*after = NULL;
	if (users.count == 0)
		return true;
	params[0] = foreign_cell(&users, 0, USER_NAME);
	params[1] = foreign_cell(&users, users.count - 1, USER_NAME);
	for (size_t i = 0; i < TABLES; i++)
		if ((tables[i].part == OPENFIRE_PARTS || openfire->has[tables[i].part]) &&
		    !openfire_read(openfire, arena, tables[i].select, params, 3, &rows[i]))
			return false;
	for (size_t row = 0; row < users.count; row++)
		if (!user_take(openfire, arena, &users, row, rows, next))
			return false;
	*after = params[1];
	return true;
}
