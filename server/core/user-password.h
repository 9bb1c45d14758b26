/* user-password.h - passwords that somebody wrote into table users with SQL, where the database
 * could not make keys of them itself (SQLite). */
#ifndef GODWIT_CORE_USER_PASSWORD_H
#define GODWIT_CORE_USER_PASSWORD_H

/* Makes keys of all there are, one after another, and wipes them; one that cannot be used is wiped
 * and logged. On one worker, between the other two. */
void passwords_take(void);
/* With those that were there before. */
void passwords_start(void);
void passwords_stop(void);

#endif
