/* subscription-removal.h - a roster row was deleted with SQL: what a client would have done by
 * removing the contact is done for it. */
#ifndef GODWIT_CORE_SUBSCRIPTION_REMOVAL_H
#define GODWIT_CORE_SUBSCRIPTION_REMOVAL_H

struct jid;
struct subscription_state;

/* The row of `contact` on the roster of `owner` (bare JIDs; the owner's home is here) said `state`.
 * Unless it is there again, the contact is told what has ended (RFC 6121 section 2.5.2), also for
 * an owner who is deleted. */
void subscription_removed(
    const struct jid *owner, const struct jid *contact, struct subscription_state state);

#endif
