/* import-xep-0227.h - what the two files that read XEP-0227 share: one file that is being read
 * (import-source.c), and where in the format we are (import-xep-0227.c). */
#ifndef GODWIT_TOOLS_IMPORT_XEP_0227_H
#define GODWIT_TOOLS_IMPORT_XEP_0227_H

#include <limits.h>
#include <stdbool.h>

#include "xml/parser.h"

struct import;
struct import_account;

enum level { LEVEL_NONE, LEVEL_DATA, LEVEL_HOST, LEVEL_USER, LEVEL_MESSAGES, LEVEL_ROSTER };

/* One file that is being read, and where we are in it. */
struct source {
	struct import *import;
	struct arena *arena;
	const char *path;
	struct source *within; /* the file that includes it, or NULL */
	struct xml_parser *parser;
	enum level level;
	const char *domain;
	struct import_account *account;
	bool has_failed; /* and has said why */
	bool is_whole;   /* its root has ended */
	char place[PATH_MAX + 32];
};

/* What is done with the pieces of a file; `state` is its source. */
extern const struct xml_events source_events;

/* "file:line"; good until it is asked for again. */
const char *source_place(struct source *source);
/* Reads no further; the reason was told. */
void source_fail(struct source *source);
/* Reads the file that this names, in its place. */
void source_include(struct source *source, const char *href);

#endif
