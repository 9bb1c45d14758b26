/* config-file.h - the text of godwit.conf, read by tables of keys: the door to libconfuse.
 * A file has keys at its top and sections of keys; messages name file, line and cure. */
#ifndef GODWIT_CORE_CONFIG_FILE_H
#define GODWIT_CORE_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/keys.h"

struct arena;
struct config_file;
struct config_part;

/* What kind of section there may be. */
struct config_kind {
	const char *name; /* "root": the top of the file; it comes first. NULL ends a list */
	const struct config_key *keys;
	enum { ONCE, NAMED, NAMED_AGAIN } repeats; /* `limits {`, `domain "x" {` (each x once) */
};

/* The text of the file, made in `arena`; NULL and the reason. */
const char *config_file_text(const char *path, struct arena *arena, const char **error_out);
/* Parses the text, which is that of the file at `path`; path and kinds are lent as long as it
 * lives. `only_top`: its sections are ignored, whatever they are. NULL and the reason, made in
 * `arena`. */
struct config_file *config_file_open(const char *path, const char *text,
    const struct config_kind *kinds, bool only_top, struct arena *arena, const char **error_out);
void config_file_free(struct config_file **file);

/* The top, or a section of a kind: for kinds that are there ONCE, `index` is 0 and it is never
 * missing (its keys then have their defaults); for others NULL behind the last. Lives in `arena`.
 */
struct config_part *config_file_part(
    const struct config_file *file, const char *kind, size_t index, struct arena *arena);
/* The name behind the kind, or NULL. */
const char *config_part_title(const struct config_part *part);
/* The path of the file. */
const char *config_part_path(const struct config_part *part);
/* Whether the file says anything for this key. */
bool config_part_sets(const struct config_part *part, const char *key);
/* Fills the struct that the kind's keys describe; texts are made in `arena`. */
void config_part_read(const struct config_part *part, void *section, struct arena *arena);
/* One value, as the table settings has it: true or false, items of a list with commas between. */
const char *config_part_text(
    const struct config_part *part, const struct config_key *key, struct arena *arena);
/* Sets it to such a text, as if the file said so. NULL, or why that is no value of the key. */
const char *config_part_set(const struct config_part *part, const struct config_key *key,
    const char *text, struct arena *arena);
/* Whether a KEY_WORD may be that; and "this, that or else". */
bool config_key_has_word(const struct config_key *key, const char *word);
const char *config_key_words(const struct config_key *key, struct arena *arena);
/* "FILE:LINE: ..." for what is wrong with the part as a whole. */
const char *config_part_wrong(const struct config_part *part, struct arena *arena,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
