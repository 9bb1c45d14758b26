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
struct task;

/* Sends a stanza to its `to`: an account of ours (at its home), a domain we serve (here), or
 * another domain by whoever carries stanzas there (remote.h; remote-server-not-found where nobody
 * does). The receipt (may be NULL) is held until the stanza has been dealt with. References are
 * taken as needed. From any worker. */
void router_send(const struct stanza *stanza, struct receipt *receipt);
/* The same stanza to many bare JIDs, whatever its own `to`: one message for each worker, expanded
 * there in slices (DESIGN: fan-out). What arrives there has the stanza's own `to`: the addressee is
 * the account. `to` is copied. The receipt (may be NULL) is held until everyone has had it. For
 * presence. */
void router_send_many(const struct stanza *stanza, struct receipt *receipt,
    const struct jid *const *to, size_t count);
/* The same to those among them who have sessions; all are of ours. */
void router_send_online(const struct stanza *stanza, struct receipt *receipt,
    const struct jid *const *to, size_t count);
/* Sends the error that `rc` names back to where the stanza came from, if one is due. */
void router_bounce(const struct stanza *stanza, enum rc rc, const char *text);

/* A get or set that a client sends before it has logged in (XEP-0077), to the domain in its `to`.
 * `answer` is called with each answer (lent), `ended` once after the last; now or later. */
void router_early(const struct stanza *iq, void (*answer)(void *state, struct stanza *answer),
    void (*ended)(void *state, enum rc rc), void *state);
/* An iq of an account to itself, from a session here: the task goes on at TO_ACCOUNT. */
void router_to_self(struct task *task);

/* Called by home.c. */
void router_start(void);
void router_stop(void);

#endif
