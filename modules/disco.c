/* disco.c - XEP-0030, Service Discovery: what the server and its accounts offer, collected from the
 * tables of all modules; and XEP-0115: the digest of that in the stream features, by which a client
 * knows whether it has to ask at all. The digest is taken of the very element that is answered, so
 * whatever a module adds is in it. */
#include "core/module.h"

#define NS_INFO "http://jabber.org/protocol/disco#info"
#define NS_ITEMS "http://jabber.org/protocol/disco#items"
#define NS_FORM "jabber:x:data"
/* Names this software (XEP-0115 section 4). */
#define CAPS_NODE "urn:godwit:server"

struct disco_config {
	const char *name;
};

static const struct config_key disco_keys[] = {
	CONFIG_TEXT(struct disco_config, name, "godwit",
	    "What the server calls itself in service discovery."),
	CONFIG_END,
};

/* ---- lists of text, sorted by bytes ---- */

struct texts {
	struct arena *arena;
	const char **at;
	size_t count, room;
};

static void texts_add(struct texts *texts, const char *text)
{
	if (text == NULL)
		return;
	if (texts->count == texts->room) {
		size_t room = texts->room == 0 ? 16 : texts->room * 2;
		const char **at = arena_alloc(texts->arena, room * sizeof *at);

		if (texts->count > 0)
			memcpy(at, texts->at, texts->count * sizeof *at);
		texts->at = at;
		texts->room = room;
	}
	texts->at[texts->count++] = text;
}

static void texts_add_all(struct texts *texts, const char *const *list)
{
	for (; list != NULL && *list != NULL; list++)
		texts_add(texts, *list);
}

static int text_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void texts_sort(struct texts *texts)
{
	if (texts->count > 0)
		qsort(texts->at, texts->count, sizeof *texts->at, text_compare);
}

/* ---- what there is ---- */

static void identity_add(struct arena *arena, struct element *query, const char *category,
    const char *type, const char *name)
{
	struct element *identity = element_add_new(arena, query, NULL, "identity");

	element_set(arena, identity, "category", category);
	element_set(arena, identity, "type", type);
	element_set(arena, identity, "name", name);
}

/* Sorted, and each once: a feature listed twice spoils the digest (XEP-0115 section 5.4). */
static void features_add(struct arena *arena, struct element *query, struct texts *features)
{
	texts_sort(features);
	for (size_t i = 0; i < features->count; i++) {
		if (i > 0 && strcmp(features->at[i], features->at[i - 1]) == 0)
			continue;
		element_set(
		    arena, element_add_new(arena, query, NULL, "feature"), "var", features->at[i]);
	}
}

static struct element *domain_info(struct task *task, struct arena *arena, const char *domain)
{
	const struct disco_config *config =
	    task == NULL ? module_config(&godwit_module) : task_config(task);
	struct element *query = element_new_lent(arena, NS_INFO, "query");
	struct texts features = { .arena = arena };
	const struct module *const *module;

	identity_add(arena, query, "server", "im", config->name);
	for (module = server_modules(); *module != NULL; module++) {
		texts_add(&features, (*module)->feature);
		texts_add_all(&features, (*module)->features);
	}
	features_add(arena, query, &features);
	for (module = server_modules(); *module != NULL; module++)
		if ((*module)->disco != NULL)
			(*module)->disco(task, arena, domain, query);
	return query;
}

static struct element *account_info(struct arena *arena)
{
	struct element *query = element_new_lent(arena, NS_INFO, "query");
	struct texts features = { .arena = arena };

	identity_add(arena, query, "account", "registered", NULL);
	for (const struct module *const *module = server_modules(); *module != NULL; module++) {
		texts_add(&features, (*module)->account_feature);
		texts_add_all(&features, (*module)->account_features);
	}
	features_add(arena, query, &features);
	return query;
}

/* ---- the digest: XEP-0115 section 5.1 ---- */

static const char *attribute_or_empty(const struct element *element, const char *name)
{
	const char *value = element_attribute(element, name);

	return value == NULL ? "" : value;
}

/* Where a rule sorts by one part and then by the next, the parts are joined by a byte that sorts
 * before any other; it becomes the separator of the rule when it is written. */
#define JOINT "\001"

