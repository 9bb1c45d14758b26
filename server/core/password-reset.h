/* password-reset.h - whose passwords were reset lately, for logins under way. A login gets its keys
 * before it has shown that it knows the password, and its session after that; a reset in between
 * finds no session to end. */
#ifndef GODWIT_CORE_PASSWORD_RESET_H
#define GODWIT_CORE_PASSWORD_RESET_H

#include <stdbool.h>
#include <stdint.h>

struct jid;

/* At the account's home: from now on its old keys count no more. Remembered for as long as a login
 * may take (login_timeout). */
void password_reset_note(const struct jid *jid);
/* At the account's home: whether that was since this time (worker_clock_us() of any worker). */
bool password_reset_since(const struct jid *jid, int64_t since_us);

/* On each worker. */
void password_resets_start(void);
void password_resets_stop(void);

#endif
