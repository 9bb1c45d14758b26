/* subscription.h - who may see whom (RFC 6121 section 3 and Appendix A). */
#ifndef GODWIT_CORE_SUBSCRIPTION_H
#define GODWIT_CORE_SUBSCRIPTION_H

struct account;
struct roster_item;
struct session;
struct task;

/* subscribe, subscribed, unsubscribe, unsubscribed from a session of the account, with a `to`. */
void subscription_send(struct task *task);
/* The same arriving for the account (loaded), past the hooks. */
void subscription_receive(struct task *task);
/* A roster item is being removed (section 2.5.2): tells the contact what ends. */
void subscription_cancel(struct account *account, struct roster_item *item);
/* Requests that nobody answered yet, to a session that has just become available (section 3.1.3).
 */
void subscription_offer_pending(struct session *session);

#endif
