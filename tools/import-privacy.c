/* import-privacy.c - privacy lists (XEP-0016) are not kept here, but blocking is (XEP-0191), which
 * began as a list that denies all that comes from some addresses: of the list that is in force,
 * that is taken. */
#include "base/arena.h"
#include "base/text.h"
#include "tools/import.h"
#include "tools/xep-0227.h"
#include "xml/element.h"
#include "xmpp/jid.h"

static const char *attribute(const struct element *element, const char *name)
{
	const char *value = element_attribute(element, name);

	return value == NULL ? "" : value;
}

/* Denies an address everything, whether by no element for a kind of stanza, or by each. */
static bool is_block(const struct element *item)
{
	size_t kinds = 0;

	for (const struct element *child = element_child(item, NULL, NULL); child != NULL;
	     child = element_next(child, NULL, NULL))
		kinds++;
	return text_equal(attribute(item, "type"), "jid") &&
	       text_equal(attribute(item, "action"), "deny") && (kinds == 0 || kinds >= 4);
}

/* "allow" without a condition at the end says what is the rule anyway. */
static bool is_void(const struct element *item)
{
	return *attribute(item, "type") == '\0' && text_equal(attribute(item, "action"), "allow");
}

static void list_take(
    struct import *import, struct import_account *account, const struct element *list)
{
	size_t others = 0;

	for (const struct element *item = element_child(list, NULL, "item"); item != NULL;
	     item = element_next(item, NULL, "item")) {
		if (is_block(item))
			import_blocked(import, account, element_attribute(item, "value"));
		else if (!is_void(item))
			others++;
	}
	if (others > 0)
		import_skip(import, jid_text(account->jid),
		    "privacy list \"%.100s\": %zu of its rules do not block an address, which is "
		    "all "
		    "that can be taken",
		    attribute(list, "name"), others);
}

void import_privacy(
    struct import *import, struct import_account *account, const struct element *query)
{
	const struct element *chosen = element_child(query, NULL, "default");
	const char *name = chosen == NULL ? NULL : element_attribute(chosen, "name");

	for (const struct element *list = element_child(query, NULL, "list"); list != NULL;
	     list = element_next(list, NULL, "list")) {
		if (name != NULL && text_equal(attribute(list, "name"), name))
			list_take(import, account, list);
		else
			import_skip(import, jid_text(account->jid),
			    "privacy list \"%.100s\": it is not the default, and only that counts",
			    attribute(list, "name"));
	}
}
