/* import-xep-0227.c - the elements of XEP-0227: <server-data/>, <host/> and <user/> are entered,
 * what is in a user is taken element by element, and what is not known is skipped without being
 * kept. */
#include "tools/import-xep-0227.h"

#include <inttypes.h>

#include "base/arena.h"
#include "base/text.h"
#include "tools/ctl.h"
#include "tools/import.h"
#include "tools/xep-0227.h"
#include "xml/element.h"
#include "xmpp/jid.h"

/* ---- what an account has ---- */

static bool is_true(const char *value)
{
	return text_equal(value, "true") || text_equal(value, "1");
}

static void take_keys(struct source *source, struct arena *arena, struct element *element)
{
	import_keys(source->import, source->account, element_attribute(element, "mechanism"),
	    element_child_text(arena, element, NULL, "iter-count"),
	    element_child_text(arena, element, NULL, "salt"),
	    element_child_text(arena, element, NULL, "stored-key"),
	    element_child_text(arena, element, NULL, "server-key"));
	arena_free(&arena);
}

static void item_take(struct source *source, struct arena *arena, const struct element *item)
{
	const char **groups;
	size_t count = 0;

	for (struct element *group = element_child(item, NULL, "group"); group != NULL;
	     group = element_next(group, NULL, "group"))
		count++;
	groups = arena_alloc(arena, (count + 1) * sizeof *groups);
	count = 0;
	for (struct element *group = element_child(item, NULL, "group"); group != NULL;
	     group = element_next(group, NULL, "group"))
		groups[count++] = element_text(arena, group);
	import_contact(source->import, source->account, element_attribute(item, "jid"),
	    element_attribute(item, "name"), element_attribute(item, "subscription"),
	    text_equal(element_attribute(item, "ask"), "subscribe"),
	    is_true(element_attribute(item, "approved")), groups, count);
}

static void take_item(struct source *source, struct arena *arena, struct element *element)
{
	item_take(source, arena, element);
	arena_free(&arena);
}

static void take_request(struct source *source, struct arena *arena, struct element *element)
{
	import_request(
	    source->import, source->account, element_attribute(element, "from"), arena, element);
}

/* Prosody 0.12 writes them without their namespace. */
static void take_bare_request(struct source *source, struct arena *arena, struct element *element)
{
	import_request(
	    source->import, source->account, element_attribute(element, "from"), NULL, NULL);
	arena_free(&arena);
}

static void take_vcard(struct source *source, struct arena *arena, struct element *element)
{
	import_vcard(source->import, source->account, element);
	arena_free(&arena);
}

static void take_private(struct source *source, struct arena *arena, struct element *element)
{
	for (struct element *child = element_child(element, NULL, NULL); child != NULL;
	     child = element_next(child, NULL, NULL))
		import_private(source->import, source->account, child);
	arena_free(&arena);
}

static void take_privacy(struct source *source, struct arena *arena, struct element *element)
{
	import_privacy(source->import, source->account, element);
	arena_free(&arena);
}

static void take_blocklist(struct source *source, struct arena *arena, struct element *element)
{
	for (struct element *item = element_child(element, NULL, "item"); item != NULL;
	     item = element_next(item, NULL, "item"))
		import_blocked(source->import, source->account, element_attribute(item, "jid"));
	arena_free(&arena);
}

static void take_message(struct source *source, struct arena *arena, struct element *element)
{
	import_message(source->import, source->account, arena, element, 0);
}

/* Microseconds as text, or NULL. */
static const char *moment(struct source *source, const struct element *element, const char *name)
{
	const char *value = element_attribute(element, name);
	int64_t time_us;

	return value != NULL && time_parse(value, &time_us)
	           ? arena_printf(source->account->arena, "%" PRId64, time_us)
	           : NULL;
}

static void take_extension(struct source *source, struct arena *arena, struct element *element)
{
	struct import_account *account = source->account;
	const char *at;
	int64_t at_us;

	account->disabled = is_true(element_attribute(element, "disabled"));
	account->disabled_until = moment(source, element, "disabled-until");
	account->created = moment(source, element, "created");
	for (struct element *child = element_child(element, NULL, NULL); child != NULL;
	     child = element_next(child, NULL, NULL)) {
		at = element_attribute(child, "at");
		if (element_is(child, NULL, "last") && at != NULL && time_parse(at, &at_us))
			import_last(account, at_us, element_text(arena, child));
		else if (element_is(child, NULL, "member"))
			import_member(source->import, account, element_attribute(child, "group"));
	}
	arena_free(&arena);
}

/* ---- what a host has ---- */

static void take_group(struct source *source, struct arena *arena, struct element *element)
{
	import_group(source->import, source_place(source), source->domain,
	    element_attribute(element, "name"), element_attribute(element, "title"),
	    element_attribute(element, "visible-to"));
	arena_free(&arena);
}

static void take_viewer(struct source *source, struct arena *arena, struct element *element)
{
	import_group_viewer(source->import, source_place(source), source->domain,
	    element_attribute(element, "group"), element_attribute(element, "viewer"));
	arena_free(&arena);
}

static void take_include(struct source *source, struct arena *arena, struct element *element)
{
	bool is_whole_file = element_attribute(element, "parse") == NULL &&
	                     element_attribute(element, "xpointer") == NULL;

	source_include(source, is_whole_file ? element_attribute(element, "href") : NULL);
	arena_free(&arena);
}

/* ---- the elements that are known, and where ---- */

