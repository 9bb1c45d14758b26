/* element-private.h - the layout of a tree, for the files of server/xml and server/xmpp only:
 * parser and writer walk it without a call for each step. */
#ifndef GODWIT_XML_ELEMENT_PRIVATE_H
#define GODWIT_XML_ELEMENT_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include "xml/element.h"

struct text;

struct attribute {
	struct attribute *next;
	const char *ns; /* NULL: none */
	const char *name;
	const char *value;
};

/* An element, or a piece of text if `name` is NULL. */
struct element {
	struct element *next; /* sibling */
	struct element *parent;
	const char *name;
	union {
		struct {
			const char *ns; /* "": none */
			struct attribute *attributes;
			struct element *first, *last;
		};
		struct {
			const char *text; /* NUL-terminated */
			size_t text_length;
		};
	};
};

/* Adds a piece of text (not empty) at the end, copied. */
struct element *element_add_bytes(
    struct arena *arena, struct element *parent, const char *bytes, size_t length);

/* Appends all attributes of a list, with the declarations they need (writer.c). */
void xml_write_attributes(struct text *out, const struct attribute *attributes);

/* The node after `node` in document order inside `root`, or NULL. */
static inline struct element *element_following(const struct element *root, struct element *node)
{
	if (node->name != NULL && node->first != NULL)
		return node->first;
	while (node != root && node->next == NULL)
		node = node->parent;
	return node == root ? NULL : node->next;
}

#endif
