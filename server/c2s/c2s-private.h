/* c2s-private.h - what the files of the gate share: a client's connection. */
#ifndef GODWIT_C2S_C2S_PRIVATE_H
#define GODWIT_C2S_C2S_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/rc.h"
#include "core/account.h"
#include "core/work.h"
#include "loop/worker.h"

struct arena;
struct element;
struct inquiry;
struct jid;
struct session;
struct session_events;
struct stream;

struct c2s {
	LIST_ENTRY(c2s) sibling;
	struct stream *stream;   /* NULL once it is closed */
	struct session *session; /* NULL until bound */
	struct jid *jid;         /* bare, once SASL is done */
	struct mail move;
	struct account_waiter waiter;
	struct inquiry *inquiry; /* for credentials, while the database is asked */
	char *resource;          /* wanted, while the account loads */
	bool is_banned;          /* the account whose credentials are asked for, */
	int64_t asked_us;        /* at this time */
	struct work work;        /* iqs and presences that are not dealt with */
	unsigned references;     /* the stream, receipts, answers on their way */
};

/* Lets go of one of the references. */
void c2s_unref(struct c2s *c2s);
/* To another worker, where the stream begins anew (RFC 6120 section 6.4.6). */
void c2s_move(struct c2s *c2s, struct worker *home);

/* c2s-credentials.c: of struct stream_events, */
void c2s_credentials(void *state, const char *domain, const char *username);
/* and what it started, when the stream has ended. */
void c2s_forget_inquiry(struct c2s *c2s);

/* c2s-login.c: struct stream_events up to the resource. */
bool c2s_serves(void *state, const char *domain);
void c2s_features(void *state, struct arena *arena, struct element *features, bool logged_in);
void c2s_refused(void *state, const char *username, const char *mechanism, const char *why);
bool c2s_early_iq(void *state, struct arena *arena, struct element *element);
void c2s_authenticated(void *state, const char *domain, const char *username);
void c2s_bind(void *state, const char *resource);

/* c2s-stanzas.c: the rest of it, and the way back. */
void c2s_stanza(void *state, struct arena *arena, struct element *element, uint32_t sequence);
void c2s_delivered(void *state, void *token);
void c2s_lost(void *state, void *token);
extern const struct session_events c2s_session_events;

#endif
