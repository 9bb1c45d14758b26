/* user-password.h - passwords that somebody wrote into table users with SQL, where the database
 * could not make keys of them itself (SQLite). */
#ifndef GODWIT_CORE_USER_PASSWORD_H
#define GODWIT_CORE_USER_PASSWORD_H

/* Makes keys of all there are, one after another, and wipes them; one that cannot be used is wiped
 * and logged. Always from the same worker. */
void passwords_take(void);

#endif
