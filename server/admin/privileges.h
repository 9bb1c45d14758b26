/* privileges.h - giving up root. */
#ifndef GODWIT_ADMIN_PRIVILEGES_H
#define GODWIT_ADMIN_PRIVILEGES_H

#include <stdbool.h>

struct arena;

/* Becomes `user` for good, with its main group and no other, if we are root; "" stays root. False
 * and the reason with its cure, which names `config_path`. */
bool privileges_drop(
    const char *user, const char *config_path, struct arena *arena, const char **error_out);

#endif
