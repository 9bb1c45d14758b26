/* hooks.h - the hooks of all modules and of the core, sorted once at start into a list for each
 * place where stanzas pass, so that dispatching is one look-up. */
#ifndef GODWIT_CORE_HOOKS_H
#define GODWIT_CORE_HOOKS_H

#include <stddef.h>

#include "core/module.h"

struct hook_entry {
	enum verdict (*run)(struct task *task);
	const struct module *module; /* NULL: the core's own */
};

struct hook_list {
	size_t count;
	const struct hook_entry *entries;
};

/* Collects the tables of the core and of all loaded modules; once, before any worker runs. */
void hooks_init(void);
void hooks_free(void);
/* The hooks for this stanza at that place: ANY_ hooks and, for a get or set that the place itself
 * has to answer (`handled_here`), those of its payload's namespace, by priority. Never NULL. */
const struct hook_list *hooks_for(
    const struct stanza *stanza, enum addressed place, bool handled_here);
/* The hooks of MESSAGE_UNDELIVERED, MESSAGE_UNCONFIRMED or MESSAGE_ARRIVING. */
const struct hook_list *hooks_of_kind(enum hook_kind kind);

/* The hooks of the core itself, ended by HOOK_END. */
extern const struct hook roster_hooks[]; /* roster-iq.c */

#endif
