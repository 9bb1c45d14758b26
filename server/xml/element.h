/* element.h - XML elements as a tree in an arena.
 * A node is an element or a piece of text between elements. Trees are built by the functions here
 * or by the parser; once a tree is given away (sent, routed) nobody changes it. All walks are
 * loops, never recursion, so depth costs no stack. Namespaces are resolved: no prefix survives
 * parsing. */
#ifndef GODWIT_XML_ELEMENT_H
#define GODWIT_XML_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct element;

#define XML_NS "http://www.w3.org/XML/1998/namespace"

/* Makes an element without attributes and children. `ns` and `name` are copied unless they are
 * compile-time constants of yours: use element_new_lent() for those. */
struct element *element_new(struct arena *arena, const char *ns, const char *name);
/* The same; `ns` and `name` are lent and must live as long as the arena. */
struct element *element_new_lent(struct arena *arena, const char *ns, const char *name);
/* Sets an attribute without namespace; a NULL value takes it away. `name` is lent (a constant),
 * `value` is copied. */
void element_set(struct arena *arena, struct element *element, const char *name, const char *value);
/* Sets xml:lang. */
void element_set_lang(struct arena *arena, struct element *element, const char *lang);
/* Adds a child at the end. A child belongs to one parent. */
void element_add(struct element *parent, struct element *child);
/* Makes a child; `ns` NULL means the parent's. ns and name are lent. Returns the child. */
struct element *element_add_new(
    struct arena *arena, struct element *parent, const char *ns, const char *name);
/* Adds text at the end (copied; NULL adds nothing). */
void element_add_text(struct arena *arena, struct element *parent, const char *text);
/* A child with only text in it; returns the child. */
struct element *element_add_text_child(struct arena *arena, struct element *parent, const char *ns,
    const char *name, const char *text);
/* A deep copy in another arena. */
struct element *element_copy(struct arena *arena, const struct element *element);

const char *element_name(const struct element *element);
/* "" for an element in no namespace. */
const char *element_ns(const struct element *element);
/* Name and namespace are these; NULL stands for any. */
bool element_is(const struct element *element, const char *ns, const char *name);
/* The value of an attribute without namespace, or NULL. Lent. */
const char *element_attribute(const struct element *element, const char *name);
/* The value of an attribute in a namespace (XML_NS: xml:lang), or NULL. */
const char *element_attribute_ns(const struct element *element, const char *ns, const char *name);
/* The first child element with this namespace and name (NULL: any), or NULL. */
struct element *element_child(const struct element *element, const char *ns, const char *name);
/* The next sibling element after `child` with this namespace and name (NULL: any), or NULL. */
struct element *element_next(const struct element *child, const char *ns, const char *name);
/* All text directly inside, joined; "" if there is none. Lent if it is one piece, else made in the
 * arena. */
const char *element_text(struct arena *arena, const struct element *element);
/* Text of the first such child, or NULL if there is no such child. */
const char *element_child_text(
    struct arena *arena, const struct element *element, const char *ns, const char *name);

/* Both trees are the same: names, attributes in any order, children in order. */
bool element_equal(const struct element *a, const struct element *b);

/* The element as XML, NUL-terminated, complete with its namespace declarations. */
char *element_to_text(struct arena *arena, const struct element *element);
/* Parses one element, as it was stored; NULL if it is not well-formed. Without limits: they were
 * kept where it came in, and escaping may have made it longer since. */
struct element *element_parse(struct arena *arena, const char *bytes, size_t length);

#endif
