/* delivery.h - a message on its way to one or more sessions of an account, until a client has it.
 * It holds the sender's receipt; it is confirmed by the first client that acknowledges it or,
 * without XEP-0198, when it was written to the socket. If every session loses it, it is delivered
 * anew: to other sessions, or kept (offline). What a client has not acknowledged in time is kept as
 * well, so that the sender's acknowledgement is never later than about a second; what must not be
 * kept is acknowledged then. */
#ifndef GODWIT_CORE_DELIVERY_H
#define GODWIT_CORE_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct account;
struct delivery;
struct receipt;
struct session;
struct stanza;
struct task;

/* Delivers a message to its addressee by the rules of RFC 6121 section 8.5, at its home; the
 * account is loaded. */
void delivery_message(struct task *task);
/* A message that is kept already under `message_id`, to one session. */
void delivery_kept(struct session *session, const struct stanza *stanza, int64_t message_id);
/* Sends a stanza to one session; `told` is called once, when the client has it or is gone. */
void delivery_told(
    struct session *session, const struct stanza *stanza, void (*told)(void *state), void *state);
/* Whether what is kept under that number is on its way to one of the account's sessions. */
bool delivery_is_under_way(const struct account *account, int64_t message_id);
/* From c2s. */
void delivery_confirmed(struct delivery *delivery);
void delivery_lost(struct delivery *delivery);

/* Called by home.c. */
void deliveries_start(void);
void deliveries_stop(void);
/* Messages that are with clients and not confirmed. */
size_t deliveries_count(void);

#endif
