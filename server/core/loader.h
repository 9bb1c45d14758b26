/* loader.h - modules as loadable objects: found, checked and kept for the life of the process. */
#ifndef GODWIT_CORE_LOADER_H
#define GODWIT_CORE_LOADER_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct module;

/* Loads each named module (ended by NULL) from the folders of `path` (':' between) and gives it its
 * index. False and the reason, naming module, file and cure: not found, not a module, another API
 * version, the same namespace claimed twice at one priority is allowed. Once, before any worker. */
bool loader_load(
    const char *path, const char *const *names, struct arena *arena, const char **error_out);
/* Calls start() of each; false if one refuses. */
bool loader_start(void);
/* Calls stop() of each, in reverse. The objects stay mapped. */
void loader_stop(void);
/* How many there are; indexes run below it. */
size_t loader_count(void);

#endif
