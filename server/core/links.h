/* links.h - what there is to and from other servers, as administrators see it. Links are on a floor
 * above, beside those who show them; what knows them is told to this place at start, as the ways of
 * remote.h are. */
#ifndef GODWIT_CORE_LINKS_H
#define GODWIT_CORE_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A link to another server, or a pair of domains on a connection from one. Texts are lent, and NULL
 * where there is nothing to tell. */
struct link_fact {
	int64_t id; /* unlike that of any other, as home_next_id() */
	bool is_inbound;
	const char *from, *to;
	const char *state; /* "up", "resting", ... */
	const char *by;    /* how it was proved: "EXTERNAL", "certificate", "DANE", "dialback";
	                      "bidi": that the other way was, on the same connection */
	/* Of a link, what the other end's certificate rests on: "DANE", "authority". */
	const char *certificate;
	const char *address, *tls;
	const char *stream; /* as in the log; pairs of one connection have the same */
	int64_t expires_us; /* the other end's certificate; 0: it has shown none */
	size_t waiting;     /* stanzas */
	/* On this connection; bytes are those on the wire, in TLS. */
	uint64_t stanzas_in, stanzas_out, bytes_in, bytes_out;
	const char *error; /* the last */
	int64_t since_us;  /* it is in this state */
};

/* A step of a test. Texts are lent for the call. */
struct link_step {
	const char *name;    /* "DNS", "TCP", ... */
	const char *address; /* where; NULL: nowhere in particular */
	bool is_good;
	unsigned ms;
	const char *text; /* what was found, or what is wrong */
	const char *cure; /* NULL: there is nothing to be cured */
};

struct link_test_events {
	void (*step)(void *state, const struct link_step *step);
	/* Once, last; from the loop. Whether a link would come up. */
	void (*done)(void *state, bool has_passed);
};

/* All of it on each worker, about what lives there. */
struct link_source {
	void (*describe)(void (*tell)(void *state, const struct link_fact *fact), void *state);
	/* Has it called when what is described is not as it was, but for what waits and traffic;
	 * NULL: nobody. */
	void (*watch)(void (*changed)(void));
	/* Ends what there is to and from that domain (prepared), in good order; a link that rests
	 * may come up again at once. How many. */
	size_t (*end)(const char *remote);
	/* The same for the one of that number; false: there is none. */
	bool (*end_one)(int64_t id);
	/* Tries the way from one of our domains to another (both prepared), beside the links that
	 * there are. It takes 45 seconds at most. False: another test is under way on this worker.
	 */
	bool (*test)(const char *local, const char *remote, const struct link_test_events *events,
	    void *state);
};

/* Before the workers run: who knows (lent). */
void links_set_source(const struct link_source *source);
/* NULL: there is no federation in this program. */
const struct link_source *links_source(void);

#endif
