/* config-outline.h - godwit.conf without its comments, and without its sections.
 * Which sections there may be is known once the modules are loaded, and which modules those are
 * stands in the file. So it is read twice, the first time without sections: libconfuse can ignore
 * unknown options but loses its way in unknown sections (3.3 skips one token too many). */
#ifndef GODWIT_CORE_CONFIG_OUTLINE_H
#define GODWIT_CORE_CONFIG_OUTLINE_H

#include <stddef.h>

/* Overwrites comments with blanks, for libconfuse counts their lines more than once; lines keep
 * their numbers. Returns the line of one that is never closed, which libconfuse does not mind, or
 * 0. */
size_t config_uncomment(char *text);
/* Overwrites every section, `name { ... }` or `name title { ... }`, with blanks; lines keep their
 * numbers. What is not balanced is left for the parser to complain about. */
void config_outline(char *text);
/* The line of a '{' that is never closed, or 0; libconfuse does not mind the end of the file. */
size_t config_unclosed_line(char *text);

#endif
