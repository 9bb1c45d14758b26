/* element.c - building, copying and comparing trees; see element.h. */
#include "xml/element-private.h"

#include <limits.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "xml/namespace.h"
#include "xml/parser.h"
#include "xml/writer.h"

/* A namespace that lives as long as the arena. */
static const char *ns_keep(struct arena *arena, const char *ns)
{
	size_t length = ns == NULL ? 0 : strlen(ns);
	const char *known;

	if (length == 0)
		return "";
	known = namespace_known(ns, length);
	return known != NULL ? known : arena_strndup(arena, ns, length);
}

struct element *element_new(struct arena *arena, const char *ns, const char *name)
{
	return element_new_lent(arena, ns_keep(arena, ns), arena_strdup(arena, name));
}

struct element *element_new_lent(struct arena *arena, const char *ns, const char *name)
{
	struct element *element = arena_alloc(arena, sizeof(*element));

	*element = (struct element){ .name = name, .ns = ns == NULL ? "" : ns };
	return element;
}

struct element *element_new_named(struct arena *arena, struct span name)
{
	struct element *element = arena_alloc(arena, sizeof(*element) + name.length + 1);
	char *copy = (char *)(element + 1);

	memcpy(copy, name.at, name.length);
	copy[name.length] = '\0';
	*element = (struct element){ .name = copy };
	return element;
}

struct attribute *attribute_new(
    struct arena *arena, struct span name, size_t value_bytes, char **value_out)
{
	struct attribute *attribute =
	    arena_alloc(arena, sizeof(*attribute) + name.length + value_bytes + 2);
	char *copy = (char *)(attribute + 1);

	memcpy(copy, name.at, name.length);
	copy[name.length] = '\0';
	*value_out = copy + name.length + 1;
	*attribute = (struct attribute){ .name = copy, .value = *value_out };
	return attribute;
}

static bool attribute_is(const struct attribute *attribute, const char *ns, const char *name)
{
	return text_equal(attribute->ns, ns) && strcmp(attribute->name, name) == 0;
}

static void attribute_set(struct arena *arena, struct element *element, const char *ns,
    const char *name, const char *value)
{
	struct attribute **at = &element->attributes;

	while (*at != NULL && !attribute_is(*at, ns, name))
		at = &(*at)->next;
	if (value == NULL) {
		if (*at != NULL)
			*at = (*at)->next;
		return;
	}
	if (*at == NULL) {
		*at = arena_alloc(arena, sizeof(**at));
		**at = (struct attribute){ .ns = ns, .name = name };
	}
	(*at)->value = arena_strdup(arena, value);
}

void element_set(struct arena *arena, struct element *element, const char *name, const char *value)
{
	attribute_set(arena, element, NULL, name, value);
}

void element_set_lang(struct arena *arena, struct element *element, const char *lang)
{
	attribute_set(arena, element, XML_NS, "lang", lang);
}

void element_add(struct element *parent, struct element *child)
{
	ASSERT(child->parent == NULL);
	child->parent = parent;
	if (parent->last == NULL)
		parent->first = child;
	else
		parent->last->next = child;
	parent->last = child;
}

struct element *element_add_new(
    struct arena *arena, struct element *parent, const char *ns, const char *name)
{
	struct element *child = element_new_lent(arena, ns == NULL ? parent->ns : ns, name);

	element_add(parent, child);
	return child;
}

struct element *element_add_room(
    struct arena *arena, struct element *parent, size_t length, char **text_out)
{
	struct element *node = arena_alloc(arena, sizeof(*node) + length + 1);

	*text_out = (char *)(node + 1);
	*node = (struct element){ .text = *text_out, .text_length = length };
	element_add(parent, node);
	return node;
}

struct element *element_add_bytes(
    struct arena *arena, struct element *parent, const char *bytes, size_t length)
{
	char *text;
	struct element *node = element_add_room(arena, parent, length, &text);

	memcpy(text, bytes, length);
	text[length] = '\0';
	return node;
}

