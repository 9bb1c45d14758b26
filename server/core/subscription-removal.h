/* subscription-removal.h - a roster row was deleted with SQL, or a subscription in it has ended:
 * what a client would have done by removing the contact, or by ending the subscription, is done for
 * it. */
#ifndef GODWIT_CORE_SUBSCRIPTION_REMOVAL_H
#define GODWIT_CORE_SUBSCRIPTION_REMOVAL_H

struct jid;
struct subscription_state;

/* The row of `contact` on the roster of `owner` (bare JIDs; the owner's home is here) said `state`.
 * Of what it does not say now, the contact is told that it has ended (RFC 6121 sections 2.5.2,
 * 3.2.1 and 3.3.1), also for an owner who is deleted; one of ours only if its own row says so
 * still. */
void subscription_removed(
    const struct jid *owner, const struct jid *contact, struct subscription_state state);

#endif
