/* s2s-private.h - what the files about other servers share: links to them, connections from them,
 * and keys that wait to be verified.
 *
 * A link is at home on the worker of its remote domain. A connection from another server begins on
 * the worker that a listener chose, and moves there when EXTERNAL has told who it is; with
 * dialback, which may tell it of several domains, it stays. What it needs of a link is asked for by
 * mail. */
#ifndef GODWIT_S2S_S2S_PRIVATE_H
#define GODWIT_S2S_S2S_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/rc.h"
#include "core/config.h"
#include "loop/worker.h"
#include "net/resolver.h"
#include "net/transport.h"
#include "stream/dialback.h"
#include "stream/stream.h"

struct arena;
struct hash;
struct inbound;
struct intake;
struct link_source;
struct link_test_events;
struct log;
struct notice;
struct race;
struct receipt;
struct resolver_host;
struct resolver_query;
struct sm;
struct stanza;
struct timer;

/* A stanza that leaves: in mail, in the queue of its link, or a token of the link's stream. */
struct cargo {
	struct mail mail;
	TAILQ_ENTRY(cargo) next;
	struct link *link; /* once it is in its queue */
	/* From 1: of what was lost with a stream that may be resumed, so that it may have arrived.
	 */
	uint32_t place;
	struct stanza *stanza;
	struct receipt *receipt;
	size_t bytes;
};
TAILQ_HEAD(cargo_list, cargo);

/* A key that somebody has shown to us, on its way to who can tell, and back (XEP-0220 section
 * 2.1.2). */
struct verify {
	struct mail mail;
	TAILQ_ENTRY(verify) next;
	struct worker *asker;
	struct inbound *inbound; /* referenced; the asker's */
	char *local, *remote;    /* the domain that was called, and the one that calls */
	char *id, *key;
	bool is_asked;
	int64_t asked_ms;
	enum dialback_type outcome;
	enum rc rc; /* of an error */
};
TAILQ_HEAD(verify_list, verify);

enum link_state {
	LINK_IDLE,     /* nothing to do; remembered because it has failed lately */
	LINK_FINDING,  /* DNS is asked */
	LINK_CALLING,  /* connecting to its addresses */
	LINK_GREETING, /* connected: TLS, SASL */
	LINK_OPEN,     /* keys can be verified, stanzas cannot be sent */
	LINK_PROVING,  /* our own key is on its way */
	LINK_AGREEING, /* acknowledgements are asked for, or to go on with the stream before */
	LINK_UP,
	LINK_AWAITING, /* what it rides on: it was cut, or is just being made */
	LINK_RESTING   /* it has failed: what comes is sent back for a while */
};

LIST_HEAD(link_list, link);

struct link {
	char *name; /* "LOCAL REMOTE", the key of the table */
	char *local, *remote;
	int64_t id, return_id; /* for administrators, of either direction */
	enum link_state state;
	int64_t since_us; /* it is in that state */
	struct log *log;
	struct timer *timer;
	/* `sent`: the stream has it, and it is not acknowledged (XEP-0198) or, without that,
	 * written. */
	struct cargo_list waiting, sent;
	size_t waiting_count, waiting_bytes;
	struct sm *kept; /* of its own stream that was cut, to go on with it */
	int64_t cut_ms;
	uint32_t lost; /* stanzas, with that stream */
	struct verify_list verifies;
	TAILQ_HEAD(, notice) notices; /* of subscriptions, to be told when it is up */
	size_t notice_count;

	struct resolver_query *query;
	struct race *race;                /* until it is open: for its other addresses */
	const struct resolver_host *host; /* of the race, that was reached */
	struct stream *stream;
	struct intake *intake;   /* of its own stream, if stanzas go both ways on it */
	struct inbound *inbound; /* that it rides on, and whose stream it is; or NULL */
	struct link *carrier;    /* the same, of another link to that domain */
	struct inbound *rode;    /* that was cut, and tells what has arrived if it is resumed */
	LIST_ENTRY(link) rider;  /* of any of them */
	struct link_list riders; /* others on its own stream */

