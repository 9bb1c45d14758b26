/* import-source.c - the files of XEP-0227, read piece by piece. Other files that are included
 * (XInclude, section 5) are read in their place: below the folder of the file that names them, and
 * no deeper than the format has levels. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "tools/ctl.h"
#include "tools/import-xep-0227.h"
#include "tools/import.h"

#define READ_BYTES 65536
#define MAX_DEPTH 128
#define MAX_ELEMENTS 4000000
#define MAX_ATTRIBUTES 64
#define MAX_NAME_BYTES 4096

static bool source_read(struct source *source);

const char *source_place(struct source *source)
{
	snprintf(source->place, sizeof source->place, "%.*s:%zu", PATH_MAX, source->path,
	    xml_parser_line(source->parser));
	return source->place;
}

void source_fail(struct source *source)
{
	source->has_failed = true;
	xml_parser_stop(source->parser);
}

static const char *error_words(enum xml_error error)
{
	switch (error) {
	case XML_RESTRICTED:
		return "a document type or an entity, which no such file needs; take it out";
	case XML_UNSUPPORTED_ENCODING:
		return "an encoding other than UTF-8; convert it, with iconv for one";
	case XML_INVALID_XML_VERSION:
		return "an XML version other than 1.0";
	case XML_LIMIT:
		return "an element that is larger than --max-account-bytes, or names, attributes "
		       "or "
		       "a depth that no client could have sent";
	case XML_BAD_NAMESPACE_PREFIX:
		return "a prefix that is not declared";
	default:
		return "it is not well-formed XML here";
	}
}

static bool bytes_feed(struct source *source, const char *bytes, size_t length)
{
	enum xml_error error = xml_parser_feed(source->parser, bytes, length);

	if (source->has_failed)
		return false;
	if (error == XML_OK)
		return true;
	ctl_fail("%s: %s", source_place(source), error_words(error));
	return false;
}

/* What editors on Windows put before all else. */
static size_t mark_length(const char *bytes, size_t length)
{
	return length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static bool bytes_read(struct source *source, int fd)
{
	static char bytes[READ_BYTES];
	char *room = source->within == NULL ? bytes : arena_alloc(source->arena, READ_BYTES);
	bool is_first = true;
	ssize_t got;

	while (!source->is_whole && (got = read(fd, room, READ_BYTES)) != 0) {
		size_t skipped = is_first && got > 0 ? mark_length(room, (size_t)got) : 0;

		if (got < 0) {
			ctl_fail("%s: %s", source->path, strerror(errno));
			return false;
		}
		is_first = false;
		if (!bytes_feed(source, room + skipped, (size_t)got - skipped))
			return false;
	}
	if (!source->is_whole)
		ctl_fail(
		    "%s: the file ends here, and is not whole; get all of it, and run this again",
		    source_place(source));
	return source->is_whole;
}

static bool source_read(struct source *source)
{
	const struct xml_limits limits = { source->import->max_account_bytes, MAX_DEPTH,
		MAX_ATTRIBUTES, MAX_ELEMENTS, MAX_NAME_BYTES };
	bool is_input = source->within == NULL && strcmp(source->path, "-") == 0, good;
	int fd = is_input ? STDIN_FILENO : open(source->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		ctl_fail("%s: %s%s", source->path, strerror(errno),
		    errno == EACCES ? "; it is read as the user that the server runs as: let that "
				      "one read it, or give it on standard input (-)"
				    : "");
		return false;
	}
	source->parser = xml_parser_new(&limits, &source_events, source);
	good = bytes_read(source, fd);
	import_account_free(&source->account);
	xml_parser_free(&source->parser);
	if (!is_input)
		close(fd);
	return good;
}

/* ---- included files ---- */

/* Only below the folder of the file itself, so that no file can be made to show another one. What
 * is said here goes by the name, and is_below() by where links lead. */
static bool is_good_href(const char *href)
{
	return *href != '\0' && *href != '/' && strchr(href, ':') == NULL &&
	       strncmp(href, "../", 3) != 0 && strstr(href, "/../") == NULL &&
	       strcmp(href, "..") != 0;
}

/* What is not there is left to who opens it. */
static bool is_below(const char *folder, const char *path)
{
	char *above = realpath(folder, NULL), *below = realpath(path, NULL);
	size_t length = above == NULL || strcmp(above, "/") == 0 ? 0 : strlen(above);
	bool is = below == NULL ||
	          (above != NULL && strncmp(above, below, length) == 0 && below[length] == '/');

	free(above);
	free(below);
	return is;
}

/* %20 and the like. */
static const char *href_decode(struct arena *arena, const char *href)
{
	char *path = arena_strdup(arena, href), *to = path;
	unsigned byte;

	for (const char *from = path; *from != '\0'; to++) {
		bool is_escape = *from == '%' && strspn(from + 1, "0123456789abcdefABCDEF") >= 2 &&
		                 sscanf(from + 1, "%2x", &byte) == 1 && byte != 0;

		*to = is_escape ? (char)byte : *from;
		from += is_escape ? 3 : 1;
	}
	*to = '\0';
	return path;
}

void source_include(struct source *source, const char *href)
{
	struct arena *arena = arena_new(0);
	const char *folder = dirname(arena_strdup(arena, source->path));
	const char *path = href == NULL ? NULL : href_decode(arena, href);
	struct source included = { .import = source->import,
		.arena = arena,
		.within = source,
		.level = source->level,
		.domain = source->domain };

	included.path = path == NULL ? NULL : arena_printf(arena, "%s/%s", folder, path);
	if (path == NULL || !is_good_href(path) || !is_below(folder, included.path)) {
		ctl_fail("%s: \"%s\" cannot be included: only a file below the folder of this one",
		    source_place(source), href == NULL ? "" : href);
		source_fail(source);
	} else if (!source_read(&included)) {
		source_fail(source);
	}
	arena_free(&arena);
}

/* ---- from outside ---- */

bool import_xep_0227(struct import *import, const char *path)
{
	struct source source = { .import = import, .arena = arena_new(0), .path = path };
	bool good = source_read(&source);

	arena_free(&source.arena);
	return good;
}
