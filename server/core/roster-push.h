/* roster-push.h - roster items as clients see them (RFC 6121 section 2.1.2), and telling all
 * interested resources of a change. */
#ifndef GODWIT_CORE_ROSTER_PUSH_H
#define GODWIT_CORE_ROSTER_PUSH_H

#include "core/module.h"

struct account;
struct roster_item;

/* <item/>, made in the arena; as it is, or with subscription='remove'. */
struct element *roster_item_element(struct arena *arena, const struct roster_item *item);
struct element *roster_removal_element(struct arena *arena, const char *contact);
/* Sends a roster push (section 2.1.6) with a copy of that <item/> to each interested resource. */
void roster_push(struct account *account, const struct element *item, const char *version);

#endif