void element_add_text(struct arena *arena, struct element *parent, const char *text)
{
	if (text != NULL && *text != '\0')
		element_add_bytes(arena, parent, text, strlen(text));
}

struct element *element_add_text_child(
    struct arena *arena, struct element *parent, const char *ns, const char *name, const char *text)
{
	struct element *child = element_add_new(arena, parent, ns, name);

	element_add_text(arena, child, text);
	return child;
}

/* Copies one node without its children to the end of `parent` (NULL: a root). */
static struct element *node_copy(
    struct arena *arena, const struct element *node, struct element *parent)
{
	struct attribute **at;
	struct element *copy;

	if (node->name == NULL)
		return element_add_bytes(arena, parent, node->text, node->text_length);
	if (parent != NULL && strcmp(parent->ns, node->ns) == 0)
		copy = element_new_lent(arena, parent->ns, arena_strdup(arena, node->name));
	else
		copy = element_new(arena, node->ns, node->name);
	at = &copy->attributes;
	for (const struct attribute *source = node->attributes; source != NULL;
	     source = source->next) {
		*at = arena_alloc(arena, sizeof(**at));
		**at = (struct attribute){ .ns = source->ns == NULL ? NULL
			                                            : ns_keep(arena, source->ns),
			.name = arena_strdup(arena, source->name),
			.value = arena_strdup(arena, source->value) };
		at = &(*at)->next;
	}
	if (parent != NULL)
		element_add(parent, copy);
	return copy;
}

struct element *element_copy(struct arena *arena, const struct element *element)
{
	struct element *root = node_copy(arena, element, NULL), *copy = root;
	const struct element *node = element;

	for (;;) {
		if (node->name != NULL && node->first != NULL) {
			node = node->first;
			copy = node_copy(arena, node, copy);
			continue;
		}
		while (node != element && node->next == NULL) {
			node = node->parent;
			copy = copy->parent;
		}
		if (node == element)
			return root;
		node = node->next;
		copy = node_copy(arena, node, copy->parent);
	}
}

const char *element_name(const struct element *element)
{
	return element->name;
}

const char *element_ns(const struct element *element)
{
	return element->ns;
}

bool element_is(const struct element *element, const char *ns, const char *name)
{
	if (name != NULL && strcmp(element->name, name) != 0)
		return false;
	return ns == NULL || element->ns == ns || strcmp(element->ns, ns) == 0;
}

const char *element_attribute(const struct element *element, const char *name)
{
	return element_attribute_ns(element, NULL, name);
}

const char *element_attribute_ns(const struct element *element, const char *ns, const char *name)
{
	for (const struct attribute *at = element->attributes; at != NULL; at = at->next)
		if (attribute_is(at, ns, name))
			return at->value;
	return NULL;
}

/* The first element at `node` or after it that is asked for. */
static struct element *node_find(struct element *node, const char *ns, const char *name)
{
	while (node != NULL && (node->name == NULL || !element_is(node, ns, name)))
		node = node->next;
	return node;
}

struct element *element_child(const struct element *element, const char *ns, const char *name)
{
	return node_find(element->first, ns, name);
}

struct element *element_next(const struct element *child, const char *ns, const char *name)
{
	return node_find(child->next, ns, name);
}

/* The first piece of text at `node` or after it. */
static const struct element *node_find_text(const struct element *node)
{
	while (node != NULL && node->name != NULL)
		node = node->next;
	return node;
}

const char *element_text(struct arena *arena, const struct element *element)
{
	const struct element *first = node_find_text(element->first), *node;
	size_t length = 0;
	char *joined, *at;

	if (first == NULL)
		return "";
	if (node_find_text(first->next) == NULL)
		return first->text;
	for (node = first; node != NULL; node = node_find_text(node->next))
		length += node->text_length;
	joined = at = arena_alloc(arena, length + 1);
	for (node = first; node != NULL; node = node_find_text(node->next)) {
		memcpy(at, node->text, node->text_length);
		at += node->text_length;
	}
	*at = '\0';
	return joined;
}

const char *element_child_text(
    struct arena *arena, const struct element *element, const char *ns, const char *name)
{
	const struct element *child = element_child(element, ns, name);

