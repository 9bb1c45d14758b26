/* session.h - a bound resource (RFC 6120 section 7): a client that is logged in, with its full JID.
 * It sends through a small table that c2s fills in, so it may outlive its stream. */
#ifndef GODWIT_CORE_SESSION_H
#define GODWIT_CORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/module.h"

struct delivery;
struct log;
struct receipt;
struct roster_item;

/* Why the server ends a session; c2s turns it into a stream error. */
enum session_end {
	SESSION_REPLACED,      /* another one bound the same resource: conflict */
	SESSION_KICKED,        /* by an admin: policy-violation, or what fits */
	SESSION_SHUTDOWN,      /* system-shutdown */
	SESSION_HOST_GONE,     /* host-gone */
	SESSION_NOT_AUTHORIZED /* account disabled or deleted */
};

struct session_events {
	/* A stanza for the client; `to` NULL: its own. `delivery` (may be NULL) is reported back by
	 * delivery_confirmed() or delivery_lost(). */
	void (*send)(void *state, const struct stanza *stanza, const struct jid *to,
	    struct delivery *delivery);
	/* Ends the stream; session_free() follows from c2s. */
	void (*end)(void *state, enum session_end end);
	/* Whether the client acknowledges (XEP-0198 enabled). */
	bool (*acknowledges)(void *state);
	/* For status: "192.0.2.1", "TLSv1.3". */
	const char *(*peer)(void *state);
	const char *(*tls)(void *state);
};

/* Who keeps a list of those who are logged in, of this worker. */
struct session_watcher {
	/* It is new, or another: available or not, its priority, its client. */
	void (*changed)(struct session *session);
	/* It has sent something, and is not on a list of the watcher's. */
	void (*active)(struct session *session);
	void (*ended)(struct session *session);
};

struct session {
	TAILQ_ENTRY(session) sibling;
	struct account *account; /* referenced */
	struct jid *jid;         /* full */
	const struct session_events *events;
	void *state;
	struct log *log;         /* lent by c2s */
	struct stanza *presence; /* last broadcast; NULL: not available */
	struct hash
	    *directed; /* JIDs (struct jid *) that got directed presence; made when needed */
	int64_t since_us;
	int64_t id; /* unlike that of any other, as home_next_id() */
	uint32_t flags;
	int8_t priority;
	bool wants_roster;
	bool reached; /* session_reachable was called */
	bool left;    /* session_leave() was called */
	bool blocks;  /* the account, until what it had in hand is given back */
	/* The watcher's: what it knows of the session, and its place on a list. */
	uint8_t known;
	bool is_listed;
	uint32_t active_s; /* when it last sent something, by worker_now_ms() */
	LIST_ENTRY(session) listed;
};

/* Makes a session of a loaded account. `resource` prepared, or NULL: made by us. A session of the
 * same resource is ended (conflict). RC_OK and the session, RC_RESOURCE_CONSTRAINT over
 * sessions_per_account, RC_NOT_ALLOWED for a disabled account, RC_ITEM_NOT_FOUND if it does not
 * exist. */
enum rc session_new(struct account *account, const char *resource,
    const struct session_events *events, void *state, struct log *log,
    struct session **session_out);
/* The client is gone, has ended its stream, or is made to: broadcasts unavailable (RFC 6121 section
 * 4.5), tells the modules, leaves the account. From then on nothing is sent to it. Once; later
 * calls do nothing. */
void session_leave(struct session *session);
/* session_leave(), and its memory. From c2s, when the stream is no more. Accepts a pointer to NULL.
 */
void session_free(struct session **session);
/* A stanza from the client; `receipt` (may be NULL) is held as long as needed. Stamps nothing: c2s
 * has made it with `from`. */
void session_receive(struct session *session, struct stanza *stanza, struct receipt *receipt);
void session_end(struct session *session, enum session_end end);
/* All of an account. */
void sessions_end(struct account *account, enum session_end end);
/* Throws out (SESSION_KICKED) the session of a full JID, or all of a bare one, which lives here;
 * `id` other than 0: only that one. Returns how many there were. */
unsigned session_kick(const struct jid *jid, int64_t id);
/* The program that the client says it is (XEP-0115, `node`); NULL: it does not say. Lent until its
 * next presence. */
const char *session_client(const struct session *session);
/* On each worker: tells it from now on; NULL: nobody. Lent. */
void sessions_watch(const struct session_watcher *watcher);
/* Called by presence.c. */
void session_tell_changed(struct session *session);
/* Sessions on this worker that are not freed yet. */
size_t sessions_count(void);
/* Sends with a delivery, see delivery.h. */
void session_send_delivery(struct session *session, const struct stanza *stanza,
    const struct jid *to, struct delivery *delivery);

#endif
