/* element-private.h - the layout of a tree, for the files of server/xml and server/xmpp only:
 * parser and writer walk it without a call for each step. */
#ifndef GODWIT_XML_ELEMENT_PRIVATE_H
#define GODWIT_XML_ELEMENT_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

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
			const char *ns;
			struct attribute *attributes;
			struct element *first, *last;
		};
		struct {
			const char *text; /* NUL-terminated */
			size_t text_length;
		};
	};
};

#endif