	const char *certificate; /* why it proves the remote domain, constant; NULL: not */
	bool is_authenticated;   /* by EXTERNAL */
	bool is_suspect;         /* its connections have ended without a word: is it there? */
	bool is_lost;            /* it was not; our users were told */
	bool is_missed;          /* it was there before, so it is called again */
	bool takes_more;         /* its server takes more domains on its stream */
	bool is_refused;         /* but not this one on another's */
	bool hears;              /* stanzas go both ways on its own stream, or did on the last */
	bool has_advanced;       /* stanzas have come by the present stream, or have arrived */
	bool is_leaving;         /* it ends when what it has sent is delivered */
	int64_t advanced_ms;     /* the first that is not acknowledged became the first */
	int64_t begun_ms;        /* the present attempt */
	int64_t up_ms, used_ms;
	unsigned failures; /* in a row */
	enum rc rc;        /* of the last failure, */
	const char *why;   /* constant text; also of a stream that has broken since */
};

/* What stanzas a connection may carry. */
struct pair {
	LIST_ENTRY(pair) next;
	int64_t id;       /* for administrators */
	int64_t since_us; /* it is in its state */
	char *from;       /* theirs */
	char *to;         /* ours */
	char *key;        /* while it waits to be asked about; else NULL */
	const char *how;  /* it was proved; constant */
	/* Why the certificate does not count by itself, constant: what is asked about is that, in
	 * DNS. NULL: the key, of the server. */
	const char *why;
	struct resolver_query *query;
	struct inbound *inbound;
	/* PAIR_KEPT: on a connection that was cut, and may be resumed. */
	enum { PAIR_WAITING, PAIR_ASKED, PAIR_PROVED, PAIR_KEPT } state;
};

/* A connection from another server. */
struct inbound {
	LIST_ENTRY(inbound) sibling;
	struct mail move;
	struct stream *stream; /* NULL once it is closed */
	struct intake *intake;
	bool is_willing;         /* stanzas go both ways, */
	bool is_open;            /* and it is known whether they are acknowledged (XEP-0198) */
	struct link_list riders; /* when it is closed: that have ridden on it, and wait */
	LIST_HEAD(, pair) pairs;
	size_t pair_count, asked_count;
	struct mail turn; /* for keys that wait, */
	bool has_turn;    /* on its way */
	struct timer *timer;
	int64_t used_ms;
	unsigned failures;   /* domains that were not proved */
	unsigned references; /* the stream, keys on their way */
	/* Of a stream that was cut and may be resumed, when it is closed. */
	struct sm *kept;
	int64_t cut_ms;
	uint32_t lost;         /* stanzas, with it */
	struct inbound *heir;  /* wants to go on with this one */
	struct inbound *elder; /* this one is its heir */
	bool is_leaving;       /* it ends when all that was read is dealt with */
};

/* Of this worker. */
struct s2s {
	struct stream_settings settings_in, settings_out;
	struct stream_settings settings_test; /* as the last, but nothing comes back */
	struct transport_limits limits;
	struct hash *links;
	struct hash *sharers; /* links, by remote domain, that others may ride on */
	struct hash *peers;   /* domains that were proved to us, with their connections */
	size_t cursor;        /* through them, for room */
	LIST_HEAD(, inbound) inbound;
	LIST_HEAD(, inbound) kept; /* the latest first */
	size_t kept_count;
	size_t notice_count;   /* of all links */
	bool is_closed;        /* nobody may call */
	bool is_shutting;      /* nothing leaves */
	void (*changed)(void); /* called when s2s_links has other things to tell; or NULL */
};
extern _Thread_local struct s2s s2s;

/* ---- s2s.c */

const struct config_s2s *s2s_config(void);
/* The receipt (may be NULL) is held as long as it is a message that is on its way. */
struct cargo *cargo_new(const struct stanza *stanza, struct receipt *receipt);
/* By the configuration, and the table of bans. */
enum config_s2s_policy s2s_policy(const char *domain);
/* Whether the other end's certificate proves it, by who has issued it; else why not. */
bool s2s_is_certified(const struct stream *stream, const char *domain, const char **why_out);

/* Whether DNS names the one that the other end has shown, at that host of the domain (DANE). */
bool s2s_is_named(
    const struct stream *stream, const char *domain, const struct resolver_host *host);

