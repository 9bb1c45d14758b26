/* hooks.c - who looks at which stanza: tables of all modules, sorted once. */
#include "core/hooks.h"

#include "base/hash.h"
#include "core/loader.h"

#define PLACES 4

/* A hook with where it came from, while lists are being made. */
struct candidate {
	const struct hook *hook;
	const struct module *module;
	size_t order;
};

static struct candidate *candidates;
static size_t candidate_count;

/* Lists by kind of stanza and place; for gets and sets also by namespace. */
static struct hook_list any_lists[3][PLACES];
static struct hash *request_lists[2][PLACES]; /* namespace -> struct hook_list */
static struct hook_list undelivered, unconfirmed, arriving;

static void candidates_add(const struct hook *hooks, const struct module *module)
{
	for (; hooks != NULL && hooks->kind != HOOK_NONE; hooks++) {
		candidates = mem_realloc(candidates, (candidate_count + 1) * sizeof *candidates);
		candidates[candidate_count] = (struct candidate){ hooks, module, candidate_count };
		candidate_count++;
	}
}

static int candidate_compare(const void *a_pointer, const void *b_pointer)
{
	const struct candidate *a = a_pointer, *b = b_pointer;

	if (a->hook->priority != b->hook->priority)
		return a->hook->priority > b->hook->priority ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static bool candidate_fits(const struct candidate *candidate, enum hook_kind any,
    enum hook_kind request, enum addressed place, const char *ns)
{
	const struct hook *hook = candidate->hook;

	if (hook->addressed != place)
		return false;
	if (hook->kind == any)
		return true;
	return request != HOOK_NONE && hook->kind == request && text_equal(hook->ns, ns);
}

/* The candidates are sorted already, so the list is. */
static struct hook_list list_make(
    enum hook_kind any, enum hook_kind request, enum addressed place, const char *ns)
{
	struct hook_entry *entries = mem_alloc((candidate_count + 1) * sizeof *entries);
	size_t count = 0;

	for (size_t i = 0; i < candidate_count; i++)
		if (candidate_fits(&candidates[i], any, request, place, ns))
			entries[count++] =
			    (struct hook_entry){ candidates[i].hook->run, candidates[i].module };
	return (struct hook_list){ count, entries };
}

static void request_list_make(const struct hook *hook)
{
	struct hash **lists = request_lists[hook->kind == IQ_SET];
	struct hook_list *list;

	if (lists[hook->addressed] == NULL)
		lists[hook->addressed] = hash_new();
	if (hash_get(lists[hook->addressed], hook->ns, strlen(hook->ns)) != NULL)
		return;
	list = mem_alloc(sizeof *list);
	*list = list_make(ANY_IQ, hook->kind, hook->addressed, hook->ns);
	hash_put(lists[hook->addressed], hook->ns, strlen(hook->ns), list);
}

void hooks_init(void)
{
	static const enum hook_kind any_kinds[] = { [STANZA_MESSAGE] = ANY_MESSAGE,
		[STANZA_PRESENCE] = ANY_PRESENCE,
		[STANZA_IQ] = ANY_IQ };

	candidates_add(roster_hooks, NULL);
	for (const struct module *const *module = server_modules(); *module != NULL; module++)
		candidates_add((*module)->hooks, *module);
	if (candidate_count > 0)
		qsort(candidates, candidate_count, sizeof *candidates, candidate_compare);

	for (size_t kind = 0; kind < COUNT_OF(any_kinds); kind++)
		for (int place = 0; place < PLACES; place++)
			any_lists[kind][place] =
			    list_make(any_kinds[kind], HOOK_NONE, (enum addressed)place, NULL);
	for (size_t i = 0; i < candidate_count; i++)
		if (candidates[i].hook->kind == IQ_GET || candidates[i].hook->kind == IQ_SET)
			request_list_make(candidates[i].hook);
	undelivered = list_make(MESSAGE_UNDELIVERED, HOOK_NONE, TO_ACCOUNT, NULL);
	unconfirmed = list_make(MESSAGE_UNCONFIRMED, HOOK_NONE, TO_ACCOUNT, NULL);
	arriving = list_make(MESSAGE_ARRIVING, HOOK_NONE, TO_ACCOUNT, NULL);
	mem_free(candidates);
	candidates = NULL;
	candidate_count = 0;
}

static void list_free(struct hook_list *list)
{
	mem_free((void *)(uintptr_t)list->entries);
	list->entries = NULL;
	list->count = 0;
}

static void request_lists_free(struct hash **lists)
{
	size_t cursor = 0;
	struct hook_list *list;

	while (*lists != NULL && (list = hash_next(*lists, &cursor)) != NULL) {
		list_free(list);
		mem_free(list);
	}
	hash_free(lists);
}

void hooks_free(void)
{
	for (int place = 0; place < PLACES; place++) {
		for (size_t kind = 0; kind < COUNT_OF(any_lists); kind++)
			list_free(&any_lists[kind][place]);
		request_lists_free(&request_lists[0][place]);
		request_lists_free(&request_lists[1][place]);
	}
	list_free(&undelivered);
	list_free(&unconfirmed);
	list_free(&arriving);
}

const struct hook_list *hooks_for(
    const struct stanza *stanza, enum addressed place, bool handled_here)
{
	const struct hook_list *any = &any_lists[stanza_kind(stanza)][place];
	const struct hook_list *list = NULL;
	const struct hash *lists;
	const char *ns;

	if (!handled_here || !stanza_is_request(stanza))
		return any;
	lists = request_lists[stanza_type(stanza) == IQ_TYPE_SET][place];
	ns = element_ns(stanza_payload(stanza));
	if (lists != NULL && ns != NULL)
		list = hash_get(lists, ns, strlen(ns));
	return list == NULL ? any : list;
}

const struct hook_list *hooks_of_kind(enum hook_kind kind)
{
	switch (kind) {
	case MESSAGE_UNDELIVERED:
		return &undelivered;
	case MESSAGE_UNCONFIRMED:
		return &unconfirmed;
	default:
		return &arriving;
	}
}
