/* stream-private.h - the inside of a stream, shared by the files that make it up: stream.c (life,
 * bytes in, rounds), end.c (errors and ends), header.c, features.c, login.c, trial.c, bind.c,
 * stanzas.c, acks.c, resume.c, rest.c; between servers peering.c and initiate.c; with components
 * handshake.c.
 *
 * A stream goes through its stages in order, from STAGE_HEADER again after TLS and after SASL. Each
 * first-level child goes to the function of the stage. While an answer of the owner's is awaited
 * the stream is busy: nothing is read, and what came in the same piece as the request waits its
 * turn. */
#ifndef GODWIT_STREAM_STREAM_PRIVATE_H
#define GODWIT_STREAM_STREAM_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "loop/worker.h"
#include "stream/sm.h"
#include "stream/stream.h"
#include "stream/tokens.h"

struct sasl;
struct timer;
struct trial;

enum stage {
	STAGE_HEADER,   /* waits for the peer's stream header */
	STAGE_SECURING, /* TLS handshake */
	STAGE_LOGIN,    /* features are sent: STARTTLS, SASL, registration, dialback */
	STAGE_OFFERED,  /* to a server: its features are awaited, or an answer to what we chose */
	STAGE_ADMITTED, /* <success/> is sent; the owner goes on with stream_restart() */
	STAGE_BIND,     /* logged in, features are sent */
	STAGE_BOUND,    /* with a server: all has been negotiated */
	STAGE_OVER,     /* ended; the owner is told at the end of the round */
	STAGE_TOLD
};

/* What a server that we have called is to send next. */
enum awaited { AWAITS_FEATURES, AWAITS_PROCEED, AWAITS_SUCCESS };

/* What it has been asked for of XEP-0198, and has not answered. */
enum awaited_sm { AWAITS_NO_SM, AWAITS_ENABLED, AWAITS_RESUMED };

/* What a stream needs until it is bound; with servers, as long as it lives. */
struct login {
	struct timer *timer; /* the deadline, or the nearer one of the TLS handshake */
	int64_t deadline_ms;
	int64_t waited_ms; /* for the handshake, as far as the deadline knows */
	struct sasl *sasl;
	struct timer *hold;  /* a failure is held back */
	struct trial *trial; /* a password is being tried */
	unsigned failures;
	unsigned bind_failures;
	char *username; /* SASL has told; prepared */
	bool by_sasl;   /* with a server dialback may have told it instead */
	/* Bare `from` of the peer's header on TLS, or NULL; to a server: whom we call. */
	char *claim;
	char *header_id;         /* with servers and components: of the called end's header */
	struct element *offered; /* to a server: its features, while EXTERNAL is tried */
	struct arena *offered_arena;
	uint8_t awaited;       /* enum awaited */
	bool is_direct;        /* to a server: TLS comes first (XEP-0368) */
	bool offers_both_ways; /* XEP-0288, which it may ask for */
	bool goes_both_ways;   /* who has called has asked for it */
	uint64_t stanzas_in, stanzas_out;
	/* XEP-0198. To a server: what it offers, what it is to answer, and how much it has said
	 * that has arrived of what the stream before has sent. From a server: what it resumes. */
	bool has_sm;
	uint8_t awaits_sm; /* enum awaited_sm */
	uint32_t arrived;
	uint32_t resumed_h;
	const char *resumed_ns;
	/* A bind request in progress; its id lives in its arena. */
	struct arena *bind_arena;
	const char *bind_id;
};

/* An element that waits, in its own arena. */
struct waiting {
	STAILQ_ENTRY(waiting) next;
	struct arena *arena;
	struct element *element;
};

struct stream {
	struct later later;
	struct transport *transport;
	const struct stream_settings *settings;
	const struct stream_events *events;
	void *state;
	struct xml_parser *parser; /* NULL between a stop and the next bytes */
	struct log *log;
	char *domain;        /* of the first header */
	char *lang;          /* the peer's xml:lang, or NULL */
	struct jid *jid;     /* full, once bound */
	struct login *login; /* NULL once bound */
	struct sm *sm;       /* NULL until enabled */
	const char *why;     /* it ended */
	struct tokens tokens;
	STAILQ_HEAD(, waiting) waiting;
	size_t waiting_bytes;
	TAILQ_ENTRY(stream) restless;
	int64_t stirred_ms; /* when bytes came last, for rest.c */
	uint8_t stage;
	bool busy;        /* an answer of the owner's is awaited */
	bool halted;      /* it was; what came in meanwhile is handled first */
	bool feeding;     /* inside the parser */
	bool header_sent; /* ours, for the peer's present one */
	bool peer_ended;  /* after what is waiting comes the end */
	bool admitted_told;
	bool detached;
	bool is_cut;      /* it has ended, and may be resumed */
	bool is_restless; /* in a list of rest.c, that of strangers or that of users */
	bool is_restless_stranger;
	char id[];
};

/* Nobody is logged in yet. */
static inline bool is_stranger(const struct stream *stream)
{
	return stream->login != NULL && stream->login->username == NULL;
}

static inline enum stream_role role_of(const struct stream *stream)
{
	return stream->settings->role;
}

static inline bool is_with_server(const struct stream *stream)
{
	return role_of(stream) == STREAM_OF_SERVER || role_of(stream) == STREAM_TO_SERVER;
}

static inline bool is_of_component(const struct stream *stream)
{
	return role_of(stream) == STREAM_OF_COMPONENT;
}

/* An answer about XEP-0198 is awaited, so that nothing counts yet. */
static inline bool awaits_sm(const struct stream *stream)
{
	return stream->login != NULL && stream->login->awaits_sm != AWAITS_NO_SM;
}

