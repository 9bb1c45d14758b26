/* bans.h - who is kept out: networks, accounts, domains (table bans). All workers have the same
 * list, which nobody changes; another one takes its place. */
#ifndef GODWIT_CORE_BANS_H
#define GODWIT_CORE_BANS_H

#include <stdbool.h>
#include <stdint.h>

struct bans;
struct jid;
struct sockaddr;

/* With one reference. */
struct bans *bans_new(void);
struct bans *bans_ref(struct bans *bans);
/* Accepts a pointer to NULL, leaves NULL. */
void bans_unref(struct bans **bans);
/* One row, of which one of the three is not NULL; `expires_us` 0: never. False for what is no
 * address, account or domain. Before it is installed. */
bool bans_add(struct bans *bans, const char *address, const char *jid, const char *domain,
    int64_t expires_us);

/* On each worker: this list (lent) counts from now on. Then calls all that was given to
 * bans_watch() there, once each however often it was. */
void bans_install(struct bans *bans);
void bans_watch(void (*installed)(void));
/* On each worker, at the end: nobody is kept out any more, and nobody told. */
void bans_stop(void);
/* Whether who comes from there is kept out; the text is of an IP address. */
bool bans_have_peer(const struct sockaddr *peer);
bool bans_have_address(const char *address);
/* Whether the account (bare or full) is kept out, or all of its domain. */
bool bans_have_jid(const struct jid *jid);
bool bans_have_account(const char *domain, const char *username);
/* Whether all of a domain (prepared) is kept out. */
bool bans_have_domain(const char *domain);

#endif