	return child == NULL ? NULL : element_text(arena, child);
}

static size_t attribute_count(const struct element *element)
{
	size_t count = 0;

	for (const struct attribute *at = element->attributes; at != NULL; at = at->next)
		count++;
	return count;
}

static bool attributes_equal(const struct element *a, const struct element *b)
{
	if (attribute_count(a) != attribute_count(b))
		return false;
	for (const struct attribute *at = a->attributes; at != NULL; at = at->next)
		if (!text_equal(element_attribute_ns(b, at->ns, at->name), at->value))
			return false;
	return true;
}

/* Compares neighbouring pieces of text as if joined, and moves both to the last piece. */
static bool text_run_equal(const struct element **a, const struct element **b)
{
	size_t used_a = 0, used_b = 0;

	for (;;) {
		size_t left_a = (*a)->text_length - used_a, left_b = (*b)->text_length - used_b;
		size_t both = left_a < left_b ? left_a : left_b;
		bool more_a, more_b;

		if (memcmp((*a)->text + used_a, (*b)->text + used_b, both) != 0)
			return false;
		used_a += both;
		used_b += both;
		more_a =
		    used_a == (*a)->text_length && (*a)->next != NULL && (*a)->next->name == NULL;
		more_b =
		    used_b == (*b)->text_length && (*b)->next != NULL && (*b)->next->name == NULL;
		if (more_a) {
			*a = (*a)->next;
			used_a = 0;
		}
		if (more_b) {
			*b = (*b)->next;
			used_b = 0;
		}
		if (!more_a && !more_b)
			return used_a == (*a)->text_length && used_b == (*b)->text_length;
	}
}

/* One node without its children; a piece of text with those beside it. */
static bool node_equal(const struct element **a, const struct element **b)
{
	if (((*a)->name == NULL) != ((*b)->name == NULL))
		return false;
	if ((*a)->name == NULL)
		return text_run_equal(a, b);
	return element_is(*a, (*b)->ns, (*b)->name) && attributes_equal(*a, *b);
}

/* Both walks go down and up together, so they come back to their roots together. */
bool element_equal(const struct element *a, const struct element *b)
{
	const struct element *root = a;

	for (;;) {
		if (!node_equal(&a, &b))
			return false;
		if (a->name != NULL && a->first != NULL && b->first != NULL) {
			a = a->first;
			b = b->first;
			continue;
		}
		if (a->name != NULL && a->first != b->first)
			return false;
		while (a != root && a->next == NULL && b->next == NULL) {
			a = a->parent;
			b = b->parent;
		}
		if (a == root)
			return true;
		if (a->next == NULL || b->next == NULL)
			return false;
		a = a->next;
		b = b->next;
	}
}

char *element_to_text(struct arena *arena, const struct element *element)
{
	struct text text = { 0 };
	char *copy;

	xml_write(&text, element, NULL);
	copy = arena_strndup(arena, text.at, text.length);
	text_free(&text);
	return copy;
}

/* Where element_parse() collects what the parser reports. */
struct collected {
	struct arena *arena;
	struct element *element;
	unsigned events;
};

static void element_collected(void *state, struct arena *arena, struct element *element)
{
	struct collected *collected = state;

	if (collected->events++ == 0)
		collected->element = element_copy(collected->arena, element);
	arena_free(&arena);
}

static void end_collected(void *state)
{
	struct collected *collected = state;

	collected->events++;
}

struct element *element_parse(struct arena *arena, const char *bytes, size_t length)
{
	static const struct xml_limits limits = { INT_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX };
	static const struct xml_events events = { NULL, element_collected, end_collected };
	struct collected collected = { .arena = arena };
	struct xml_parser *parser = xml_parser_new_headless(&limits, &events, &collected);
	bool complete =
	    xml_parser_feed(parser, bytes, length) == XML_OK && xml_parser_pending(parser) == 0;

	xml_parser_free(&parser);
	return complete && collected.events == 1 ? collected.element : NULL;
}
