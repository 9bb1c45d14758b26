/* contact.c - XEP-0157: whom to write to about this server, as a form in the domain's disco#info.
 */
#include "core/module.h"

#define NS_FORM "jabber:x:data"

struct contact_config {
	const char *const *abuse;
	const char *const *admin;
	const char *const *feedback;
	const char *const *sales;
	const char *const *security;
	const char *const *status;
	const char *const *support;
};

#define CONTACT_LIST(member, what) \
	CONFIG_LIST(struct contact_config, member, "", "Addresses (URIs) for " what ".")

static const struct config_key contact_keys[] = {
	CONTACT_LIST(abuse, "reports of abuse"),
	CONTACT_LIST(admin, "the administrators"),
	CONTACT_LIST(feedback, "feedback"),
	CONTACT_LIST(sales, "sales"),
	CONTACT_LIST(security, "security concerns"),
	CONTACT_LIST(status, "the state of the service"),
	CONTACT_LIST(support, "support"),
	CONFIG_END,
};

static const char *contact_check(const void *section)
{
	const struct contact_config *config = section;
	const char *const *lists[] = { config->abuse, config->admin, config->feedback,
		config->sales, config->security, config->status, config->support };

	for (size_t i = 0; i < COUNT_OF(lists); i++)
		for (const char *const *address = lists[i]; *address != NULL; address++)
			if (strchr(*address, ':') == NULL)
				return "an address needs its scheme, such as "
				       "\"mailto:admin@example.org\" or "
				       "\"xmpp:admin@example.org\"";
	return NULL;
}

/* Adds a field with all values of a list; nothing for an empty one. */
static void contact_add(
    struct arena *arena, struct element *form, const char *name, const char *const *addresses)
{
	struct element *field;

	if (*addresses == NULL)
		return;
	field = element_add_new(arena, form, NULL, "field");
	element_set(arena, field, "var", name);
	element_set(arena, field, "type", "list-multi");
	for (; *addresses != NULL; addresses++)
		element_add_text_child(arena, field, NULL, "value", *addresses);
}

static void contact_disco(
    struct task *task, struct arena *arena, const char *domain, struct element *query)
{
	const struct contact_config *config = module_config(&godwit_module);
	struct element *form = element_new_lent(arena, NS_FORM, "x");
	struct element *type = element_add_new(arena, form, NULL, "field");

	element_set(arena, form, "type", "result");
	element_set(arena, type, "var", "FORM_TYPE");
	element_set(arena, type, "type", "hidden");
	element_add_text_child(arena, type, NULL, "value", "http://jabber.org/network/serverinfo");
	contact_add(arena, form, "abuse-addresses", config->abuse);
	contact_add(arena, form, "admin-addresses", config->admin);
	contact_add(arena, form, "feedback-addresses", config->feedback);
	contact_add(arena, form, "sales-addresses", config->sales);
	contact_add(arena, form, "security-addresses", config->security);
	contact_add(arena, form, "status-addresses", config->status);
	contact_add(arena, form, "support-addresses", config->support);
	if (element_next(type, NULL, NULL) != NULL)
		element_add(query, form);
}

GODWIT_MODULE(contact, .config = contact_keys, .config_bytes = sizeof(struct contact_config),
    .config_check = contact_check, .disco = contact_disco);
