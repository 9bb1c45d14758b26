/* router-private.h - the inside of routing, shared by router.c (one stanza, and what happens at the
 * addressee's home) and router-fanout.c (the way to other homes, and to many). */
#ifndef GODWIT_CORE_ROUTER_PRIVATE_H
#define GODWIT_CORE_ROUTER_PRIVATE_H

#include <stdbool.h>

struct jid;
struct receipt;
struct stanza;

/* At the home of `to`, an account of ours: the stanza is for it. The second only if somebody is, or
 * is about to be, logged in. */
void account_arrive(const struct stanza *stanza, const struct jid *to, struct receipt *receipt);
void online_arrive(const struct stanza *stanza, const struct jid *to);

/* A stanza to an account of ours goes to another home, or waits behind what its sender has under
 * way here. False: neither is due, and nothing was done. */
bool parcel_send(const struct stanza *stanza, struct receipt *receipt);

#endif
