/* user.h - the rows of table users: made, changed, looked up. Used by SASL, by the admin's tools
 * and by modules (module.h: account_create, account_set_password). Everything answers by
 * store_done. */
#ifndef GODWIT_CORE_USER_H
#define GODWIT_CORE_USER_H

#include <stdbool.h>

#include "store/store.h"

/* Rows of (scram_sha_1, scram_sha_256, disabled). Before the first of them the fakes for names
 * without a row are seeded (scram_fakes_seed()) from the database. */
void user_credentials(struct account_key key, store_done *on_done, void *state);
/* Derives keys and inserts the row; RC_CONFLICT if there is one, RC_NOT_ACCEPTABLE if SASLprep
 * refuses the password or it is empty, RC_RESOURCE_CONSTRAINT if too many passwords wait for keys.
 */
void user_create(struct account_key key, const char *password, unsigned iterations,
    store_done *on_done, void *state);
/* New keys; store_changed() is 0 if there is no such user. */
void user_set_password(struct account_key key, const char *password, unsigned iterations,
    store_done *on_done, void *state);
/* The same for a password that stands in the row, which is wiped; not if another stands there then.
 */
void user_take_password(struct account_key key, const char *password, unsigned iterations,
    store_done *on_done, void *state);
void user_delete(struct account_key key, store_done *on_done, void *state);
void user_set_disabled(struct account_key key, bool disabled, store_done *on_done, void *state);
/* Rows of (domain, username, disabled, created_at), ordered; `domain` NULL: all. At most `limit`,
 * those behind `after` (domain and username, both "" for the first). */
void user_list(
    const char *domain, struct account_key after, unsigned limit, store_done *on_done, void *state);
/* One row of that. */
void user_show(struct account_key key, store_done *on_done, void *state);

#endif
