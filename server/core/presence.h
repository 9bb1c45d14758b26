/* presence.h - who is told who is there (RFC 6121 section 4), and directed presence (4.6). */
#ifndef GODWIT_CORE_PRESENCE_H
#define GODWIT_CORE_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "xmpp/stanza.h"

struct account;
struct jid;
struct receipt;
struct session;
struct task;

/* A presence without `to` from a session: initial, changed, or unavailable. The receipt (may be
 * NULL) is held until everyone has it. */
void presence_broadcast(
    struct session *session, const struct stanza *presence, struct receipt *receipt);
/* Available or unavailable with a `to`: remembers whom to tell when the session ends, and routes
 * it. */
void presence_direct(struct session *session, struct task *task);
/* The session ends without having said so: unavailable to everyone who saw it. */
void presence_vanish(struct session *session);
/* An available, unavailable or probe that arrives for an account (loaded), already past the hooks.
 */
void presence_deliver(struct task *task);
/* The same for an account without sessions (`to`: its bare or a full JID), which is not loaded for
 * it: a probe is one roster query; anything else is dropped. */
void presence_deliver_absent(
    const struct stanza *presence, const struct jid *to, struct receipt *receipt);
/* Whether the session shares its presence with that address, by a subscription or directed. */
bool presence_is_shared(const struct session *session, const struct jid *jid);
/* One that says no more than its type. */
void presence_send(enum stanza_type type, const struct jid *from, const struct jid *to);
/* The presence of all available sessions of an account to one contact; or that they are gone. */
void presence_show(struct account *account, const struct jid *contact);
void presence_hide(struct account *account, const struct jid *contact);
/* The presence of a contact, if it shares it, to all available sessions of the account. */
void presence_ask(struct account *account, const struct jid *contact);

/* Called by home.c. */
void presence_start(void);
size_t probes_waiting(void);

#endif
