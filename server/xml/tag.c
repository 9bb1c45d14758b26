/* tag.c - a start tag as expat reports it becomes an element, with the bounds on its names and its
 * attributes. */
#include "xml/parser-private.h"

#include <string.h>

#include "base/arena.h"
#include "xml/element-private.h"
#include "xml/namespace.h"

/* A name as expat reports it, taken apart. */
struct name {
	const char *ns; /* not NUL-terminated */
	size_t ns_length;
	const char *local;
	size_t local_length;
};

static struct name name_split(const char *reported)
{
	size_t length = strlen(reported);
	const char *separator = memchr(reported, NAME_SEPARATOR, length);
	struct name name = { .local = reported, .local_length = length };

	if (separator != NULL) {
		name.ns = reported;
		name.ns_length = (size_t)(separator - reported);
		name.local = separator + 1;
		name.local_length = length - name.ns_length - 1;
	}
	return name;
}

static bool name_is_too_long(const struct xml_parser *parser, const struct name *name)
{
	return name->ns_length > parser->limits.max_name_bytes ||
	       name->local_length > parser->limits.max_name_bytes;
}

/* The namespace as a string that lives as long as the tree: mostly no copy is made. Below the root,
 * where it is not the parent's, the writer has to name it, and that counts. */
static const char *ns_intern(struct xml_parser *parser, const struct name *name)
{
	const char *parent_ns = parser->current == NULL ? NULL : parser->current->ns;
	const char *known;

	if (name->ns_length == 0)
		return "";
	if (parent_ns != NULL && strncmp(parent_ns, name->ns, name->ns_length) == 0 &&
	    parent_ns[name->ns_length] == '\0')
		return parent_ns;
	if (parent_ns != NULL)
		parser->ns_bytes += name->ns_length;
	known = namespace_known(name->ns, name->ns_length);
	if (known == NULL)
		return arena_strndup(parser->arena, name->ns, name->ns_length);
	if (known == parser->mapped)
		return NAMESPACE_CLIENT;
	return known;
}

static struct element *element_build(struct xml_parser *parser, const struct name *name)
{
	struct element *element =
	    arena_alloc(parser->arena, sizeof(*element) + name->local_length + 1);
	char *local = (char *)(element + 1);

	memcpy(local, name->local, name->local_length + 1);
	*element = (struct element){ .name = local, .ns = ns_intern(parser, name) };
	return element;
}

static struct attribute *attribute_build(
    struct xml_parser *parser, const struct name *name, const char *value)
{
	size_t value_size = strlen(value) + 1, name_size = name->local_length + 1;
	struct attribute *attribute =
	    arena_alloc(parser->arena, sizeof(*attribute) + name_size + value_size);
	char *bytes = (char *)(attribute + 1);

	memcpy(bytes, name->local, name_size);
	memcpy(bytes + name_size, value, value_size);
	*attribute = (struct attribute){ .name = bytes, .value = bytes + name_size };
	if (name->ns_length == 0)
		return attribute;
	attribute->ns = namespace_known(name->ns, name->ns_length);
	if (attribute->ns == NULL)
		attribute->ns = arena_strndup(parser->arena, name->ns, name->ns_length);
	if (strcmp(attribute->ns, XML_NS) != 0)
		parser->ns_bytes += name->ns_length;
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
	if (name.ns_length == strlen(XML_NS) && memcmp(name.ns, XML_NS, name.ns_length) == 0) {
		reader_refuse(parser, XML_BAD_NAMESPACE_PREFIX);
		return NULL;
	}
	element = element_build(parser, &name);
	if (!attributes_build(parser, element, attributes)) {
		reader_refuse(parser, XML_LIMIT);
		return NULL;
	}
	return element;
}
