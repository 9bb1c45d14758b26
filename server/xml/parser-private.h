/* parser-private.h - what parser.c (feeding, limits), reader.c (expat's events), tag.c and plain.c
 * (the same from bytes) share. */
#ifndef GODWIT_XML_PARSER_PRIVATE_H
#define GODWIT_XML_PARSER_PRIVATE_H

#include <expat.h>

#include "base/text.h"
#include "xml/parser.h"

/* Between namespace and name in what expat reports: no byte of UTF-8, so nobody can smuggle one in.
 */
#define NAME_SEPARATOR '\xff'

enum stage { STAGE_HEADER, STAGE_STREAM, STAGE_CLOSED };

struct xml_parser {
	struct xml_limits limits;
	const struct xml_events *events;
	void *state;

	XML_Parser expat; /* NULL before the first byte and while resting */
	enum xml_error error;
	enum stage stage;
	bool stopped;
	bool replaying; /* the header is fed again after a rest */
	bool busy;      /* inside XML_Parse() */
	size_t fed;     /* bytes given to this expat */
	size_t unit_at; /* where the child (or header) being read began, in those bytes */

	char *content_ns;   /* NULL: none */
	const char *mapped; /* that of servers or components: read as jabber:client */
	struct text raw;    /* the header as it came, until it is complete */
	struct text replay; /* a start tag of the same name and declarations, for after a rest */
	const char *usual;  /* in its place, if it is one that nearly everybody sends */

	/* The child being read; all NULL or 0 between stanzas. */
	struct arena *arena;
	struct element *root, *current;
	size_t depth;
	size_t entered; /* of a document: elements around that were entered */
	size_t skipped; /* the depth in one that is dropped */
	size_t elements;
	size_t declarations; /* namespaces declared by the start tag that comes next */
	size_t ns_bytes;     /* of all namespaces that have to be written out */
	struct text text;    /* character data up to here, joined */

	/* A long unfinished tag: what need not be shown to expat yet (see parser.c). */
	struct text held;
	size_t retries;
};

/* reader.c and tag.c */

/* Sets expat's handlers. */
void reader_attach(struct xml_parser *parser);
/* Stops expat, unless it was stopped before. */
void reader_refuse(struct xml_parser *parser, enum xml_error error);
/* Makes the element of a start tag (tag.c) in the arena of the child being read; NULL after
 * refusing it. */
struct element *reader_tag(
    struct xml_parser *parser, const XML_Char *reported, const XML_Char **attributes);
/* The namespace of an element inside the one being read, as a string that lives as long as the
 * tree. Where it is not the parent's the writer has to name it, and that counts. */
const char *reader_namespace(struct xml_parser *parser, struct span ns);
/* Begins a child, in an arena of its own. */
void reader_begin(struct xml_parser *parser);
/* One element deeper; false if that is over a limit. */
bool reader_descend(struct xml_parser *parser);
/* The element whose children come next; then back to its parent. */
void reader_enter(struct xml_parser *parser, struct element *element);
void reader_leave(struct xml_parser *parser);
/* Gives the child away. */
void reader_report(struct xml_parser *parser);
/* Forgets the child being read. */
void reader_drop(struct xml_parser *parser);

/* plain.c */

/* Between stanzas: reads a child that begins with these bytes, if it is there as a whole and plain,
 * and reports it; returns how many bytes it was, 0 if it is for expat. */
size_t plain_read(struct xml_parser *parser, const char *bytes, size_t length);

/* spare.c */

/* Takes an expat that another stream has no need of; false if there is none that fits. */
bool spare_take(struct xml_parser *parser);
/* Between stanzas: hands the expat on; false if it is not fit for anybody else. */
bool spare_give(struct xml_parser *parser);

#endif
