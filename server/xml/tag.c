/* tag.c - a start tag as expat reports it becomes an element, with the bounds on its names and its
 * attributes. */
#include "xml/parser-private.h"

#include <string.h>

#include "base/arena.h"
#include "xml/element-private.h"
#include "xml/namespace.h"

/* A name as expat reports it, taken apart. */
struct name {
	struct span ns, local;
};

static struct name name_split(const char *reported)
{
	struct name name = { .local = span_of(reported) };
	const char *separator = memchr(reported, NAME_SEPARATOR, name.local.length);

	if (separator != NULL) {
		name.ns = (struct span){ reported, (size_t)(separator - reported) };
		name.local.at = separator + 1;
		name.local.length -= name.ns.length + 1;
	}
	return name;
}

static bool name_is_too_long(const struct xml_parser *parser, const struct name *name)
{
	return name->ns.length > parser->limits.max_name_bytes ||
	       name->local.length > parser->limits.max_name_bytes;
}

/* Mostly no copy is made. */
static const char *ns_keep(const struct xml_parser *parser, struct span ns)
{
	const char *known = namespace_known(ns.at, ns.length);

	if (known == NULL)
		return arena_strndup(parser->arena, ns.at, ns.length);
	return known == parser->mapped ? NAMESPACE_CLIENT : known;
}

const char *reader_namespace(struct xml_parser *parser, struct span ns)
{
	const char *parent_ns = parser->current == NULL ? NULL : parser->current->ns, *kept;

	if (ns.length == 0)
		return "";
	if (parent_ns != NULL && strncmp(parent_ns, ns.at, ns.length) == 0 &&
	    parent_ns[ns.length] == '\0')
		return parent_ns;
	kept = ns_keep(parser, ns);
	if (parent_ns != NULL && strcmp(parent_ns, kept) != 0)
		parser->ns_bytes += ns.length;
	return kept;
}

static struct attribute *attribute_build(
    struct xml_parser *parser, const struct name *name, const char *value)
{
	size_t length = strlen(value);
	char *room;
	struct attribute *attribute = attribute_new(parser->arena, name->local, length, &room);

	memcpy(room, value, length + 1);
	if (name->ns.length == 0)
		return attribute;
	if (span_equal(name->ns, span_of(XML_NS))) {
		attribute->ns = XML_NS;
		return attribute;
	}
	attribute->ns = namespace_known(name->ns.at, name->ns.length);
	if (attribute->ns == NULL)
		attribute->ns = arena_strndup(parser->arena, name->ns.at, name->ns.length);
	parser->ns_bytes += name->ns.length;
	return attribute;
}

/* Adds the attributes; false if there are too many, one has too long a name, or the namespaces of
 * the child are more bytes than it may have: a prefix lets a short name stand for a long one, in
 * each of thousands of elements, and a receiver would be sent, and have to take, many times what
 * came in. */
static bool attributes_build(
    struct xml_parser *parser, struct element *element, const XML_Char **reported)
{
	struct attribute **at = &element->attributes;
	size_t count = parser->declarations;

	if (count > parser->limits.max_attributes)
		return false;
	for (; *reported != NULL; reported += 2) {
		struct name name = name_split(reported[0]);

		if (++count > parser->limits.max_attributes || name_is_too_long(parser, &name))
			return false;
		*at = attribute_build(parser, &name, reported[1]);
		at = &(*at)->next;
	}
	return parser->ns_bytes <= parser->limits.max_bytes;
}

struct element *reader_tag(
    struct xml_parser *parser, const XML_Char *reported, const XML_Char **attributes)
{
	struct name name = name_split(reported);
	struct element *element;

	if (name_is_too_long(parser, &name)) {
		reader_refuse(parser, XML_LIMIT);
		return NULL;
	}
	/* An xml:element could not be written without a prefix, and means nothing to anybody. */
	if (span_equal(name.ns, span_of(XML_NS))) {
		reader_refuse(parser, XML_BAD_NAMESPACE_PREFIX);
		return NULL;
	}
	element = element_new_named(parser->arena, name.local);
	element->ns = reader_namespace(parser, name.ns);
	if (!attributes_build(parser, element, attributes)) {
		reader_refuse(parser, XML_LIMIT);
		return NULL;
	}
	return element;
}
