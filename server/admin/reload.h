/* reload.h - reloads that godwitctl asks for: on the first worker, done by the main thread, which
 * says what came of it. */
#ifndef GODWIT_ADMIN_RELOAD_H
#define GODWIT_ADMIN_RELOAD_H

#include "base/text.h"

struct reload_errand;

struct reload_outcome {
	const char *error;          /* NULL: it succeeded */
	const char *const *restart; /* settings that only take effect then, ended by NULL */
	struct text warnings;       /* a line each */
};

/* On the main thread when a reload begins: who has asked by then. May be NULL. */
struct reload_errand *reload_errands_take(void);
/* And when it is done. */
void reload_errands_answer(struct reload_errand *errands, const struct reload_outcome *outcome);

#endif
