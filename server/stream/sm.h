/* sm.h - the counters of stream management (XEP-0198), both directions, modulo 2^32. They may
 * outlive their stream, which another resumes. Inbound stanzas are settled in any order; h is how
 * far all of them are. */
#ifndef GODWIT_STREAM_SM_H
#define GODWIT_STREAM_SM_H

#include <stdbool.h>
#include <stdint.h>

struct sm {
	const char *ns;       /* the version that was enabled; constant */
	char *id;             /* of a stream that may be resumed, */
	unsigned max_seconds; /* for so long after it was cut; NULL: it may not */

	uint32_t received; /* stanzas that came in */
	uint32_t handled;  /* h: these and all before are settled */
	uint32_t asked;    /* `received` when the peer last asked and was told less */
	uint32_t told;     /* the last h that the peer was told */
	bool owes;         /* the peer is to be told when h moves on */
	bool tell;         /* it has moved */
	/* A ring of bits behind `handled`, by sequence: settled out of turn. */
	uint64_t *bits; /* NULL: the one word below */
	uint64_t word;
	uint32_t capacity; /* in bits, a power of two */

	uint32_t sent;        /* stanzas that went out */
	uint32_t uncounted;   /* before them, and were lost with the stream */
	uint32_t acked;       /* the last h of the peer's */
	uint64_t acked_total; /* the same without modulo */
	bool wants;           /* something is out that has not been asked about */
	bool requested;       /* an <r/> is not answered yet */
	int64_t requested_ms;
};

/* What an h of the peer's is. */
enum sm_news {
	SM_NEWS,    /* more is acknowledged */
	SM_NO_NEWS, /* the same as before, or an older one */
	SM_TOO_HIGH /* so many were not sent: the stream has to end */
};

struct sm *sm_new(const char *ns);
/* Accepts a pointer to NULL, leaves NULL. */
void sm_free(struct sm **sm);

/* Counts an inbound stanza and returns its sequence: from 1; one in 2^32 has 0, which stands for
 * none, and counts as settled. */
uint32_t sm_receive(struct sm *sm);
/* What is no sequence of an unsettled stanza is ignored. */
void sm_settle(struct sm *sm, uint32_t sequence);
/* The peer asks: notes whether it is to be told more later. */
void sm_asked(struct sm *sm);
/* It was told h. */
void sm_told(struct sm *sm);
/* Takes an h of the peer's. */
enum sm_news sm_acknowledge(struct sm *sm, uint32_t h);
/* All that was received is settled. */
bool sm_is_settled(const struct sm *sm);
/* Another stream goes on with it, and both ends have told their h: what is not acknowledged will be
 * sent, and counted, again. */
void sm_resume(struct sm *sm);

#endif
