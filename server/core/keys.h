/* keys.h - configuration keys as tables: what a section of godwit.conf may hold, with type,
 * default, bounds and a sentence for the manual. The parser, --check and the documentation read the
 * same rows. */
#ifndef GODWIT_CORE_KEYS_H
#define GODWIT_CORE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum key_type { KEY_END, KEY_SIZE, KEY_NUMBER, KEY_BOOL, KEY_TEXT, KEY_LIST, KEY_WORD };

/* Fields of the section's struct: KEY_SIZE size_t, KEY_NUMBER unsigned, KEY_BOOL bool, KEY_TEXT
 * const char *, KEY_LIST const char *const * ended by NULL, KEY_WORD const char *. */
struct config_key {
	enum key_type type;
	const char *name;
	size_t offset;
	int64_t number; /* default of SIZE, NUMBER and BOOL */
	int64_t minimum, maximum;
	const char *text; /* default of TEXT and WORD; of LIST: items separated by spaces */
	const char *help;
	const char *words; /* of WORD: what it may be, separated by spaces */
};

/* clang-format off */
#define CONFIG_SIZE(type_, member, default_, help_) \
	{ KEY_SIZE, #member, offsetof(type_, member), default_, 0, INT64_MAX / 2, NULL, help_, NULL }
#define CONFIG_NUMBER(type_, member, default_, minimum_, maximum_, help_) \
	{ KEY_NUMBER, #member, offsetof(type_, member), default_, minimum_, maximum_, NULL, help_, NULL }
#define CONFIG_BOOL(type_, member, default_, help_) \
	{ KEY_BOOL, #member, offsetof(type_, member), default_, 0, 1, NULL, help_, NULL }
#define CONFIG_TEXT(type_, member, default_, help_) \
	{ KEY_TEXT, #member, offsetof(type_, member), 0, 0, 0, default_, help_, NULL }
#define CONFIG_LIST(type_, member, default_, help_) \
	{ KEY_LIST, #member, offsetof(type_, member), 0, 0, 0, default_, help_, NULL }
#define CONFIG_WORD(type_, member, default_, words_, help_) \
	{ KEY_WORD, #member, offsetof(type_, member), 0, 0, 0, default_, help_, words_ }
#define CONFIG_END { .type = KEY_END }
/* clang-format on */

#endif
