/* remote.h - the way out: who takes stanzas for domains that are not ours. Components and links to
 * other servers are floors above the router; what carries stanzas there is told to it at start. */
#ifndef GODWIT_CORE_REMOTE_H
#define GODWIT_CORE_REMOTE_H

#include <stdbool.h>

struct receipt;
struct stanza;

struct remote_way {
	/* On any worker, with a stanza whose `to` is of a domain that we do not serve: takes it
	 * (true), and it arrives there or comes back by router_bounce(), now or later; or leaves it
	 * to the next way. What it needs for longer it references: the stanza, and with
	 * receipt_hold() the receipt (may be NULL), as long as the stanza is to survive. */
	bool (*send)(const struct stanza *stanza, struct receipt *receipt);
	/* On any worker; may be NULL. Whether that domain (prepared) speaks through this server, as
	 * an external component's does: then other servers take us for its server. */
	bool (*speaks_for)(const char *domain);
};

/* Before the workers run: one more way (lent), asked after those that were added before. */
void remote_add(const struct remote_way *way);
/* Forgets all ways, after the workers have ended. */
void remote_clear(void);
/* Whether the domain is one that we serve, or speaks through this server. */
bool remote_is_ours(const char *domain);
/* False: there is no way. */
bool remote_send(const struct stanza *stanza, struct receipt *receipt);

#endif
