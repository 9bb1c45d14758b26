/* s2s.h - other servers: links to them, and connections from them (RFC 6120, XEP-0220). */
#ifndef GODWIT_S2S_S2S_H
#define GODWIT_S2S_S2S_H

#include <stdbool.h>
#include <stddef.h>

struct address;

/* Before the workers run: makes the secret of dialback, and tells core/remote.h the way out and
 * core/links.h who knows about links. */
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
/* On each worker, at the end. */
void s2s_stop(void);

#endif