/* What the certificate of a server that we have called is worth. */
struct proof {
	const char *by;  /* "DANE", "authority"; NULL: it proves nothing, */
	const char *why; /* for that reason; constant */
	bool is_refused; /* and dialback may not do either */
};
/* As DNS says of it at that host (RFC 7673); if it says nothing, as who has issued it says. */
struct proof s2s_prove(
    const struct stream *stream, const char *domain, const struct resolver_host *host);

/* ---- describe.c */

extern const struct link_source s2s_links;
/* What it tells on this worker is not as it was. */
void s2s_changed(void);

/* ---- link.c */

/* On its home: the link between these domains, made if need be; NULL if there are too many. */
struct link *link_get(const char *local, const char *remote);
/* The same where another server is the cause, not a stanza: half of the room stays for our users.
 */
struct link *link_get_for_others(const char *local, const char *remote);
/* NULL: there is none. */
struct link *link_find(const char *local, const char *remote);
/* Has it delivered, or sent back. Takes it. */
void link_take(struct link *link, struct cargo *cargo);
void link_set_state(struct link *link, enum link_state state);
/* Does what the state allows for all that waits. */
void link_push(struct link *link);
/* Both ends know who is there. */
void link_rise(struct link *link, const char *how);
/* All that came by its stream that was cut is dealt with. */
void link_rested(void *owner);
/* Stanzas can be sent. Of those that were lost so many have arrived. */
void link_up(struct link *link, uint32_t arrived);
/* Its domain has called us: it need not rest any more. */
void link_alive(struct link *link);
/* Nothing is to be done for it. It is remembered for a while if it has failed. */
void link_idle(struct link *link);
/* When it is open or up: looks after it again when a blank is due, or an answer about a key. */
void link_watch_later(struct link *link);
bool link_is_needed(const struct link *link);
/* Whether nothing may go there; a reload may also have made the one domain ours, or the other no
 * more. */
bool link_is_denied(const struct link *link);
/* Ends its attempt because of that. */
void link_deny(struct link *link);
void link_free(struct link *link);

/* ---- links.c */

void links_configure(void);
/* Ends those that may not be any more. */
void links_check(void);
/* Nothing is tried again that has failed. */
void links_close(void);
void links_shutdown(void);
void links_stop(void);

/* ---- link-queue.c */

void cargo_free(struct cargo *cargo);
/* Sends it back. Takes it. */
void cargo_bounce(struct cargo *cargo, enum rc rc, const char *text);
bool queue_has_room(const struct link *link, const struct cargo *cargo);
/* It waits, as the last. Takes it. */
void queue_add(struct link *link, struct cargo *cargo);
/* The first, which is among those that the stream has from now on; NULL: none waits. */
struct cargo *queue_next(struct link *link);
/* The stream has delivered it. Frees it. */
void queue_delivered(struct link *link, struct cargo *cargo);
/* What the stream had and has not delivered waits again, before all others. */
void queue_restore(struct link *link);
/* So many of what was lost have arrived. */
void queue_arrived(struct link *link, uint32_t count);
/* Nobody will tell what has. */
void queue_forget(struct link *link);
/* Whether something waits that may have arrived. */
bool queue_is_unsure(const struct link *link);
/* Sends it back, with what has failed last. Takes it. */
void queue_return(struct link *link, struct cargo *cargo);
/* The same for all that waits, but messages that may have arrived. */
void queue_bounce(struct link *link);
/* Frees all; nobody is told. */
void queue_drop(struct link *link);

/* ---- link-failure.c */

/* Ends its attempt: what waits comes back, and what comes for a while. */
void link_fail(struct link *link, enum rc rc, const char *why);
/* Its own stream has ended, and is about to be freed: keeps what another may go on with. */
void link_keep(struct link *link);
/* The stream has ended; does not free it. */
void link_broken(struct link *link, const char *why);
/* It goes on with no stream that was cut. */
void link_forget(struct link *link);
/* Calls, to see whether it is still there; nothing need be sent. */
void link_suspect(struct link *link);
/* It is there after all: whoever was told otherwise, or may have missed something, asks again. */
void link_clear(struct link *link);

/* ---- link-call.c */

/* Finds the server of the remote domain, and calls it; ends in LINK_GREETING or link_fail(). */
void link_call(struct link *link);
/* The other addresses, because of what was wrong with the one that was reached. */
void link_call_next(struct link *link, const char *why);
/* Whether there are any, and time for them. */
bool link_may_call_next(const struct link *link);
/* How long the one that was reached may take for what comes before LINK_OPEN. */
unsigned link_share_ms(const struct link *link);
/* Gives up what is under way. */
void link_hang_up(struct link *link);