static void caps_write(struct text *out, const struct texts *texts, char separator)
{
	for (size_t i = 0; i < texts->count; i++)
		for (const char *at = texts->at[i]; *at != '\0'; at++)
			text_putc(out, *at == JOINT[0] ? separator : *at);
}

static void caps_identities(struct arena *arena, struct text *out, const struct element *query)
{
	struct texts identities = { .arena = arena };
	const struct element *child = element_child(query, NS_INFO, "identity");

	for (; child != NULL; child = element_next(child, NS_INFO, "identity")) {
		const char *lang = element_attribute_ns(child, XML_NS, "lang");

		texts_add(&identities,
		    arena_printf(arena, "%s" JOINT "%s" JOINT "%s" JOINT "%s<",
			attribute_or_empty(child, "category"), attribute_or_empty(child, "type"),
			lang == NULL ? "" : lang, attribute_or_empty(child, "name")));
	}
	texts_sort(&identities);
	caps_write(out, &identities, '/');
}

static void caps_texts(struct text *out, struct texts *texts)
{
	texts_sort(texts);
	for (size_t i = 0; i < texts->count; i++) {
		text_puts(out, texts->at[i]);
		text_putc(out, '<');
	}
}

static void caps_features(struct arena *arena, struct text *out, const struct element *query)
{
	struct texts features = { .arena = arena };
	const struct element *child = element_child(query, NS_INFO, "feature");

	for (; child != NULL; child = element_next(child, NS_INFO, "feature"))
		texts_add(&features, attribute_or_empty(child, "var"));
	caps_texts(out, &features);
}

static const char *text_take(struct arena *arena, struct text *text)
{
	const char *taken = arena_strndup(arena, text->at == NULL ? "" : text->at, text->length);

	text_free(text);
	return taken;
}

/* The sorted values of a field, "value<value<". */
static const char *caps_values(struct arena *arena, const struct element *field)
{
	struct texts values = { .arena = arena };
	struct text out = { 0 };
	const struct element *value = element_child(field, NS_FORM, "value");

	for (; value != NULL; value = element_next(value, NS_FORM, "value"))
		texts_add(&values, element_text(arena, value));
	caps_texts(&out, &values);
	return text_take(arena, &out);
}

/* A form as its type and its fields, sorted. */
static const char *caps_form(struct arena *arena, const struct element *form)
{
	struct texts fields = { .arena = arena };
	struct text out = { 0 };
	const struct element *field = element_child(form, NS_FORM, "field");

	for (; field != NULL; field = element_next(field, NS_FORM, "field")) {
		const char *name = attribute_or_empty(field, "var");

		if (strcmp(name, "FORM_TYPE") == 0)
			text_printf(
			    &out, "%s" JOINT, element_child_text(arena, field, NS_FORM, "value"));
		else
			texts_add(&fields,
			    arena_printf(arena, "%s" JOINT "%s", name, caps_values(arena, field)));
	}
	texts_sort(&fields);
	caps_write(&out, &fields, '<');
	return text_take(arena, &out);
}

static void caps_forms(struct arena *arena, struct text *out, const struct element *query)
{
	struct texts forms = { .arena = arena };
	const struct element *form = element_child(query, NS_FORM, "x");

	for (; form != NULL; form = element_next(form, NS_FORM, "x"))
		texts_add(&forms, caps_form(arena, form));
	texts_sort(&forms);
	caps_write(out, &forms, '<');
}

static const char *caps_compute(struct arena *arena, const char *domain)
{
	const struct element *query = domain_info(NULL, arena, domain);
	unsigned char digest[DIGEST_MAX_BYTES];
	struct text text = { 0 };

	caps_identities(arena, &text, query);
	caps_features(arena, &text, query);
	caps_forms(arena, &text, query);
	crypto_hash(DIGEST_SHA1, text.at, text.length, digest);
	text_free(&text);
	return base64_encode(arena, digest, digest_bytes(DIGEST_SHA1));
}

/* Every login is told it; most servers serve one domain. */
static const char *caps_version(struct arena *arena, const char *domain)
{
	static _Thread_local struct {
		char domain[256], version[64];
		unsigned reloads;
	} known;
	const char *version;

	if (strcmp(known.domain, domain) == 0 && known.reloads == server_reloads())
		return known.version;
	version = caps_compute(arena, domain);
	if (strlen(domain) < sizeof known.domain && strlen(version) < sizeof known.version) {
		strcpy(known.domain, domain);
		strcpy(known.version, version);
		known.reloads = server_reloads();
	}
	return version;
}

