/* element-private.h - the layout of a tree, for the files of server/xml and server/xmpp only:
 * parser and writer walk it without a call for each step. */
#ifndef GODWIT_XML_ELEMENT_PRIVATE_H
#define GODWIT_XML_ELEMENT_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "xml/element.h"

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

/* An element whose name is copied, as yet without a namespace. */
struct element *element_new_named(struct arena *arena, struct span name);
/* An attribute whose name is copied, without namespace. Its value has room for `value_bytes` and a
 * NUL, and is for the caller to write there. */
struct attribute *attribute_new(
    struct arena *arena, struct span name, size_t value_bytes, char **value_out);
/* Adds a piece of text at the end, with room for `length` bytes and a NUL, for the caller to write
 * there; `text_length` says how many they are. */
struct element *element_add_room(
    struct arena *arena, struct element *parent, size_t length, char **text_out);
/* Adds a piece of text (not empty) at the end, copied. */
struct element *element_add_bytes(
    struct arena *arena, struct element *parent, const char *bytes, size_t length);

/* Appends an attribute, declaring a prefix for its namespace if it needs one (writer.c). `foreign`
 * counts these within one tag, from 0. */
void xml_write_any_attribute(
    struct text *out, const struct attribute *attribute, unsigned *foreign);

#endif
