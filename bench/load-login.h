/* load-login.h - what a client says from connecting to being online: STARTTLS, SCRAM-SHA-256, bind,
 * roster, initial presence. */
#ifndef GODWIT_BENCH_LOAD_LOGIN_H
#define GODWIT_BENCH_LOAD_LOGIN_H

struct client;

/* Once at the start. */
void logins_begin(void);
/* Connects and logs in; the events of the client say how it went. */
void login_start(struct client *client);
/* Frees what is kept of a login under way. */
void login_forget(struct client *client);

#endif
