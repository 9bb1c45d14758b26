/* writer.h - trees to bytes. The only place that escapes: nothing received is ever forwarded as it
 * came. Prefixes are not used but xml:; attributes in a namespace get a declared prefix of ours. */
#ifndef GODWIT_XML_WRITER_H
#define GODWIT_XML_WRITER_H

#include <stddef.h>

struct element;
struct text;

/* Appends the element with its children. `default_ns` is the namespace in force where it will stand
 * (NULL: none): an element in it is not declared again. */
void xml_write(struct text *out, const struct element *element, const char *default_ns);
/* Appends the children only; `default_ns` is what is in force there. */
void xml_write_children(struct text *out, const struct element *element, const char *default_ns);
/* Appends text with & < > escaped, or as a value for '...' with ' " and white space escaped too. */
void xml_write_text(struct text *out, const char *text, size_t length);
void xml_write_value(struct text *out, const char *text, size_t length);
/* Appends ` name='value'`; nothing for a NULL value. */
void xml_write_attribute(struct text *out, const char *name, const char *value);

#endif