/* ---- link-stream.c */

void link_greet(struct link *link, int fd);
/* Shows our key. */
void link_prove(struct link *link);
/* Sends what waits, as far as the stream takes it. */
void link_flush(struct link *link);
/* Ends its stream, but first lets it hear what has arrived. */
void link_leave(struct link *link);
/* Asks about the keys that were not asked about yet. */
void link_ask(struct link *link);

/* Its stream is no more; nobody is told. */
void link_part(struct link *link);
/* Of streams that links go by: struct stream_events. */
void link_delivered(void *state, void *token);

/* ---- ride.c */

/* True: a stream that is there carries it, and it is up, or open; or it awaits that. */
bool ride_find(struct link *link);
bool link_rides(const struct link *link);
/* From now on it may carry links; takes those that are about to call. */
void ride_offer(const struct inbound *inbound);
/* It has ended before that. */
void ride_disappoint(const struct inbound *inbound);
/* Whether it sends nothing more on the connection that it rides on, because it has keys to ask
 * about: it calls, for that, when all it has sent is delivered. */
bool ride_yields(struct link *link);
/* What it has sent is delivered: the others on the same stream send, if there was no room. */
void ride_make_room(struct link *link);
/* A link is up: others may go by its stream, if that is its own. */
void ride_share(struct link *link);
void ride_unshare(struct link *link);
/* It could not prove itself: as link_fail(), but one that rides on another link calls. */
void ride_fail(struct link *link, enum rc rc, const char *why);
/* The link has no stream any more; does nothing where it does not ride. */
void ride_end(struct link *link);
/* The same for all of them; */
void rides_end(struct link_list *riders);
/* and they are told that the stream has ended, or wait, if it may be resumed. */
void rides_break(struct link_list *riders, const char *why);
/* When something was sent last by one of them; 0: never. */
int64_t rides_used_ms(const struct link_list *riders);

/* ---- ride-wait.c */

/* Waits for a connection from its domain. */
void ride_await(struct link *link);
/* The same if one was cut a moment ago; false: none was. */
bool ride_expects(struct link *link);
/* What it rides on has ended: true, it waits until that is resumed. */
bool ride_waits(struct link *link);
/* Those that wait go on: so many stanzas of all that were lost with it have arrived; */
void rides_resume(struct inbound *inbound, uint32_t arrived);
/* or nobody knows. */
void rides_forget(struct inbound *inbound);
/* It has waited long enough, and rides on the next one or calls. */
void ride_goes_on(struct link *link);
/* The link does not wait for it any more. */
void ride_forget(struct link *link);

/* ---- link-test.c */

/* As link_source has it. */
bool link_test(
    const char *local, const char *remote, const struct link_test_events *events, void *state);
/* Ends the one that is under way, if there is one. */
void link_test_stop(void);

/* ---- verify.c */

/* Asks the server of `remote` about a key that was shown on the stream of that id; inbound_told()
 * follows. */
void verify_start(struct inbound *inbound, const char *local, const char *remote, const char *id,
    const char *key);
void verify_free(struct verify *verify);
/* On the home of the link: sends it back with what has come of it. Takes it. */
void verify_end(struct verify *verify, enum dialback_type outcome, enum rc rc);
/* The same for all of a link; `asked_only`: that were asked on a stream that has ended. */
void verifies_end(struct link *link, bool asked_only, enum rc rc);
/* The same for those whose answer is overdue. */
void verifies_expire(struct link *link);

/* ---- notice.c */

/* Whether it is about a subscription. */
bool notice_is(const struct stanza *stanza);
/* It comes back: remembered for when the link is up, if nobody would say it again. */
void notice_keep(struct link *link, const struct stanza *stanza);
/* Something newer is said: what was remembered of the same does not count any more. */
void notice_drop(struct link *link, const struct stanza *newer);
void notices_send(struct link *link);
void notices_free(struct link *link);

/* ---- news.c */

