/* sasl-private.h - the inside of an exchange, shared by sasl.c (the state machine) and
 * sasl-mechanism.c (what is offered, and so accepted). */
#ifndef GODWIT_STREAM_SASL_PRIVATE_H
#define GODWIT_STREAM_SASL_PRIVATE_H

#include "stream/sasl.h"
#include "stream/scram.h"

struct arena;

enum state {
	STATE_IDLE,  /* no exchange */
	STATE_FIRST, /* the mechanism is chosen; its first message is to come */
	STATE_KEYS,  /* the keys are asked for */
	STATE_TRIAL, /* PLAIN: the password is being tried */
	STATE_FINAL, /* SCRAM: the proof is to come */
	STATE_DONE   /* succeeded: nothing may follow */
};

struct mechanism {
	const char *name;
	enum { KIND_SCRAM, KIND_PLUS, KIND_PLAIN, KIND_EXTERNAL } kind;
	enum digest digest;
};

struct sasl {
	struct sasl_channel channel;
	bool bindings[BINDING_TLS_UNIQUE + 1]; /* which the channel can give */
	bool plus_offered;

	enum state state;
	const struct mechanism *mechanism;
	struct arena *arena; /* of this exchange */
	struct scram scram;
	const char *username;
	const char *password; /* PLAIN's */
	const char *prepared; /* the same by SASLprep, or NULL */
	struct scram_keys tried;
	bool disabled;       /* to be told to who knows the password only */
	const char *refusal; /* for the log: why a proof cannot be right */
	const char *data;
	enum sasl_failure failure;
	const char *why;
};

/* Whether this channel may use the mechanism, or why not. The one place that decides, for offers
 * and for requests. */
bool sasl_mechanism_allowed(
    const struct sasl *sasl, const struct mechanism *mechanism, enum sasl_failure *failure_out);
/* NULL if there is none of that name. */
const struct mechanism *sasl_mechanism_find(const char *name);
/* False if the channel cannot give that binding. */
bool sasl_binding_find(const struct sasl *sasl, const char *name, enum binding *binding_out);

#endif
