/* progress.h - how far long work has come, as one line on a terminal that is written over again and
 * again; nothing where standard error is none. */
#ifndef GODWIT_TOOLS_PROGRESS_H
#define GODWIT_TOOLS_PROGRESS_H

/* At most some times a second. */
void progress_show(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Takes the line away, if there is one: before anything else is written to the terminal. */
void progress_end(void);

#endif
