/* router.h - from a stanza to whoever it is for (RFC 6120 section 10, RFC 6121 section 8).
 * The only code that knows where a user's home is. */
#ifndef GODWIT_CORE_ROUTER_H
#define GODWIT_CORE_ROUTER_H

#include <stddef.h>

#include "base/rc.h"

struct account;
struct jid;
struct receipt;
struct session;
struct stanza;

/* Sends a stanza to its `to`: an account of ours (at its home), a domain we serve (here), or a remote
 * domain (remote-server-not-found until there is federation). The receipt (may be NULL) is held until
 * the stanza has been dealt with. References are taken as needed. From any worker. */
void router_send(const struct stanza *stanza, struct receipt *receipt);
/* The same stanza to many bare or full JIDs, all its addressee otherwise: one message for each worker,
 * expanded there in slices (DESIGN: fan-out). `to` is copied. For presence. */
void router_send_many(const struct stanza *stanza, const struct jid *const *to, size_t count);
/* Sends the error that `rc` names back to where the stanza came from, if one is due. */
void router_bounce(const struct stanza *stanza, enum rc rc, const char *text);

#endif