static const struct known {
	enum level level;
	const char *ns, *name;
	enum level entered; /* LEVEL_NONE: it is taken whole */
	void (*take)(struct source *source, struct arena *arena, struct element *element);
} knowns[] = {
	{ LEVEL_DATA, NS_PIE, "host", LEVEL_HOST, NULL },
	{ LEVEL_DATA, NS_XINCLUDE, "include", LEVEL_NONE, take_include },
	{ LEVEL_HOST, NS_PIE, "user", LEVEL_USER, NULL },
	{ LEVEL_HOST, NS_XINCLUDE, "include", LEVEL_NONE, take_include },
	{ LEVEL_HOST, NS_EXPORT, "group", LEVEL_NONE, take_group },
	{ LEVEL_HOST, NS_EXPORT, "group-viewer", LEVEL_NONE, take_viewer },
	{ LEVEL_USER, NS_PIE_SCRAM, "scram-credentials", LEVEL_NONE, take_keys },
	{ LEVEL_USER, NS_ROSTER, "query", LEVEL_ROSTER, NULL },
	{ LEVEL_USER, NS_CLIENT, "presence", LEVEL_NONE, take_request },
	{ LEVEL_USER, NS_PIE, "presence", LEVEL_NONE, take_bare_request },
	{ LEVEL_USER, NS_VCARD, "vCard", LEVEL_NONE, take_vcard },
	{ LEVEL_USER, NS_PRIVATE, "query", LEVEL_NONE, take_private },
	{ LEVEL_USER, NS_PRIVACY, "query", LEVEL_NONE, take_privacy },
	{ LEVEL_USER, NS_BLOCKING, "blocklist", LEVEL_NONE, take_blocklist },
	{ LEVEL_USER, NS_EXPORT, "account", LEVEL_NONE, take_extension },
	{ LEVEL_USER, NS_PIE, "offline-messages", LEVEL_MESSAGES, NULL },
	{ LEVEL_ROSTER, NS_ROSTER, "item", LEVEL_NONE, take_item },
	{ LEVEL_MESSAGES, NS_CLIENT, "message", LEVEL_NONE, take_message },
};

static const struct known *known_find(enum level level, const struct element *element)
{
	for (size_t i = 0; i < sizeof knowns / sizeof *knowns; i++)
		if (knowns[i].level == level && element_is(element, knowns[i].ns, knowns[i].name))
			return &knowns[i];
	return NULL;
}

/* False if it is not to be entered, which was said. */
static bool host_enter(struct source *source, const struct element *start)
{
	const char *jid = element_attribute(start, "jid");

	source->domain = import_domain(
	    source->import, source->arena, source_place(source), jid == NULL ? "" : jid);
	return source->domain != NULL;
}

static bool user_enter(struct source *source, const struct element *start)
{
	const char *name = element_attribute(start, "name");

	source->account = import_account_new(
	    source->import, source_place(source), name == NULL ? "" : name, source->domain);
	if (source->account == NULL)
		return false;
	source->account->password =
	    arena_strdup(source->account->arena, element_attribute(start, "password"));
	return true;
}

static enum xml_choice element_begins(void *state, const struct element *start)
{
	struct source *source = state;
	const struct known *known = known_find(source->level, start);

	if (source->account != NULL && !import_account_has_room(source->import, source->account))
		return XML_SKIP;
	if (known == NULL) {
		import_skip(source->import,
		    source->account == NULL ? source_place(source) : jid_text(source->account->jid),
		    "<%.100s xmlns='%.200s'/>: there is no place for this here",
		    element_name(start), element_ns(start));
		return XML_SKIP;
	}
	if (known->entered == LEVEL_NONE)
		return XML_TAKE;
	if ((known->entered == LEVEL_HOST && !host_enter(source, start)) ||
	    (known->entered == LEVEL_USER && !user_enter(source, start)))
		return XML_SKIP;
	source->level = known->entered;
	return XML_ENTER;
}

static void element_complete(void *state, struct arena *arena, struct element *element)
{
	struct source *source = state;

	known_find(source->level, element)->take(source, arena, element);
}

/* ---- the levels ---- */

static void user_leave(struct source *source)
{
	struct import_account *account = source->account;

	source->account = NULL;
	if (!import_account_end(source->import, account))
		source_fail(source);
}

static void level_leave(struct source *source)
{
	switch (source->level) {
	case LEVEL_ROSTER:
	case LEVEL_MESSAGES:
		source->level = LEVEL_USER;
		break;
	case LEVEL_USER:
		source->level = LEVEL_HOST;
		user_leave(source);
		break;
	default:
		source->level = LEVEL_DATA;
	}
}

static void element_left(void *state)
{
	level_leave(state);
}

/* The root: that of the format, or of an included file what may stand in its place. */
static void root_opened(void *state, const struct element *root)
{
	struct source *source = state;

	if (source->within == NULL && element_is(root, NS_PIE, "server-data")) {
		source->level = LEVEL_DATA;
	} else if (source->within != NULL && known_find(source->level, root) != NULL &&
		   known_find(source->level, root)->entered != LEVEL_NONE) {
		if (element_begins(source, root) != XML_ENTER) {
			source->is_whole = true;
			xml_parser_stop(source->parser);
		}
	} else {
		ctl_fail("%s: <%.100s xmlns='%.200s'> is not what a file of XEP-0227 begins with",
		    source_place(source), element_name(root), element_ns(root));
		source_fail(source);
	}
}

static void root_closed(void *state)
{
	struct source *source = state;

	source->is_whole = true;
	if (source->within != NULL)
		level_leave(source);
}

const struct xml_events source_events = { root_opened, element_complete, root_closed,
	element_begins, element_left };
