/* presence-remote.h - who has to do with other servers: has seen presence of contacts there, shown
 * himself to somebody there, or waits for an answer. For when such a server is lost without a word:
 * then nobody there will say that its users have gone. */
#ifndef GODWIT_CORE_PRESENCE_REMOTE_H
#define GODWIT_CORE_PRESENCE_REMOTE_H

#include <stdbool.h>
#include <stddef.h>

struct account;
struct jid;
struct stanza;

/* On each worker, in slices: who has to do with that domain is told that its contacts there are
 * unavailable, and those that it sent directed presence to. */
void presence_remote_lost(const char *domain);
/* The same accounts ask again for presence (RFC 6121 section 4.3), and for subscriptions (3.1.2).
 */
void presence_remote_back(const char *domain);

/* Whether anybody on this worker has to do with that domain; how many domains there are. */
bool presence_remote_is_watched(const char *domain);
size_t presence_remote_count(void);

/* Called by the core: the account, which somebody of is online, has to do with that address; a
 * presence has arrived for it; nobody of it is available any more, or shown to anybody. */
void presence_remote_watch(const struct account *account, const struct jid *jid);
void presence_remote_note(const struct account *account, const struct stanza *presence);
void presence_remote_forget(const struct account *account);
/* Called by home.c. */
void presence_remote_start(void);
void presence_remote_stop(void);

#endif
