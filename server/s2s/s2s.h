/* s2s.h - other servers: links to them, and connections from them (RFC 6120, XEP-0220). */
#ifndef GODWIT_S2S_S2S_H
#define GODWIT_S2S_S2S_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address;

/* Before the workers run: makes the secret of dialback, and adds the way out to core/remote.h. */
void s2s_init(void);

/* What a listener hands over, on the worker chosen for it; `state` is NULL for STARTTLS, anything
 * else for direct TLS. */
void s2s_accept(void *state, int fd, struct address *address);

/* On each worker, after home_start() and after each home_reload(): settings of the configuration in
 * force, also for the streams that are open. */
void s2s_configure(void);
/* On each worker: nobody calls us any more, and those who have are told to go. What is for others
 * still leaves. */
void s2s_close(void);
/* On each worker, later: ends all links. What still waits comes back. */
void s2s_shutdown(void);
/* On this worker: links with stanzas that wait, and connections from others. After s2s_shutdown()
 * all connections. */
size_t s2s_busy(void);
/* What is told of a link, or of a pair of domains on a connection from another server; texts are
 * lent, and NULL where there is nothing to tell. */
struct s2s_fact {
	bool is_inbound;
	const char *from, *to;
	const char *state; /* "up", "resting", ... */
	const char *by;    /* how it was proved: "EXTERNAL", "certificate", "dialback"; "bidi":
	                      that the other way was, on the same connection */
	const char *address, *tls;
	int64_t expires_us; /* the other end's certificate; 0: it has shown none */
	size_t waiting;     /* stanzas */
	const char *error;  /* the last */
};
/* On each worker: all there are. */
void s2s_describe(void (*tell)(void *state, const struct s2s_fact *fact), void *state);
/* On each worker: ends what there is to and from that domain (prepared), in good order; a link that
 * rests may come up again at once. How many. */
size_t s2s_end(const char *remote);
/* On each worker, at the end. */
void s2s_stop(void);

#endif