/* All workers: the domain was lost, or is there again. */
void news_tell(const char *remote, bool is_lost);
/* Whether somebody has ended the stream, and nothing was wrong. */
bool is_proper_end(const char *why);
/* Whether a stream that ended so has not been ended by anybody. */
bool news_is_abrupt(const char *why);
/* Its home gets to know that the domain has called us. */
void news_alive(const char *local, const char *remote);
/* Its home is to see whether the domain is there. */
void news_suspect(const char *local, const char *remote);

/* ---- intake.c */

/* Whether stanzas of these domains may come. */
typedef bool intake_covers(void *owner, const char *from, const char *to);
/* All that came is dealt with, or all that came by the stream that was cut; told again and again.
 */
typedef void intake_rested(void *owner);
/* For what comes on this stream. */
struct intake *intake_new(
    struct stream *stream, intake_covers *covers, intake_rested *rested, void *owner);
/* Its stream was cut, and what is dealt with settles here (lent); NULL: there is nothing any more
 * that came by it. */
void intake_keep(struct intake *intake, struct sm *kept);
/* From now on it is for this stream; NULL: for none. */
void intake_set_stream(struct intake *intake, struct stream *stream);
/* Nothing more is taken. False: nothing is at work; else it is told when all is dealt with. */
bool intake_stop(struct intake *intake);
/* Before the stream is freed. Accepts a pointer to NULL, leaves NULL. */
void intake_free(struct intake **intake);
/* A stanza has come. Takes the arena. */
void intake_take(
    struct intake *intake, struct arena *arena, struct element *element, uint32_t sequence);
/* Stanzas that are not dealt with. */
unsigned intake_at_work(const struct intake *intake);

/* ---- inbound-share.c */

/* Whether it has proved that domain; NULL: any. */
bool inbound_has_proved(const struct inbound *inbound, const char *from);
/* On this worker. */
size_t connections_of(const char *from);
/* What it may send and leave unread. */
struct transport_limits inbound_limits(const struct inbound *inbound);
/* One more connection has proved it, or one less: the others get less, or more. */
void peer_join(const char *domain);
void peer_leave(const char *domain);
/* ---- inbound-kept.c */

/* In `closed`, before it is told to anybody: notes whether it was cut and may be resumed. */
void inbound_keep(struct inbound *inbound);
/* It is kept, without its stream. */
void kept_add(struct inbound *inbound);
/* Its heir goes on with it, if all has been dealt with. */
void kept_hand_over(struct inbound *inbound);
/* It ends: whoever waits for it is told. */
void kept_part(struct inbound *inbound);
void kept_forget_all(void);
void inbound_resume(void *state, const char *id);

/* ---- inbound.c, inbound-pairs.c */

/* How a pair was proved. */
extern const char by_external[];

void inbound_told(struct inbound *inbound, const struct verify *verify);
void inbound_ref(struct inbound *inbound);
void inbound_unref(struct inbound *inbound);
/* If it is willing, it carries links from now on. */
void inbound_open(struct inbound *inbound);
/* Takes it from the list of those that are open, with its timer. */
void inbound_delist(struct inbound *inbound);
/* It is in no list any more. */
void inbound_forget(struct inbound *inbound);
void inbounds_configure(void);
/* Ends those that may not be any more. */
void inbounds_check(void);
/* Those that carry links stay until these have ended. */
void inbounds_close(void);
/* How many keep the worker from its end. */
size_t inbounds_busy(void);
void inbounds_stop(void);
/* NULL: there is none. */
struct pair *pair_find(const struct inbound *inbound, const char *from, const char *to);
struct pair *pair_add(struct inbound *inbound, const char *from, const char *to);
void pair_remove(struct inbound *inbound, struct pair *pair);
/* The connection is there no more: what was proved counts no more, but is kept; the rest goes. */
void pairs_keep(struct inbound *inbound);
/* Whether stanzas of these domains may come. */
bool pair_covers(const struct inbound *inbound, const char *from, const char *to);
/* Ends it if it may not go on with the configuration and the bans in force. */
void inbound_check(struct inbound *inbound);
/* From now on they may; false, and the stream has ended, if that domain has too many connections.
 */
bool pair_prove(struct inbound *inbound, struct pair *pair, const char *how);
void inbound_dialback(void *state, const struct dialback *dialback);
/* Says on that stream whether a key was made here (XEP-0220 section 2.1.2). */
void key_judge(struct stream *stream, const struct dialback *verify);

#endif
