/* subscription-again.h - requests that contacts elsewhere have not answered, sent once more. */
#ifndef GODWIT_CORE_SUBSCRIPTION_AGAIN_H
#define GODWIT_CORE_SUBSCRIPTION_AGAIN_H

struct account;

/* A session of the account has just become available: all requests to contacts that are not ours,
 * if that was not done a short while ago. */
void subscriptions_session_available(struct account *account);
/* Those to contacts of that domain, which is back. */
void subscriptions_send_again(const struct account *account, const char *domain);

#endif
