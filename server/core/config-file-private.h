/* config-file-private.h - what config-file.c and config-part.c share: libconfuse's view of the
 * file. */
#ifndef GODWIT_CORE_CONFIG_FILE_PRIVATE_H
#define GODWIT_CORE_CONFIG_FILE_PRIVATE_H

#include <confuse.h>

#include "core/config-file.h"

/* Behind the title of a section that may come again: libconfuse takes titles for unique. */
#define TITLE_END '\x01'

struct config_file {
	const char *path;
	const struct config_kind *kinds;
	cfg_t *root;
};

struct config_part {
	const struct config_file *file;
	const struct config_kind *kind;
	cfg_t *cfg;
};

/* NULL if there is none of that name. */
const struct config_kind *config_kind_find(const struct config_kind *kinds, const char *name);

#endif
