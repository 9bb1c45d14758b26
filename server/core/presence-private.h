/* presence-private.h - what the files about presence share. */
#ifndef GODWIT_CORE_PRESENCE_PRIVATE_H
#define GODWIT_CORE_PRESENCE_PRIVATE_H

#include <stdbool.h>

struct account;
struct jid;
struct session;
struct stanza;

/* The program that sends it, as it says (XEP-0115); NULL for none, and for no presence. */
const char *presence_client(const struct stanza *presence);
/* Whether any of its sessions is available, or has sent directed presence. */
bool presence_is_shown(const struct account *account);
/* Whether a module hides the account from this contact (a block list). */
bool presence_is_hidden(const struct account *account, const struct jid *contact);
/* Sends a presence to one address, as it would have been sent there. */
void presence_send_to(const struct stanza *presence, const struct jid *from, const struct jid *to);
/* Whether that address, or all of that account, got directed presence of this session. */
bool presence_is_directed(const struct session *session, const struct jid *jid);
/* Who got it need not be told of the end: it has gone itself (section 4.6.1). */
void presence_forget_directed(struct session *session, const struct jid *jid);
/* Unavailable to those who got directed presence of this session and are not told by the roster
 * (`broadcast`: it was available, so subscribers have been told); forgets them. */
void presence_end_directed(
    struct session *session, const struct stanza *unavailable, bool broadcast);
/* Unavailable of this session to those of them that a block of this JID concerns (XEP-0191 section
 * 5); forgets them. */
void presence_hide_directed(struct session *session, const struct jid *blocked);
/* A domain is lost: sessions of the account that showed themselves to somebody there hear that he
 * has gone, and are remembered. */
void presence_depart(const struct account *account, const char *domain);
/* It is back: whom they had shown themselves to hears that they have gone, unless they have come
 * again. On each worker. */
void presence_tell_departed(const char *domain);
void departures_start(void);
void departures_stop(void);
/* Whether blocking or unblocking the one JID concerns the other: a domain stands for all who are
 * there, a bare JID for its resources. */
bool presence_concerns(const struct jid *blocked, const struct jid *jid);

#endif
