/* presence-remote.h - who has seen presence of contacts on other servers, for when such a server is
 * lost without a word: then nobody there will say that its users have gone. */
#ifndef GODWIT_CORE_PRESENCE_REMOTE_H
#define GODWIT_CORE_PRESENCE_REMOTE_H

#include <stddef.h>

struct account;
struct stanza;

/* On each worker, in slices: who has seen presence from that domain is told that its contacts there
 * are unavailable. */
void presence_remote_lost(const char *domain);
/* The same accounts ask again (RFC 6121 section 4.3). */
void presence_remote_back(const char *domain);

/* How many domains are watched from this worker: where its users who are online have contacts. */
size_t presence_remote_count(void);

/* Called by the core: a presence has arrived for the account; nobody of it is available any more.
 */
void presence_remote_note(const struct account *account, const struct stanza *presence);
void presence_remote_forget(const struct account *account);
/* Called by home.c. */
void presence_remote_start(void);
void presence_remote_stop(void);

#endif
