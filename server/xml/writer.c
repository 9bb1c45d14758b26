/* writer.c - trees to bytes; see writer.h.
 * No prefix is used for elements, so the default namespace in force inside an element is always
 * that of the element itself, and the walk needs no stack. */
#include "xml/writer.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "xml/bytes.h"
#include "xml/element-private.h"

/* How a byte that may not stand there as it is is written. Bytes that XML 1.0 does not allow at all
 * (section 2.2) come out as U+FFFD: whoever made the tree, a receiver can read what we send. */
static const char *escape_of(char byte)
{
	switch (byte) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\'':
		return "&apos;";
	case '"':
		return "&quot;";
	case '\t':
		return "&#9;";
	case '\n':
		return "&#10;";
	case '\r':
		return "&#13;";
	default:
		return "\xef\xbf\xbd";
	}
}

/* Bytes of the kind are written as they are. */
static void escape(struct text *out, const char *bytes, size_t length, enum byte_kind kind)
{
	while (length > 0) {
		size_t run = byte_run(bytes, length, kind);

		if (run > 0) {
			text_append(out, bytes, run);
		} else {
			text_puts(out, escape_of(*bytes));
			run = 1;
		}
		bytes += run;
		length -= run;
	}
}

void xml_write_text(struct text *out, const char *text, size_t length)
{
	escape(out, text, length, BYTE_IN_TEXT);
}

void xml_write_value(struct text *out, const char *text, size_t length)
{
	escape(out, text, length, BYTE_IN_VALUE);
}

void xml_write_attribute(struct text *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	text_putc(out, ' ');
	text_puts(out, name);
	text_append(out, "='", 2);
	xml_write_value(out, value, strlen(value));
	text_putc(out, '\'');
}

/* An attribute in a namespace of its own declares a prefix beside it: a0, a1 and so on. */
static void write_foreign_attribute(
    struct text *out, const struct attribute *attribute, unsigned number)
{
	text_printf(out, " xmlns:a%u='", number);
	xml_write_value(out, attribute->ns, strlen(attribute->ns));
	text_printf(out, "' a%u:%s='", number, attribute->name);
	xml_write_value(out, attribute->value, strlen(attribute->value));
	text_putc(out, '\'');
}

void xml_write_any_attribute(struct text *out, const struct attribute *attribute, unsigned *foreign)
{
	if (attribute->ns == NULL) {
		xml_write_attribute(out, attribute->name, attribute->value);
	} else if (strcmp(attribute->ns, XML_NS) == 0) {
		text_append(out, " xml:", 5);
		text_puts(out, attribute->name);
		text_append(out, "='", 2);
		xml_write_value(out, attribute->value, strlen(attribute->value));
		text_putc(out, '\'');
	} else {
		write_foreign_attribute(out, attribute, (*foreign)++);
	}
}

static void write_start(struct text *out, const struct element *element, const char *default_ns)
{
	unsigned foreign = 0;

	text_putc(out, '<');
	text_puts(out, element->name);
	if (element->ns != default_ns && strcmp(element->ns, default_ns) != 0)
		xml_write_attribute(out, "xmlns", element->ns);
	for (const struct attribute *at = element->attributes; at != NULL; at = at->next)
		xml_write_any_attribute(out, at, &foreign);
	if (element->first == NULL)
		text_putc(out, '/');
	text_putc(out, '>');
}

static void write_end(struct text *out, const struct element *element)
{
	text_append(out, "</", 2);
	text_puts(out, element->name);
	text_putc(out, '>');
}

void xml_write(struct text *out, const struct element *element, const char *default_ns)
{
	const struct element *node = element;
	const char *ns = default_ns == NULL ? "" : default_ns;

	for (;;) {
		if (node->name == NULL)
			xml_write_text(out, node->text, node->text_length);
		else
			write_start(out, node, ns);
		if (node->name != NULL && node->first != NULL) {
			ns = node->ns;
			node = node->first;
			continue;
		}
		while (node != element && node->next == NULL) {
			node = node->parent;
			write_end(out, node);
		}
		if (node == element)
			return;
		node = node->next;
		ns = node->parent->ns;
	}
}

void xml_write_children(struct text *out, const struct element *element, const char *default_ns)
{
	for (const struct element *child = element->first; child != NULL; child = child->next)
		xml_write(out, child, default_ns);
}
