/* pause.h - account_block() for a second at most: what others send to an account waits for
 * something that must come first, such as kept messages that are being read. When the database is
 * away that may take long, and people who are online go on chatting. */
#ifndef GODWIT_CORE_PAUSE_H
#define GODWIT_CORE_PAUSE_H

#include <stdbool.h>

struct account;
struct pause;

/* Begins a pause; the account lives until its end. */
struct pause *pause_new(struct account *account);
/* Whether it has lasted too long, and what was waiting was let go. */
bool pause_is_over(const struct pause *pause);
/* Ends it; what was waiting is let go inside the call. Accepts a pointer to NULL, leaves NULL. */
void pause_free(struct pause **pause);

#endif
