/* roster-push.h - roster items as clients see them (RFC 6121 section 2.1.2), and telling all
 * interested resources of a change. */
#ifndef GODWIT_CORE_ROSTER_PUSH_H
#define GODWIT_CORE_ROSTER_PUSH_H

#include "core/module.h"

struct account;
struct jid;

/* <item/> as clients see the contact (bare) now, made in the arena; with subscription='remove' if
 * they do not. */
struct element *roster_contact_element(
    struct arena *arena, const struct account *account, const struct jid *contact);
/* Sends a roster push (section 2.1.6) with a copy of that <item/> to each interested resource. */
void roster_push(struct account *account, const struct element *item, const char *version);

#endif