/* XEP-0115 section 6.3. */
static void disco_stream_features(
    struct arena *arena, const char *domain, struct element *features, bool logged_in)
{
	struct element *caps;

	if (!logged_in)
		return;
	caps = element_add_new(arena, features, NS_CAPS, "c");
	element_set(arena, caps, "hash", "sha-1");
	element_set(arena, caps, "node", CAPS_NODE);
	element_set(arena, caps, "ver", caps_version(arena, domain));
}

/* ---- answers ---- */

static const char *disco_node(struct task *task)
{
	return element_attribute(task_payload(task), "node");
}

/* Whether the node is that of the stream features, as long as they are the same. */
static bool node_is_caps(struct task *task, const char *node)
{
	size_t length = strlen(CAPS_NODE);

	return strncmp(node, CAPS_NODE "#", length + 1) == 0 &&
	       strcmp(node + length + 1, caps_version(task_arena(task), task_domain(task))) == 0;
}

static enum verdict domain_info_get(struct task *task)
{
	const char *node = disco_node(task);
	struct element *query;

	if (node != NULL && !node_is_caps(task, node))
		return task_fail(task, RC_ITEM_NOT_FOUND);
	query = domain_info(task, task_arena(task), task_domain(task));
	/* Section 3.2: the answer mirrors the node. */
	element_set(task_arena(task), query, "node", node);
	return task_reply(task, query);
}

/* The items of a domain are the components below it. */
static enum verdict domain_items_get(struct task *task)
{
	struct arena *arena = task_arena(task);
	struct element *query = element_new_lent(arena, NS_ITEMS, "query");
	const char *const *component;

	if (disco_node(task) != NULL)
		return task_fail(task, RC_ITEM_NOT_FOUND);
	component = server_components(arena, jid_domain(arena, stanza_to(task_stanza(task))));
	for (; *component != NULL; component++)
		element_set(arena, element_add_new(arena, query, NULL, "item"), "jid", *component);
	return task_reply(task, query);
}

static bool may_see(struct task *task)
{
	return account_shows_presence_to(task_account(task), stanza_from(task_stanza(task)));
}

/* Section 8: to strangers an account answers as if it did not exist. */
static enum verdict account_info_get(struct task *task)
{
	if (!may_see(task))
		return task_fail(task, RC_SERVICE_UNAVAILABLE);
	if (disco_node(task) != NULL)
		return task_fail(task, RC_ITEM_NOT_FOUND);
	return task_reply(task, account_info(task_arena(task)));
}

/* Section 4.1: the items of an account are its available resources. */
static enum verdict account_items_get(struct task *task)
{
	struct arena *arena = task_arena(task);
	struct element *query = element_new_lent(arena, NS_ITEMS, "query");
	const struct session *session = account_first_session(task_account(task));

	if (!may_see(task))
		return task_reply(task, query);
	if (disco_node(task) != NULL)
		return task_fail(task, RC_ITEM_NOT_FOUND);
	for (; session != NULL; session = session_next(session))
		if (session_is_available(session))
			element_set(arena, element_add_new(arena, query, NULL, "item"), "jid",
			    jid_text(session_jid(session)));
	return task_reply(task, query);
}

static const char *const disco_features[] = { NS_INFO, NS_ITEMS, NS_CAPS, NULL };
static const char *const disco_account_features[] = { NS_INFO, NS_ITEMS, NULL };

static const struct hook disco_hooks[] = {
	{ IQ_GET, NS_INFO, TO_DOMAIN, 0, domain_info_get },
	{ IQ_GET, NS_ITEMS, TO_DOMAIN, 0, domain_items_get },
	{ IQ_GET, NS_INFO, TO_ACCOUNT, 0, account_info_get },
	{ IQ_GET, NS_ITEMS, TO_ACCOUNT, 0, account_items_get },
	HOOK_END,
};

GODWIT_MODULE(disco, .features = disco_features, .account_features = disco_account_features,
    .hooks = disco_hooks, .config = disco_keys, .config_bytes = sizeof(struct disco_config),
    .stream_features = disco_stream_features);