/* ---- stream.c */

/* Where to write; with XEP-0198 the round ends with what is due of it. */
struct text *stream_output(struct stream *stream);
/* Asks for the end of the round. */
void stream_ask_round(struct stream *stream);
/* Nothing is read, and what is parsed waits, until stream_go_on(). */
void stream_wait(struct stream *stream);
void stream_go_on(struct stream *stream);
/* Both drop what was received and not handled: a new stream follows, or none. */
void stream_stop_parser(struct stream *stream);
void stream_drop_waiting(struct stream *stream);

/* ---- end.c */

/* Ends the stream without a word. `why` is constant. */
void stream_over(struct stream *stream, const char *why);
/* As stream_fail(), with more elements (constant or escaped XML, or NULL) in the error. */
void stream_fail_with(
    struct stream *stream, enum stream_error error, const char *text, const char *more);
/* The same as stream_fail(), and `closed` tells this text (constant) instead of the condition. */
void stream_fail_for(struct stream *stream, enum stream_error error, const char *why);
/* The peer has sent its end tag: answers it. */
void stream_answer_end(struct stream *stream);
/* A first-level child that is neither a stanza nor known (sections 4.8.3 and 4.8.4). */
void stream_refuse_element(struct stream *stream, const struct element *element);
/* The peer has sent <stream:error/>. */
void stream_peer_failed(struct stream *stream, const struct element *element);

/* ---- header.c */

/* The peer's header: answers it, and sends features. */
void header_receive(struct stream *stream, const struct element *header);
/* Sends ours, if it was not sent yet; for errors that come before. */
void header_send_anyway(struct stream *stream);
/* To a server: ours is the first. */
void header_initiate(struct stream *stream);
/* To a server: its answer. */
void header_accept(struct stream *stream, const struct element *header);

/* ---- features.c */

void features_send(struct stream *stream);

/* ---- login.c: these take the arena */

void login_element(struct stream *stream, struct arena *arena, struct element *element);
/* The protocol's name for ALPN. */
const char *login_protocol(const struct stream *stream);
void login_secure(struct stream *stream);
/* Nothing that was said before TLS counts (section 5.4.3.3). */
void login_forget(struct stream *stream);
/* Starts the deadline; after a move goes on with what is left of it. */
void login_start(struct stream *stream);
void login_resume_deadline(struct stream *stream);
/* Frees its timers: the end of the stream, or a move. */
void login_stop(struct stream *stream);
void login_free(struct stream *stream);
/* As sasl_tried(). */
void login_tried(struct stream *stream, enum rc rc);

/* ---- trial.c */

/* Tries the password of PLAIN; login_tried() follows, in the call or later. */
void trial_start(struct stream *stream);
/* Nobody waits for it any more; accepts NULL. */
void trial_abandon(struct trial *trial);

/* ---- bind.c */

void bind_element(struct stream *stream, struct arena *arena, struct element *element);
/* A bind or session request after bind is answered here (true). */
bool bind_answers(struct stream *stream, const struct element *iq);

/* ---- stanzas.c */

/* Whether it is a message, a presence or an iq. */
bool is_stanza(const struct element *element);
void stanzas_element(struct stream *stream, struct arena *arena, struct element *element);
/* An iq of the stream itself leaves. */
void stanzas_send_element(struct stream *stream, const struct element *element);
/* What was written or acknowledged is told. */
void stanzas_written(struct stream *stream);
void stanzas_acknowledged(struct stream *stream, uint32_t h);

/* ---- peering.c */

/* What a server sends besides stanzas, once there is TLS. Takes the arena. */
void peering_element(struct stream *stream, struct arena *arena, struct element *element);

/* From now on stanzas go both ways (XEP-0288). */
void peering_go_both_ways(struct stream *stream);
/* A stanza that no session takes. Takes the arena. */
void peering_stanza(struct stream *stream, struct arena *arena, struct element *element);

/* ---- handshake.c */

/* The header of a component was accepted. */
void handshake_await(struct stream *stream);
/* From a component. Takes the arena. */
void handshake_element(struct stream *stream, struct arena *arena, struct element *element);

/* ---- initiate.c */

/* From a server that we have called, until all is negotiated. Takes the arena. */
void initiate_element(struct stream *stream, struct arena *arena, struct element *element);

/* ---- acks.c */

bool is_sm(const struct element *element);
void acks_element(struct stream *stream, const struct element *element);
/* What is due at the end of the round. */
void acks_round(struct stream *stream);
/* Ends the stream if the peer leaves too much unacknowledged. */
void acks_check_bounds(struct stream *stream);
/* The version of XEP-0198 that an element is of; constant. */
const char *acks_ns(const struct element *element);
/* Section 6: recoverable. */
void acks_refuse(struct stream *stream, const struct element *element, enum rc rc);
/* Takes an h of the peer's that tells no owner; false: it was too high, and the stream has ended.
 */
bool acks_take_h(struct stream *stream, uint32_t h);
/* Before the end: the peer shall know what it need not send again. */
void acks_finish(struct stream *stream);

/* ---- resume.c */

/* <enable/> is accepted: answers it, and makes the stream one that may be resumed. */
void resume_enable(struct stream *stream, const struct element *enable);
/* <resume/> */
void resume_asked(struct stream *stream, const struct element *element);
/* Whether it answers what was asked for; then it is dealt with. */
bool resume_answered(struct stream *stream, const struct element *element);

/* ---- rest.c */

/* Bytes were parsed: the parser is given back when no more follow for a second or two, or when
 * hundreds of others stirred after it (dozens, before login). */
void rest_note(struct stream *stream);
void rest_forget(struct stream *stream);

#endif
